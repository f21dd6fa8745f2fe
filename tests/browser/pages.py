"""The report as somebody sees it: what is drawn, and what is said."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page

# The bounding box of all pixels of about a colour, in pixels of the picture, or null.
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


@dataclass(frozen=True)
class ReportPage:
    """An open report."""

    page: Page

    def wait_for_video(self) -> None:
        self.page.wait_for_function("() => document.querySelector('#video').readyState >= 2")

    def seek(self, seconds: float) -> None:
        """Moves the position's slider, and waits until the picture is there."""
        self.page.evaluate(
            """seconds => { const scrubber = document.querySelector('#scrubber');
            scrubber.value = seconds; scrubber.dispatchEvent(new Event('input')); }""",
            seconds,
        )
        self.settle()

    def settle(self) -> None:
        """Waits until the video has arrived where it was sent and two pictures have been painted."""
        self.page.wait_for_function("() => !document.querySelector('#video').seeking")
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def find_color(self, color: str, picture: tuple[int, int] = (640, 360)) -> list[float] | None:
        """Left, top, right and bottom of what is drawn in a colour (#rrggbb), in pixels of the picture."""
        channels = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
        box: list[float] | None = self.page.evaluate(_FIND_COLOR, [channels, picture])
        return box

    def is_painted(self) -> bool:
        """Whether anything at all is drawn over the video."""
        painted: bool = self.page.evaluate(_PAINTED)
        return painted

    def time(self) -> float:
        seconds: float = self.page.evaluate("document.querySelector('#video').currentTime")
        return seconds

    def row(self, class_name: str) -> Locator:
        """The class's row: its toggle, timeline and counts."""
        return self.page.locator(".row").filter(has=self.page.get_by_text(class_name, exact=True))

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def present(self) -> list[str]:
        """What is listed as being on screen."""
        return [text.replace("\n", " ") for text in self.page.locator("#present li").all_inner_texts()]
