"""What the functions write for each other. `tests.record_forms` runs this with those of the release before."""

import copy
import json
from typing import Any

import boto3
import pytest

from tests.unit.videojobs.test_handlers import BUCKET, DONE, read_event
from videojobs.errors import ApiUnavailable

VIDEO = b"video"
KEYS = ("cameras/belt.mp4", "other.mp4", "third.mp4")
RESULTS = {"frame_offset": [0], "time_offset": [0.0], "hands": [None]}
RUNNING = (200, {"status": 1, "progress": 40})
ENDED = (200, {**DONE[1], "start_offset": 0.5, "cost_usd": 0.02})
FAILED = (200, {"status": 2, "error": "The GPU is on fire."})
BUSY = (429, {"error": "Slow down"}, {"Retry-After": "30"})
DOWN = (503, {"error": "no healthy upstream"})
TABLES = ("jobs", "pending-notices")


def write_forms(aws: Any, call: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Takes uploads through all functions.

    Returns, by name, what each step got: `function`, `event`, the `items` of the tables and the `files` of the results;
    and what it did: what it requested of the `api`, and its `answer`.
    """
    forms: dict[str, Any] = {}

    def take(name: str, function: str, event: Any, *answers: Any) -> Any:
        tables = {table: boto3.resource("dynamodb").Table(table).scan()["Items"] for table in TABLES}
        listed = aws.s3.list_objects_v2(Bucket=aws.results_bucket).get("Contents", [])
        form = {"function": function, "event": event, "items": tables, "files": [it["Key"] for it in listed]}
        forms[name] = json.loads(json.dumps({**form, "api": answers}, default=float))
        try:
            answer, _ = call(function, event, *answers)
        except ApiUnavailable:
            return None
        forms[name]["answer"] = copy.deepcopy(answer)
        return answer

    belt, other, third = (put(aws, key) for key in KEYS)
    take("an upload", "create_job", make_message(aws, {"Records": [belt]}), DOWN)
    take("an upload that waits", "create_job", make_message(aws, {"Records": [belt]}), (200, {"job_id": "j1"}))
    [execution] = aws.executions()
    state = json.loads(execution["input"])
    state["options"] |= {"annotate": True, "dataset_frames": "every 10"}
    state["check"] = take("a job that runs", "check_job", state, RUNNING)
    state["check"] = take("a job that is done", "check_job", state, ENDED)
    take("a delivery", "deliver_results", state, DONE, DOWN)
    state["delivery"] = take("a delivery that goes on", "deliver_results", state, DONE, (200, RESULTS))
    state["annotation"] = take("a video to draw", "annotate_video", state)
    take("a drawn video", "record_media", {"output": "annotation", "state": state})
    take("no drawn video", "report_failure", {"output": "annotation", "state": state})
    state["dataset"] = take("a dataset to make", "make_dataset", state)
    take("a redelivery", "deliver_results", {**state, "redelivery": "abc"})
    monkeypatch.setenv("NOTICES", "digest")
    request = {**state["upload"], "key": "other.mp4"}
    take("a retry", "create_job", make_message(aws, {"job_requests": [{"upload": request, "attempt": 1}]}), DOWN)
    take("an upload with a notice", "create_job", make_message(aws, {"Records": [other]}), (200, {"job_id": "j2"}))
    failed = {**json.loads(execution["input"]), "upload": request, "job_id": "j2"}
    failed["check"] = take("a job that fails", "check_job", failed, FAILED)
    take("a job that failed", "report_failure", failed)
    take("pending notices", "send_digest", read_event("send_digest", "collect"))
    take("a digest that is sent", "send_digest", read_event("send_digest", "conclude"))
    take("an upload that is told to wait", "create_job", make_message(aws, {"Records": [third]}), BUSY)
    # Its turn is past when another release takes it.
    take("an upload with a turn", "create_job", make_message(aws, {"Records": [third]}), (200, {"job_id": "j3"}))
    return forms


def put(aws: Any, key: str) -> dict[str, Any]:
    """Puts an upload into a bucket without versioning, and returns S3's record of it."""
    etag = aws.s3.put_object(Bucket=BUCKET, Key=key, Body=VIDEO)["ETag"].strip('"')
    about = {"key": key, "size": len(VIDEO), "eTag": etag, "sequencer": "0055AED6DCD90281E5"}
    event = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "2026-11-02T08:15:30.000Z"}
    return {**event, "s3": {"bucket": {"name": BUCKET}, "object": about}}


def make_message(aws: Any, body: Any) -> dict[str, Any]:
    """The event of a message that lies in the queue."""
    url = aws.sqs.get_queue_url(QueueName="uploads")["QueueUrl"]
    aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    receipt = aws.sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    [record] = read_event("create_job", "queue")["Records"]
    return {"Records": [{**record, "receiptHandle": receipt, "body": json.dumps(body)}]}
