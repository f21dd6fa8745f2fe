// The regions: a row each with its toggle, its events on a timeline and in a list, and its counts.

import { $, countNouns, create, formatCount } from "./dom.js";
import { fillAxis, findLaneTime, fitCanvas, formatTime, listenToLane, placeTip } from "./timelines.js";

const EVENT_COLORS = { in: "#2fa873", out: "#e5772e", stay: "#5b9bff" };
const EVENT_NEAR_PIXELS = 10; // so near to an event, a click goes to it
const EVENTS_AT_FIRST = 100;
const SAME_TIME = 0.02; // seconds: events closer than this are passed together by the keys

/** Events by region, in order of time. `rows` of the index are [region, kind, seconds, track, class, dwell, at_border]. */
export function listEvents({ regions, events }) {
  const byRegion = regions.map(() => []);
  for (const [region, kind, time, track, name, dwell, atBorder] of events.rows) {
    byRegion[region].push({ kind, time, track, name, dwell, atBorder });
  }
  for (const list of byRegion) list.sort((one, other) => one.time - other.time);
  return byRegion;
}

/** What has happened in a region up to a time: {in, out} across a line, {inside} in a polygon. */
export function countUntil({ is_line: isLine }, events, time) {
  const count = (kind) => events.reduce((sum, event) => sum + (event.kind === kind && event.time <= time), 0);
  if (isLine) return { in: count("in"), out: count("out") };
  return { inside: count("entry") - count("exit") };
}

