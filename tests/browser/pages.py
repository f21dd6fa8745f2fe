"""The report as a person sees it: what is drawn, and what is written."""

from collections.abc import Callable
from dataclasses import dataclass

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.waiting import wait_for_value, wait_until
from videojobs.errors import InvalidOption

# The bounding box of all pixels of roughly a color, in pixels of the picture, or null.
_FIND_COLOR = """
([color, picture]) => {
  const canvas = document.querySelector('#overlay');
  const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let box = null;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const at = 4 * (y * width + x);
    if (data[at + 3] < 250 || color.some((value, i) => Math.abs(data[at + i] - value) > 4)) continue;
    box ??= [x, y, x + 1, y + 1];
    box = [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x + 1), Math.max(box[3], y + 1)];
  }
  const scale = Math.min(width / picture[0], height / picture[1]);  // the video is in the middle, as large as fits
  const left = (width - picture[0] * scale) / 2, top = (height - picture[1] * scale) / 2;
  return box && box.map((value, at) => (value - (at % 2 ? top : left)) / scale);
}
"""
_PAINTED = """
() => {
  const canvas = document.querySelector('#overlay');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, at) => at % 4 === 3 && value > 0);
}
"""
# The opacity of the overlay at a point of the picture.
_OPACITY = """
([x, y, picture]) => {
  const canvas = document.querySelector('#overlay');
  const scale = Math.min(canvas.width / picture[0], canvas.height / picture[1]);
  const left = (canvas.width - picture[0] * scale) / 2, top = (canvas.height - picture[1] * scale) / 2;
  return canvas.getContext('2d').getImageData(left + x * scale, top + y * scale, 1, 1).data[3] / 255;
}
"""
# For 50 places of a timeline, how much of its height is filled.
_READ_LANE = """
canvas => {
  const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: 50 }, (_, place) => {
    const x = Math.floor((place + 0.5) * width / 50);
    let filled = 0;
    for (let y = 0; y < height; y++) if (data[4 * (y * width + x) + 3] > 0) filled++;
    return filled / height;
  });
}
"""
_RECORD_DRAWN_TEXTS = """
() => {
  const { fillText } = CanvasRenderingContext2D.prototype;
  window.drawnTexts = [];
  CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
    if (text !== window.drawnTexts.at(-1)) window.drawnTexts.push(text);
    fillText.call(this, text, ...place);
  };
}
"""
# Records what is drawn with each picture that is shown. The page drew in its own callback for that picture, before.
_RECORD_PICTURES = """
argument => {
  const video = document.querySelector('#video');
  window.shownPictures = [];
  const record = (_, { mediaTime }) => {
    window.shownPictures.push([mediaTime, (%s)(argument)]);
    video.requestVideoFrameCallback(record);
  };
  video.requestVideoFrameCallback(record);
}
""" % _FIND_COLOR.strip()  # noqa: UP031  # the script has many braces
_FOCUSED_NAME = """
() => {
  const element = document.activeElement;
  const labels = [...(element.labels ?? [])].map(label => label.innerText).join(' ');
  return element === document.body ? null : element.getAttribute('aria-label') || labels || element.innerText;
}
"""


