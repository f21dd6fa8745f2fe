"""The cases with one upload: faults of the API, and faults of AWS."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.faults.bench import WireFaults
from tests.faults.function_host import WireFault
from tests.faults.table import Expected
from tests.stand_ins.faulty_api import Fault, Script
from videoinfer.repository import SAMPLE_VIDEO

MODEL_ID = "rock-paper-scissors-presentation"
RESULTS = (
    b'{"frame_offset": [0], "time_offset": [0.0], "rock-paper-scissors-presentation": [{"predictions": ['
    b'{"class": "Rock", "confidence": 0.9, "x": 1, "y": 1, "width": 1, "height": 1}]}]}'
)
OTHER_RESULTS = RESULTS.replace(b"Rock", b"Paper")


@dataclass(frozen=True)
class Case:
    """One upload and its faults.

    Attributes:
        name: What happens, the table's first column.
        injected: The fault, the table's second column.
        script: The API's answers about it.
        wire: What happens to the functions' calls.
        expected: How the story must end.
        metadata: The upload's metadata.
        video: The upload's content.
    """

    name: str
    injected: str
    script: Script = field(default_factory=Script)
    wire: WireFaults = field(default_factory=dict)
    expected: Expected = field(default_factory=Expected)
    metadata: Mapping[str, str] = field(default_factory=dict)
    video: bytes = b"video"


HTML = b"<html><body>Welcome to the captive portal</body></html>"

NOT_CREATED = {
    "500": Fault(500, {"error": "internal"}),
    "502": Fault(502, b"<html>Bad gateway</html>"),
    "503": Fault(503, {}),
    "a reset": Fault(ending="reset"),
    "silence": Fault(ending="silence"),
}
"""Faults in place of an answer. No job is created, but the pipeline can't know that."""

CREATED = {
    "502": Fault(502, b"<html>Bad gateway</html>", acts=True),
    "a reset": Fault(ending="reset", acts=True),
    "silence": Fault(ending="silence", acts=True),
    "silence in the middle of the body": Fault(ending="silence in the body", acts=True),
    "a body cut short": Fault(ending="truncated", acts=True),
    "a chunked body cut short": Fault(ending="half a chunk", acts=True),
    "HTML instead of JSON": Fault(body=HTML, acts=True),
    "a list instead of an object": Fault(body=[1, 2], acts=True),
    "job_id as a number": Fault(body={"job_id": 7}, acts=True),
    "no job_id": Fault(body={"job_id": None}, acts=True),
    "a job_id of 3,000 letters": Fault(body={"job_id": "j" * 3000}, acts=True),
    "a job_id with a slash": Fault(body={"job_id": "../job"}, acts=True),
}
"""The same faults, but a job is created."""

DECLINED = {
    "429": Fault(429, {}),
    "429 with Retry-After: 1800": Fault(429, {}, {"Retry-After": "1800"}),
    "503 with Retry-After: 1800": Fault(503, {}, {"Retry-After": "1800"}),
}
"""Answers that mean that no job was created."""

NO_STATUS = {
    "500": Fault(500, {"error": "internal"}),
    "502": Fault(502, b"<html>Bad gateway</html>"),
    "429 with Retry-After: 90": Fault(429, {}, {"Retry-After": "90"}),
    "a reset": Fault(ending="reset"),
    "silence": Fault(ending="silence"),
    "silence in the middle of the body": Fault(ending="silence in the body", acts=True),
    "a body cut short": Fault(ending="truncated", acts=True),
    "a chunked body cut short": Fault(ending="half a chunk", acts=True),
    "HTML instead of JSON": Fault(body=HTML),
    "a list instead of an object": Fault(body=["done"]),
    "403": Fault(403, {"error": "This key may not see it"}),
    "400": Fault(400, {"error": "Bad request"}),
    "404": Fault(404, {"error": "Job not found"}),
    "no status": Fault(body={"progress": 0.5}),
    "status null": Fault(body={"status": None}),
    'status "1"': Fault(body={"status": "1"}),
    "done without a link": Fault(body={"status": 0}),
    "done with a link that is no string": Fault(body={"status": 0, "output_signed_url": 7}),
}
"""A single fault in place of a status. The job continues."""

