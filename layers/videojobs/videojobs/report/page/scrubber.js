// The slider of the position, with what was found drawn behind it.

import { $, create } from "./dom.js";
import { drawLanes, findLaneTime, formatTime, placeTip } from "./timelines.js";

const LANES_MAX = 6;

/** Dispatches `seek` (detail: seconds). */
export class Scrubber extends EventTarget {
  #player;
  #list;
  #tip = create("div", { className: "tip", hidden: true });

  constructor(player, list) {
    super();
    this.#player = player;
    this.#list = list;
    $("timeline").append(this.#tip);
    $("scrubber").addEventListener("input", () => this.dispatchEvent(new CustomEvent("seek", { detail: Number($("scrubber").value) })));
    $("scrubber").addEventListener("pointermove", (event) => this.#showTip(event));
    $("scrubber").addEventListener("pointerleave", () => (this.#tip.hidden = true));
    new ResizeObserver(() => this.draw()).observe($("seen"));
  }

  /** Draws the classes that are shown, the first ones of very many. */
  draw() {
    drawLanes($("seen"), this.#list.shown.slice(0, LANES_MAX).map((entry) => this.#list.describeLane(entry)));
  }

  /** Shows where the video is; `moment` is the time of day, or empty. */
  showTime(moment) {
    const { time, duration } = this.#player;
    $("main").style.setProperty("--progress", time / duration);
    $("scrubber").max = duration;
    $("scrubber").value = time;
    $("scrubber").setAttribute("aria-valuetext", `${formatTime(time)} of ${formatTime(duration)}${moment && `, ${moment}`}`);
  }

  #showTip(event) {
    if (event.pointerType === "touch") return;
    const time = findLaneTime($("scrubber"), event, this.#player.duration);
    const seen = this.#list.listAt(time).map(([entry, count]) => `${entry.name} ${count}`);
    this.#tip.textContent = [formatTime(time), ...seen].join(" · ");
    placeTip(this.#tip, event.clientX, $("timeline").getBoundingClientRect().top);
  }
}
