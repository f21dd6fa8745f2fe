from dataclasses import replace
from typing import Any, get_args

import pytest

from tests.digest_story import make_notice
from tests.templates import read_template
from videojobs.jobs.ledger import NO_PROBLEM, NOT_SENT, Job
from videojobs.jobs.media_outputs import DATASET
from videojobs.jobs.unanswered import Unanswered
from videojobs.notices.found import Found
from videojobs.notices.notices import (
    Notice,
    Outcome,
    compose_cancellation,
    compose_failure,
    compose_late_done,
    compose_missing_output,
    compose_stored,
    mention_unanswered,
)
from videojobs.notices.sender import Mode, describe_sending


def test_the_template_knows_every_mode() -> None:
    parameter = read_template("pipeline")["Parameters"]["Notices"]
    assert parameter["AllowedValues"] == list(get_args(Mode.__value__))
    assert parameter["Default"] == "each"


@pytest.mark.slow
@pytest.mark.parametrize("outcome", get_args(Outcome.__value__))
@pytest.mark.parametrize("rules", [(), ("door at night",)])
@pytest.mark.parametrize("mode", get_args(Mode.__value__))
def test_a_notice_is_sent_kept_or_left_out(aws: Any, mode: Mode, outcome: Outcome, rules: tuple[str, ...]) -> None:
    template, upload = make_notice(1)
    notice = replace(template, outcome=outcome, subject=f"{outcome}: a", message="A message.", found=Found(rules=rules))
    notice_id = replace(aws.sender, mode=mode).send(notice, upload, 1)
    sent = mode == "each" or (
        mode == "problems" and (bool(rules) or outcome in ("failed", "rejected", "not-annotated", "no-dataset"))
    )
    assert [it["MessageId"] for it in aws.notices()] == ([notice_id] if sent else [])
    assert [it.id for it in aws.sender.pending.read()] == ([notice_id] if mode == "digest" else [])
    is_left_out = mode == "problems" and not sent
    recorded = (
        {"notice_id": NOT_SENT, "no_notice": NO_PROBLEM} if is_left_out else {"notice_id": notice_id, "no_notice": None}
    )
    assert describe_sending(notice_id) == recorded


@pytest.mark.parametrize(
    ("compose", "is_problem"),
    [
        (lambda job: compose_failure(job, "It failed.", age_seconds=1, api_failed=True), True),
        (lambda job: compose_missing_output(job, DATASET, "It failed."), True),
        (lambda job: compose_stored(job, "It failed.", results_uri="s3://r/k", failed_outputs={"csv": "full"}), True),
        (lambda job: compose_late_done(job, "It failed.", age_seconds=1), True),
        (lambda job: compose_cancellation(job, "It failed.", age_seconds=1), False),
    ],
)
def test_a_notice_says_what_a_digest_needs(job: Job, compose: Any, is_problem: bool) -> None:
    notice: Notice = compose(job)
    assert notice.is_problem == is_problem
    assert notice.brief == "It failed."
    assert notice.video == job.upload.uri


def test_a_job_that_may_have_been_billed_twice_is_a_problem() -> None:
    notice, _ = make_notice(1)
    assert not notice.is_problem
    told = mention_unanswered(notice, Unanswered(1, "2026-11-28T22:00:00+00:00"))
    assert told.is_problem
    assert told.brief.startswith("538 person, 12 car ")
