"""From delivered results to an annotated video in S3: the flow of `annotate_video`.

FFmpeg reads an untrusted file here, so the function's role allows only to get videos and results and to put annotated
videos. Another function, `record_media`, updates the ledger and sends the notice.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from videojobs.drawing.job_files import FRAME_MAX_PIXELS, download_job_files
from videojobs.drawing.video import Drawn, draw_video
from videojobs.errors import VideoNotDrawable
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.jobs.media_outputs import ANNOTATION
from videojobs.logs import logger
from videojobs.record_media import UPLOAD
from videojobs.result_files import ANNOTATED_VIDEO, locate_results
from videojobs.results.analysis import Analysis
from videojobs.results.region_counts import count_regions
from videojobs.results.samples import read_samples

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LAST_SECONDS = 90
"""Time to keep for after the drawing: FFmpeg moves the MP4's index to the front, and the file is uploaded to S3."""


@dataclass(frozen=True)
class VideoAnnotation:
    """Makes annotated videos. Called again for the same job, it makes the same video."""

    s3: "S3Client"
    results_bucket: str
    meter: Meter
    count_seconds_left: Callable[[], float]

    def annotate(self, job: Job) -> Mapping[str, Any]:
        """Draws the results of `job` on its video, and puts the annotated video beside the results.

        Returns `{"status": "annotated" | "failed", "reason": …, "gigabyte_seconds": …, "left_out": …}`.
        """
        answer = {"status": "failed", "reason": None, "left_out": 0}
        try:
            drawn = self._make_video(job)
        except VideoNotDrawable as problem:
            answer["reason"] = str(problem)
        else:
            answer |= {"status": "annotated", "left_out": drawn.left_out_sounds}
        return {**answer, "gigabyte_seconds": round(self.meter.gigabyte_seconds, 3)}

    def _make_video(self, job: Job) -> Drawn:
        """Puts the annotated video beside the results. Raises VideoNotDrawable."""
        with download_job_files(self.s3, self.results_bucket, job, ANNOTATION) as files:
            annotated = files.folder / ANNOTATED_VIDEO
            model_ids = [model.model_id for model in job.options.models]
            # Events are known only some seconds later in the results, so these are read once more to draw.
            counts = count_regions(files.results, job.options)
            samples = read_samples(files.results, model_ids, Analysis.of(job.options, with_events=False))
            drawn = draw_video(
                files.video,
                samples,
                annotated,
                self._watch,
                frame_max_pixels=FRAME_MAX_PIXELS,
                start_offset=job.start_offset,
                counts=counts,
            )
            logger.info("The annotated video has been drawn.", **asdict(drawn), bytes=annotated.stat().st_size)
            self.s3.upload_file(
                str(annotated),
                self.results_bucket,
                locate_results(job.upload.key, job.job_id, ANNOTATED_VIDEO),
                ExtraArgs={"ContentType": "video/mp4"},
                Config=UPLOAD,
            )
        return drawn

    def _watch(self, share: float) -> None:
        if self.count_seconds_left() < LAST_SECONDS:
            raise VideoNotDrawable(
                f"The video is too long to be annotated within the function's time limit: {share:.0%} of it was done. "
                "To annotate it on your own machine, use videoinfer annotate with results.json and the video."
            )
