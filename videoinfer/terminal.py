"""The console of the command line. It escapes control characters, so that names from others are harmless."""

import re
from collections.abc import Iterable
from typing import Any

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from videoinfer.errors import CommandError, describe_output_failure
from videojobs.foreign_text import printable

_BLANK = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u115f\u1160\u2800\u3164\uffa0"
"""Unicode's spaces, and characters of other categories that are as empty."""

_BLANKS = re.compile(rf"[{_BLANK}]{{2,}}|(?! )[{_BLANK}]")


class Console(rich.console.Console):
    """Escapes invisible characters as JSON does, so that text can't move the cursor or set the window's title.

    Names of uploads and models, and answers of APIs, may contain terminal commands. All text passes through this one
    place. Rich's own commands to the terminal are not text, and pass unchanged.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_show_lines(segment.text), segment.style)

    def __exit__(self, *error: Any) -> None:
        """Writes what was printed. Rich calls it for all output.

        Raises:
            CommandError: The output can't be written, for example to a full disk.
        """
        try:
            super().__exit__(*error)
        except BrokenPipeError:
            raise
        except OSError as failure:
            raise CommandError(describe_output_failure(failure)) from failure


def show_blanks(text: str) -> str:
    """Returns `text` with each space of several, and each unusual one, as `␣`: they could look like columns."""
    return _BLANKS.sub(lambda blanks: "␣" * len(blanks[0]), text)


def _show_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
