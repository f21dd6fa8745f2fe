"""The console of the command line. It escapes control characters, so that names from others are harmless."""

from collections.abc import Iterable

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from videojobs.foreign_text import printable


class Console(rich.console.Console):
    """Escapes invisible characters as JSON does, so that text can't move the cursor or set the window's title.

    Names of uploads and models, and answers of APIs, may contain terminal commands. All text passes through this one
    place. Rich's own commands to the terminal are not text, and pass unchanged.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_show_lines(segment.text), segment.style)


def _show_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
