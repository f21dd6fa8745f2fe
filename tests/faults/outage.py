"""A six-hour outage of the API during a bulk upload, against the deployed pipeline, with time running 900 times as
fast.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.faults.bench import Story, find_resource, open_ledger, put_video, read_ends
from tests.faults.table import Expected, Group
from tests.local_aws.pipelines import API_KEY, DeployedPipeline, deploy
from tests.serving import serve
from tests.stand_ins.faulty_api import Fault, FaultyApi, Script
from tests.waiting import wait_until
from videoinfer.local.embedded_aws import EmbeddedAws

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SPEED = 900
OUTAGE_SECONDS = 6 * 3600
WAIT_SCALE = 1 / 60
"""Scales the state machine's waits. The embedded AWS limits waits between tries to 60 s, which stand
for AWS's 900 s.
"""

NEW, RUNNING = 8, 2
"""How many videos are uploaded during the outage, and how many jobs are running when it begins."""

PATIENCE_SECONDS = 180.0
"""How long to wait for what takes seconds on an idle machine: the embedded AWS starts its workers one
after the other.
"""

HIDDEN_SECONDS = 30
"""Seconds for which the queue hides an upload whose worker died. Time runs fast here, so the template's 1.5 hours would
be too long.
"""

TRIES_MIN = 4
"""The fewest tries of each new upload during the outage, even on a busy machine; an idle one makes about thirty."""

_STILL_RUNNING = Script(statuses=[Fault(body={"status": 1})] * 1000)


def outlast_the_outage(aws: EmbeddedAws, api: FaultyApi) -> Group:
    """Runs uploads and jobs through an outage, and returns how they ended once the API was back."""
    group = Group(
        f"the API is down for six hours, in {OUTAGE_SECONDS / SPEED:g} s",
        f"503 to all; {RUNNING} jobs are running, {NEW} videos are uploaded",
    )
    parameters = {
        "ApiUrl": api.url,
        "ApiKey": API_KEY,
        "PollSeconds": "30",
        "Outputs": "",
        "ApiRequestsPerMinute": "0",
    }
    pipeline = deploy(aws, "outage", parameters)
    ledger = open_ledger(pipeline)
    # The embedded AWS starts its workers one after the other; one that starts too slowly dies with its uploads.
    aws.clients.sqs.set_queue_attributes(
        QueueUrl=pipeline.pipeline.uploads_queue_url, Attributes={"VisibilityTimeout": str(HIDDEN_SECONDS)}
    )
    with fast_queue(aws.clients.sqs) as endpoint_url:
        set_variables(aws, pipeline, "CreateJobFunction", {"AWS_ENDPOINT_URL_SQS": endpoint_url})
        running = [f"running-{number}.mp4" for number in range(RUNNING)]
        api.scripts |= dict.fromkeys(running, _STILL_RUNNING)
        stories = [Story(put_video(pipeline, key)) for key in running]
        wait_until(
            lambda: all(api.list_calls("check", story.video) for story in stories), timeout_seconds=PATIENCE_SECONDS
        )
        end = time.monotonic() + OUTAGE_SECONDS / SPEED
        api.down = {"running-", "bulk-"}
        stories += [Story(put_video(pipeline, f"bulk-{number}.mp4")) for number in range(NEW)]
        time.sleep(max(0.0, end - time.monotonic()))
        wait_until(lambda: all(is_postponed(api, story) for story in stories), timeout_seconds=PATIENCE_SECONDS)
        api.scripts |= {key: Script() for key in running}
        api.down = set()
        wait_until(
            lambda: all("event_id" in (ledger.read(it.upload, 1) or {}) for it in stories),
            timeout_seconds=PATIENCE_SECONDS,
        )
    read_ends(stories, pipeline, ledger, api)
    calls = [len(api.list_calls("create", story.video)) for story in stories]
    for story, asked in zip(stories, calls, strict=True):
        group.add(story, Expected(unanswered=asked - 1))
    done = sum(story.item["status"] == "done" for story in stories)
    group.seen = (
        f"{done} of {len(stories)}: Done; new ones asked for {min(calls[RUNNING:])} to {max(calls)} times, all told"
    )
    return group


def is_postponed(api: FaultyApi, story: Story) -> bool:
    """Tells whether enough calls for the upload's job were made to show that it is retried again and again."""
    return story.upload.key.startswith("running-") or len(api.list_calls("create", story.video)) >= TRIES_MIN


def set_variables(aws: EmbeddedAws, pipeline: DeployedPipeline, function: str, further: Mapping[str, str]) -> None:
    """Adds variables to the environment of a deployed function."""
    clients = aws.clients
    name = find_resource(clients, pipeline.stack, function)
    variables = clients.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    clients.lambda_.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, **further}}
    )


@contextmanager
def fast_queue(sqs: "SQSClient") -> Iterator[str]:
    """Stands for SQS where `create_job` postpones uploads: it makes the requested time pass as fast as the outage."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["X-Amz-Target"] == "AmazonSQS.ChangeMessageVisibility"
            sqs.change_message_visibility(**{**asked, "VisibilityTimeout": round(asked["VisibilityTimeout"] / SPEED)})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Prints nothing."""

    with serve(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url
