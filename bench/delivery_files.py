"""The pipeline's delivery with files instead of S3, for bench/delivery.py."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from videojobs.delivery_end import compose_summary
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model, Options
from videojobs.jobs.regions import Region
from videojobs.outputs.event_tables import EVENTS, EventTables
from videojobs.outputs.files import OutputFiles
from videojobs.outputs.guarded import GuardedOutput
from videojobs.outputs.names import parse_outputs
from videojobs.outputs.registry import OPENERS
from videojobs.outputs.summary import Summary
from videojobs.results.analysis import Analysis
from videojobs.results.bucket import ResultsBucket
from videojobs.results.derivation import derive

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_EVENT = Path(__file__).parents[1] / "events" / "deliver_results" / "done.json"


class FolderAsS3:
    """An S3 client that writes objects as files. Parts are appended to one file in the order in which they come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create_multipart_upload(self, **_: Any) -> dict[str, str]:
        return {"UploadId": "1"}

    def upload_part(self, *, Key: str, Body: bytes, **_: Any) -> dict[str, str]:  # noqa: N803  boto3's names
        with self._open(Key, "ab") as file:
            file.write(Body)
        return {"ETag": "1"}

    def complete_multipart_upload(self, **_: Any) -> None:
        """Does nothing, because the file is complete."""

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803  boto3's names
        with self._open(Key, "wb") as file:
            file.write(Body)

    def _open(self, key: str, mode: str) -> Any:
        return (self._folder / key.replace("/", "-")).open(mode)


def deliver(source: Path, folder: Path, outputs: str, *, track: bool = True, regions: tuple[Region, ...] = ()) -> int:
    """Delivers `source` into `folder`, and returns the number of predictions.

    Args:
        outputs: The value of the parameter `Outputs`, for example `parquet,csv`.
        track: Whether predictions get track IDs.
        regions: Where to look for events.
    """
    models = (Model("m", "1", "object-detection"),)
    job = replace(
        Job.from_input(json.loads(_EVENT.read_text())),
        options=Options(models, 5, "presigned", track=track, regions=regions),
    )
    bucket = ResultsBucket(cast("S3Client", FolderAsS3(folder)), "results")
    summary = Summary(models, regions=regions)
    guarded = [
        GuardedOutput(name, partial(OPENERS[name], job), OutputFiles(bucket, job, "https://share.example.com"))
        for name in parse_outputs(outputs)
    ]
    if regions:
        files = OutputFiles(bucket, job, "https://share.example.com")
        guarded.append(GuardedOutput(EVENTS, lambda files: EventTables(job, files, parse_outputs(outputs)), files))
    with source.open("rb") as stream:
        pieces = bucket.copy_stream(stream, bucket.write("results.json", "application/json"))
        derive(pieces, models, [summary, *guarded], lambda: iter([]), analysis=Analysis.of(job.options))
    if failures := [output.failure for output in guarded if output.failure]:
        raise RuntimeError(failures)
    bucket.save_json("summary.json", compose_summary(job, summary, {}))
    return sum(model.predictions for model in summary.models.values())
