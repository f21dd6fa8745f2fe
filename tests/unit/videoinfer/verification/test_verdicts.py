"""Foreign text, secrets and AWS's refusals in the table of outcomes."""

import pytest

from videoinfer.verification.verdicts import (
    WORDS_MAX_CHARACTERS,
    Verdict,
    judge,
    ok,
    unseen,
    wrong,
)

TOKEN = "WyJjbGlwIiwxLDE3OTY0NzQ3MjRd.ltn8aZClPnD026WLeWNQGd7a1XB8Si4nCVhQpOv066U"


@pytest.mark.parametrize("make", [ok, wrong, unseen])
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a\x1b[2Jb\x9bc\u202ed\x07", r"a\u001b[2Jb\u009bc\u202ed\u0007"),
        ("two\nlines\r\n", "two lines"),
        (f"at https://api.example.com/s/{TOKEN}/video", "at https://api.example.com/s/[redacted]/video"),
        ("at https://s3/clip.mp4?X-Amz-Signature=abc", "at https://s3/clip.mp4?[redacted]"),
        ("安全帽 ü", "安全帽 ü"),
    ],
)
def test_foreign_text_is_safe_to_show(make: type[Verdict], words: str, shown: str) -> None:
    assert make(words).what == shown  # type: ignore[call-arg,arg-type]


def test_long_text_is_shortened() -> None:
    assert len(wrong("x" * 10_000).what) == WORDS_MAX_CHARACTERS


def test_all_faults_are_reported() -> None:
    assert judge([], "fine").level == "ok"
    assert judge(["One.", "Two."], "fine", 0.5) == Verdict("wrong", "One. Two.", 0.5)
