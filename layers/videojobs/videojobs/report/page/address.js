// The page's address: its fragment says by which link a shared page was opened, when to begin, and what to show.

/**
 * Where the page's files are: a URL to put before theirs, "" for beside the page. A shared page is told by its fragment which link it
 * was opened by; null where it wasn't, or by a link that is not of its own pipeline.
 */
export function findBase({ share_url }, fragment) {
  if (share_url === null) return "";
  const link = parse(fragment).get("base");
  return link?.startsWith(`${share_url}/`) ? `${link.replace(/\/$/, "")}/` : null;
}

/**
 * What a fragment asks for, such as `#t=12.5&class=car&class=bus&confidence=60`: {time, classes, percent}, seconds, names and a whole
 * number; null or empty where it says nothing.
 */
export function readView(fragment) {
  const given = parse(fragment);
  return {
    time: readNumber(given.get("t"), /^\d{1,10}(\.\d{1,6})?$/),
    classes: new Set(given.getAll("class")),
    percent: readNumber(given.get("confidence"), /^\d{1,3}$/),
  };
}

/** The files to download, URLs by name: a shared page is told by its fragment which are behind its link. */
export function findFiles({ share_url: shareUrl, files }, base, fragment) {
  if (shareUrl === null) return files;
  const names = base === null ? [] : (parse(fragment).get("files") ?? "").split(",");
  return Object.fromEntries(names.map((name) => [name, `${base}${name}?download`]));
}

/** The address of a page, or its link, that opens it with a view. */
export function composeAddress({ base, href }, { time, classes, percent }) {
  const view = [["t", String(Math.ceil(time * 1000) / 1000)], ...[...classes].map((name) => ["class", name])];
  if (percent !== null) view.push(["confidence", String(percent)]);
  const text = new URLSearchParams(view).toString();
  // A link redirects to a fragment of its own, so its view is in the query.
  return base ? `${base.replace(/\/$/, "")}?${text}` : `${href.replace(/#.*$/, "")}#${text}`;
}

function parse(fragment) {
  return new URLSearchParams(fragment.replace(/^#/, ""));
}

function readNumber(text, pattern) {
  return pattern.test(text ?? "") ? Number(text) : null;
}
