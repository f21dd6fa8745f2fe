// Draws regions over the video: polygons, and lines with an arrow to their `in` side.

/** The tail and the tip of a line's arrow. `in` is from the left to the right, seen from its first point to its second; y points down. */
export function findArrow([[x1, y1], [x2, y2]], length) {
  const distance = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [x, y] = [(y1 - y2) / distance, (x2 - x1) / distance];
  const [middleX, middleY] = [(x1 + x2) / 2, (y1 + y2) / 2];
  return [[middleX - (x * length) / 2, middleY - (y * length) / 2], [middleX + x * length, middleY + y * length]];
}

/** A region's points, shares of the picture, as pixels of its `place`. */
export function placePoints(points, place) {
  return points.map(([x, y]) => [x * place.width, y * place.height]);
}

/** Draws regions, `{points, is_line}`, without their names. */
export function drawRegionLines(context, regions, place, look) {
  const lines = regions.map((region) => ({ ...region, points: placePoints(region.points, place) }));
  context.lineCap = "round";
  for (const { points, is_line: isLine } of lines) {
    if (isLine) continue;
    traceRegion(context, points, true);
    context.globalAlpha = look.area_opacity;
    context.fillStyle = look.light;
    context.fill();
  }
  for (const [color, width, opacity] of [[look.dark, look.casing * look.line, look.casing_opacity], [look.light, look.line, 1]]) {
    context.strokeStyle = color;
    context.globalAlpha = opacity;
    context.lineWidth = width;
    for (const { points, is_line: isLine } of lines) {
      traceRegion(context, points, !isLine);
      if (isLine) traceArrow(context, points, look.arrow);
      context.stroke();
    }
  }
  context.lineCap = "butt";
}

function traceRegion(context, points, isClosed) {
  context.beginPath();
  points.forEach(([x, y], at) => (at ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (isClosed) context.closePath();
}

function traceArrow(context, points, length) {
  const [tail, tip] = findArrow(points, length);
  const angle = Math.atan2(tip[1] - tail[1], tip[0] - tail[0]);
  context.moveTo(...tail);
  context.lineTo(...tip);
  for (const side of [-0.6, 0.6]) {
    context.moveTo(...tip);
    context.lineTo(tip[0] - (length / 2) * Math.cos(angle + side), tip[1] - (length / 2) * Math.sin(angle + side));
  }
}
