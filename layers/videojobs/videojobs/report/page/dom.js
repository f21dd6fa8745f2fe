// The page's elements. Text gets into them as text alone: names come from uploads and models, and may hold anything.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children. */
export function create(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function createSwatch(color) {
  const element = create("i", { className: "swatch" });
  element.style.background = color;
  return element;
}

const COUNTS_FORMAT = new Intl.NumberFormat("en-US");

/** 12345 as 12,345. */
export const formatCount = (number) => COUNTS_FORMAT.format(number);

/** 1 frame, 12,345 frames. */
export const countNouns = (number, one, many) => `${formatCount(number)} ${number === 1 ? one : many}`;
