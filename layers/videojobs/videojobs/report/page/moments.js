// Key moments: a strip of pictures that the browser takes from the video itself.

import { $, create } from "./dom.js";
import { countInBin, formatTime } from "./timelines.js";

const MOMENTS_MAX = 8;
const APART = 1 / 30; // of the video: pictures that are closer show the same
const PICTURE_WIDTH = 160;
const PICTURE_WAIT_MS = 15_000;

/** A moment for each appearance of a lane, where most objects are seen, and they are surest: {lane, at, count, sure}; `at` is a bin. */
function listMoments(lane) {
  const moments = [];
  let best = null;
  lane.bins.forEach((bin, at) => {
    const count = countInBin(bin, lane.percent, lane.counts);
    const sure = count && bin[lane.counts.indexOf(count)];
    if (!count) best = null;
    else if (!best) moments.push((best = { lane, at, count, sure }));
    else if (count > best.count || (count === best.count && sure > best.sure)) Object.assign(best, { at, count, sure });
  });
  return moments;
}

/** The moments to show, of lanes as `drawLanes` draws them: the clearest of each class, or those that are least sure. */
export function chooseMoments(lanes, isUnsure) {
  const ranked = lanes.map((lane) => {
    const order = isUnsure ? (one, other) => one.sure - other.sure : (one, other) => other.count - one.count || other.sure - one.sure;
    return listMoments(lane).sort(order);
  });
  // In turns, so that each class has its best before any has its second; the unsure ones are taken as they come.
  const rounds = ranked.flatMap((moments) => moments.map((moment, round) => ({ ...moment, round })));
  rounds.sort((one, other) => (isUnsure ? one.sure - other.sure : one.round - other.round || other.sure - one.sure));
  const chosen = [];
  for (const moment of rounds) {
    if (chosen.length === MOMENTS_MAX) break;
    const isNear = (other) => Math.abs(findTime(other) - findTime(moment)) < APART * moment.lane.duration;
    if (!chosen.some(isNear)) chosen.push(moment);
  }
  return chosen.sort((one, other) => findTime(one) - findTime(other));
}

/** When the bin of a moment starts, seconds. */
export function findTime({ lane, at }) {
  return lane.starts[at];
}

/** The moment with the most, surest objects of all lanes, or null where nothing was found. */
export function chooseOpening(lanes) {
  let best = null;
  const sums = new Map(); // by model and bin
  for (const lane of lanes) {
    lane.bins.forEach((bin, at) => {
      const count = countInBin(bin, lane.percent, lane.counts);
      if (!count) return;
      const key = `${lane.model}-${at}`;
      const sum = (sums.get(key)?.sum ?? 0) + bin.reduce((total, sure, level) => total + sure * (lane.counts[level] - (lane.counts[level - 1] ?? 0)), 0);
      sums.set(key, { lane, at, count, sure: bin[lane.counts.indexOf(count)], sum });
    });
  }
  for (const moment of sums.values()) {
    if (!best || moment.sum > best.sum || (moment.sum === best.sum && findTime(moment) < findTime(best))) best = moment;
  }
  return best;
}

/** The strip. Dispatches `seek` (detail: seconds), and `order` when the clearest or the least sure moments are asked for. */
export class MomentStrip extends EventTarget {
  #player;
  #locate; // (moment) → promise of its exact time
  #pictures = new PictureTaker();
  #drawn = new Map(); // time → canvas, so that a picture is taken once
  #isVisible = false;
  isUnsure = false;

  constructor(player, locate) {
    super();
    this.#player = player;
    this.#locate = locate;
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.#isVisible ||= isIntersecting;
      this.takePictures();
    }).observe($("moments"));
    for (const [id, isUnsure] of [["clearest", false], ["unsure", true]]) {
      $(id).addEventListener("click", () => {
        this.isUnsure = isUnsure;
        for (const name of ["clearest", "unsure"]) $(name).setAttribute("aria-pressed", String((name === "unsure") === isUnsure));
        this.dispatchEvent(new Event("order"));
      });
    }
  }

  /** Shows moments; `describe` says of one, {lane, at}, what is seen. */
  show(moments, describe) {
    $("moments-card").hidden = !moments.length && !this.isUnsure;
    $("moments").replaceChildren(
      ...moments.map((moment) => {
        const time = findTime(moment);
        const canvas = this.#drawn.get(time) ?? create("canvas", { hidden: true, width: PICTURE_WIDTH, height: 90 });
        const text = create("span", {}, create("b", { textContent: formatTime(time) }), ` ${describe(moment)}`);
        const button = create("button", { type: "button" }, canvas, text);
        button.addEventListener("click", async () => this.dispatchEvent(new CustomEvent("seek", { detail: await this.#locate(moment) })));
        return Object.assign(create("li", {}, button), { moment, canvas });
      }),
    );
    this.takePictures();
  }

  /** Takes the pictures that are missing, once the strip is seen and the video can be played. */
  takePictures() {
    if (!this.#isVisible || !this.#player.isReady || !this.#player.picture) return;
    for (const { moment, canvas } of $("moments").children) {
      const time = findTime(moment);
      if (this.#drawn.has(time)) continue;
      this.#drawn.set(time, canvas);
      this.#pictures.take(canvas, async () => this.#player.locate(await this.#locate(moment)));
    }
  }

  /** Forgets the pictures: another video is played. */
  forget() {
    this.#drawn.clear();
  }
}

/** Takes pictures from a video of its own, one after the other. Where it can't, nothing is shown. */
class PictureTaker {
  #video = create("video", { muted: true, playsInline: true, preload: "metadata" });
  #queue = Promise.resolve();

  /** Draws a picture on a canvas and shows it; `find` tells the video's URL and the time in it. */
  take(canvas, find) {
    this.#queue = this.#queue.then(async () => {
      if (!canvas.isConnected) return;
      const { url, time } = await find();
      if (this.#video.src !== url) await this.#wait("loadedmetadata", () => (this.#video.src = url));
      await this.#wait("seeked", () => (this.#video.currentTime = time));
      canvas.height = Math.round((PICTURE_WIDTH * this.#video.videoHeight) / this.#video.videoWidth);
      canvas.getContext("2d").drawImage(this.#video, 0, 0, canvas.width, canvas.height);
      canvas.hidden = false;
    }).catch(() => {});
  }

  #wait(name, act) {
    return new Promise((resolve, reject) => {
      const options = { signal: AbortSignal.timeout(PICTURE_WAIT_MS) };
      options.signal.addEventListener("abort", reject);
      this.#video.addEventListener(name, resolve, options);
      this.#video.addEventListener("error", reject, options);
      act();
    });
  }
}
