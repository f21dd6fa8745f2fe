"""The console of the command line: of what strangers named, nothing but text reaches the terminal."""

from collections.abc import Iterable

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from videojobs.foreign_text import printable


class Console(rich.console.Console):
    """Writes what is invisible in a text as JSON writes it, so that it can't move the cursor or set the window's title.

    Names of uploads and models, and what APIs answer, may hold a terminal's own commands. Here is the one place that
    all text passes; what rich itself tells the terminal is no text.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_show_lines(segment.text), segment.style)


def _show_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
