// Draws marks over the video: boxes, outlines, key points, gazes and labels, over the regions.

import { drawRegionLines, findArrow, placePoints } from "./region_shapes.js";

/** A length of the look, some pixels and a share of the shorter side, on a place. */
function measure([pixels, share], place) {
  return pixels + share * Math.min(place.width, place.height);
}

/** Where a picture lies in a larger or smaller area that shows all of it: {left, top, width, height}. */
export function fitInside(area, picture) {
  const scale = Math.min(area.width / picture.width, area.height / picture.height) || 0;
  const width = picture.width * scale;
  const height = picture.height * scale;
  return { left: (area.width - width) / 2, top: (area.height - height) / 2, width, height };
}

/** The canvas over the video. */
export class Overlay {
  #canvas;
  #context;
  #look; // what does not depend on the picture, as in `drawing/look.py`
  #labels = []; // where they are: {left, top, width, height}

  constructor(canvas, look) {
    this.#canvas = canvas;
    this.#look = look;
    this.#context = canvas.getContext("2d");
  }

  /** Draws layers of marks, `{marks, size, styles}`: `size` is of the picture that pixels count in, a style `{name, color, ink}` a class. Regions are `{points, is_line, text}`. */
  draw(layers, picture, { names, regions }) {
    const context = this.#context;
    const area = { width: this.#canvas.clientWidth, height: this.#canvas.clientHeight };
    const density = window.devicePixelRatio || 1;
    this.#canvas.width = Math.round(area.width * density);
    this.#canvas.height = Math.round(area.height * density);
    context.setTransform(density, 0, 0, density, 0, 0);
    const place = fitInside(area, picture);
    context.beginPath();
    context.rect(place.left, place.top, place.width, place.height);
    context.clip();
    context.translate(place.left, place.top);
    const text = measure(this.#look.text, place);
    const look = {
      ...this.#look,
      text,
      line: measure(this.#look.line, place),
      arrow: measure(this.#look.arrow, place),
      labelHeight: this.#look.label_height * text,
      margin: this.#look.margin * text,
    };
    context.font = `${text}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    const drawn = layers.flatMap((layer) => {
      const scale = { x: place.width / layer.size.width, y: place.height / layer.size.height };
      return layer.marks.map((mark) => ({ mark, scale, style: layer.styles[mark[0]] }));
    });
    drawRegionLines(context, regions, place, look);
    const boxes = drawn.filter(({ mark }) => mark.length > 2);
    for (const { mark, scale, style } of boxes) this.#drawShape(mark, scale, style.color, look);
    this.#labels = [];
    if (names) this.#labelRegions(regions, look, place);
    drawn
      .filter(({ mark }) => mark.length === 2)
      .forEach((one, line) => this.#drawLabel(one, look.margin, [look.margin + line * (look.labelHeight + look.margin / 2)], look, place));
    if (!names) return;
    boxes.sort((one, other) => toCertainty(other.mark[1]) - toCertainty(one.mark[1]));
    for (const box of boxes.slice(0, look.names_max)) {
      const [, , x, y, width, height] = box.mark;
      const left = (x - width / 2) * box.scale.x - look.line / 2;
      const [top, bottom] = [-1, 1].map((side) => (y + (side * height) / 2) * box.scale.y);
      this.#drawLabel(box, left, [top - look.labelHeight, top, bottom], look, place);
    }
  }

  /** Writes the regions' texts before other labels, which then keep clear of them. */
  #labelRegions(regions, look, place) {
    const { labelHeight: height, margin } = look;
    for (const { points, is_line: isLine, text } of regions) {
      const pixels = placePoints(points, place);
      const [left, top] = pixels.reduce((one, other) => (other[1] < one[1] ? other : one));
      const tops = [top + margin / 2, top - height - margin / 2, top + height + margin];
      this.#drawText(text, { color: look.dark, ink: look.light }, left + margin / 2, tops, look, place);
      if (!isLine) continue;
      const [x, y] = findArrow(pixels, look.arrow + look.text)[1];
      this.#drawText("in", { color: look.dark, ink: look.light }, x - look.text, [y - height / 2], look, place);
    }
  }

  #drawShape([, , x, y, width, height, more], scale, color, look) {
    const context = this.#context;
    context.strokeStyle = color;
    context.fillStyle = color;
    context.lineWidth = look.line;
    if (more?.polygon) {
      this.#trace(more.polygon, scale);
      context.globalAlpha = look.mask_opacity;
      context.fill();
      context.globalAlpha = 1;
      context.stroke();
      return;
    }
    const box = [(x - width / 2) * scale.x, (y - height / 2) * scale.y, width * scale.x, height * scale.y];
    context.globalAlpha = look.box_opacity;
    context.fillRect(...box);
    context.globalAlpha = 1;
    context.strokeRect(...box);
    if (more?.keypoints) this.#drawKeypoints(more.keypoints, scale, look);
    if (more?.gaze) this.#drawGaze(x * scale.x, y * scale.y, width * scale.x, more, scale, look);
  }

  #trace(points, scale) {
    this.#context.beginPath();
    for (let at = 0; at < points.length; at += 2) this.#context.lineTo(points[at] * scale.x, points[at + 1] * scale.y);
    this.#context.closePath();
  }

  #drawKeypoints(points, scale, look) {
    const context = this.#context;
    const byName = new Map(points.map((point) => [point[3], point]));
    for (const ends of look.limbs) {
      const [from, to] = ends.map((name) => byName.get(name));
      if (!from || !to) continue;
      const certainty = Math.min(toCertainty(from[2]), toCertainty(to[2]));
      context.globalAlpha = certainty < look.sure ? look.unsure_limb_opacity : look.limb_opacity;
      context.beginPath();
      context.moveTo(from[0] * scale.x, from[1] * scale.y);
      context.lineTo(to[0] * scale.x, to[1] * scale.y);
      context.stroke();
    }
    for (const [x, y, confidence] of points) {
      context.globalAlpha = toCertainty(confidence) < look.sure ? look.unsure_point_opacity : 1;
      this.#drawPoint(x * scale.x, y * scale.y, look.line * look.point);
    }
    context.globalAlpha = 1;
  }

  #drawGaze(x, y, width, { gaze: [yaw, pitch], landmarks }, scale, look) {
    const context = this.#context;
    for (let at = 0; at < landmarks.length; at += 2) {
      this.#drawPoint(landmarks[at] * scale.x, landmarks[at + 1] * scale.y, look.line * look.landmark);
    }
    // Positive yaw looks to the left of the picture, positive pitch up, as in Roboflow's own drawing.
    const length = width * look.gaze;
    const tip = { x: x - length * Math.sin(yaw) * Math.cos(pitch), y: y - length * Math.sin(pitch) };
    const angle = Math.atan2(tip.y - y, tip.x - x);
    context.lineWidth = look.line * look.gaze_line;
    const barb = look.line * look.barb;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(tip.x, tip.y);
    for (const side of [-0.5, 0.5]) {
      context.moveTo(tip.x, tip.y);
      context.lineTo(tip.x - barb * Math.cos(angle + side), tip.y - barb * Math.sin(angle + side));
    }
    context.stroke();
  }

  #drawPoint(x, y, radius) {
    this.#context.beginPath();
    this.#context.arc(x, y, radius, 0, 2 * Math.PI);
    this.#context.fill();
  }

  #drawLabel({ mark, style }, left, tops, look, place) {
    const name = mark[7] === undefined ? style.name : `${style.name} #${mark[7]}`;
    this.#drawText(mark[1] === null ? name : `${name} ${toPercent(mark[1])}%`, style, left, tops, look, place);
  }

  /** Draws a label at the first of some tops where it covers no other; nowhere if it would do so at each of them. */
  #drawText(text, { color, ink }, left, tops, look, place) {
    const context = this.#context;
    const padding = look.label_padding * look.text;
    const width = context.measureText(text).width + 2 * padding;
    const height = look.labelHeight;
    left = Math.max(0, Math.min(left, place.width - width));
    const top = tops
      .map((wanted) => Math.max(0, Math.min(wanted, place.height - height)))
      .find((wanted) => !this.#labels.some((other) => overlap(other, { left, top: wanted, width, height })));
    if (top === undefined) return;
    this.#labels.push({ left, top, width, height });
    context.fillStyle = color;
    context.beginPath();
    context.roundRect(left, top, width, height, look.label_radius * look.text);
    context.fill();
    context.fillStyle = ink;
    context.fillText(text, left + padding, top + height / 2 + 0.5);
  }
}

function overlap(one, other) {
  return (
    one.left < other.left + other.width && other.left < one.left + one.width &&
    one.top < other.top + other.height && other.top < one.top + one.height
  );
}

/** The confidence to sort and filter by. What the results give none, null, counts as certain: no threshold hides it. */
function toCertainty(confidence) {
  return confidence ?? 1;
}

/** A confidence in whole percents, rounded down: what the slider compares with, here and where the index was counted. */
export function toPercent(confidence) {
  return Math.min(100, Math.max(0, Math.floor(toCertainty(confidence) * 100 + 1e-9)));
}
