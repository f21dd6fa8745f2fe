"""Sending a video fits into one invocation; test_create_job.py tests its outcomes."""

from tests.templates import find_resources
from videojobs.api.client import STORAGE_ANSWER_TIMEOUT_SECONDS
from videojobs.create_job import CREATION_SECONDS
from videojobs.jobs.sending import LAST_SECONDS, SENT_VIDEO_MAX_BYTES

NETWORK_MEGABYTES_PER_SECOND = 60
"""The observed rate at which a function of 512 MB copies from S3 to S3; docs/decisions.md has the source."""


def test_sending_leaves_time_for_the_later_steps() -> None:
    assert LAST_SECONDS >= STORAGE_ANSWER_TIMEOUT_SECONDS + CREATION_SECONDS


def test_an_invocation_gets_only_one_message() -> None:
    mapping = find_resources("pipeline", "AWS::Lambda::EventSourceMapping")["UploadsMapping"]
    assert mapping["Properties"]["BatchSize"] == 1


def test_the_largest_video_takes_a_fraction_of_the_time() -> None:
    function = find_resources("pipeline", "AWS::Serverless::Function")["CreateJobFunction"]["Properties"]
    needed = SENT_VIDEO_MAX_BYTES / 1000**2 / (function["Timeout"] - LAST_SECONDS)
    assert function["MemorySize"] >= 512
    assert needed < NETWORK_MEGABYTES_PER_SECOND / 5
