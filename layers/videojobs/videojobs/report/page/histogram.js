// How many predictions there are at each confidence, drawn behind its slider.

import { fitCanvas } from "./timelines.js";

/** Draws a bar for each percent from `min` to 100; those below `percent` are faint. `pairs` are [percent, count, …], one list a class. */
export function drawHistogram(canvas, pairs, min, percent) {
  fitCanvas(canvas);
  const sums = new Array(101).fill(0);
  for (const found of pairs) for (let at = 0; at < found.length; at += 2) sums[found[at]] += found[at + 1];
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).color;
  const width = canvas.width / Math.max(1, 101 - min);
  const most = Math.max(1, ...sums);
  sums.forEach((count, at) => {
    if (!count) return;
    const height = Math.max(1, canvas.height * (count / most) ** 0.5); // the few unsure ones have to be visible beside the many sure ones
    context.globalAlpha = at < percent ? 0.3 : 1;
    context.fillRect((at - min) * width, canvas.height - height, Math.max(1, width - 1), height);
  });
}
