// The page: puts the player, the marks over it, the classes and their timelines together.

import { findNearest, PieceMissing, Pieces, readIndex } from "./data.js";
import { Overlay, pickColor, toPercent } from "./marks.js";
import { chooseTicks, countInBin, drawLane, findAppearance, formatTime, listAppearances, sumFrom } from "./timelines.js";
import { explainMissingVideo, Player } from "./player.js";

const ROWS_AT_FIRST = 40;
const TYPES = {
  "object-detection": "boxes",
  "instance-segmentation": "masks",
  "keypoint-detection": "key points",
  classification: "labels",
  "gaze-detection": "gazes",
  "clip-embed-image": "embeddings",
};

const $ = (id) => document.getElementById(id);
const count = (number) => number.toLocaleString("en-US");

function create(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

start().catch((error) => {
  $("broken").hidden = false;
  $("broken").textContent =
    typeof DecompressionStream === "undefined"
      ? "This browser is too old to open the report: it takes one of 2023 or later (Chrome, Edge, Firefox, or Safari 16.4)."
      : `The report can't be opened, because its file is damaged (${error.message}). Make or download it again.`;
});

async function start() {
  const index = await readIndex();
  const pieces = new Pieces(index);
  const overlay = new Overlay($("overlay"));
  const state = { percent: 0, hidden: new Set(), marks: true, names: true, keys: true };
  const failed = new Set(); // pieces that could not be had, until they are asked for again

  document.title = `${index.title} · report`;
  $("title").textContent = index.title;
  $("facts").append(...index.facts.map(([label, text]) => create("div", {}, create("dt", { textContent: label }), create("dd", { textContent: text }))));
  $("main").hidden = false;

  const ends = index.models.map(findEnd);
  const player = new Player($("video"), index.video, Math.max(0.001, ...ends));
  const classes = listClasses(index);
  const rows = buildModels();
  const lowest = Math.min(100, ...classes.flatMap((entry) => entry.found.slice(0, 1)));
  $("confidence").min = classes.length ? lowest : 0;
  $("confidence").value = $("confidence").min;
  state.percent = Number($("confidence").value);
  $("confidence-note").textContent = classes.length ? `Nothing below ${lowest}% is in the results.` : "";
  showEmpty();

  // What is on the picture.

  function findFrames() {
    return index.models.map((model, modelNumber) => {
      const number = pieces.locate(modelNumber, player.time);
      if (number < 0) return null;
      const piece = pieces.peek(modelNumber, number);
      if (!piece) {
        request(modelNumber, number);
        return undefined;
      }
      if (player.isPlaying && number + 1 < model.pieces.length) request(modelNumber, number + 1);
      const at = findNearest(piece.times, player.time);
      return { marks: piece.frames[at], time: piece.times[at], offset: piece.offsets[at], size: piece.size };
    });
  }

  function request(modelNumber, number) {
    const key = `${modelNumber}-${number}`;
    if (failed.has(key) || pieces.peek(modelNumber, number)) return;
    pieces.load(modelNumber, number).then(draw, (error) => {
      if (!(error instanceof PieceMissing)) throw error;
      failed.add(key);
      $("warning").hidden = false;
      $("warning-text").textContent = `What was found around ${formatTime(index.models[modelNumber].pieces[number].first)} is not here. ${error.message}`;
      draw();
    });
  }

  function draw() {
    const frames = findFrames();
    const known = frames.find((frame) => frame?.size);
    const picture = player.picture ?? toSize(known?.size) ?? { width: 16, height: 9 };
    $("stage").style.setProperty("--ratio", `${picture.width} / ${picture.height}`);
    $("stage").style.setProperty("--shape", picture.width / picture.height);
    const layers = frames.map((frame, modelNumber) => ({
      marks: (frame?.marks ?? []).filter((mark) => isShown(modelNumber, mark)),
      size: toSize(frame?.size) ?? picture,
      styles: rows.styles[modelNumber],
    }));
    overlay.draw(state.marks ? layers : [], picture, state);
    showPresent(layers, frames);
    showBadge(frames);
    $("models").style.setProperty("--progress", player.time / player.duration);
    $("scrubber").value = player.time;
    $("scrubber").style.setProperty("--filled", `${(100 * player.time) / player.duration}%`);
    $("now").textContent = formatTime(player.time, player.duration < 600);
    const first = frames.find(Boolean);
    $("frame").textContent = first ? `frame ${count(first.offset)}` : "";
  }

  function isShown(modelNumber, mark) {
    return toPercent(mark[1]) >= state.percent && !state.hidden.has(rows.styles[modelNumber][mark[0]].key);
  }

  function showPresent(layers) {
    const present = new Map();
    layers.forEach(({ marks }, modelNumber) => {
      for (const [classNumber] of marks) {
        const { key } = rows.styles[modelNumber][classNumber];
        present.set(key, (present.get(key) ?? 0) + 1);
      }
    });
    const shown = classes.filter((entry) => present.has(entry.key));
    $("present").replaceChildren(
      ...shown.map((entry) => create("li", {}, swatch(entry.color), create("span", { className: "name", textContent: entry.name }), create("b", { textContent: count(present.get(entry.key)) }))),
      ...(shown.length ? [] : [create("li", { className: "muted", textContent: "Nothing at this moment." })]),
    );
    for (const row of rows.all) row.now.textContent = present.has(row.entry.key) ? count(present.get(row.entry.key)) : "";
    rows.present = present;
  }

  function showBadge(frames) {
    const missing = index.models.filter((_, at) => frames[at]?.marks === null).map((model) => model.id);
    const isLoading = frames.includes(undefined) && ![...failed].length;
    const text = player.isBroken
      ? ""
      : player.isLoading
        ? "Loading the video…"
        : isLoading
          ? "Loading what was found…"
          : missing.length
            ? `No result for this frame: ${missing.join(", ")} failed on it.`
            : "";
    $("badge").textContent = text;
    $("badge").hidden = !text;
  }

  // Classes and their timelines.

  function buildModels() {
    const built = { all: [], styles: [], present: new Map() };
    index.models.forEach((model, modelNumber) => {
      const own = classes.filter((entry) => entry.model === modelNumber);
      built.styles.push(model.classes.map((_, at) => own.find((entry) => entry.number === at)));
      const facts = [TYPES[model.type], `${count(model.frames)} frames`];
      if (model.failed) facts.push(`failed on ${count(model.failed)}`);
      const section = create("section", { className: "model" }, create("h3", {}, create("span", { textContent: model.id }), " ", create("small", { className: "muted", textContent: facts.filter(Boolean).join(" · ") })));
      if (model.embeddings) section.append(create("p", { className: "empty", textContent: `An embedding a frame: ${count(model.embeddings)} vectors. There is nothing to draw of them; they are in the results.` }));
      else if (!own.length) section.append(create("p", { className: "empty", textContent: "It found nothing." }));
      if (own.length) {
        const list = create("ul", { className: "rows" });
        list.append(...own.slice(0, ROWS_AT_FIRST).map((entry) => buildRow(entry, built)));
        section.append(create("div", { className: "axis", ariaHidden: "true" }), list);
        if (own.length > ROWS_AT_FIRST) {
          const more = create("button", { type: "button", className: "quiet", textContent: `Show all ${count(own.length)} classes` });
          more.addEventListener("click", () => {
            more.remove();
            list.append(...own.slice(ROWS_AT_FIRST).map((entry) => buildRow(entry, built)));
            drawLanes();
            draw();
          });
          section.append(more);
        }
      }
      $("models").append(section);
    });
    return built;
  }

  function buildRow(entry, built) {
    const box = create("input", { type: "checkbox", checked: !state.hidden.has(entry.key) });
    const canvas = create("canvas");
    const lane = create("div", { className: "lane", tabIndex: 0 }, canvas, create("i", { className: "playhead" }));
    const now = create("span", { className: "now" });
    const found = create("span", { className: "found" });
    lane.setAttribute("role", "slider");
    lane.setAttribute("aria-label", `Timeline of ${entry.name}: left and right go to where it was seen before or next`);
    lane.setAttribute("aria-valuemin", "0");
    const row = { entry, box, canvas, lane, now, found };
    built.all.push(row);
    box.addEventListener("change", () => toggleClass(entry.key, box.checked));
    lane.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      lane.setPointerCapture(event.pointerId);
      seekByPointer(lane, event);
    });
    lane.addEventListener("pointermove", (event) => {
      if (lane.hasPointerCapture(event.pointerId)) seekByPointer(lane, event);
      showTip(row, event);
    });
    lane.addEventListener("pointerleave", () => (tip.hidden = true));
    lane.addEventListener("keydown", (event) => stepAppearance(entry, event));
    lane.addEventListener("focus", () => describeLane(row));
    return create("li", { className: "row" }, create("label", {}, box, swatch(entry.color), create("span", { className: "name", textContent: entry.name, title: entry.name })), lane, found, now);
  }

  function seekByPointer(lane, event) {
    const { left, width } = lane.getBoundingClientRect();
    player.seek(((event.clientX - left) / width) * player.duration);
  }

  function stepAppearance(entry, event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const { starts } = index.models[entry.model];
    const appearances = listAppearances(entry.bins, starts, ends[entry.model], state.percent, index.counts);
    const time = findAppearance(appearances, player.time, step);
    event.preventDefault();
    event.stopPropagation();
    if (time !== undefined) player.seekToFrame(time);
  }

  function describeLane({ entry, lane }) {
    lane.setAttribute("aria-valuemax", player.duration.toFixed(1));
    lane.setAttribute("aria-valuenow", player.time.toFixed(1));
    lane.setAttribute("aria-valuetext", `${formatTime(player.time)}, ${rows.present.get(entry.key) ?? 0} on screen`);
  }

  const tip = create("div", { className: "tip", hidden: true });
  $("models").append(tip);

  function showTip({ entry, lane }, event) {
    const { left, width, top } = lane.getBoundingClientRect();
    const around = $("models").getBoundingClientRect();
    const time = Math.min(1, Math.max(0, (event.clientX - left) / width)) * player.duration;
    const { starts } = index.models[entry.model];
    const bin = entry.bins[starts.findLastIndex((start) => start <= time)] ?? 0;
    const most = time <= ends[entry.model] ? countInBin(bin, state.percent, index.counts) : 0;
    tip.textContent = most > 1 ? `${formatTime(time)} · ${count(most)} at once` : formatTime(time);
    tip.style.left = `${Math.min(Math.max(event.clientX - around.left, 40), around.width - 60)}px`;
    tip.style.top = `${top - around.top}px`;
    tip.hidden = event.pointerType === "touch";
  }

  function drawLanes() {
    for (const { entry, canvas } of rows.all) {
      const { starts } = index.models[entry.model];
      const dimmed = state.hidden.has(entry.key);
      drawLane(canvas, { ...entry, starts, end: ends[entry.model], duration: player.duration, percent: state.percent, counts: index.counts, dimmed });
    }
    for (const axis of document.querySelectorAll(".axis")) {
      const ticks = chooseTicks(player.duration, axis.clientWidth || 1);
      axis.replaceChildren(
        ...ticks.map((time) => {
          const tick = create("span", { textContent: formatTime(time) });
          tick.style.left = `${(100 * time) / player.duration}%`;
          return tick;
        }),
      );
    }
  }

  function showCounts() {
    let shown = 0;
    for (const entry of classes) if (!state.hidden.has(entry.key)) shown += sumFrom(entry.found, state.percent);
    const all = classes.reduce((sum, entry) => sum + sumFrom(entry.found, 0), 0);
    $("shown").textContent = count(shown);
    $("shown-of").textContent = shown === all ? "found" : `of ${count(all)} found`;
    $("confidence-value").textContent = `${state.percent}%`;
    const span = $("confidence").max - $("confidence").min;
    $("confidence").style.setProperty("--filled", `${span ? (100 * (state.percent - $("confidence").min)) / span : 0}%`);
    for (const { entry, found, box } of rows.all) {
      const frames = sumFrom(entry.frames, state.percent);
      found.textContent = count(sumFrom(entry.found, state.percent));
      found.title = `in ${count(frames)} of ${count(index.models[entry.model].frames)} sampled frames`;
      box.checked = !state.hidden.has(entry.key);
    }
  }

  function showEmpty() {
    const frames = Math.max(0, ...index.models.map((model) => model.frames));
    const hasEmbeddings = index.models.some((model) => model.embeddings);
    if (classes.length || hasEmbeddings) return;
    $("empty").hidden = false;
    $("empty").textContent = frames
      ? `Nothing was found in any of the ${count(frames)} frames that were looked at. Is it the right model, and is its confidence threshold not too high?`
      : "No frame of the video was looked at, so there is nothing to show.";
    if (!frames) $("models").hidden = true;
  }

  // What is chosen.

  function refresh() {
    showCounts();
    drawLanes();
    draw();
  }

  function setConfidence(percent) {
    const slider = $("confidence");
    slider.value = percent;
    state.percent = Number(slider.value);
    refresh();
  }

  function toggleClass(key, isOn) {
    if (isOn) state.hidden.delete(key);
    else state.hidden.add(key);
    refresh();
  }

  function showAllClasses(isOn) {
    state.hidden = new Set(isOn ? [] : classes.map((entry) => entry.key));
    refresh();
  }

  function setSwitch(name, isOn) {
    state[name] = isOn;
    $(name === "names" ? "labels" : "marks").checked = isOn;
    draw();
  }

  $("confidence").addEventListener("input", () => setConfidence($("confidence").value));
  $("marks").addEventListener("change", () => setSwitch("marks", $("marks").checked));
  $("labels").addEventListener("change", () => setSwitch("names", $("labels").checked));
  $("all").addEventListener("click", () => showAllClasses(true));
  $("none").addEventListener("click", () => showAllClasses(false));
  $("reload").addEventListener("click", () => {
    failed.clear();
    $("warning").hidden = true;
    draw();
  });

  // Playback.

  function stepFrame(step) {
    const modelNumber = index.models.findIndex((model) => model.pieces.length);
    if (modelNumber < 0) return;
    const all = index.models[modelNumber].pieces;
    const number = pieces.locate(modelNumber, player.time);
    const piece = pieces.peek(modelNumber, number);
    if (!piece) return;
    const at = findNearest(piece.times, player.time) + step;
    const time = piece.times[at] ?? (step > 0 ? all[number + 1]?.first : all[number - 1]?.last);
    if (time !== undefined) player.seekToFrame(time);
  }

  async function toggleFullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.querySelector(".screen").requestFullscreen();
  }

  function showState() {
    const isOn = player.isPlaying;
    $("play").disabled = !player.isReady;
    $("play").classList.toggle("playing", isOn);
    $("play").setAttribute("aria-label", isOn ? "Pause" : "Play");
    $("mute").setAttribute("aria-pressed", String(!player.isMuted));
    $("scrubber").max = player.duration;
    $("duration").textContent = formatTime(player.duration);
    $("curtain").hidden = !player.isBroken;
    if (player.isBroken) {
      const { title, text } = explainMissingVideo(index.video, index.is_local);
      $("curtain-title").textContent = title;
      $("curtain-text").textContent = text;
    }
    refresh();
  }

  player.addEventListener("time", draw);
  player.addEventListener("state", showState);
  player.addEventListener("settled", () => {
    const seen = classes.filter((entry) => rows.present.has(entry.key)).map((entry) => `${rows.present.get(entry.key)} ${entry.name}`);
    $("announcement").textContent = player.isPlaying ? "" : `${formatTime(player.time)}: ${seen.join(", ") || "nothing"}`;
    for (const row of rows.all) describeLane(row);
  });
  $("play").addEventListener("click", () => player.togglePlay());
  $("video").addEventListener("click", () => player.togglePlay());
  $("back").addEventListener("click", () => stepFrame(-1));
  $("forward").addEventListener("click", () => stepFrame(1));
  $("scrubber").addEventListener("input", () => player.seek(Number($("scrubber").value)));
  $("speed").addEventListener("change", () => (player.speed = Number($("speed").value)));
  $("mute").addEventListener("click", () => player.toggleMute());
  $("fullscreen").hidden = !document.fullscreenEnabled;
  $("fullscreen").addEventListener("click", toggleFullscreen);
  $("help").addEventListener("click", () => $("shortcuts").showModal());
  $("keys").addEventListener("change", () => (state.keys = $("keys").checked));
  $("retry").addEventListener("click", () => player.load());
  $("pick").addEventListener("change", () => {
    const [file] = $("pick").files;
    if (file) player.load(URL.createObjectURL(file));
  });

  const shortcuts = {
    " ": () => player.togglePlay(),
    k: () => player.togglePlay(),
    ArrowLeft: (event) => player.seek(player.time - (event.shiftKey ? 60 : 5)),
    ArrowRight: (event) => player.seek(player.time + (event.shiftKey ? 60 : 5)),
    ",": () => stepFrame(-1),
    ".": () => stepFrame(1),
    Home: () => player.seek(0),
    End: () => player.seek(player.duration),
    "[": () => setConfidence(state.percent - 5),
    "]": () => setConfidence(state.percent + 5),
    a: () => showAllClasses(state.hidden.size > 0),
    b: () => setSwitch("marks", !state.marks),
    n: () => setSwitch("names", !state.names),
    m: () => player.toggleMute(),
    f: () => document.fullscreenEnabled && toggleFullscreen(),
    "?": () => $("shortcuts").showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("shortcuts").open) return;
    // Where a key has a meaning of its own, it keeps it.
    const target = event.target;
    const isRange = target.matches("input[type=range], select");
    if (isRange && /^(Arrow|Home|End|Page)/.test(event.key)) return;
    if (event.key === " " && target.matches("button, input, select, summary")) return;
    if (!state.keys && event.key.length === 1 && event.key !== " ") return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const row = /^[1-9]$/.test(key) ? rows.all[Number(key) - 1] : undefined;
    const act = row ? () => toggleClass(row.entry.key, state.hidden.has(row.entry.key)) : shortcuts[key];
    if (!act) return;
    event.preventDefault();
    act(event);
  });

  new ResizeObserver(refresh).observe($("stage"));
  new ResizeObserver(drawLanes).observe($("models"));
  showState();
}

function listClasses(index) {
  const classes = index.models.flatMap((model, modelNumber) => model.classes.map((entry, number) => ({ ...entry, model: modelNumber, number, key: `${modelNumber}-${number}` })));
  classes.forEach((entry, at) => (entry.color = pickColor(at)));
  const totals = new Map(classes.map((entry) => [entry.key, sumFrom(entry.found, 0)]));
  return classes.filter((entry) => totals.get(entry.key)).sort((one, other) => one.model - other.model || totals.get(other.key) - totals.get(one.key));
}

/** When a model's last sampled frame ends, seconds: as long after its start as the frames before were apart. */
function findEnd({ pieces, frames }) {
  if (!frames) return 0;
  const last = pieces.at(-1).last;
  return frames > 1 ? last + (last - pieces[0].first) / (frames - 1) : last;
}

function toSize(size) {
  return size ? { width: size[0], height: size[1] } : undefined;
}

function swatch(color) {
  const element = create("i", { className: "swatch" });
  element.style.background = color;
  return element;
}
