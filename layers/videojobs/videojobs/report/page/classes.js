// The classes, by model: a row each with its toggle, timeline and counts.

import { $, countNouns, create, createSwatch, formatCount } from "./dom.js";
import { countInBin, drawLanes, findLaneTime, formatBinCount, formatTime, listenToLane, placeTip, sumFrom } from "./timelines.js";

const ROWS_AT_FIRST = 40;
const SEARCHED_FROM = 12; // classes
const WHAT_IS_FOUND = {
  "object-detection": "boxes",
  "instance-segmentation": "masks",
  "keypoint-detection": "key points",
  classification: "labels",
  "gaze-detection": "gazes",
  "clip-embed-image": "embeddings",
};

/** The classes that were found, a model after the other, the most frequent first. */
export function listClasses(index) {
  return index.models.flatMap((model, modelNumber) =>
    model.classes
      .map((found, number) => ({ ...found, model: modelNumber, number, key: `${modelNumber}-${number}` }))
      .filter((entry) => entry.found.length)
      .sort((one, other) => sumFrom(other.found, 0) - sumFrom(one.found, 0)),
  );
}

/** When a model's last sampled frame ends, seconds: as long after its start as the frames before were apart. */
export function findEnd({ pieces, frames }) {
  if (!frames) return 0;
  const { last } = pieces.at(-1);
  return frames > 1 ? last + (last - pieces[0].first) / (frames - 1) : last;
}

/** What the results span, seconds: the first picture's time, that of the last sampled frame, and when that ends. */
export function findSpan({ start_offset: start, models }) {
  const last = Math.max(0, ...models.map(({ pieces }) => pieces.at(-1)?.last ?? 0));
  return { start, last, end: Math.max(0.001, ...models.map(findEnd)) };
}

/**
 * The list. Dispatches `seek` (detail: seconds), `step` (detail: {entries, step}: to where they were seen before or next) and
 * `toggle` (detail: {key, isOn}) and `solo` (detail: {key}: to show no other class, or all again).
 */
export class ClassList extends EventTarget {
  #index;
  #view;
  #player;
  #container = $("models");
  #tip = create("div", { className: "tip", hidden: true });
  #rows = [];
  #entries;

