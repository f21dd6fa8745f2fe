// Lanes: when a class was on screen and how many at once; and what is the same for the lanes of regions. A click or a tap seeks.

import { create, formatCount } from "./dom.js";

/** How many at once a bin holds at a confidence (percent) and above; `counts` are the numbers that it tells apart. */
export function countInBin(bin, percent, counts) {
  if (bin === 0) return 0;
  let count = 0;
  for (let at = 0; at < bin.length && bin[at] >= percent; at++) count = counts[at];
  return count;
}

/** Such a number as text: `4+` where it stands for 4 and 5. */
export function formatBinCount(count, counts) {
  return counts[counts.indexOf(count) + 1] === count + 1 ? formatCount(count) : `${formatCount(count)}+`;
}

/** Pairs of a histogram, [percent, count, …], summed from `percent` on. */
export function sumFrom(pairs, percent) {
  let sum = 0;
  for (let at = 0; at < pairs.length; at += 2) if (pairs[at] >= percent) sum += pairs[at + 1];
  return sum;
}

/** Where a class is seen, as [start, end] seconds, neighbouring bins joined. */
export function listAppearances(bins, starts, end, percent, counts) {
  const appearances = [];
  bins.forEach((bin, at) => {
    if (!countInBin(bin, percent, counts)) return;
    const span = [starts[at], starts[at + 1] ?? end];
    const last = appearances.at(-1);
    if (last && last[1] === span[0]) last[1] = span[1];
    else appearances.push(span);
  });
  return appearances;
}

/** The starts of appearances that may be before (`step` -1) or after (1) a time, the nearest first. */
export function orderStarts(appearances, time, step) {
  const around = appearances.filter(([start, end]) => (step > 0 ? end > time : start < time));
  const starts = around.map(([start]) => start);
  return step > 0 ? starts : starts.reverse();
}

/** Clears a canvas and gives it a pixel for each of the screen's; returns that density. */
export function fitCanvas(canvas) {
  const density = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((pixels) => Math.round(pixels * density));
  if (canvas.width === width && canvas.height === height) canvas.getContext("2d").clearRect(0, 0, width, height);
  else Object.assign(canvas, { width, height }); // which makes the browser lay out the page again
  return density;
}

/** Draws lanes under one another; a bar is as high as the share of the most that were ever at once. */
export function drawLanes(canvas, lanes) {
  const density = fitCanvas(canvas);
  const height = canvas.height / Math.max(1, lanes.length);
  lanes.forEach((lane, at) => drawLane(canvas, lane, Math.round(height * at), Math.round(height * (at + 1)), density));
}

function drawLane(canvas, { bins, starts, end, duration, percent, counts, color, dimmed }, top, bottom, density) {
  const context = canvas.getContext("2d");
  context.fillStyle = color;
  context.globalAlpha = dimmed ? 0.25 : 1;
  const most = Math.max(1, ...bins.map((bin) => countInBin(bin, 0, counts)));
  bins.forEach((bin, at) => {
    const count = countInBin(bin, percent, counts);
    if (!count) return;
    // On whole pixels, so that neighbours show no seam.
    const [left, right] = [starts[at], starts[at + 1] ?? end].map((time) => Math.round((time / duration) * canvas.width));
    const bar = Math.max(3 * density, Math.round((bottom - top) * (count / most) ** 0.7));
    context.fillRect(left, bottom - bar, Math.max(density, right - left), bar);
  });
}

/** Times for an axis: round numbers, about one every `spacing` pixels, none too near to the end. */
export function chooseTicks(duration, width, spacing = 90) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800];
  const step = steps.find((seconds) => (seconds / duration) * width >= spacing) ?? steps.at(-1);
  const ticks = [];
  for (let time = 0; time <= duration * (1 - 28 / width); time += step) ticks.push(time);
  return ticks;
}

/** Fills an axis with its times. */
export function fillAxis(axis, duration) {
  axis.replaceChildren(
    ...chooseTicks(duration, axis.clientWidth || 1).map((time) => {
      const tick = create("span", { textContent: formatTime(time) });
      tick.style.left = `${(100 * time) / duration}%`;
      return tick;
    }),
  );
}

/** The time at a pointer's place on a lane. */
export function findLaneTime(lane, event, duration) {
  const { left, width } = lane.getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - left) / width)) * duration;
}

/** Shows a tip above a place in the window, inside the element around it. */
export function placeTip(tip, x, y) {
  tip.hidden = false;
  const around = tip.offsetParent.getBoundingClientRect();
  const half = tip.offsetWidth / 2;
  tip.style.left = `${Math.min(Math.max(x - around.left, half), around.width - half)}px`;
  tip.style.top = `${y - around.top}px`;
}

/** Calls `seek(event)` for a click and while dragging, `step(-1 or 1)` for arrow keys, `hover(event)` and `leave()` for a mouse. */
export function listenToLane(lane, { seek, step, hover, leave }) {
  lane.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    lane.setPointerCapture(event.pointerId);
    seek(event);
  });
  lane.addEventListener("pointermove", (event) => {
    if (lane.hasPointerCapture(event.pointerId)) seek(event);
    if (event.pointerType !== "touch") hover(event);
  });
  lane.addEventListener("pointerleave", leave);
  lane.addEventListener("keydown", (event) => {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!direction || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    step(direction);
  });
}

/** Seconds as 0:07, 12:05 or 1:02:03; with tenths where asked. */
export function formatTime(seconds, tenths = false) {
  const whole = Math.floor(Math.max(0, seconds) + 1e-6);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  const hours = Math.floor(whole / 3600);
  const text = hours
    ? `${hours}:${String(parts[0]).padStart(2, "0")}:${String(parts[1]).padStart(2, "0")}`
    : `${parts[0]}:${String(parts[1]).padStart(2, "0")}`;
  return tenths ? `${text}.${Math.floor((Math.max(0, seconds) - whole) * 10 + 1e-6)}` : text;
}

const VIDEO_SECONDS_MAX = 1e9; // 30 years

/** The time of day, some seconds after an ISO 8601 time without an offset; with the date if that has changed. */
export function formatMoment(begun, seconds) {
  if (begun === null || !(Math.abs(seconds) <= VIDEO_SECONDS_MAX)) return "";
  const text = new Date(Date.parse(`${begun}Z`) + 1000 * seconds).toISOString().slice(0, 19).replace("T", " ");
  return text.startsWith(begun.slice(0, 10)) ? text.slice(11) : text;
}
