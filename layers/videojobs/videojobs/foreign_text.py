"""Text that strangers chose: names of uploads, models and classes, and what an API answers.

It may hold whatever a string can. Before it gets into a mail, a page, a terminal, a file name or a command, it passes
one of these.
"""

import json
import re
import unicodedata

FILE_NAME_MAX_CHARACTERS = 80

_INVISIBLE = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
"""Unicode's categories of controls, formats (those that turn the direction of writing among them), surrogates, what has
no meaning, and the ends of lines and paragraphs."""

_JOINERS = "\u200c\u200d"
"""Formats that words of some languages, and emoji, are written with."""

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:-]+")
"""What no shell takes for anything but itself."""

_WORD_CATEGORIES = ("Lu", "Ll", "Lt", "Lo", "Mn", "Mc", "Nd")
"""Letters and digits of all languages. Modifier letters are left out: some become a quotation mark on Windows."""


def printable(text: str, max_characters: int | None = None) -> str:
    """`text` on one line, with all that can't be seen written as in JSON: a line break as `\\n`, ESC as `\\u001b`.

    What is longer than `max_characters` ends in an ellipsis.
    """
    if max_characters is not None and len(text) > max_characters:
        text = f"{text[: max_characters - 1]}…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(json.dumps(character)[1:-1] if _is_invisible(character) else character for character in text)


def word_for_command(text: str, placeholder: str) -> str:
    """`text` as one word of a command that may be pasted into any shell, or `placeholder` where it is not harmless.

    Harmless are letters, digits, spaces and ``_./:+@-``, with no `-` at the beginning. Quoting would not do: each shell
    has other rules, and PowerShell takes the apostrophes of typography for quotation marks too.
    """
    if text.startswith(("-", " ")) or not text or not all(map(_is_harmless, text)):
        return placeholder
    return text if _PLAIN_WORD.fullmatch(text) else f"'{text}'"


def file_for_command(name: str, placeholder: str) -> str:
    """A file's name as a word of a command: with `./`, for `-i` would be an option and `http:a` an address."""
    return word_for_command(f"./{name}", f"./{placeholder}")


def file_name(text: str) -> str:
    """`text` as one part of a path on any system: letters, digits, spaces and ``-_.()``, no dot at either end.

    Everything else becomes `_`. Empty where nothing is left.
    """
    name = "".join(
        character if _is_in_file_name(character) else "_" for character in unicodedata.normalize("NFC", text)
    )
    return name[:FILE_NAME_MAX_CHARACTERS].strip(". ")


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE and character not in _JOINERS


def _is_harmless(character: str) -> bool:
    return character in " _./:+@-" or unicodedata.category(character) in _WORD_CATEGORIES


def _is_in_file_name(character: str) -> bool:
    return character in "-_.() " or unicodedata.category(character)[0] in "LMN"
