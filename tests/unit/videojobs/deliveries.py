"""A delivery on moto's AWS, with an API that gives chosen answers."""

import json
from collections.abc import Callable
from typing import Any

from tests.stand_ins.wire import Wire
from videoinfer.repository import ROOT
from videojobs.api.client import VideoInferenceApi
from videojobs.api.turns import Turns
from videojobs.deliver_results import ResultsDelivery
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.notices.share_links import ShareLinks
from videojobs.outputs.names import parse_outputs
from videojobs.results.bucket import ResultsBucket

RESULTS = (ROOT / "tests" / "contract" / "examples" / "results.json").read_bytes()
DONE = (200, {"status": 0, "output_signed_url": "https://storage.example.com/r?X-Goog-Signature=s1gn3d"})
OUTPUTS = parse_outputs("parquet,csv,coco,webvtt,report")
LINKS = ShareLinks("s1gn1ng-key", "https://share.example.com")
DELIVERED = {"status": "delivered", "reason": None}
FOLDER = "results/line 3+ü%41 (1).MP4/fec28362-f7d9-4cc0-a805-5e94495d063d"
BOX = {"x": 1, "y": 2, "width": 3, "height": 4, "confidence": 0.5, "class": "Rock", "class_id": 0}


def build(
    aws: Any,
    *answers: Any,
    turns: Turns | None = None,
    seconds_left: Callable[[], float] | None = None,
    wire: Wire | None = None,
) -> ResultsDelivery:
    session = (wire or Wire(*answers)).session
    api = VideoInferenceApi("https://api.example.com", "rf_s3cr3t", session, turns)
    bucket = ResultsBucket(aws.s3, aws.results_bucket)
    return ResultsDelivery(
        api=api,
        ledger=aws.ledger,
        sender=aws.sender,
        bucket=bucket,
        links=LINKS,
        share_link_days=7,
        outputs=OUTPUTS,
        retention_days=30,
        meter=Meter(1769),
        count_seconds_left=seconds_left or (lambda: 900.0),
    )


def read_object(aws: Any, name: str) -> bytes:
    content: bytes = aws.s3.get_object(Bucket=aws.results_bucket, Key=f"{FOLDER}/{name}")["Body"].read()
    return content


def read_all(aws: Any, names: list[str]) -> list[bytes]:
    return [aws.s3.get_object(Bucket=aws.results_bucket, Key=name)["Body"].read() for name in names]


def make_results(job: Job, elements: list[Any], times: list[float] | None = None) -> bytes:
    numbers = list(range(len(elements)))
    lists = {model.model_id: elements for model in job.options.models}
    return json.dumps({"frame_offset": numbers, "time_offset": times or numbers, **lists}).encode()


def read_strictly(content: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(content, parse_constant=refuse)
