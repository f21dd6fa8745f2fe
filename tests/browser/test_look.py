"""The report draws marks as the annotated video and the preview do: pixel by pixel, for every type of prediction."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import OpenPage
from videojobs.drawing.look import LOOK, pick_color, pick_ink
from videojobs.drawing.overlays import ClassStyle, draw_overlay
from videojobs.drawing.region_shapes import RegionShape
from videojobs.jobs.regions import parse_regions
from videojobs.report.writer import join_modules
from videojobs.results.marks import Keypoint, Mark

NAMES = ["Rock", "person", "hat"]
BODY = {"left_shoulder": (300, 120, 0.9), "left_elbow": (250, 200, 0.8), "left_wrist": (260, 260, 0.2)}
MARKS: dict[str, Sequence[Mark]] = {
    "boxes": [
        Mark(0, 0.91, (120, 200, 120, 90), track_id=4),
        Mark(1, 0.5, (150, 220, 140, 60)),
        Mark(2, None, (600, 30, 200, 40)),
    ],
    "masks": [Mark(1, 0.8, (320, 180, 200, 100), polygon=[230, 140, 400, 150, 420, 220, 300, 230])],
    "key points": [
        Mark(2, 0.7, (280, 190, 140, 200), keypoints=[Keypoint(*place, name) for name, place in BODY.items()])
    ],
    "gazes": [Mark(0, 0.9, (320, 180, 80, 80), gaze=(0.5, -0.3), landmarks=[300, 170, 340, 170])],
    "labels": [Mark(0, 0.9), Mark(1, 0.4)],
    "regions": [Mark(1, 0.8, (320, 180, 100, 100))],
}
REGIONS = parse_regions(
    [
        {"name": "dock", "polygon": [[0.1, 0.5], [0.4, 0.5], [0.4, 0.9], [0.1, 0.9]]},
        {"name": "door", "line": [[0.6, 0.2], [0.7, 0.6]]},
    ]
)
GRAY, PIXELS = 70, 8
DRAW = """
async ([font, look, size, marks, styles, regions]) => {
  const face = new FontFace("Drawn", `url(data:font/ttf;base64,${font})`);
  document.fonts.add(await face.load());
  document.body.innerHTML = "<canvas></canvas>";
  const canvas = document.querySelector("canvas");
  Object.assign(canvas.style, { width: `${size[0]}px`, height: `${size[1]}px` });
  const picture = { width: size[0], height: size[1] };
  new Overlay(canvas, look).draw([{ marks, size: picture, styles }], picture, { names: true, regions });
  return canvas.toDataURL();
}
"""


@pytest.mark.parametrize("size", [(640, 360), (1080, 1920)], ids=["small", "portrait"])
@pytest.mark.parametrize("kind", MARKS)
def test_the_page_draws_as_the_video(open_page: OpenPage, tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    regions = REGIONS if kind == "regions" else ()
    styles = [ClassStyle(name, pick_color(number)) for number, name in enumerate(NAMES)]
    shapes = [RegionShape.place(region, size) for region in regions]
    expected = show(draw_overlay(size, MARKS[kind], styles, shapes))
    drawn = show(draw_with_page(open_page, tmp_path, size, [mark.to_list() for mark in MARKS[kind]], styles, regions))

    difference = np.abs(expected - drawn).max(axis=-1)
    painted = (expected != GRAY).any(axis=-1) | (drawn != GRAY).any(axis=-1)
    assert painted.any()
    assert difference[painted].mean() < 14
    assert (difference[painted] > 40).mean() < 0.01


def show(overlay: Image.Image) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Lays an overlay over gray. Each pixel is the mean of some: letters and edges are smoothed differently."""
    picture = Image.alpha_composite(Image.new("RGBA", overlay.size, (GRAY, GRAY, GRAY, 255)), overlay)
    return np.asarray(picture.convert("RGB").reduce(PIXELS), float)


def draw_with_page(
    open_page: OpenPage, folder: Path, size: tuple[int, int], marks: Any, styles: Sequence[ClassStyle], regions: Any
) -> Image.Image:
    """Draws with the page's script, in the video's font."""
    sources = resources.files("videojobs.report") / "page"
    script = join_modules([(sources / f"{name}.js").read_text("utf-8") for name in ("region_shapes", "marks")])
    (folder / "page.html").write_text("<body></body>")
    page = open_page((folder / "page.html").as_uri())
    page.add_script_tag(content=script.replace("system-ui", "Drawn"))
    font = resources.files("videojobs.drawing") / "fonts" / "Roboto-Regular.ttf"
    shown = [{"points": region.points, "is_line": region.is_line, "text": region.name} for region in regions]
    painted = [{**asdict(style), "ink": pick_ink(style.color)} for style in styles]
    encoded = base64.b64encode(font.read_bytes()).decode()
    values = [encoded, asdict(LOOK), size, marks, painted, shown]
    url = page.evaluate(DRAW, json.loads(json.dumps(values)))
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA")
    assert picture.size == size
    return picture