FAILURES = {
    "a job that fails": ([Fault(body={"status": 2, "error": "The GPU is on fire."})], "The GPU is on fire."),
    "status 99": ([Fault(body={"status": 99})], "status 99"),
    "status paused": ([Fault(body={"status": "paused"})], "an unknown status: paused"),
    "status true": ([Fault(body={"status": True})], "an unknown status: True"),
    "status in a list": ([Fault(body={"status": [0]})], "an unknown status: [0]"),
    "a job that is forgotten": ([Fault(404, {"error": "Job not found"})] * 3, "The API no longer knows the job"),
}

BROKEN_DOWNLOADS = {
    "a link that has expired": [Fault(403, b"<Error>Request has expired</Error>")],
    "links that expire twice": [Fault(403, b""), Fault(410, b"")],
    "a file cut short": [Fault(ending="truncated", acts=True)],
    "a chunked file cut short": [Fault(ending="half a chunk", acts=True)],
    "silence in the middle of the file": [Fault(ending="silence in the body", acts=True)],
    "a reset": [Fault(ending="reset")],
    "a reset in the middle of the file": [Fault(ending="reset in the body", acts=True)],
    "500": [Fault(500, b"")],
    "503 for five hours": [Fault(503, b"")] * 25,  # the state machine waits a quarter of an hour between later tries
}

BROKEN_RESULTS = {
    "JSON that ends in the middle": (RESULTS[:60], "end in the middle of the JSON"),
    "HTML": (HTML, "They are kept at"),
    "nothing": (b"", "They begin with: (nothing) They are kept at"),
    "an empty object": (b"{}", "They begin with: {} They are kept at"),
    "an error": (b'{"error": "The GPU is on fire."}', 'They begin with: {"error": "The GPU is on fire."}'),
    "lists of unequal lengths": (
        b'{"frame_offset": [0, 6], "time_offset": [0.0, 0.2], "rock-paper-scissors-presentation": [null]}',
        "They are kept at",
    ),
    "no list of the model": (b'{"frame_offset": [0], "time_offset": [0.0]}', "They are kept at"),
}


POISON = RESULTS.replace(b'"time_offset": [0.0]', b'"time_offset": [1e306]')
"""A time that captions can't express."""

CLASSES = 22_000
MANY_CLASSES = json.dumps(
    {
        "frame_offset": [0],
        "time_offset": [0.0],
        MODEL_ID: [
            {
                "predictions": [
                    {"class": f"class {number}", "confidence": 0.9, "x": 1, "y": 1, "width": 1, "height": 1}
                    for number in range(CLASSES)
                ]
            }
        ],
    }
).encode()
"""Results with too many classes for an SNS notice or a DynamoDB item."""

BAD_METADATA = {
    "NaN": '"confidence": NaN',
    "1e400": '"confidence": 1e400',
    "1e200": '"confidence": 1e200',
    "50 digits": f'"seed": {"1" * 50}',
    "half of a surrogate pair": r'"name": "\ud800"',
}
"""Model parameters that the ledger can't store."""


def list_cases() -> Iterator[Case]:
    """All cases, in the table's order."""
    yield from list_api_cases()
    yield from list_aws_cases()
    yield from list_dataset_cases()


def hurry(function: str, fault: Fault) -> WireFaults:
    """Shortens the function's time-out if the API is silent."""
    return {function: [[WireFault("hurry", call="api:")]]} if fault.ending.startswith("silence") else {}


