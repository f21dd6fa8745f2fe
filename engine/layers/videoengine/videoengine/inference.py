"""The third step, one segment at a time: decode its frames once and run every model on them."""

import functools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from videoengine import clients
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoengine.errors import ModelPackageInvalid
from videoengine.frame_inference import FrameInference
from videoengine.job_requests import ModelRequest
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.model_store import download_package
from videoengine.object_keys import part_key, segment_key
from videoengine.precision import Precision
from videoengine.s3_file import S3Object
from videoengine.segments import Segment
from videoengine.settings import InferSettings
from videoengine.video_file import open_video

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MODELS_CACHE = Path("/tmp/models")  # noqa: S108 - Lambda's only writable folder, and nobody else's
MODELS_KEPT = 4
"""Compiled models that a warm function holds."""


def infer_segment(job: JobSpec, number: int, settings: InferSettings) -> None:
    """Writes what each model found: one object a model, one line a frame, `null` where a frame or a model failed.

    Raises:
        JobFailed: a model can't be run at all.
    """
    s3 = clients.s3()
    # All of this is mostly waiting for S3: for one thing while the others are on their way.
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(_read_segment, s3, job, number, settings)
        loading = threads.submit(_load_models, s3, job, settings)
        with (
            S3Object(s3, settings.videos_bucket, job.video_key) as file,
            open_video(file, settings.max_frame_pixels) as container,
        ):
            segment, detectors = reading.result(), loading.result()
            elements = list(FrameInference(detectors, _log_failure).infer(container, segment.frames))
    for model_id in detectors:
        lines = "\n".join(found[model_id] for found in elements)
        key = part_key(job.job_id, number, model_id)
        s3.put_object(Bucket=settings.videos_bucket, Key=key, Body=lines.encode())
    logger.info("Inferred", segment=number, frames=len(segment.frames))


def _log_failure(model_id: str, error: Exception) -> None:
    logger.error("A model failed on a frame", model=model_id, exc_info=error)


def _read_segment(s3: "S3Client", job: JobSpec, number: int, settings: InferSettings) -> Segment:
    answer = s3.get_object(Bucket=settings.videos_bucket, Key=segment_key(job.job_id, number))
    return Segment.from_json(json.load(answer["Body"]))


def _load_models(s3: "S3Client", job: JobSpec, settings: InferSettings) -> dict[str, tuple[Detector, Thresholds]]:
    return {
        model.model_id: (_load_model(s3, model, settings), Thresholds(model.confidence, model.iou_threshold))
        for model in job.models
    }


def _load_model(s3: "S3Client", model: ModelRequest, settings: InferSettings) -> Detector:
    try:
        folder = download_package(s3, settings.models_bucket, model.package_name, MODELS_CACHE)
        return _compile(folder, settings.precision)
    except ModelPackageInvalid as error:
        raise ModelPackageInvalid(f"Model {model.package_name} can't be run: {error}") from error


@functools.lru_cache(maxsize=MODELS_KEPT)
def _compile(folder: Path, precision: Precision) -> Detector:
    return Detector(folder, precision)
