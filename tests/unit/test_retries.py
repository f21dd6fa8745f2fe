"""How often and how long operations are retried: each figure has one source, and every text agrees with it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.templates import ROOT, STATE_MACHINES, find_resources, read_definition, read_template
from videojobs.api.turns import PAUSE_SECONDS_MAX
from videojobs.create_job import BROKEN_ANSWERS_MAX
from videojobs.jobs.sending import SENDS_MAX
from videojobs.jobs.uploads_queue import POSTPONE_SECONDS_MAX, POSTPONE_SECONDS_MIN, RECEIVES_MAX
from videojobs.jobs.waiting import LAST_TRIES_SECONDS

TEXTS = (
    *sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]),
    ROOT / "template.yaml",
    ROOT / "statemachine" / "video_job.asl.json",
    *sorted([*ROOT.glob("videoinfer/**/*.py"), *ROOT.glob("layers/videojobs/videojobs/**/*.py")]),
)

NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "ten": 10,
    "hundred": 100,
    "a hundred": 100,
}
NUMBER = rf"(a hundred|{'|'.join(NUMBERS)}|[0-9,]+)"

FIGURES: Mapping[str, int | str] = {
    rf"failed {NUMBER} times": RECEIVES_MAX,
    rf"not sent {NUMBER} times": RECEIVES_MAX,
    rf"{NUMBER} times \(about a day\)": RECEIVES_MAX,
    rf"the queue's {NUMBER}\b": RECEIVES_MAX,
    rf"5,400 s for 900 s, {NUMBER}": RECEIVES_MAX,
    rf"cut off {NUMBER} times": SENDS_MAX,
    rf"[Aa]fter {NUMBER} (?:broken|invalid) answers": BROKEN_ANSWERS_MAX,
    rf"{NUMBER} hours after (?:the|a|its) (?:job's )?deadline": LAST_TRIES_SECONDS // 3600,
    rf"growing delay, from {NUMBER} seconds": POSTPONE_SECONDS_MIN,
    rf"seconds to at most {NUMBER} minutes": POSTPONE_SECONDS_MAX // 60,
    rf"tried {NUMBER} times, since each try is paid for": "Lambda.Unknown",
}
"""Patterns of sentences with a number, and the number; a retrier's number is found by the error that it retries."""


def read_number(words: str) -> int:
    return NUMBERS[words] if words in NUMBERS else int(words.replace(",", ""))


def find_retrier(state: str, error: str) -> dict[str, Any]:
    retrier: dict[str, Any]
    [retrier] = [it for it in read_definition("pipeline")["States"][state]["Retry"] if error in it["ErrorEquals"]]
    return retrier


def test_every_text_states_the_configured_figure() -> None:
    texts = {path: path.read_text() for path in TEXTS}
    found = [
        (show(path), pattern, words)
        for path, text in texts.items()
        for pattern in FIGURES
        for words in re.findall(pattern, text)
    ]
    assert len(found) >= 10, "the sentences have other words now: adapt the patterns"
    assert [it for it in found if read_number(it[2]) != find_figure(FIGURES[it[1]])] == []


def find_figure(source: int | str) -> int:
    return int(find_retrier("Deliver Results", source)["MaxAttempts"]) if isinstance(source, str) else source


def show(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_uploads_queue_gives_up_after_as_many_tries_as_the_texts_say() -> None:
    queue = find_resources("pipeline", "AWS::SQS::Queue")["UploadsQueue"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == RECEIVES_MAX


def test_the_report_of_a_failed_execution_is_tried_for_a_day() -> None:
    queue = find_resources("pipeline", "AWS::SQS::Queue")["ExecutionEndsQueue"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"] == 24 * 3600
    alarm = read_template("pipeline")["Resources"]["UnreportedEndsAlarm"]["Properties"]["AlarmDescription"]
    assert "for a day" in alarm


def test_no_two_tries_are_farther_apart_than_the_texts_say() -> None:
    """The limit is 15 minutes: in the uploads queue, between failing polls, and when the API asks for a pause."""
    delays = [find_retrier(state, "States.ALL")["MaxDelaySeconds"] for state in ("Check Job", "Deliver Results")]
    assert {*delays, POSTPONE_SECONDS_MAX, PAUSE_SECONDS_MAX} == {15 * 60}


def test_every_task_retries_lambda_s_refusals_in_the_same_way() -> None:
    retriers = [
        retrier
        for machine in STATE_MACHINES
        if machine != "engine"
        for state in read_definition(machine)["States"].values()
        for retrier in state.get("Retry", [])
        if "Lambda.TooManyRequestsException" in retrier["ErrorEquals"]
    ]
    assert len(retriers) >= 6
    assert all(retrier == retriers[0] for retrier in retriers)
