"""Notices: people read them, and SNS must accept their subjects."""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videojobs.foreign_text import printable
from videojobs.jobs.costs import PRICES_AS_OF
from videojobs.jobs.ledger import Job
from videojobs.jobs.media_outputs import ANNOTATION, DATASET
from videojobs.jobs.options import Model, Options
from videojobs.jobs.remedies import suggest_remedy
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.uploads import Rejection, Upload
from videojobs.notices.notices import (
    MESSAGE_MAX_BYTES,
    Notice,
    compose_annotated,
    compose_cancellation,
    compose_console_url,
    compose_dataset,
    compose_done,
    compose_failure,
    compose_missing_output,
    compose_rejection,
    compose_stored,
)
from videojobs.notices.share_links import ShareLink
from videojobs.outputs.region_summary import PolygonSummary, RegionSummaries
from videojobs.outputs.summary import ClassSummary, ModelSummary, Summary
from videojobs.results.rules import RuleOutcome, RulesOutcome

HANDS = Model("hands", "4", "object-detection")
ROOM = Model("room", "1", "classification")


def make_job(key: str = "line 3/belt.mp4", models: tuple[Model, ...] = (HANDS, ROOM)) -> Job:
    upload = Upload(bucket="uploads", key=key, size_bytes=1, etag="etag", version_id="v1")
    return Job.begin(
        upload,
        1,
        "job-1",
        Options(models, 5, "presigned"),
        now=datetime(2026, 11, 2, tzinfo=UTC),
        deadline_seconds=3600,
    )


def make_summary() -> Summary:
    summary = Summary((HANDS, ROOM))
    rock = ClassSummary(
        count=1200,
        frames=50,
        first_seen_seconds=0.0,
        last_seen_seconds=3725.5,
        peak=31,
        peak_at_seconds=62.2,
        confidences=1200,
        confidence_sum=1092.0,
    )
    paper = ClassSummary(count=7, frames=7, first_seen_seconds=1.0, last_seen_seconds=9.5, peak=1, peak_at_seconds=1.0)
    summary.models["hands"] = ModelSummary(
        frames=50, failed_frames=3, embeddings=0, predictions=1207, classes={"Paper": paper, "Rock": rock}
    )
    summary.models["room"] = ModelSummary(frames=50)
    return summary


def make_done(job: Job, rules: RulesOutcome | None = None, *, summary: Summary | None = None) -> Notice:
    return compose_done(
        job,
        summary or make_summary(),
        age_seconds=125,
        polls=1,
        cost_usd=0.00214,
        share_link=ShareLink("https://share.example.com/s/token", datetime(2026, 11, 9, 8, 30, tzinfo=UTC)),
        results_uri="s3://results/results/line 3/belt.mp4/job-1/results.json",
        console_url=compose_console_url("aws", "eu-central-1", "results", "results/line 3/belt.mp4/job-1/results.json"),
        failed_outputs={},
        rules=rules,
    )


def test_a_notice_says_what_ran_and_what_was_found() -> None:
    notice = make_done(make_job())
    assert notice.subject == "belt.mp4: Rock 31 at once, Paper"
    assert notice.message == (
        "hands:\n"
        "Rock: up to 31 at once, 0:00 to 1:02:05\n"
        "Paper: 0:01 to 0:09\n"
        "Failed on 3 of 50 frames.\n"
        "room:\n"
        "Nothing was found.\n"
        "\n"
        "Look: https://share.example.com/s/token\n"
        "Anyone with this link can open it until 2026-11-09 08:30 UTC.\n"
        "\n"
        "Video: s3://uploads/line 3/belt.mp4\n"
        "Model: hands version 4 (object-detection)\n"
        "Model: room version 1 (classification)\n"
        "Frames: 50 (5 a second)\n"
        "Took: 2 min 5 s, 1 poll\n"
        f"Cost: $0.0021 on AWS, at us-east-1's prices of {PRICES_AS_OF}\n"
        "Results: s3://results/results/line 3/belt.mp4/job-1/results.json\n"
        "Console: https://eu-central-1.console.aws.amazon.com/s3/object/results?region=eu-central-1"
        "&prefix=results%2Fline%203%2Fbelt.mp4%2Fjob-1%2Fresults.json\n"
        "Job: job-1\n"
        "\n"
        "hands found:\n"
        "Rock: 1,200 in 50 of 50 frames, 0:00 to 1:02:05, 31 at once at 1:02, confidence 0.91\n"
        "Paper: 7 in 7 of 50 frames, 0:01 to 0:09\n"
        "Failed on 3 of 50 frames (6.0%).\n"
        "\n"
        "room found:\n"
        "nothing"
    )