def list_api_cases() -> Iterator[Case]:
    """Faults of the API."""
    for name, fault in NOT_CREATED.items():
        told = Expected(unanswered=1)
        yield Case(
            "a job is asked for", f"{name}; no job is created", Script([fault]), hurry("create_job", fault), told
        )
    for name, fault in CREATED.items():
        told = Expected(jobs=2, unanswered=1)
        yield Case(
            "a job is asked for", f"{name}; the job is created", Script([fault]), hurry("create_job", fault), told
        )
    for name in ("502", "silence", "a body cut short", "a job_id with a slash"):
        fault = CREATED[name]
        yield Case(
            "a job is asked for",
            f"{name}; the job is created; the API knows idempotency keys",
            Script([fault], knows_keys=True),
            hurry("create_job", fault),
        )
    yield Case(
        "a job is asked for",
        "never a job_id; a job is created each time",
        Script([CREATED["no job_id"]] * 5),
        expected=Expected("rejected", ("rejected",), jobs=3, unanswered=3, reason="each call may be billed"),
    )
    yield Case(
        "a job is asked for",
        "always a body cut short; a job is created each time",
        Script([CREATED["a body cut short"]] * 5),
        expected=Expected("rejected", ("rejected",), jobs=3, unanswered=3, reason="each call may be billed"),
    )
    for name, fault in DECLINED.items():
        yield Case("a job is asked for", name, Script([fault]))
    for name, parameters in BAD_METADATA.items():
        model = f'{{"model_id": "{MODEL_ID}", "model_version": "4", "inference_type": "object-detection"'
        metadata = {"models": f'[{model}, "inference_params": {{{parameters}}}}}]'}
        rejected = Expected("rejected", ("rejected",), jobs=0, reason="models: ")
        yield Case("a job is asked for", f"{name} in the upload's metadata", expected=rejected, metadata=metadata)
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    late = Fault(429, {}, {"Retry-After": in_an_hour})
    yield Case("a job is asked for", "429 with Retry-After as a date, in an hour", Script([late]))
    yield Case(
        "a job is asked for",
        "400",
        Script([Fault(400, {"error": "infer_fps is above the frame rate"})]),
        expected=Expected("rejected", ("rejected",), jobs=0, reason="infer_fps is above the frame rate"),
    )
    for name, fault in NO_STATUS.items():
        yield Case("a status is asked for", name, Script(statuses=[fault]), hurry("check_job", fault))
    yield Case("a status is asked for", 'status "0"', Script(statuses=[Fault(body={"status": "0"}, acts=True)]))
    for name, (faults, reason) in FAILURES.items():
        failed = Expected("failed", ("failed",), reason=reason)
        yield Case("a status is asked for", name, Script(statuses=faults), expected=failed)
    flip = Script(statuses=[Fault(acts=True), Fault(body={"status": 1}), Fault(acts=True)])
    yield Case("a status is asked for", "done, then running, then done", flip)
    for name, faults in BROKEN_DOWNLOADS.items():
        wire = {"deliver_results": [[WireFault("hurry", call="api:GET results")]]} if "silence" in name else {}
        yield Case("results are fetched", name, Script(downloads=list(faults)), wire, Expected(results=RESULTS))
    other = Script(downloads=[Fault(body=RESULTS, ending="truncated")], results=OTHER_RESULTS)
    yield Case(
        "results are fetched", "a file cut short, then other bytes", other, expected=Expected(results=OTHER_RESULTS)
    )
    for name, (results, reason) in BROKEN_RESULTS.items():
        failed = Expected("failed", ("failed",), reason=reason)
        yield Case("results are fetched", f"{name} in place of results", Script(results=results), expected=failed)
    poisoned = Expected(results=POISON, failed_outputs=("webvtt",))
    yield Case("results are fetched", "a time that captions can't have", Script(results=POISON), expected=poisoned)
    many = Expected(results=MANY_CLASSES, told="other classes, which are in summary.json")
    yield Case("results are fetched", f"{CLASSES:,} classes", Script(results=MANY_CLASSES), expected=many)


def refuse(call: str, code: str, status_code: int = 400) -> list[list[WireFault]]:
    """Refuses all calls whose names begin with `call` in one invocation, more often than boto3 retries."""
    return [[WireFault("refuse", call=call, times=99, code=code, status_code=status_code)]]


def refuse_after_answer(code: str, invocations: int) -> list[list[WireFault]]:
    """Refuses all writes to DynamoDB after the API has answered that a job was created."""
    fault = WireFault("refuse", call="dynamodb:UpdateItem", after="api:POST videoinfer", times=99, code=code)
    return [[fault]] * invocations


def cut(call: str) -> list[list[WireFault]]:
    """Breaks the connection after the first such call has taken effect, before its answer."""
    return [[WireFault("cut after", call=call)]]


