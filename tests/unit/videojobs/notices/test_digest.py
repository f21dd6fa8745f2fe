import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.foreign_text import printable
from videojobs.notices.digest import MESSAGE_MAX_BYTES, compose_digest
from videojobs.notices.notices import SUBJECT_MAX_CHARACTERS, Outcome
from videojobs.notices.pending_notices import PendingNotice

LINK = "https://share.example.com/s/token"
OUTCOMES = get_args(Outcome.__value__)


def pend(number: int = 0, outcome: Outcome = "done", **changes: Any) -> PendingNotice:
    values = {
        "id": f"u{number}/1/first/{outcome}",
        "upload_id": f"u{number}",
        "attempt": 1,
        "recorded_at": f"2026-11-28T22:{number % 60:02}:00+00:00",
        "outcome": outcome,
        "video": f"s3://uploads/{number}.mp4",
        "brief": "person: 4 visits",
        "rules": (),
        "is_problem": outcome in ("failed", "rejected", "not-annotated"),
    }
    return PendingNotice(**{**values, **changes})


def test_conditions_that_held_come_first_then_problems_then_the_others() -> None:
    notices = [
        pend(1),
        pend(2, "failed", brief="The GPU is on fire."),
        pend(3, rules=("door at night",), brief="door at night: once; person: 4 visits"),
        pend(4, "cancelled", brief="Ana cancelled it."),
        pend(5, "done", is_problem=True, brief="missing: csv"),
        pend(6, "rejected", next_step="Correct it, then run:\n  aws s3 cp …"),
    ]
    digest = compose_digest(notices, lambda notice: f"{LINK}-{notice.upload_id}")
    assert digest.subject == "Digest: 1 failed, 1 rejected, 3 done (1 with a condition that held), 1 cancelled"
    assert (
        digest.message
        == f"""\
6 notices from 2026-11-28 22:01 to 2026-11-28 22:06 UTC
1 failed, 1 rejected, 3 done (1 with a condition that held), 1 cancelled

A CONDITION HELD

done: 3.mp4
  door at night: once; person: 4 visits
  {LINK}-u3
  s3://uploads/3.mp4

PROBLEMS

failed: 2.mp4
  The GPU is on fire.
  videoinfer show u2-1
  s3://uploads/2.mp4

done: 5.mp4
  missing: csv
  {LINK}-u5
  videoinfer show u5-1
  s3://uploads/5.mp4

rejected: 6.mp4
  person: 4 visits
  Correct it, then run:
  aws s3 cp …
  s3://uploads/6.mp4

OTHERS

done: 1.mp4
  person: 4 visits
  {LINK}-u1
  s3://uploads/1.mp4

cancelled: 4.mp4
  Ana cancelled it.
  s3://uploads/4.mp4"""
    )


def test_a_digest_counts_what_does_not_fit() -> None:
    notices = [pend(number, brief="ü" * 400) for number in range(5_000)]
    notices[4_999] = pend(4_999, "failed", brief="The GPU is on fire.")
    digest = compose_digest(notices, lambda _: LINK)
    assert len(json.dumps(digest.message)) <= MESSAGE_MAX_BYTES
    assert "1 failed, 4,999 done" in digest.message.splitlines()
    assert "The GPU is on fire." in digest.message
    told = digest.message.count("s3://uploads/")
    assert told > 30
    assert digest.message.endswith(
        f"\n\n{5_000 - told:,} more did not fit. To list all jobs, run:\n\n  videoinfer jobs"
    )


@pytest.mark.slow
@given(
    st.lists(
        st.builds(
            pend,
            st.integers(0, 9_999),
            st.sampled_from(OUTCOMES),
            brief=st.text(max_size=400).map(printable),
            video=st.text(min_size=1, max_size=1_024).map(lambda key: printable(f"s3://uploads/{key}")),
            rules=st.lists(st.text(min_size=1), max_size=50).map(tuple),
            is_problem=st.booleans(),
            next_step=st.text(max_size=800).map(printable),
        ),
        min_size=1,
    )
)
def test_any_digest_is_one_that_sns_and_step_functions_accept(notices: list[PendingNotice]) -> None:
    digest = compose_digest(notices, lambda _: LINK)
    assert digest.subject.isascii()
    assert digest.subject.isprintable()
    assert len(digest.subject) <= SUBJECT_MAX_CHARACTERS
    assert len(json.dumps(digest.message)) <= MESSAGE_MAX_BYTES
    # No foreign text can look like a line of its own.
    own = ("A CONDITION HELD", "PROBLEMS", "OTHERS", *(f"{outcome}: " for outcome in OUTCOMES))
    _, _, *lines = digest.message.splitlines()
    assert all(not line or line.startswith((" ", *own)) for line in lines if "more did not fit" not in line)


def test_the_most_counts_fit_into_a_subject() -> None:
    notices = [pend(number, outcome, rules=("a",)) for number in range(2_000) for outcome in OUTCOMES]
    assert len(compose_digest(notices, lambda _: LINK).subject) <= SUBJECT_MAX_CHARACTERS