@dataclass(frozen=True)
class ReportPage:
    """An open report.

    The page follows a click, a key or the video later, so tests wait for what they expect: with Playwright's `expect`
    for an element, and with `wait_for_value(report.time, 6.0)` for what these methods read.
    """

    page: Page

    def wait_for_video(self) -> None:
        """Waits until the video shows a picture and the page knows; after that its controls don't change any more."""
        self.page.wait_for_function(
            "() => document.querySelector('#video').readyState >= 2 && !document.querySelector('#play').disabled"
        )

    def seek(self, seconds: float) -> None:
        """Moves the position's slider, and waits for the picture."""
        self.page.evaluate(
            """seconds => { const scrubber = document.querySelector('#scrubber');
            scrubber.value = seconds; scrubber.dispatchEvent(new Event('input')); }""",
            seconds,
        )
        self.settle()

    def settle(self) -> None:
        """Waits until the video has finished seeking and two pictures have been painted."""
        self.page.wait_for_function("() => !document.querySelector('#video').seeking")
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def find_color(self, color: str, picture: tuple[int, int] = (640, 360)) -> list[float] | None:
        """Left, top, right and bottom of everything drawn in a color (#rrggbb), in pixels of the picture."""
        channels = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
        box: list[float] | None = self.page.evaluate(_FIND_COLOR, [channels, picture])
        return box

    def wait_for_color(self, color: str, picture: tuple[int, int] = (640, 360)) -> list[float]:
        """Waits until something is drawn in a color, and returns where, as `find_color`."""
        boxes: list[list[float] | None] = []
        wait_until(lambda: boxes.append(self.find_color(color, picture)) or boxes[-1] is not None)  # type: ignore[func-returns-value]
        assert boxes[-1]
        return boxes[-1]

    def opacity_at(self, x: float, y: float, picture: tuple[int, int] = (640, 360)) -> float:
        """The opacity of the drawing at a point, 0 to 1, in pixels of the picture."""
        opacity: float = self.page.evaluate(_OPACITY, [x, y, picture])
        return opacity

    def record_drawn_texts(self) -> None:
        """Starts recording the texts drawn over the video."""
        self.page.evaluate(_RECORD_DRAWN_TEXTS)

    def drawn_texts(self) -> list[str]:
        """The texts drawn over the video since then; a repeated text is listed once."""
        texts: list[str] = self.page.evaluate("window.drawnTexts")
        return texts

    def record_pictures(self, color: str, picture: tuple[int, int] = (640, 360)) -> None:
        """Starts recording where a color is drawn over each picture that the video shows."""
        self.page.evaluate(_RECORD_PICTURES, [[int(color[at : at + 2], 16) for at in (1, 3, 5)], picture])

    def wait_for_pictures(self, count: int) -> list[tuple[float, list[float] | None]]:
        """Waits until this many were shown, and returns for each its time in seconds, and what `find_color` returns."""
        self.page.wait_for_function("count => window.shownPictures.length >= count", arg=count)
        pictures: list[tuple[float, list[float] | None]] = self.page.evaluate("window.shownPictures")
        return pictures

    def wait_for_drawn_text(self, text: str) -> None:
        wait_until(lambda: text in self.drawn_texts())

    def is_painted(self) -> bool:
        """Tells whether anything is drawn over the video."""
        painted: bool = self.page.evaluate(_PAINTED)
        return painted

    def time(self) -> float:
        """Where the video is, in seconds."""
        seconds: float = self.page.evaluate("document.querySelector('#video').currentTime")
        return seconds

    def frame_number(self) -> int:
        """The number of the frame whose predictions are drawn."""
        return int(self.page.locator("#frame").inner_text().removeprefix("frame "))

    def row(self, class_name: str) -> Locator:
        """The row of a class: its toggle, timeline and counts."""
        return self.page.locator(".row").filter(has=self.page.get_by_text(class_name, exact=True))

    def present(self) -> list[str]:
        """The classes that are on screen, with how many of each."""
        rows = self.page.locator(".row").filter(has=self.page.locator(".now:not(:empty)"))
        parts = [row.locator(part).inner_text() for row in rows.all() for part in (".name", ".now")]
        return [" ".join(pair) for pair in zip(parts[::2], parts[1::2], strict=True)]

    def read_lane(self, class_name: str) -> list[float]:
        """For each fiftieth of a class's timeline, how much of its height is filled, 0 to 1."""
        shares: list[float] = self.row(class_name).locator(".lane canvas").evaluate(_READ_LANE)
        return shares

    def read_canvas(self, selector: str) -> list[float]:
        """The same of another canvas."""
        shares: list[float] = self.page.locator(selector).evaluate(_READ_LANE)
        return shares

    def choose_confidence(self, percent: int) -> None:
        self.page.locator("#confidence").fill(str(percent))

    def focused_name(self) -> str | None:
        """The name of the focused element, or None without focus."""
        name: str | None = self.page.evaluate(_FOCUSED_NAME)
        return name


def wait_for_width(page: Page, pixels: int) -> None:
    """Waits until the page needs this much width."""
    wait_for_value(lambda: page.evaluate("() => document.documentElement.scrollWidth"), pixels)


def expect_no_script(page: Page) -> None:
    """A name that contains a script or an image was not taken for one."""
    expect(page.locator("img")).to_have_count(0)
    wait_for_value(lambda: page.evaluate("() => window.hacked"), None)


def expect_accessible(page: Page) -> None:
    """Runs axe, which needs eval: reports forbid it, so `bypass_csp` must be set."""
    wait_for_value(lambda: Axe().run(page).response["violations"], [])


def wait_for_clipboard(page: Page, expected: object, parse: Callable[[str], object] = str) -> None:
    """Waits until the copied text, parsed, is as expected. Another test's text may still be there, which can't be."""

    def read() -> object:
        text: str = page.evaluate("() => navigator.clipboard.readText()")
        try:
            return parse(text)
        except (ValueError, InvalidOption):
            return text

    wait_for_value(read, expected)
