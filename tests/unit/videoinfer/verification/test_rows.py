"""The table of outcomes, for people and for programs."""

import json

from videoinfer.verification.rows import HEADING, compose_cells, compose_report, compose_total
from videoinfer.verification.verdicts import (
    CheckOutcome,
)

OUTCOMES = [
    CheckOutcome(check="job", level="ok", what="done, 4 polls", seconds=61.2, cost_usd=0.0008),
    CheckOutcome(check="metrics", level="unseen", what="Not seen yet: Polls", seconds=300.0, cost_usd=None),
    CheckOutcome(check="tables", level="wrong", what="frames has {}", seconds=1.5, cost_usd=0.0001),
]


def test_rows_fit_the_width_and_have_a_total() -> None:
    rows = ["  " + "  ".join(compose_cells(outcome)) for outcome in OUTCOMES]
    assert {len(row) for row in rows} == {HEADING.index("  WHAT")}
    assert "1 ok, 1 not seen, 1 wrong, in 363 s; $0.0009 on AWS" in compose_total(OUTCOMES)


def test_json_output_has_the_same_outcomes() -> None:
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
