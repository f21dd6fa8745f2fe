"""How lists show the key of an upload: at most one column wide, so that no key looks like a row or widens all rows."""

from rich.cells import cell_len

from videoinfer.terminal import show_blanks
from videojobs.foreign_text import printable

KEY_MAX_CELLS = 40
"""A job's status, time and duration take about the other half of 80 columns."""


def list_key(key: str, max_cells: int = KEY_MAX_CELLS) -> str:
    """Returns a key as lists show it: a long key is cut in the middle. `show` and `--json` give the whole key."""
    shown = show_blanks(printable(key))
    if cell_len(shown) <= max_cells:
        return shown
    end = _take(shown[::-1], max_cells * 9 // 20)[::-1]
    return f"{_take(shown, max_cells - 1 - cell_len(end))}…{end}"


def _take(text: str, cells: int) -> str:
    """Returns as many of the first characters as fit into `cells`."""
    for length, character in enumerate(text):
        cells -= cell_len(character)
        if cells < 0:
            return text[:length]
    return text
