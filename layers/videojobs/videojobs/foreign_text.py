"""Text that strangers chose: the names of uploads, models and classes, and what an API answers.

It may hold whatever a string can. Before it gets into a file name, a mail, a terminal or a command it passes one of
these.
"""

import unicodedata

FILE_NAME_MAX_CHARACTERS = 80


def name_file(text: str) -> str:
    """`text` as one part of a path on any system: letters, digits and ``-_.()`` and spaces, no dot at either end.

    Everything else becomes `_`. Empty where nothing is left.
    """
    name = "".join(character if _is_in_name(character) else "_" for character in unicodedata.normalize("NFC", text))
    return name[:FILE_NAME_MAX_CHARACTERS].strip(". ")


def _is_in_name(character: str) -> bool:
    return character in "-_.() " or unicodedata.category(character)[0] in "LMN"
