"""The real pipeline against a misbehaving API: nothing is lost, and a notice is sent."""

import json
from collections.abc import Iterator

import pytest

from tests.local_aws.pipelines import API_KEY, DeployedPipeline, DeployPipeline
from tests.stand_ins.video_inference_api import RESULTS, Answer, StandInApi, stand_in_api
from tests.waiting import wait_until
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.upload_progress import read_history


@pytest.fixture(scope="module")
def pipeline_and_api(deploy_pipeline: DeployPipeline) -> Iterator[tuple[DeployedPipeline, StandInApi]]:
    with stand_in_api() as api:
        yield deploy_pipeline(ApiUrl=api.url, ApiKey=API_KEY), api


@pytest.fixture
def pipeline(pipeline_and_api: tuple[DeployedPipeline, StandInApi]) -> DeployedPipeline:
    return pipeline_and_api[0]


@pytest.fixture
def api(pipeline_and_api: tuple[DeployedPipeline, StandInApi]) -> StandInApi:
    """A stand-in that answers correctly unless a test sets something else."""
    api = pipeline_and_api[1]
    api.creation = Answer({"job_id": "job-1", "message": ""})
    api.statuses = [api.done()]
    api.results = RESULTS
    api.resets_kept_connections = False
    api.requests.clear()
    return api


RETRY = "videoinfer retry job-1"


def find_execution(pipeline: DeployedPipeline, prefix: str) -> str:
    [arn] = [arn for arn in pipeline.list_executions() if arn.split(":")[-1].startswith(prefix)]
    return arn


@pytest.mark.parametrize(
    ("statuses", "reason", "command"),
    [
        (
            [Answer({"status": 2, "error": "The GPU is on fire."})],
            "The GPU is on fire.",
            "aws s3 cp ./failed.mp4 s3://",
        ),
        ([Answer({"status": 1}), Answer({"status": "paused"})], "an unknown status: paused", RETRY),
        ([Answer({"error": "Job not found"}, 404)], "The API no longer knows the job: Job not found", RETRY),
    ],
    ids=["failed", "unknown", "forgotten"],
)
def test_a_failed_job_is_reported_once(
    pipeline: DeployedPipeline,
    api: StandInApi,
    statuses: list[Answer],
    reason: str,
    command: str,
    request: pytest.FixtureRequest,
) -> None:
    api.statuses = statuses
    upload = pipeline.upload(f"{request.node.callspec.id}.mp4", b"video")

    job = pipeline.wait_for_job(upload)

    assert job["status"] == "failed"
    assert reason in job["error"]
    [notice] = pipeline.take_notices(upload)
    assert ": failed: " in notice.subject
    assert reason in notice.text
    assert command in notice.text
    assert pipeline.list_results(upload) == []


def test_an_unreachable_api_is_called_again(pipeline: DeployedPipeline, api: StandInApi) -> None:
    api.statuses = [Answer(b"<html>Bad gateway</html>", 502), Answer({"status": 1}), Answer({}, 429), api.done()]
    upload = pipeline.upload("patience.mp4", b"video")

    job = pipeline.wait_for_job(upload)

    assert job["status"] == "done", job
    assert api.count("POST", "/videoinfer") == 1
    assert len(pipeline.take_notices(upload)) == 1


def test_a_connection_that_died_between_two_uploads_counts_as_no_unanswered_call(
    pipeline: DeployedPipeline, api: StandInApi
) -> None:
    """The function that creates the second job is still warm from the first."""
    api.resets_kept_connections = True
    for number in (1, 2):
        api.creation = Answer({"job_id": f"kept-{number}", "message": ""})
        job = pipeline.wait_for_job(pipeline.upload(f"kept-{number}.mp4", b"video"))
        assert (job["status"], job["job_id"], job.get("unanswered", 0)) == ("done", f"kept-{number}", 0)


def test_an_upload_during_an_outage_waits_in_the_queue(pipeline: DeployedPipeline, api: StandInApi) -> None:
    api.creation = Answer({}, 503, {"Retry-After": "1"})
    upload = pipeline.upload("outage.mp4", b"video")
    wait_until(lambda: api.count("POST", "/videoinfer") > 0)
    assert pipeline.take_notices(upload) == []

    api.creation = Answer({"job_id": "job-2", "message": ""})
    job = pipeline.wait_for_job(upload)

    assert (job["status"], job["job_id"]) == ("done", "job-2")


def test_results_that_break_the_contract_are_kept(pipeline: DeployedPipeline, api: StandInApi) -> None:
    api.results = b'{"frame_offset": [0, 6], "time_offset": [0.0, 0.2]'
    upload = pipeline.upload("broken.mp4", b"video")

    job = pipeline.wait_for_job(upload)

    assert job["status"] == "failed"
    assert "end in the middle of the JSON" in job["error"]
    assert pipeline.read_results(upload, job["job_id"], "results.json") == api.results


def test_an_overdue_job_is_given_up(aws: EmbeddedAws, pipeline: DeployedPipeline, api: StandInApi) -> None:
    """The deadline passes while it waits: the job's execution is started again with a deadline in the past."""
    api.statuses = [Answer({"status": 1})]
    upload = pipeline.upload("overdue.mp4", b"video")
    wait_until(lambda: api.count("GET", "/videoinfer") > 0)
    sfn = aws.clients.stepfunctions
    arn = find_execution(pipeline, "overdue-mp4-")
    state = json.loads(sfn.describe_execution(executionArn=arn)["input"])

    sfn.start_execution(
        stateMachineArn=pipeline.pipeline.state_machine_arn,
        input=json.dumps({**state, "deadline_at": state["created_at"]}),
    )
    job = pipeline.wait_for_job(upload)
    sfn.stop_execution(executionArn=arn)

    assert job["status"] == "overdue"
    assert "The API says that the job is still running." in job["error"]
    [notice] = pipeline.take_notices(upload)
    assert notice.subject.startswith("overdue.mp4: failed: ")


def test_an_aborted_execution_is_reported(aws: EmbeddedAws, pipeline: DeployedPipeline, api: StandInApi) -> None:
    """EventBridge and the queue between it and the function report it."""
    api.statuses = [Answer({"status": 1})]
    upload = pipeline.upload("aborted.mp4", b"video")
    wait_until(lambda: any("aborted-mp4-" in arn for arn in pipeline.list_executions()))

    aws.clients.stepfunctions.stop_execution(executionArn=find_execution(pipeline, "aborted-mp4-"))

    job = pipeline.wait_for_job(upload)
    assert job["status"] == "failed"
    assert "it has aborted" in job["error"]
    assert len(pipeline.take_notices(upload)) == 1


def test_no_execution_history_contains_a_signed_link(
    aws: EmbeddedAws, pipeline: DeployedPipeline, api: StandInApi
) -> None:
    upload = pipeline.upload("quiet.mp4", b"video")
    job = pipeline.wait_for_job(upload)
    history = json.dumps(read_history(aws.clients, job["execution_arn"]), default=str)
    assert "Deliver Results" in history
    for secret in (API_KEY, "X-Goog-Signature", "X-Amz-Signature"):
        assert secret not in history
