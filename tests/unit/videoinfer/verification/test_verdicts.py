"""Words of others, secrets and refusals on their way into the table."""

import json

import pytest
from botocore.exceptions import ClientError

from videoinfer.verification.looking import look
from videoinfer.verification.rows import HEADING, compose_cells, compose_report, compose_total
from videoinfer.verification.verdicts import (
    WORDS_MAX_CHARACTERS,
    CheckOutcome,
    Unavailable,
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
def test_words_of_others_are_safe_to_show(make: type[Verdict], words: str, shown: str) -> None:
    assert make(words).what == shown  # type: ignore[call-arg,arg-type]


def test_words_without_end_are_cut() -> None:
    assert len(wrong("x" * 10_000).what) == WORDS_MAX_CHARACTERS


def test_all_faults_are_told() -> None:
    assert judge([], "fine").level == "ok"
    assert judge(["One.", "Two."], "fine", 0.5) == Verdict("wrong", "One. Two.", 0.5)


def test_what_can_not_be_looked_at_is_wrong() -> None:
    def refuse() -> Verdict:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Not you."}}, "StartQueryExecution")

    def miss() -> Verdict:
        raise Unavailable("s3://results/results.json is not there.")

    assert look("tables", refuse).what.startswith("Could not look. AWS refused StartQueryExecution: Not you. ")
    outcome = look("results.json", miss)
    assert (outcome.check, outcome.level) == ("results.json", "wrong")
    assert outcome.what == "s3://results/results.json is not there."


OUTCOMES = [
    CheckOutcome(check="job", level="ok", what="done, 4 polls", seconds=61.2, cost_usd=0.0008),
    CheckOutcome(check="metrics", level="unseen", what="Not seen yet: Polls", seconds=300.0, cost_usd=None),
    CheckOutcome(check="tables", level="wrong", what="frames has {}", seconds=1.5, cost_usd=0.0001),
]


def test_rows_have_a_width_and_a_total() -> None:
    rows = ["  " + "  ".join(compose_cells(outcome)) for outcome in OUTCOMES]
    assert {len(row) for row in rows} == {HEADING.index("  WHAT")}
    assert "1 ok, 1 not seen, 1 wrong, in 363 s; $0.0009 on AWS" in compose_total(OUTCOMES)


def test_programs_read_the_same() -> None:
    report = json.loads(json.dumps(compose_report(OUTCOMES)))
    assert report["passed"] is False
    assert compose_report(OUTCOMES[:2])["passed"] is True
    assert report["cost_usd"] == 0.0009
    assert report["checks"][1] == {
        "check": "metrics",
        "level": "unseen",
        "what": "Not seen yet: Polls",
        "seconds": 300.0,
        "cost_usd": None,
    }
