"""Untrusted text: names of uploads, models and classes, and an API's answers.

It may contain any character. Before it gets into a mail, a page, a terminal, a file name or a command, one of these
functions makes it safe.
"""

import json
import re
import unicodedata

FILE_NAME_MAX_CHARACTERS = 80

_INVISIBLE = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
"""Unicode's categories of control and format characters (including those that change the direction of writing),
surrogates, unassigned code points, and line and paragraph separators."""

_JOINERS = "\u200c\u200d"
"""Format characters that some languages, and emoji, need."""

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:-]+")
"""A word that has no special meaning in any shell."""

_WORD_CATEGORIES = ("Lu", "Ll", "Lt", "Lo", "Mn", "Mc", "Nd")
"""Letters and digits of all languages, without modifier letters: Windows turns some of them into quotation marks."""


def printable(text: str, max_characters: int | None = None) -> str:
    """Returns `text` on one line; invisible characters are escaped as in JSON: a line break as `\\n`, ESC as `\\u001b`.

    Text that is longer than `max_characters` is cut and ends in an ellipsis.
    """
    if max_characters is not None and len(text) > max_characters:
        text = f"{text[: max_characters - 1]}…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(json.dumps(character)[1:-1] if _is_invisible(character) else character for character in text)


def word_for_command(text: str, placeholder: str) -> str:
    """Returns `text` as one word of a command for any shell, or `placeholder` if it has other than harmless characters.

    Harmless are letters, digits, spaces and ``_./:+@-``, with no `-` or space at the beginning. Quoting is not enough:
    each shell has other rules, and PowerShell treats typographic apostrophes as quotation marks too.
    """
    if text.startswith(("-", " ")) or not text or not all(map(_is_harmless, text)):
        return placeholder
    return text if _PLAIN_WORD.fullmatch(text) else f"'{text}'"


def file_for_command(name: str, placeholder: str) -> str:
    """Returns a file's name as a word of a command, with `./`: without it, `-i` is an option and `http:a` a URL."""
    return word_for_command(f"./{name}", f"./{placeholder}")


def file_name(text: str) -> str:
    """Returns `text` as one part of a path on any system: letters, digits, spaces and ``-_.()``, no dot at either end.

    Other characters become `_`. The result may be empty.
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