/** Seconds for people: 4.2 s, 12 s, 4 min 10 s, 1 h 2 min. */
export function formatStay(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function describeEvent({ kind, track, name, dwell, atBorder }) {
  const who = `${name ?? "object"} #${track}`;
  if (kind === "in" || kind === "out") return `${who} crossed ${kind}`;
  if (kind === "entry") return atBorder ? `${who} entered` : `${who} was first seen inside`;
  return atBorder ? `${who} left after ${formatStay(dwell)}` : `${who} was last seen inside, after ${formatStay(dwell)}`;
}

/** The list. Dispatches `seek` (detail: seconds), and `toggle` (detail: {number, isOn}). */
export class RegionList extends EventTarget {
  #player;
  #container = $("regions-list");
  #tip = create("div", { className: "tip", hidden: true });
  #axis = create("div", { className: "axis" });
  #rows;
  #isComplete;

  constructor(index, player) {
    super();
    this.#player = player;
    const { events, regions } = index;
    this.#isComplete = events.is_complete && events.total <= events.rows.length;
    const byRegion = listEvents(index);
    this.#rows = regions.map((region, number) => this.#buildRow(region, number, byRegion[number]));
    this.#container.append(
      create("div", { className: "head" }, this.#axis),
      create("ul", { className: "rows" }, ...this.#rows.map(({ item }) => item)),
      this.#tip,
    );
    if (!events.is_complete) {
      const text = "What happened in the regions can't be told from the results. job.json says why.";
      this.#container.append(create("p", { className: "muted note", textContent: text }));
    } else if (!this.#isComplete) {
      const text = `Only the first ${formatCount(events.rows.length)} of ${formatCount(events.total)} events are listed. All are in events.csv.`;
      this.#container.append(create("p", { className: "muted note", textContent: text }));
    }
    new ResizeObserver(() => this.drawTimelines()).observe(this.#container);
  }

  /** What is drawn over the video at a time: {points, is_line, text} for each region that is not hidden. */
  listShapes(time, hidden) {
    return this.#rows
      .filter(({ number }) => !hidden.has(number))
      .map(({ region, events }) => ({ ...region, text: this.#isComplete ? `${region.name}: ${this.#describeCounts(region, events, time)}` : region.name }));
  }

  /** Tells who can't see it where each timeline is. */
  describe() {
    for (const { region, events, lane } of this.#rows) {
      lane.setAttribute("aria-valuemax", this.#player.duration.toFixed(1));
      lane.setAttribute("aria-valuenow", this.#player.time.toFixed(1));
      lane.setAttribute("aria-valuetext", `${formatTime(this.#player.time)}, ${this.#describeCounts(region, events, this.#player.time)}`);
    }
  }

  drawTimelines() {
    for (const { region, events, canvas } of this.#rows) drawEvents(canvas, region, events, this.#player.duration);
    fillAxis(this.#axis, this.#player.duration);
  }

  #describeCounts(region, events, time) {
    const counts = countUntil(region, events, time);
    return region.is_line ? `${counts.in} in, ${counts.out} out` : `${counts.inside} inside`;
  }

  #buildRow(region, number, events) {
    const row = {
      region, number, events,
      box: create("input", { type: "checkbox", checked: true }),
      canvas: create("canvas"),
    };
    row.lane = create("div", { className: "lane", tabIndex: 0 }, row.canvas, create("i", { className: "playhead" }));
    row.lane.setAttribute("role", "slider");
    row.lane.setAttribute("aria-label", `Events of ${region.name}: left and right go to the one before or next`);
    row.lane.setAttribute("aria-valuemin", "0");
    row.lane.setAttribute("aria-valuenow", "0");
    row.box.addEventListener("change", () => this.#tell("toggle", { number, isOn: row.box.checked }));
    listenToLane(row.lane, {
      seek: (event) => this.#tell("seek", this.#findEvent(row, event)?.time ?? findLaneTime(row.lane, event, this.#player.duration)),
      step: (step) => this.#step(row, step),
      hover: (event) => this.#showTip(row, event),
      leave: () => (this.#tip.hidden = true),
    });
    const name = create("span", { className: "name", textContent: region.name, title: region.name });
    row.item = create("li", { className: "region" }, create("label", {}, row.box, name), row.lane, this.#buildFacts(region), this.#buildEvents(events));
    return row;
  }

  #buildFacts({ is_line: isLine, counts, longest }) {
    if (isLine) {
      return create("p", { className: "facts" }, create("b", { textContent: `${formatCount(counts.in)} in` }), ` · ${formatCount(counts.out)} out`);
    }
    const facts = create("p", { className: "facts" }, create("b", { textContent: countNouns(counts.entry, "entry", "entries") }));
    if (longest !== null) {
      const jump = create("button", { type: "button", className: "quiet", textContent: `longest ${formatStay(longest.dwell)}` });
      jump.addEventListener("click", () => this.#tell("seek", longest.time));
      facts.append(" ", jump);
    }
    return facts;
  }

  #buildEvents(events) {
    const list = create("ol");
    const details = create("details", { className: "events" }, create("summary", { textContent: countNouns(events.length, "event", "events") }), list);
    details.hidden = !events.length;
    details.addEventListener("toggle", () => details.open && !list.children.length && this.#showMore(list, events));
    return details;
  }

  #showMore(list, events) {
    const from = list.querySelectorAll("[data-event]").length;
    list.append(
      ...events.slice(from, from + EVENTS_AT_FIRST).map((event) => {
        const jump = create("button", { type: "button", className: "quiet" }, create("span", { className: "at", textContent: formatTime(event.time, true) }), ` ${describeEvent(event)}`);
        jump.addEventListener("click", () => this.#tell("seek", event.time));
        const item = create("li", {}, jump);
        item.dataset.event = "";
        return item;
      }),
    );
    if (from + EVENTS_AT_FIRST >= events.length) return;
    const more = create("button", { type: "button", className: "quiet", textContent: `Show more of ${formatCount(events.length)} events` });
    const item = create("li", {}, more);
    more.addEventListener("click", () => {
      item.remove();
      this.#showMore(list, events);
    });
    list.append(item);
  }

  #step({ events }, step) {
    const { time } = this.#player;
    const event = step > 0 ? events.find((one) => one.time > time + SAME_TIME) : events.findLast((one) => one.time < time - SAME_TIME);
    if (event) this.#tell("seek", event.time);
  }

  /** The event nearest to where a pointer is on the lane, or undefined where none is near. */
  #findEvent({ events, lane }, pointer) {
    const { duration } = this.#player;
    const time = findLaneTime(lane, pointer, duration);
    const reach = (EVENT_NEAR_PIXELS / lane.clientWidth) * duration;
    const away = (event) => Math.abs(event.time - time);
    const nearest = events.reduce((best, event) => (best && away(best) <= away(event) ? best : event), undefined);
    return nearest && away(nearest) <= reach ? nearest : undefined;
  }

  #showTip(row, pointer) {
    const event = this.#findEvent(row, pointer);
    const time = formatTime(event?.time ?? findLaneTime(row.lane, pointer, this.#player.duration));
    this.#tip.textContent = event ? `${time} · ${describeEvent(event)}` : time;
    placeTip(this.#tip, pointer.clientX, row.lane.getBoundingClientRect().top);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Draws a lane: stays in a polygon as bars; crossings of a line as ticks, `in` above and `out` below. */
function drawEvents(canvas, { is_line: isLine }, events, duration) {
  const density = fitCanvas(canvas);
  const context = canvas.getContext("2d");
  const toX = (time) => Math.round((time / duration) * canvas.width);
  const half = canvas.height / 2;
  const tick = Math.max(2, Math.round(2.5 * density));
  for (const { kind, time, dwell } of events) {
    if (kind === "exit") {
      context.fillStyle = EVENT_COLORS.stay;
      context.globalAlpha = 0.35;
      context.fillRect(toX(time - dwell), canvas.height * 0.25, Math.max(tick, toX(time) - toX(time - dwell)), half);
      context.globalAlpha = 1;
    }
  }
  for (const { kind, time } of events) {
    const isUpper = kind === "in" || kind === "entry";
    context.fillStyle = isUpper ? EVENT_COLORS.in : EVENT_COLORS.out;
    context.fillRect(Math.min(toX(time), canvas.width - tick), isUpper ? 0 : half, tick, half);
  }
  if (!isLine) return;
  context.fillStyle = "rgb(128 128 128 / 0.35)";
  context.fillRect(0, Math.round(half), canvas.width, 1);
}
