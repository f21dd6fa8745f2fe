// The page: puts the player, the marks over it, and the classes with their timelines together.

import { $, countNouns, create, formatCount } from "./dom.js";
import { composeAddress, findBase, findFiles, readView } from "./address.js";
import { PieceMissing, Pieces, readIndex } from "./data.js";
import { Overlay, toPercent } from "./marks.js";
import { formatMoment, formatTime, listAppearances, orderStarts, sumFrom } from "./timelines.js";
import { Scrubber } from "./scrubber.js";
import { BoxDetails } from "./details.js";
import { showDownloads } from "./downloads.js";
import { drawHistogram } from "./histogram.js";
import { chooseMoments, chooseOpening, findTime, MomentStrip } from "./moments.js";
import { explainMissingVideo, Player } from "./player.js";
import { ClassList, findEnd, findSpan, listClasses } from "./classes.js";
import { RegionList } from "./regions.js";
import { listenForKeys } from "./keyboard.js";

const A_FRAME = 0.005; // seconds: less than any frame takes
const MOMENTS_AFTER_MS = 300; // while a slider is moved, they stay
const COPIED_FOR_MS = 2000;

class Report {
  #index;
  #classes; // in the order of their rows
  #styles; // a list a model, by the class's number in its marks
  #base; // of the URLs of files; null where they can't be had
  #pieces;
  #player;
  #list;
  #scrubber;
  #regions; // null where there are none
  #overlay;
  #details = new BoxDetails();
  #strip;
  #momentsTimer;
  #copiedTimer;
  #duration = null; // for which the timelines are drawn
  #view = { percent: 0, hidden: new Set(), marks: true, names: true, regions: true, hiddenRegions: new Set(), keys: true, isWithoutVideo: false };
  #missing = new Set(); // pieces that could not be had, until they are asked for again
  #frames = []; // a frame a model: what is drawn
  #present = new Map(); // how many of a class (by key) are on screen