def test_the_link_comes_after_as_many_sentences_as_fit() -> None:
    regions: RegionSummaries = {f"{it} {'安' * 50}": {"帽" * 100: PolygonSummary(entries=1)} for it in range(20)}
    summary = Summary(())
    summary.models = {f"m{number}": ModelSummary(frames=9, regions=regions) for number in range(20)}
    message = make_done(make_job(), summary=summary).message
    sentences, rest = message.split("\n\n", 1)
    assert len(sentences.encode()) < 65_000
    assert rest.startswith("Look: https://share.example.com/s/token\n")
    last = sentences.splitlines()[-1]
    assert last == f"and {20 * 22 - len(sentences.splitlines()) + 1} more lines, which are in the report"


MENDED = "aws s3 cp ./belt.mp4 's3://uploads/line 3/belt.mp4'"


def list_places(notice: Notice, *words: str) -> list[int]:
    return [notice.message.index(some) for some in words]


def test_after_a_failure_of_the_api_a_repaired_video_is_suggested_first_and_a_retry_last() -> None:
    notice = compose_failure(make_job(), "The model was not found.", age_seconds=5, api_failed=True)
    assert notice.subject == "belt.mp4: failed: The model was not found."
    said = "Reason: The model was not found."
    places = list_places(notice, said, MENDED, "as a new job that is billed", "videoinfer retry job-1")
    assert places == sorted(places)
    assert "--metadata" not in notice.message
    assert "redeliver" not in notice.message


def test_after_any_other_failure_free_commands_are_suggested_first() -> None:
    notice = compose_failure(make_job(), "Not done after 3 h 0 min.", age_seconds=5, api_failed=False)
    assert notice.subject == "belt.mp4: failed: Not done after 3 h 0 min."
    redeliver, retry = "videoinfer redeliver job-1", "videoinfer retry job-1"
    bills_nothing, bills = "To ask it again, which is not billed", "as a new job that is billed"
    places = list_places(notice, "Reason: Not done", bills_nothing, redeliver, bills, retry)
    assert places == sorted(places)
    assert MENDED not in notice.message


def test_a_cancellation_says_that_the_api_still_bills_the_job() -> None:
    notice = compose_cancellation(make_job(), "A person cancelled it.", age_seconds=5)
    bill = "The API has no call that cancels: it finishes the job and bills all of it."
    redeliver = "run this when it has finished:\n\n  videoinfer redeliver job-1"
    places = list_places(notice, bill, redeliver, "as a new job that is billed", "videoinfer retry job-1")
    assert places == sorted(places)


def test_a_rejection_says_why_and_what_to_run() -> None:
    upload = make_job("a.mov").upload
    notice = compose_rejection(upload, Rejection("Not taken.", "ffmpeg …"), Unanswered())
    assert notice.subject == "a.mov: rejected: Not taken."
    assert notice.message.startswith("Reason: Not taken.\n\n")
    assert "nothing was billed" in notice.message
    assert "\n  ffmpeg …\n\nVideo: s3://uploads/a.mov" in notice.message


def test_a_digest_gets_the_first_moment_when_a_condition_held() -> None:
    held = (
        RuleOutcome(name="a", held=True, times=2, moments=(75.5, 90.0)),
        RuleOutcome(name="b", held=True, times=1, moments=(12.9,)),
        RuleOutcome(name="c", held=False),
    )
    assert make_done(make_job(), RulesOutcome(combination="any", conditions=held)).moment == 12
    assert make_done(make_job(), RulesOutcome(combination="any", conditions=held[2:])).moment is None
    assert make_done(make_job()).moment is None


def test_a_digest_gets_a_rejection_s_command_if_it_is_short() -> None:
    upload = make_job("a.mov").upload
    notice = compose_rejection(upload, Rejection("Not taken.", "ffmpeg …"), Unanswered())
    assert notice.next_step == "ffmpeg …"
    notice = compose_rejection(upload, Rejection("Not taken.", "videoinfer retry x", "PrefixRoutes"), Unanswered())
    correct = "Correct the stack's parameter PrefixRoutes (sam deploy --guided), then run:"
    assert notice.next_step == f"{correct}\nvideoinfer retry x"
    assert compose_rejection(upload, Rejection("Not taken.", "x" * 801), Unanswered()).next_step == ""


@given(st.text(max_size=300), st.text(max_size=300))
def test_sns_accepts_every_subject(key: str, reason: str) -> None:
    job = make_job(key)
    for notice in (make_done(job), compose_failure(job, reason, age_seconds=5, api_failed=True)):
        assert len(notice.subject) <= 99
        assert notice.subject.isascii()
        assert notice.subject.isprintable()
        assert not notice.subject.startswith(" ")


