// What is known of the box under the pointer, or of one after the other by a key.

import { $, create } from "./dom.js";
import { fitInside, toPercent } from "./marks.js";
import { placeTip } from "./timelines.js";

/** Shows the details of what is drawn: layers as the overlay draws them, each with its model's name. */
export class BoxDetails {
  #tip = create("div", { className: "tip", hidden: true });
  #boxes = []; // {mark, style, scale, model}
  #place = { left: 0, top: 0 };
  #pinned = -1; // the number of the box that a key or a click has chosen
  #missed = null; // a chosen box whose track is not on screen: it may come back

  constructor() {
    $("stage").append(this.#tip);
    $("stage").addEventListener("pointermove", (event) => event.pointerType !== "touch" && this.#pinned < 0 && this.#show(this.#find(event)));
    $("stage").addEventListener("pointerleave", () => this.#pinned < 0 && this.#show(-1));
  }

  /** Takes over what is drawn; details stay with their object, and vanish for as long as it is not seen. */
  follow(layers, picture) {
    const kept = this.#boxes[this.#pinned] ?? this.#missed;
    this.#place = fitInside({ width: $("stage").clientWidth, height: $("stage").clientHeight }, picture);
    this.#boxes = layers.flatMap(({ marks, size, styles, model }) => {
      const scale = { x: this.#place.width / size.width, y: this.#place.height / size.height };
      return marks.filter((mark) => mark.length > 2).map((mark) => ({ mark, style: styles[mark[0]], scale, model }));
    });
    this.#pinned = kept ? this.#findAgain(kept) : -1;
    this.#missed = this.#pinned < 0 && kept?.mark[7] !== undefined ? kept : null;
    this.#show(this.#pinned);
  }

  /** Keeps the details of the box at a click, or lets go of them; tells whether there was anything to do. */
  click(event) {
    const at = this.#find(event);
    const isNews = at >= 0 && at !== this.#pinned;
    this.#pinned = isNews ? at : -1;
    this.#missed = null;
    this.#show(this.#pinned);
    return isNews;
  }

  /** Shows the next box's details, and returns them; empty after the last one. */
  showNext() {
    this.#pinned = this.#pinned + 1 < this.#boxes.length ? this.#pinned + 1 : -1;
    this.#missed = null;
    return this.#show(this.#pinned);
  }

  /** The number of the smallest box at a pointer, or -1. */
  #find({ clientX, clientY }) {
    const around = $("stage").getBoundingClientRect();
    const [left, top] = [clientX - around.left - this.#place.left, clientY - around.top - this.#place.top];
    let best = -1;
    this.#boxes.forEach(({ mark, scale }, at) => {
      if (!isInside(left / scale.x, top / scale.y, mark)) return;
      if (best < 0 || mark[4] * mark[5] < this.#boxes[best].mark[4] * this.#boxes[best].mark[5]) best = at;
    });
    return best;
  }

  /** The number of the box that shows the same object, maybe in another frame: by its track; without one, by its class and place. */
  #findAgain(kept) {
    const same = this.#boxes.findIndex(({ mark }) => mark === kept.mark);
    if (same >= 0) return same;
    const [, , x, y, , , , track] = kept.mark;
    return this.#boxes.findIndex(
      ({ mark, style }) => style === kept.style && (track === undefined ? isInside(x, y, mark) : mark[7] === track),
    );
  }

  #show(at) {
    this.#tip.hidden = at < 0;
    if (at < 0) return "";
    const { mark, style, scale, model } = this.#boxes[at];
    const [, confidence, x, y, width, height, , track] = mark;
    const name = track === undefined ? style.name : `${style.name} #${track}`;
    const facts = [name, confidence !== null && `${toPercent(confidence)}%`, `${Math.round(width)} × ${Math.round(height)} px at ${Math.round(x)}, ${Math.round(y)}`, model];
    this.#tip.textContent = facts.filter(Boolean).join(" · ");
    const around = $("stage").getBoundingClientRect();
    const [left, top] = [around.left + this.#place.left + x * scale.x, around.top + this.#place.top + (y - height / 2) * scale.y];
    placeTip(this.#tip, left, Math.max(top, around.top + this.#tip.offsetHeight + 4));
    return this.#tip.textContent;
  }
}

function isInside(left, top, [, , x, y, width, height]) {
  return Math.abs(left - x) <= width / 2 && Math.abs(top - y) <= height / 2;
}