def list_aws_cases() -> Iterator[Case]:
    """Faults of AWS's services."""
    failing = Script(statuses=[Fault(body={"status": 2, "error": "It failed."})])
    failed = Expected("failed", ("failed",), reason="It failed.")
    throttled = refuse("dynamodb:", "ProvisionedThroughputExceededException")
    for function in ("create_job", "check_job", "deliver_results"):
        yield Case(f"DynamoDB throttles {function}", "every call of one invocation", wire={function: throttled})
    yield Case(
        "DynamoDB throttles report_failure",
        "every call of one invocation",
        failing,
        {"report_failure": throttled},
        failed,
    )
    for invocations in (1, 3):
        yield Case(
            "DynamoDB does not take the job's id",
            f"every write after the API's answer, {invocations} of create_job's invocations",
            wire={"create_job": refuse_after_answer("InternalServerError", invocations)},
        )
    for call, function in (("s3:HeadObject", "create_job"), ("s3:PutObject", "deliver_results")):
        slow = refuse(call, "SlowDown", 503)
        yield Case(f"S3 slows {function} down", f"503 SlowDown to {call[3:]}", wire={function: slow})
    refused = refuse("sns:", "Throttling")
    yield Case("SNS refuses deliver_results", "Throttling of one invocation", wire={"deliver_results": refused})
    yield Case(
        "SNS refuses report_failure", "Throttling of one invocation", failing, {"report_failure": refused}, failed
    )
    rejected = Expected("rejected", ("rejected",), jobs=0, reason="No such model")
    no_model = Script([Fault(404, {"error": "No such model"}), Fault(404, {"error": "No such model"})])
    yield Case("SNS refuses create_job", "Throttling of one invocation", no_model, {"create_job": refused}, rejected)
    others = {
        "Step Functions": ("stepfunctions:", "ExecutionLimitExceeded", "create_job"),
        "Secrets Manager": ("secretsmanager:", "InternalServiceError", "create_job"),
        "EventBridge": ("events:", "ThrottlingException", "deliver_results"),
    }
    for service, (call, code, function) in others.items():
        yield Case(f"{service} refuses {function}", f"{code}, one invocation", wire={function: refuse(call, code)})
    down = {"create_job": refuse("sqs:", "InternalError")}
    yield Case("SQS refuses create_job", "InternalError while it postpones an upload", Script([Fault(429, {})]), down)
    for call, function in (
        ("dynamodb:PutItem", "create_job"),
        ("dynamodb:UpdateItem", "create_job"),
        ("stepfunctions:StartExecution", "create_job"),
        ("dynamodb:UpdateItem", "check_job"),
        ("s3:PutObject", "deliver_results"),
        ("dynamodb:UpdateItem", "deliver_results"),
    ):
        yield Case(
            f"the connection of {function} breaks", f"after {call}, before its answer", wire={function: cut(call)}
        )


def list_dataset_cases() -> Iterator[Case]:
    """Faults after the delivery, while a dataset is made and recorded."""
    asked = {"dataset-frames": "all"}
    made, twice = Expected(notices=("done", "dataset")), Expected(notices=("done", "dataset", "dataset"))
    missing = Expected(notices=("done", "no-dataset"), told="the dataset is missing")
    kept = replace(missing, told="the one that is there is kept")
    yield Case("a dataset is asked for", "the file is no video", expected=missing, metadata=asked)
    killed = [WireFault("kill before", call="s3:PutObject")]
    slow, refused = refuse("s3:PutObject", "SlowDown", 503), refuse("sns:", "Throttling")
    throttled = refuse("dynamodb:", "ProvisionedThroughputExceededException")
    told = [[WireFault("kill after", call="sns:Publish")]]
    faults: tuple[tuple[str, WireFaults, Expected], ...] = (
        ("no fault", {}, made),
        ("make_dataset is killed once", {"make_dataset": [killed]}, made),
        ("make_dataset is killed each time", {"make_dataset": [killed] * 4}, missing),
        ("503 SlowDown to make_dataset's PutObject", {"make_dataset": slow}, made),
        ("DynamoDB throttles record_media", {"record_media": throttled}, made),
        ("SNS refuses record_media", {"record_media": refused}, made),
        ("record_media is killed after it sent the notice", {"record_media": told}, twice),
        ("SNS refuses record_media each time", {"record_media": refused * 6}, kept),
    )
    video = SAMPLE_VIDEO.read_bytes()
    for injected, wire, expected in faults:
        yield Case("a dataset is asked for", injected, wire=wire, expected=expected, metadata=asked, video=video)