def test_a_long_name_in_a_subject_keeps_its_end_and_a_long_reason_its_beginning() -> None:
    job = make_job("line 3/" + "camera " * 30 + "Größe.mp4")
    assert make_done(job).subject == "...camera camera camera camera Gro?e.mp4: Rock 31 at once, Paper"
    subject = compose_failure(job, "It failed. " * 30, age_seconds=5, api_failed=True).subject
    assert subject.endswith(" Gro?e.mp4: failed: It failed. It failed. It failed. It failed. It...")
    assert len(subject) == 99


HOSTILE = [
    "a\nJob: job-2",
    "a\r\nb",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202egpj.exe",
    "a\u2028b",
    "\ud800",
    "\0",
    "x" * 9000,
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))


LABELS = {
    "Video",
    "Look",
    "Watch",
    "File",
    "Next",
    "Audio",
    "Model",
    "Frames",
    "Took",
    "Cost",
    "Results",
    "Console",
    "Job",
    "Reason",
}


def list_labels(lines: list[str]) -> list[str]:
    return [line.partition(": ")[0] for line in lines if line.partition(": ")[0] in LABELS]


keys = texts.filter(lambda text: text != "\ud800").map(lambda text: f"{text}.mp4")
"""S3's keys are UTF-8."""


@pytest.mark.slow
@settings(deadline=None)
@given(key=keys, model_id=texts, class_name=texts, reason=texts, job_id=texts)
def test_no_foreign_text_forges_a_line_or_a_command(
    key: str, model_id: str, class_name: str, reason: str, job_id: str
) -> None:
    """With any names, a mail has the same lines as with harmless ones, and no invisible characters."""

    def compose_all(key: str, model_id: str, class_name: str, reason: str, job_id: str) -> list[Notice]:
        model = Model(model_id, "1", "object-detection")
        job = replace(make_job(key, (model,)), job_id=job_id)
        summary = Summary((model,))
        summary.models[model_id] = ModelSummary(
            frames=1,
            failed_frames=0,
            embeddings=0,
            predictions=1,
            classes={class_name: ClassSummary(count=1, frames=1)},
        )
        link = ShareLink("https://share.example.com/s/token", datetime(2026, 11, 9, 8, 30, tzinfo=UTC))
        uri = f"s3://results/{key}/{job_id}/results.json"
        rejection = Rejection(reason, suggest_remedy(job.upload))
        return [
            compose_done(
                job,
                summary,
                age_seconds=1,
                polls=1,
                cost_usd=0.1,
                share_link=link,
                results_uri=uri,
                console_url="url",
                failed_outputs={"csv": reason},
            ),
            compose_stored(job, reason, results_uri=uri, failed_outputs={"csv": reason}),
            compose_annotated(job, link.url, link.expires_at, uri, cost_usd=0.1, job_cost_usd=0.2, left_out_sounds=1),
            compose_dataset(
                job,
                link.url,
                link.expires_at,
                uri,
                folder_uri=uri,
                cost_usd=0.1,
                job_cost_usd=0.2,
                pictures=3,
                left_out_frames=1,
            ),
            compose_missing_output(job, ANNOTATION, reason),
            compose_missing_output(job, DATASET, reason),
            compose_missing_output(job, DATASET, reason, refused=True, kept_uri=uri),
            compose_failure(job, reason, age_seconds=1, api_failed=True),
            compose_failure(job, reason, age_seconds=1, api_failed=False),
            compose_cancellation(job, reason, age_seconds=1),
            compose_rejection(job.upload, rejection, Unanswered()),
        ]

    expected = compose_all("belt.mp4", "m", "c", "Because.", "job-1")
    for hostile, harmless in zip(compose_all(key, model_id, class_name, reason, job_id), expected, strict=True):
        lines, wanted = hostile.message.split("\n"), harmless.message.split("\n")
        assert list_labels(lines) == list_labels(wanted)
        assert len(lines) == len(wanted)
        for line in lines:
            assert line == printable(line)
        commands = [line for line in lines if re.match(r"  (aws|ffmpeg|videoinfer) ", line)]
        commands = [command.removesuffix(" &&") for command in commands]
        for command in commands:
            assert all(c.isalnum() or c in " ./:'=+@-_" or unicodedata.category(c)[0] == "M" for c in command)


def test_a_notice_that_is_shortened_says_so(aws: Any) -> None:
    aws.sender.topic.publish(Notice(outcome="done", subject="a: Rock", message="ü" * MESSAGE_MAX_BYTES))
    [notice] = aws.notices()
    assert notice["Message"].endswith("(The rest is too long for a notice.)")
    assert len(notice["Message"].encode()) <= 256 * 1024
