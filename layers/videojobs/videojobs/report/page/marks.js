// Draws marks over the video: boxes, outlines, key points, gazes and labels, over the regions.

import { drawRegionLines, findArrow, measureArrow, placePoints, REGION_LABEL } from "./region_shapes.js";

const PALETTE = [
  "#5b9bff", "#ff9248", "#3ecf8e", "#f0609e", "#b58cff", "#ecc534", "#2fc4d8", "#ff6b6b", "#9bd14b", "#d98cf0", "#f2a7a0", "#7fd6c2",
];
const NAMES_MAX = 60; // more of them hide the video: the surest are named
const POINT_SURE = 0.5; // a key point below it is drawn faintly

// Which of the usual names of a body's key points are joined.
const LIMBS = [
  ["nose", "left_eye"], ["nose", "right_eye"], ["left_eye", "left_ear"], ["right_eye", "right_ear"],
  ["left_shoulder", "right_shoulder"], ["left_shoulder", "left_elbow"], ["left_elbow", "left_wrist"],
  ["right_shoulder", "right_elbow"], ["right_elbow", "right_wrist"], ["left_shoulder", "left_hip"],
  ["right_shoulder", "right_hip"], ["left_hip", "right_hip"], ["left_hip", "left_knee"], ["left_knee", "left_ankle"],
  ["right_hip", "right_knee"], ["right_knee", "right_ankle"],
];

/** The colour of the class with a number, as #rrggbb. */
export function pickColor(number) {
  if (number < PALETTE.length) return PALETTE[number];
  return toHex((number * 137.508) % 360, 0.75, number % 2 ? 0.62 : 0.7); // the golden angle keeps neighbours apart
}

/** Whether dark text is easier to read on a colour than white. */
export function needsDarkText(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18;
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
  #labels = []; // where they are: {left, top, width, height}

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  /** Draws layers of marks, `{marks, size, styles}`: `size` is of the picture that pixels count in, a style `{name, color}` a class. Regions are `{points, is_line, text}`. */
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
    const look = {
      line: Math.max(1.5, Math.min(3, place.width / 320)),
      font: Math.max(11, Math.min(15, place.width / 50)),
    };
    context.font = `600 ${look.font}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    const drawn = layers.flatMap((layer) => {
      const scale = { x: place.width / layer.size.width, y: place.height / layer.size.height };
      return layer.marks.map((mark) => ({ mark, scale, style: layer.styles[mark[0]] }));
    });
    drawRegionLines(context, regions, place, look.line);
    const boxes = drawn.filter(({ mark }) => mark.length > 2);
    for (const { mark, scale, style } of boxes) this.#drawShape(mark, scale, style.color, look);
    this.#labels = [];
    if (names) this.#labelRegions(regions, look, place);
    drawn
      .filter(({ mark }) => mark.length === 2)
      .forEach((one, line) => this.#drawLabel(one, 8, [8 + line * (look.font + 10)], look, place));
    if (!names) return;
    boxes.sort((one, other) => toCertainty(other.mark[1]) - toCertainty(one.mark[1]));
    for (const box of boxes.slice(0, NAMES_MAX)) {
      const [, , x, y, width, height] = box.mark;
      const left = (x - width / 2) * box.scale.x - look.line / 2;
      const [top, bottom] = [-1, 1].map((side) => (y + (side * height) / 2) * box.scale.y);
      this.#drawLabel(box, left, [top - look.font - 6, top, bottom], look, place);
    }
  }

  /** Writes the regions' texts before other labels, which then keep clear of them. */
  #labelRegions(regions, look, place) {
    const height = look.font + 6;
    for (const { points, is_line: isLine, text } of regions) {
      const pixels = placePoints(points, place);
      const [left, top] = pixels.reduce((one, other) => (other[1] < one[1] ? other : one));
      this.#drawText(text, REGION_LABEL, left + 4, [top + 4, top - height - 4, top + height + 8], look, place);
      if (!isLine) continue;
      const [x, y] = findArrow(pixels, measureArrow(place) + look.font)[1];
      this.#drawText("in", REGION_LABEL, x - look.font, [y - height / 2], look, place);
    }
  }

  #drawShape([, , x, y, width, height, more], scale, color, look) {
    const context = this.#context;
    context.strokeStyle = color;
    context.fillStyle = color;
    context.lineWidth = look.line;
    if (more?.polygon) {
      this.#trace(more.polygon, scale);
      context.globalAlpha = 0.3;
      context.fill();
      context.globalAlpha = 1;
      context.stroke();
      return;
    }
    const box = [(x - width / 2) * scale.x, (y - height / 2) * scale.y, width * scale.x, height * scale.y];
    context.globalAlpha = 0.12;
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
    for (const ends of LIMBS) {
      const [from, to] = ends.map((name) => byName.get(name));
      if (!from || !to) continue;
      context.globalAlpha = Math.min(toCertainty(from[2]), toCertainty(to[2])) < POINT_SURE ? 0.2 : 0.9;
      context.beginPath();
      context.moveTo(from[0] * scale.x, from[1] * scale.y);
      context.lineTo(to[0] * scale.x, to[1] * scale.y);
      context.stroke();
    }
    for (const [x, y, confidence] of points) {
      context.globalAlpha = toCertainty(confidence) < POINT_SURE ? 0.25 : 1;
      this.#drawPoint(x * scale.x, y * scale.y, look.line * 1.6);
    }
    context.globalAlpha = 1;
  }

  #drawGaze(x, y, width, { gaze: [yaw, pitch], landmarks }, scale, look) {
    const context = this.#context;
    for (let at = 0; at < landmarks.length; at += 2) {
      this.#drawPoint(landmarks[at] * scale.x, landmarks[at + 1] * scale.y, look.line * 0.9);
    }
    // Positive yaw looks to the left of the picture, positive pitch up, as in Roboflow's own drawing.
    const length = width * 1.5;
    const tip = { x: x - length * Math.sin(yaw) * Math.cos(pitch), y: y - length * Math.sin(pitch) };
    const angle = Math.atan2(tip.y - y, tip.x - x);
    context.lineWidth = look.line * 1.4;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(tip.x, tip.y);
    for (const side of [-0.5, 0.5]) {
      context.moveTo(tip.x, tip.y);
      context.lineTo(tip.x - look.line * 6 * Math.cos(angle + side), tip.y - look.line * 6 * Math.sin(angle + side));
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
    this.#drawText(mark[1] === null ? name : `${name} ${toPercent(mark[1])}%`, style.color, left, tops, look, place);
  }

  /** Draws a label at the first of some tops where it covers no other; nowhere if it would do so at each of them. */
  #drawText(text, color, left, tops, look, place) {
    const context = this.#context;
    const width = context.measureText(text).width + 10;
    const height = look.font + 6;
    left = Math.max(0, Math.min(left, place.width - width));
    const top = tops
      .map((wanted) => Math.max(0, Math.min(wanted, place.height - height)))
      .find((wanted) => !this.#labels.some((other) => overlap(other, { left, top: wanted, width, height })));
    if (top === undefined) return;
    this.#labels.push({ left, top, width, height });
    context.fillStyle = color;
    context.beginPath();
    context.roundRect(left, top, width, height, 3);
    context.fill();
    context.fillStyle = needsDarkText(color) ? "#10131a" : "#fff";
    context.fillText(text, left + 5, top + height / 2 + 0.5);
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

function toHex(hue, saturation, lightness) {
  const channel = (offset) => {
    const at = (offset + hue / 30) % 12;
    const value = lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(at - 3, 9 - at, 1));
    return Math.round(255 * value).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