  constructor(index, entries, view, player) {
    super();
    this.#entries = entries;
    $("search").hidden = entries.length < SEARCHED_FROM;
    $("search").addEventListener("input", () => this.#search($("search").value));
    this.#index = index;
    this.#view = view;
    this.#player = player;
    index.models.forEach((model, number) =>
      this.#container.append(this.#buildModel(model, entries.filter((entry) => entry.model === number), entries.length === 0)),
    );
    this.#container.append(this.#tip);
    new ResizeObserver(() => this.drawTimelines()).observe(this.#container);
  }

  /** Shows how many of each class are on screen: a map by key. */
  showPresent(present) {
    for (const { entry, now } of this.#rows) now.textContent = present.has(entry.key) ? formatCount(present.get(entry.key)) : "";
  }

  /** Tells who can't see it where each timeline is. */
  describe(present) {
    for (const { entry, lane } of this.#rows) {
      lane.setAttribute("aria-valuemax", this.#player.duration.toFixed(1));
      lane.setAttribute("aria-valuenow", this.#player.time.toFixed(1));
      lane.setAttribute("aria-valuetext", `${formatTime(this.#player.time)}, ${present.get(entry.key) ?? 0} on screen`);
    }
  }

  /** Shows what is counted at the chosen confidence. */
  showCounts() {
    const { hidden } = this.#view;
    for (const { entry, found, box, solo } of this.#rows) {
      const frames = formatCount(sumFrom(entry.frames, this.#view.percent));
      found.textContent = formatCount(sumFrom(entry.found, this.#view.percent));
      found.title = `in ${frames} of ${formatCount(this.#index.models[entry.model].frames)} sampled frames`;
      box.checked = !hidden.has(entry.key);
      solo.setAttribute("aria-pressed", String(box.checked && hidden.size > 0 && hidden.size === this.#entries.length - 1));
    }
  }

  drawTimelines() {
    for (const { entry, canvas } of this.#rows) drawLanes(canvas, [this.describeLane(entry)]);
  }

  /** The classes that are shown. */
  get shown() {
    return this.#entries.filter((entry) => !this.#view.hidden.has(entry.key));
  }

  /** What `drawLanes` draws of a class. */
  describeLane(entry) {
    const model = this.#index.models[entry.model];
    const { percent, hidden } = this.#view;
    const { duration } = this.#player;
    return { ...entry, starts: model.starts, end: findEnd(model), duration, percent, counts: this.#index.counts, dimmed: hidden.has(entry.key) };
  }

  /** The classes that are shown and seen at a time, with how many there are at most, as text: [entry, count]. */
  listAt(time) {
    const seen = this.shown.map((entry) => [entry, this.#countAt(entry, time)]).filter(([, count]) => count);
    return seen.map(([entry, count]) => [entry, formatBinCount(count, this.#index.counts)]);
  }

  #countAt(entry, time) {
    const model = this.#index.models[entry.model];
    if (time > findEnd(model)) return 0;
    return countInBin(entry.bins[model.starts.findLastIndex((start) => start <= time)] ?? 0, this.#view.percent, this.#index.counts);
  }

  #buildModel(model, entries, isAllEmpty) {
    const facts = [WHAT_IS_FOUND[model.type], countNouns(model.frames, "frame", "frames"), model.failed && `failed on ${formatCount(model.failed)}`];
    const section = create(
      "section",
      { className: "model" },
      create("h3", {}, model.id, " ", create("small", { className: "muted", textContent: facts.filter(Boolean).join(" · ") })),
    );
    if (model.embeddings) {
      const text = `An embedding a frame: ${countNouns(model.embeddings, "vector", "vectors")}. There is nothing to draw; they are in the results.`;
      section.append(create("p", { className: "empty", textContent: text }));
    } else if (model.unread) {
      const text = `${countNouns(model.unread, "frame has", "frames have")} results of an unknown type. They are only in results.json.`;
      section.append(create("p", { className: "empty", textContent: text }));
    } else if (!entries.length && !isAllEmpty) {
      section.append(create("p", { className: "empty", textContent: "It found nothing." }));
    }
    if (entries.length) {
      const list = create("ul", { className: "rows" }, ...entries.slice(0, ROWS_AT_FIRST).map((entry) => this.#buildRow(entry)));
      section.append(
        create(
          "div",
          { className: "head" },
          create("span", { textContent: "predictions" }),
          create("span", { textContent: "now" }),
        ),
        list,
      );
      if (entries.length > ROWS_AT_FIRST) section.append(this.#buildMore(entries, list));
    }
    return section;
  }

  #buildMore(entries, list) {
    const more = create("button", { type: "button", className: "quiet more", textContent: `Show all ${formatCount(entries.length)} classes` });
    more.addEventListener("click", () => {
      more.remove();
      list.append(...entries.slice(ROWS_AT_FIRST).map((entry) => this.#buildRow(entry)));
      this.showCounts();
      this.drawTimelines();
    });
    return more;
  }

  #buildRow(entry) {
    const row = {
      entry,
      box: create("input", { type: "checkbox", checked: true }),
      canvas: create("canvas"),
      found: create("span", { className: "found" }),
      now: create("span", { className: "now" }),
      solo: create("button", { type: "button", className: "quiet solo", textContent: "only" }),
    };
    row.solo.setAttribute("aria-label", `Only ${entry.name}`);
    row.solo.addEventListener("click", () => this.#tell("solo", { key: entry.key }));
    row.lane = create("div", { className: "lane", tabIndex: 0 }, row.canvas, create("i", { className: "playhead" }));
    row.lane.setAttribute("role", "slider");
    row.lane.setAttribute("aria-label", `Timeline of ${entry.name}: left and right go to where it was seen before or next`);
    row.lane.setAttribute("aria-valuemin", "0");
    row.lane.setAttribute("aria-valuenow", "0");
    row.box.addEventListener("change", () => this.#tell("toggle", { key: entry.key, isOn: row.box.checked }));
    this.#listenToLane(row);
    this.#rows.push(row);
    const name = create("span", { className: "name", textContent: entry.name, title: entry.name });
    row.item = create("li", { className: "row" }, create("label", {}, row.box, createSwatch(entry.color), name), row.solo, row.found, row.now, row.lane);
    return row.item;
  }

  /** Shows the rows of the classes whose names contain a text. */
  #search(text) {
    for (const more of this.#container.querySelectorAll(".more")) more.click();
    const wanted = text.trim().toLowerCase();
    for (const { entry, item } of this.#rows) item.hidden = !entry.name.toLowerCase().includes(wanted);
  }

  #listenToLane({ entry, lane }) {
    listenToLane(lane, {
      seek: (event) => this.#tell("seek", findLaneTime(lane, event, this.#player.duration)),
      step: (step) => this.#tell("step", { entries: [entry], step }),
      hover: (event) => this.#showTip(entry, lane, event),
      leave: () => (this.#tip.hidden = true),
    });
  }

  #showTip(entry, lane, event) {
    const time = findLaneTime(lane, event, this.#player.duration);
    const most = this.#countAt(entry, time);
    this.#tip.textContent = most > 1 ? `${formatTime(time)} · ${formatBinCount(most, this.#index.counts)} at once` : formatTime(time);
    placeTip(this.#tip, event.clientX, lane.getBoundingClientRect().top);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
