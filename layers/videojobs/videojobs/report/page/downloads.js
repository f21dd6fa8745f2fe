// The files that a person can take along: those that are there.

import { $, create } from "./dom.js";

const LABELS = {
  "detections.csv.gz": "CSV",
  "events.csv": "Events",
  "coco.json": "COCO",
  "results.json": "JSON",
  "annotated.mp4": "Annotated video",
  "dataset.zip": "Dataset",
};

/** Shows a link for each of some files: URLs by name. Browsers show a local file instead of saving it, so it gets a tab of its own. */
export function showDownloads(files) {
  const target = location.protocol === "file:" ? "_blank" : "";
  const links = Object.keys(LABELS)
    .filter((name) => Object.hasOwn(files, name))
    .map((name) => create("a", { className: "button", href: files[name], download: name, target, textContent: LABELS[name], title: `Download ${name}` }));
  $("downloads").append(...links);
  $("downloads").hidden = !links.length;
}
