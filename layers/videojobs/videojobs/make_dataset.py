"""From delivered results to a dataset in S3: the flow of `make_dataset`.

FFmpeg reads an untrusted file here, so the function's role allows only to get videos and results and to put datasets.
Another function, `record_media`, updates the ledger and sends the notice.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from videojobs.dataset.objects import DatasetObjects
from videojobs.dataset.selection import choose_frames
from videojobs.dataset.writer import DatasetCounts, write_dataset
from videojobs.drawing.job_files import FRAME_MAX_PIXELS, download_job_files
from videojobs.errors import VideoNotDrawable
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.jobs.media_outputs import DATASET
from videojobs.logs import logger
from videojobs.result_files import DATASET_FOLDER, DATASET_ZIP, locate_results
from videojobs.results.analysis import Analysis
from videojobs.results.bucket import ResultsBucket
from videojobs.results.samples import read_samples

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LAST_SECONDS = 120
"""Time to keep for after the pictures: the labels of each format are written then."""

LAST_LABELS_SECONDS = 20
"""Time to keep for after the labels: the ZIP file is completed."""


@dataclass(frozen=True)
class DatasetMaking:
    """Makes datasets. Called again for the same job, it makes the same dataset."""

    s3: "S3Client"
    results_bucket: str
    meter: Meter
    count_seconds_left: Callable[[], float]

    def make(self, job: Job) -> Mapping[str, Any]:
        """Makes the dataset of `job`, and puts it beside the results.

        Returns `{"status": "made" | "failed", "reason": …, "gigabyte_seconds": …, "left_out": …}`; `left_out` is the
        number of chosen frames without a picture.
        """
        answer = {"status": "failed", "reason": None, "left_out": 0}
        try:
            counts = self._make(job)
        except VideoNotDrawable as problem:
            answer["reason"] = str(problem)
        else:
            answer |= {"status": "made", "left_out": counts.missing}
        return {**answer, "gigabyte_seconds": round(self.meter.gigabyte_seconds, 3)}

    def _make(self, job: Job) -> DatasetCounts:
        """Puts the dataset beside the results. Raises VideoNotDrawable."""
        folder, zip_key = (locate_results(job.upload.key, job.job_id, name) for name in (DATASET_FOLDER, DATASET_ZIP))
        bucket = ResultsBucket(self.s3, self.results_bucket)
        with download_job_files(self.s3, self.results_bucket, job, DATASET) as files:
            chosen = choose_frames(files.results, job.options)
            # All samples are read, because tracks need all.
            model_ids = [model.model_id for model in job.options.models]
            samples = read_samples(files.results, model_ids, Analysis.of(job.options, with_events=False))
            with DatasetObjects(bucket, folder, zip_key, self._watch_labels) as sink:
                counts = write_dataset(
                    files.video,
                    samples,
                    sink,
                    chosen=chosen,
                    watch=self._watch,
                    frame_max_pixels=FRAME_MAX_PIXELS,
                    start_offset=job.start_offset,
                )
        logger.info("The dataset has been written.", chosen=len(chosen), **asdict(counts))
        return counts

    def _watch(self, share: float) -> None:
        if self.count_seconds_left() < LAST_SECONDS:
            raise _TooLong(f"{share:.0%} of it was done")

    def _watch_labels(self) -> None:
        if self.count_seconds_left() < LAST_LABELS_SECONDS:
            raise _TooLong("its pictures were written, but not all labels")


class _TooLong(VideoNotDrawable):
    def __init__(self, how_far: str) -> None:
        super().__init__(
            f"The video is too long for a dataset within the function's time limit: {how_far}. Choose fewer frames "
            "(dataset_frames), or use videoinfer export with results.json and the video on your own machine."
        )