  constructor(index) {
    this.#index = index;
    this.#overlay = new Overlay($("overlay"), index.look);
    this.#classes = listClasses(index);
    this.#styles = index.models.map((_, model) => {
      const own = this.#classes.filter((entry) => entry.model === model);
      return Object.fromEntries(own.map((entry) => [entry.number, entry]));
    });
    this.#base = findBase(index, location.hash);
    this.#pieces = new Pieces(index, this.#base);
    const { time } = readView(location.hash);
    this.#player = new Player($("video"), this.#base === null ? null : this.#base + index.video, findSpan(index), time ?? 0);
    this.#list = new ClassList(index, this.#classes, this.#view, this.#player);
    this.#scrubber = new Scrubber(this.#player, this.#list);
    this.#regions = index.regions.length ? new RegionList(index, this.#player) : null;
    for (const id of ["regions-card", "regions-switch", "regions-key"]) $(id).hidden = !this.#regions;
    this.#showHeader();
    this.#showRange();
    this.#strip = new MomentStrip(this.#player, (moment) => this.#locate(moment));
    this.#listen();
    this.#applyView();
    if (time === null) this.#openAtClearest();
    new ResizeObserver(() => this.#draw()).observe($("stage"));
    this.#showState();
  }

  // What is on the picture.

  /** A frame a model: undefined while it is on its way, null where there is none. */
  #findFrames() {
    const { pictureTime: time, isPlaying } = this.#player;
    return this.#index.models.map((model, at) => {
      const number = this.#pieces.locate(at, time);
      if (number < 0) return null;
      const piece = this.#pieces.peek(at, number);
      if (!piece) this.#request(at, number);
      else if (isPlaying && number + 1 < model.pieces.length) this.#request(at, number + 1);
      return piece?.findFrame(time);
    });
  }

  #request(model, number) {
    const key = `${model}-${number}`;
    if (this.#missing.has(key) || this.#pieces.peek(model, number)) return;
    this.#pieces.load(model, number).then(
      () => this.#draw(),
      (error) => {
        if (!(error instanceof PieceMissing)) throw error;
        this.#missing.add(key);
        const { first } = this.#index.models[model].pieces[number];
        $("warning-text").textContent = `What was found around ${formatTime(first)} is not here. ${error.message}`;
        $("warning").hidden = false;
        this.#draw();
      },
    );
  }

  #draw() {
    this.#frames = this.#findFrames();
    const picture = this.#player.picture ?? this.#frames.find((frame) => frame?.size)?.size ?? { width: 16, height: 9 };
    $("stage").style.setProperty("--ratio", `${picture.width} / ${picture.height}`);
    const layers = this.#frames.map((frame, model) => ({
      model: this.#frames.length > 1 && this.#index.models[model].id,
      marks: (frame?.marks ?? []).filter((mark) => this.#isShown(model, mark)),
      size: frame?.size ?? picture,
      styles: this.#styles[model],
    }));
    const regions = this.#view.regions ? (this.#regions?.listShapes(this.#player.pictureTime, this.#view.hiddenRegions) ?? []) : [];
    this.#overlay.draw(this.#view.marks ? layers : [], picture, { names: this.#view.names, regions });
    this.#details.follow(this.#view.marks ? layers : [], picture);
    this.#showPresent(layers);
    this.#showBadge();
    this.#showTime();
  }

  /** Draws when another sampled frame is the nearest; in between, only the clock goes on. */
  #follow() {
    if (this.#findFrames().some((frame, at) => frame !== this.#frames[at])) this.#draw();
    else this.#showTime();
  }

  #isShown(model, mark) {
    return toPercent(mark[1]) >= this.#view.percent && !this.#view.hidden.has(this.#styles[model][mark[0]].key);
  }

  #showPresent(layers) {
    this.#present = new Map();
    for (const { marks, styles } of layers) {
      for (const [number] of marks) this.#present.set(styles[number].key, (this.#present.get(styles[number].key) ?? 0) + 1);
    }
    const frame = this.#frames.find(Boolean);
    $("frame").textContent = frame ? `frame ${formatCount(frame.offset)}` : "";
    this.#list.showPresent(this.#present);
  }

  #listPresent() {
    return this.#classes.filter((entry) => this.#present.has(entry.key)).map((entry) => [entry, this.#present.get(entry.key)]);
  }

  #showBadge() {
    const failed = this.#index.models.filter((_, at) => this.#frames[at]?.marks === null).map((model) => model.id);
    let text = "";
    if (this.#player.isBroken) text = "";
    else if (this.#player.isLoading) text = "Loading the video…";
    else if (this.#frames.includes(undefined) && !this.#missing.size) text = "Loading what was found…";
    else if (failed.length) text = `No result for this frame: ${failed.join(", ")} failed on it.`;
    $("badge").textContent = text;
    $("badge").hidden = !text;
  }

  #showTime() {
    const { time, duration } = this.#player;
    const moment = formatMoment(this.#index.recorded_at, time - this.#index.start_offset);
    this.#scrubber.showTime(moment);
    $("copy-time").textContent = formatTime(time);
    $("moment").textContent = moment;
    $("now").textContent = formatTime(time, duration < 600);
  }

  // What is said once, and what changes with what is chosen.

  #showHeader() {
    document.title = `${this.#index.title} · report`;
    $("title").textContent = this.#index.title;
    $("facts").append(
      create("div", {}, create("dt", { textContent: "Video" }), create("dd", { id: "video-facts" })),
      ...this.#index.facts.map(([label, text]) => create("div", {}, create("dt", { textContent: label }), create("dd", { textContent: text }))),
    );
    $("copy").hidden = this.#base === null;
    $("answer").append(...this.#index.answer.map((textContent) => create("li", { textContent })));
    $("answer-card").hidden = !this.#index.answer.length;
    showDownloads(findFiles(this.#index, this.#base, location.hash));
    $("main").hidden = false;
  }

  #showVideoFacts() {
    const { picture, duration } = this.#player;
    const rate = this.#index.frame_rate;
    const facts = [picture && `${picture.width} × ${picture.height}`, formatTime(duration), rate && `${Number(rate.toFixed(2))} fps`];
    $("video-facts").textContent = facts.filter(Boolean).join(", ");
  }

  /** A shared page's own address is good for minutes only; its link is what can be passed on. */
  async #copyLink() {
    const { percent, hidden } = this.#view;
    const address = composeAddress(
      { base: this.#base, href: location.href },
      {
        time: this.#player.time,
        classes: new Set(hidden.size ? this.#list.shown.map((entry) => entry.name) : []),
        percent: percent > Number($("confidence").min) ? percent : null,
      },
    );
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      // The browser does not allow it, or the page comes by plain HTTP.
      Object.assign($("link"), { value: address, hidden: false }).focus();
      $("link").select();
      return;
    }
    this.#showCopied(true);
    clearTimeout(this.#copiedTimer);
    this.#copiedTimer = setTimeout(() => this.#showCopied(false), COPIED_FOR_MS);
  }

  #showCopied(isCopied) {
    $("copy-label").hidden = isCopied;
    $("copied").hidden = !isCopied;
  }

  /** Shows what the address asks for; what it does not mention stays as it is. */
  #applyView() {
    const { time, classes, percent } = readView(location.hash);
    const others = this.#classes.filter((entry) => !classes.has(entry.name));
    if (others.length < this.#classes.length) this.#view.hidden = new Set(others.map((entry) => entry.key));
    if (time !== null) this.#player.seek(time);
    this.#chooseConfidence(percent ?? this.#view.percent);
  }

  async #openAtClearest() {
    const opening = chooseOpening(this.#list.shown.map((entry) => this.#list.describeLane(entry)));
    if (!opening) return;
    const time = await this.#locate(opening);
    if (time > 0 && this.#player.time === 0) this.#player.seekToFrame(time);
  }

  /** When exactly a moment is; about then if the piece can't be had. */
  async #locate(moment) {
    const { lane, count, sure } = moment;
    const start = findTime(moment);
    if (this.#index.models[lane.model].frames <= lane.starts.length) return start;
    const isIt = (marks) => marks.filter((mark) => mark[0] === lane.number && toPercent(mark[1]) >= sure).length >= count;
    return (await this.#pieces.findFirst(lane.model, start, isIt).catch(() => start)) ?? start;
  }

  #showMoments() {
    const lanes = this.#list.shown.map((entry) => this.#list.describeLane(entry));
    this.#strip.show(chooseMoments(lanes, this.#strip.isUnsure), (moment) =>
      this.#list
        .listAt(findTime(moment))
        .map(([entry, count]) => (count === "1" ? entry.name : `${entry.name} ${count}`))
        .join(", "),
    );
  }

  /** The confidences that there are to choose from; and what is said where nothing was found. */
  #showRange() {
    if (this.#classes.length) {
      const lowest = Math.min(...this.#classes.map((entry) => entry.found[0]));
      $("confidence").min = $("confidence").value = this.#view.percent = lowest;
      return;
    }
    for (const id of ["confidence-field", "choices"]) $(id).hidden = true;
    $("switches").hidden = !this.#regions;
    const { models } = this.#index;
    const frames = Math.max(0, ...models.map((model) => model.frames - model.failed - model.unread));
    const isTold = models.some((model) => model.embeddings || (!frames && model.frames));
    if (isTold) return; // beside the model's name
    const looked = frames === 1 ? "the frame that was looked at" : `any of the ${formatCount(frames)} frames that were looked at`;
    $("empty").hidden = false;
    $("empty").textContent = frames
      ? `Nothing was found in ${looked}. Is it the right model, and is its confidence threshold not too high?`
      : "No frame of the video was looked at, so there is nothing to show.";
  }

  #refresh() {
    const { percent } = this.#view;
    const sum = (entries, from) => entries.reduce((total, entry) => total + sumFrom(entry.found, from), 0);
    const all = sum(this.#classes, 0);
    const shown = sum(this.#list.shown, percent);
    $("shown").textContent = formatCount(shown);
    const noun = all === 1 ? "prediction" : "predictions";
    $("shown-of").textContent = shown === all ? noun : `of ${formatCount(all)} ${noun}`;
    const { min, max } = $("confidence");
    $("confidence-value").textContent = `${percent}%`;
    $("confidence").setAttribute("aria-valuetext", `${percent}%`);
    $("confidence").style.setProperty("--filled", `${(100 * (percent - min)) / (max - min || 1)}%`);
    this.#list.showCounts();
    this.#list.drawTimelines();
    this.#scrubber.draw();
    drawHistogram($("histogram"), this.#list.shown.map((entry) => entry.found), Number(min), percent);
    clearTimeout(this.#momentsTimer);
    this.#momentsTimer = setTimeout(() => this.#showMoments(), MOMENTS_AFTER_MS);
    this.#regions?.drawTimelines();
    this.#duration = this.#player.duration;
    this.#draw();
  }

  #chooseConfidence(percent) {
    $("confidence").value = percent; // within its range
    this.#view.percent = Number($("confidence").value);
    this.#refresh();
  }

  #toggleClass(key, isOn = this.#view.hidden.has(key)) {
    if (isOn) this.#view.hidden.delete(key);
    else this.#view.hidden.add(key);
    this.#refresh();
  }

  #toggleAll(isOn = this.#view.hidden.size > 0) {
    this.#view.hidden.clear();
    if (!isOn) for (const entry of this.#classes) this.#view.hidden.add(entry.key);
    this.#refresh();
  }

  /** Shows no class but this one; or all, if it is so already. */
  #toggleSolo(key) {
    const others = this.#classes.filter((entry) => entry.key !== key);
    const isSolo = !this.#view.hidden.has(key) && others.every((entry) => this.#view.hidden.has(entry.key));
    this.#view.hidden = new Set(isSolo ? [] : others.map((entry) => entry.key));
    this.#refresh();
  }

  #toggleRegion(number, isOn) {
    if (isOn) this.#view.hiddenRegions.delete(number);
    else this.#view.hiddenRegions.add(number);
    this.#draw();
  }

  #switch(name, isOn = !this.#view[name]) {
    $(name).checked = this.#view[name] = isOn;
    this.#draw();
  }

  // Going through the video.

  /** To the sampled frame before or after, of the first model that has any. */
  #stepFrame(step) {
    const model = this.#index.models.findIndex(({ pieces }) => pieces.length);
    const number = this.#pieces.locate(model, this.#player.pictureTime);
    const time = this.#pieces.peek(model, number)?.findNeighbour(this.#player.pictureTime, step);
    const { pieces } = this.#index.models[model] ?? {};
    const target = time ?? (step > 0 ? pieces?.[number + 1]?.first : pieces?.[number - 1]?.last);
    if (target !== undefined) this.#player.seekToFrame(target);
  }

  /** To where a class that is shown appears before or next. */
  #stepDetection(step) {
    return this.#stepAppearance({ entries: this.#list.shown, step });
  }

  /** To where one of some classes appears before or next; their timelines tell about where, the pieces exactly. */
  async #stepAppearance({ entries, step }) {
    const { time } = this.#player;
    const starts = entries.flatMap((entry) => this.#listStarts(entry, time, step)).sort((one, other) => (one.start - other.start) * step);
    let nearest = null;
    for (const { entry, start, width } of starts) {
      // An appearance begins somewhere in its first bin.
      if (nearest !== null && (start - nearest) * step >= width) break;
      const first = await this.#findFirst(entry, start);
      if ((first - time) * step > A_FRAME && (nearest === null || (nearest - first) * step > 0)) nearest = first;
    }
    if (nearest !== null) this.#player.seekToFrame(nearest);
  }

  #listStarts(entry, time, step) {
    const { starts, pieces, frames } = this.#index.models[entry.model];
    const end = findEnd({ pieces, frames });
    const appearances = listAppearances(entry.bins, starts, end, this.#view.percent, this.#index.counts);
    const width = (starts[1] ?? end) - starts[0];
    return orderStarts(appearances, time, step).map((start) => ({ entry, start, width }));
  }

  /** When a class is seen first from a time on; about that time if the piece can't be had. */
  async #findFirst(entry, start) {
    const isIt = (marks) => marks.some((mark) => mark[0] === entry.number && toPercent(mark[1]) >= this.#view.percent);
    return (await this.#pieces.findFirst(entry.model, start, isIt).catch(() => start)) ?? start;
  }

  #changeSpeed(step) {
    const { selectedIndex, options } = $("speed");
    $("speed").selectedIndex = Math.min(Math.max(0, selectedIndex + step), options.length - 1);
    this.#player.speed = Number($("speed").value);
  }

  async #toggleFullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.querySelector(".screen").requestFullscreen?.();
  }

  #showState() {
    const { isPlaying, isBroken, duration } = this.#player;
    $("play").disabled = !this.#player.isReady;
    $("play").classList.toggle("playing", isPlaying);
    $("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    $("mute").hidden = !this.#player.hasSound;
    $("mute").setAttribute("aria-pressed", String(!this.#player.isMuted));
    $("duration").textContent = formatTime(duration);
    $("curtain").hidden = !isBroken || this.#view.isWithoutVideo;
    this.#showVideoFacts();
    if (duration === this.#duration) this.#draw();
    else this.#refresh();
    if (isBroken) {
      const { title, text } = explainMissingVideo(this.#index);
      $("curtain-title").textContent = title;
      $("curtain-text").textContent = text;
    }
  }

  #tellSettled() {
    const seen = this.#listPresent().map(([entry, count]) => `${count} ${entry.name}`);
    if (!this.#player.isPlaying) $("announcement").textContent = `${formatTime(this.#player.time)}: ${seen.join(", ") || "nothing"}`;
    this.#list.describe(this.#present);
    this.#regions?.describe();
  }

  #listen() {
    const player = this.#player;
    player.addEventListener("time", () => this.#follow());
    player.addEventListener("state", () => {
      this.#showState();
      this.#strip.takePictures();
    });
    player.addEventListener("settled", () => this.#tellSettled());
    this.#list.addEventListener("seek", ({ detail }) => player.seek(detail));
    this.#list.addEventListener("step", ({ detail }) => this.#stepAppearance(detail));
    this.#list.addEventListener("solo", ({ detail }) => this.#toggleSolo(detail.key));
    this.#list.addEventListener("toggle", ({ detail }) => this.#toggleClass(detail.key, detail.isOn));

    this.#regions?.addEventListener("seek", ({ detail }) => player.seek(detail));
    this.#regions?.addEventListener("toggle", ({ detail }) => this.#toggleRegion(detail.number, detail.isOn));
    this.#strip.addEventListener("seek", ({ detail }) => player.seekToFrame(detail));
    this.#strip.addEventListener("order", () => this.#showMoments());
    addEventListener("hashchange", () => this.#applyView());

    const onClick = {
      play: () => player.togglePlay(),
      video: (event) => {
        if (!this.#details.click(event)) player.togglePlay();
        else if (player.isPlaying) player.togglePlay();
      },
      previous: () => this.#stepDetection(-1),
      next: () => this.#stepDetection(1),
      back: () => this.#stepFrame(-1),
      forward: () => this.#stepFrame(1),
      mute: () => player.toggleMute(),
      fullscreen: () => this.#toggleFullscreen(),
      copy: () => this.#copyLink(),
      help: () => $("shortcuts").showModal(),
      all: () => this.#toggleAll(true),
      none: () => this.#toggleAll(false),
      retry: () => player.load(),
      dismiss: () => {
        this.#view.isWithoutVideo = true;
        this.#showState();
      },
      reload: () => {
        this.#missing.clear();
        $("warning").hidden = true;
        this.#draw();
      },
    };
    for (const [id, act] of Object.entries(onClick)) $(id).addEventListener("click", act);
    $("fullscreen").hidden = !document.fullscreenEnabled;
    this.#scrubber.addEventListener("seek", ({ detail }) => player.seek(detail));
    $("speed").addEventListener("change", () => this.#changeSpeed(0));
    $("confidence").addEventListener("input", () => this.#chooseConfidence($("confidence").value));
    for (const name of ["marks", "names", "regions"]) $(name).addEventListener("change", () => this.#switch(name, $(name).checked));
    $("keys").addEventListener("change", () => (this.#view.keys = $("keys").checked));
    $("pick").addEventListener("change", () => {
      const [file] = $("pick").files;
      if (!file) return;
      this.#strip.forget();
      player.load(URL.createObjectURL(file));
    });
    this.#listenForKeys();
  }

  #listenForKeys() {
    const player = this.#player;
    const tenths = Array.from({ length: 10 }, (_, tenth) => [tenth, () => player.seek((player.duration * tenth) / 10)]);
    const actions = {
      ...Object.fromEntries(tenths),
      " ": () => player.togglePlay(),
      k: () => player.togglePlay(),
      ArrowLeft: (event) => player.seek(player.time - (event.shiftKey ? 60 : 5)),
      ArrowRight: (event) => player.seek(player.time + (event.shiftKey ? 60 : 5)),
      j: () => player.seek(player.time - 10),
      l: () => player.seek(player.time + 10),
      p: () => this.#stepDetection(-1),
      n: () => this.#stepDetection(1),
      "<": () => this.#changeSpeed(-1),
      ">": () => this.#changeSpeed(1),
      ",": () => this.#stepFrame(-1),
      ".": () => this.#stepFrame(1),
      Home: () => player.seek(0),
      End: () => player.seek(player.duration),
      "[": () => this.#chooseConfidence(this.#view.percent - 5),
      "]": () => this.#chooseConfidence(this.#view.percent + 5),
      a: () => this.#toggleAll(),
      b: () => this.#switch("marks"),
      t: () => this.#switch("names"),
      r: () => this.#switch("regions"),
      i: () => ($("announcement").textContent = this.#details.showNext()),
      m: () => player.toggleMute(),
      f: () => this.#toggleFullscreen(),
      "?": () => $("shortcuts").showModal(),
    };
    listenForKeys(actions, () => this.#view.keys);
  }
}

readIndex().then(
  (index) => new Report(index),
  (error) => {
    $("broken").hidden = false;
    $("broken").textContent =
      typeof DecompressionStream === "undefined"
        ? "This browser is too old for the report: it takes one of 2023 or later (Chrome, Edge, Firefox, or Safari 16.4)."
        : `The report can't be opened, because its file is damaged (${error.message}). Make or download it again.`;
  },
);
