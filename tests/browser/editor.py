"""The page of `videoinfer regions --edit` as a person uses it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.serving import serve
from videoinfer.regions.editor import Editor, make_server
from videoinfer.regions.picture import read_still
from videojobs.jobs.regions import parse_regions


@contextmanager
def serve_editor(video: Path, regions: Sequence[Any] = ()) -> Iterator[str]:
    """Serves the page for the frame at 5 s until the block ends, and yields its URL."""
    server = make_server(Editor("t0ken", read_still(video, 5), parse_regions(list(regions)), video))
    with serve(server):
        yield server.url


@dataclass(frozen=True)
class EditorPage:
    """An open page."""

    page: Page

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point of the frame, in shares, as pixels of the page."""
        box = self.page.locator("#frame").bounding_box()
        assert box
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def draw_polygon(self, *points: tuple[float, float]) -> None:
        """Clicks the corners, and the first one again."""
        self.page.get_by_role("button", name="Polygon", exact=True).click()
        for point in (*points, points[0]):
            self.page.mouse.click(*self.place(*point))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=5)
        self.page.mouse.up()

    def form_text(self) -> str:
        """What would be copied."""
        return self.page.input_value("#form-text")

    def wait_for_json(self, count: int) -> list[dict[str, Any]]:
        """Waits until the server has checked this many regions, and returns them."""
        # A change disables the button at once, and the server's answer to it enables it.
        self.page.wait_for_function(
            """count => { const text = document.querySelector('#form-text').value;
            if (!count) return text === '';
            return !document.querySelector('#copy').disabled && JSON.parse(text).length === count; }""",
            arg=count,
        )
        regions: list[dict[str, Any]] = json.loads(self.form_text() or "[]")
        return regions
