"""The third step of a job: decodes the frames of one segment once and runs every model on them."""

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from videoengine import clients
from videoengine.compiled_models import CompiledModels
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoengine.fragment_reader import FragmentReader
from videoengine.frame_inference import FrameInference
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.model_store import ModelStore
from videoengine.object_keys import frames_key, part_key, segment_key
from videoengine.s3_file import S3Object
from videoengine.segment_files import read_segment
from videoengine.segments import Segment
from videoengine.settings import InferSettings
from videoengine.still_frames import StillFrames
from videoengine.video_file import open_video
from videoengine.warming import BUSY_SECONDS_MAX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MODELS_CACHE = Path(tempfile.gettempdir(), "models")
_COMPILED = CompiledModels()


def infer_segment(job: JobSpec, number: int, settings: InferSettings, memory_bytes: int) -> None:
    """Infers a segment and writes the results to S3.

    Each model gets one object with one line of JSON for each frame. A line is `null` if the frame can't be decoded or
    the model failed on it.

    Args:
        number: of the segment.
        memory_bytes: the function's memory size.

    Raises:
        JobFailed: a model can't be run at all, or the video can't be read.
    """
    s3 = clients.s3()
    reusing = {model.model_id for model in job.models if model.still_frames == StillFrames.REUSE}
    # These steps mostly wait for S3, so run them at the same time.
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(_read_segment, s3, settings.videos_bucket, job.job_id, number)
        loading = threads.submit(_load_models, s3, job, settings, memory_bytes)
        with (
            S3Object(s3, settings.videos_bucket, job.video_key, etag=job.video_etag) as file,
            FragmentReader(file) as reader,
            open_video(reader, settings.max_frame_pixels) as container,
        ):
            segment, detectors = reading.result(), loading.result()
            elements = list(FrameInference(detectors, _log_failure, reusing).infer(container, segment.frames))
    for model_id in detectors:
        lines = "\n".join(found[model_id] for found in elements)
        key = part_key(job.job_id, number, model_id)
        s3.put_object(Bucket=settings.videos_bucket, Key=key, Body=lines.encode())
    logger.info("Inferred", segment=number, frames=len(segment.frames))


def warm_up(job: JobSpec, busy_until: float, settings: InferSettings, memory_bytes: int) -> None:
    """Loads a job's models, for a segment that follows.

    Args:
        busy_until: seconds since 1970. Until then, this worker must not be free for another call of `warm_up_workers`.

    Raises:
        JobFailed: a model can't be run at all.
    """
    _load_models(clients.s3(), job, settings, memory_bytes)
    logger.info("Worker is warm")
    time.sleep(min(max(busy_until - time.time(), 0.0), BUSY_SECONDS_MAX))


def _log_failure(model_id: str, error: Exception) -> None:
    logger.error("A model failed on a frame", model=model_id, exc_info=error)


def _read_segment(s3: "S3Client", bucket: str, job_id: str, number: int) -> Segment:
    try:
        return read_segment(s3, bucket, frames_key(job_id), number)
    except ClientError as error:
        # A missing object is a 403 for a role that may not list the bucket.
        if error.response["Error"]["Code"] not in ("NoSuchKey", "AccessDenied"):
            raise
        # The release before planned the job.
        answer = s3.get_object(Bucket=bucket, Key=segment_key(job_id, number))
        return Segment.from_json(json.load(answer["Body"]))


def _load_models(
    s3: "S3Client", job: JobSpec, settings: InferSettings, memory_bytes: int
) -> dict[str, tuple[Detector, Thresholds]]:
    store = ModelStore(s3, settings.models_bucket, MODELS_CACHE)
    folders = store.fetch(model.package_name for model in job.models)
    detectors = _COMPILED.load(folders, settings.precision, memory_bytes)
    return {
        model.model_id: (detectors[model.package_name], Thresholds(model.confidence, model.iou_threshold))
        for model in job.models
    }
