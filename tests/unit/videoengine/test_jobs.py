"""The records of jobs."""

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import pytest
from botocore.exceptions import ClientError

from tests.stand_ins.engine import EngineInProcess
from videoengine.job_requests import ModelRequest
from videoengine.jobs import Job, JobStatus

JOB = Job(
    job_id="a-job",
    infer_fps=Fraction(2997, 100),
    models=(ModelRequest("bottles", "4", "object-detection", 0.4, 0.3),),
    video_key="jobs/a-job/video",
    input_url="https://example.com/video.mp4?signature=secret",
    created_at=1_700_000_000,
)


@pytest.fixture
def written(engine: EngineInProcess) -> EngineInProcess:
    engine.jobs.put(JOB, retention_days=7)
    return engine


@pytest.mark.parametrize("job", [JOB, replace(JOB, input_url=None), replace(JOB, infer_seconds=1.25)])
def test_a_job_is_read_as_it_was_stored(job: Job, engine: EngineInProcess) -> None:
    engine.jobs.put(job, retention_days=7)
    assert engine.jobs.get(job.job_id) == job


def test_a_job_that_was_never_stored_does_not_exist(engine: EngineInProcess) -> None:
    assert engine.jobs.get("a-job") is None


def test_a_record_expires_after_the_retention_period(written: EngineInProcess) -> None:
    item = written.dynamodb.get_item(TableName="jobs", Key={"job_id": {"S": "a-job"}})["Item"]
    assert item["expires_at"] == {"N": str(1_700_000_000 + 7 * 86_400)}


def test_the_video_s_url_is_deleted_once_it_is_fetched(written: EngineInProcess) -> None:
    written.jobs.forget_input_url("a-job")
    assert written.jobs.get("a-job") == replace(JOB, input_url=None)


def test_a_finished_job_is_done(written: EngineInProcess) -> None:
    written.finish("a-job")
    assert written.find_job("a-job").status is JobStatus.DONE


def test_a_failed_job_keeps_its_first_reason_but_not_the_video_s_url(written: EngineInProcess) -> None:
    written.fail("a-job", "The video is an empty file")
    written.fail("a-job", "A step failed")
    expected = replace(JOB, status=JobStatus.FAILED, error="The video is an empty file", input_url=None, cost_usd=1.0)
    assert written.jobs.get("a-job") == expected


def test_a_done_job_stays_done(written: EngineInProcess) -> None:
    """The answer to the write of its status may be lost, again and again. A client may have read it already."""
    written.finish("a-job")
    done = written.find_job("a-job")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        written.fail("a-job", "The engine could not record the progress of the job")
    assert written.find_job("a-job") == done


def test_a_failed_job_stays_failed(written: EngineInProcess) -> None:
    """An Express execution runs again at times: once a segment may fail, and once not, so that the map goes on."""
    written.fail("a-job", "The model has been deleted")
    failed = written.find_job("a-job")
    written.finish("a-job")
    assert written.find_job("a-job") == failed


def test_an_expired_record_does_not_come_back(engine: EngineInProcess) -> None:
    writes = (
        engine.jobs.forget_input_url,
        engine.finish,
        lambda job_id: engine.fail(job_id, "It failed"),
        lambda job_id: engine.jobs.fail(job_id, "It failed"),
    )
    for write in writes:
        with suppress(ClientError):
            write("a-job")
        assert engine.jobs.get("a-job") is None


def test_one_poll_is_allowed_per_interval(written: EngineInProcess) -> None:
    polls = [written.jobs.remember_poll("a-job", now, 60) for now in (1000, 1000, 1001, 1059, 1060, 1061)]
    assert polls == [0, 60, 59, 1, 0, 59]


def test_a_poll_does_not_bring_an_expired_record_back(engine: EngineInProcess) -> None:
    assert engine.jobs.remember_poll("a-job", 1000, 60) > 0
    assert engine.jobs.get("a-job") is None
