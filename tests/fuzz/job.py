"""One job for one file: the engine's own plan, decode and merge, with a dictionary for S3 and without a network."""

import io
import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import numpy as np
from av.video.frame import VideoFrame
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from videoengine import clients, inference
from videoengine.detections import Thresholds
from videoengine.inference import infer_segment
from videoengine.job_requests import ModelRequest
from videoengine.job_spec import JobSpec
from videoengine.merging import merge
from videoengine.model_packages import NetworkInput
from videoengine.object_keys import offsets_key, results_key, video_key
from videoengine.planning import plan
from videoengine.precision import Precision
from videoengine.preprocessing import FramePreprocessor
from videoengine.settings import InferSettings, MergeSettings, PlanSettings
from videoengine.steps import Outcome, run_step

JOB_ID, MODEL_ID, BUCKET = "job", "model", "videos"
MAX_FAILED_SHARE = 0.5
MAX_FRAME_PIXELS = 4096 * 2160
"""The engine's defaults."""


class Store:
    """The S3 operations that the steps use, on a dictionary.

    Range requests follow https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """

    def __init__(self) -> None:
        self.objects = dict[str, bytes]()

    def get_object(self, Bucket: str, Key: str, Range: str = "", IfMatch: str = "") -> dict[str, Any]:  # noqa: N803
        content, described = self.objects[Key], {"ETag": "1"}
        if Range:
            first, last = map(int, Range.removeprefix("bytes=").split("-"))
            if first >= len(content):
                raise ClientError({"Error": {"Code": "InvalidRange"}}, "GetObject")
            described["ContentRange"] = f"bytes {first}-{last}/{len(content)}"
            content = content[first : last + 1]
        return {"Body": StreamingBody(io.BytesIO(content), len(content)), **described}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body

    def upload_fileobj(self, file: io.BufferedReader, bucket: str, key: str, ExtraArgs: Mapping[str, str]) -> None:  # noqa: N803
        self.objects[key] = file.read()


class PicturesOnly:
    """Stands for a model: prepares each picture as for a network, and returns its size."""

    concurrency = 1

    def __init__(self) -> None:
        self._preprocessor = FramePreprocessor(NETWORK_INPUT)
        self._canvas = np.zeros((NETWORK_INPUT.height, NETWORK_INPUT.width, 3), dtype=np.uint8)

    def start(self, frame: VideoFrame, thresholds: Thresholds) -> Any:
        placement = self._preprocessor.prepare(frame, self._canvas)
        return lambda: {"size": placement.resolution_wh}


NETWORK_INPUT = NetworkInput(64, 64, "rgb", "letterbox", 114, 255.0, None, None)


def run_job(video: bytes) -> str:
    """Runs a job and returns how it ended: `done`, or why it failed.

    Raises:
        AssertionError: It is done, but its results are incomplete.
        Exception: Whatever a step raises is a bug, because the file is the same on every try.
    """
    store, model = Store(), ModelRequest(MODEL_ID, "1", "object-detection", 0.4, 0.3)
    job = JobSpec(JOB_ID, Fraction(5), (model,), video_key(JOB_ID))
    store.objects[job.video_key] = video
    with (
        patch.object(clients, "s3", lambda: store),
        patch.object(inference, "_load_models", return_value={MODEL_ID: (PicturesOnly(), Thresholds(0.4, 0.3))}),
    ):
        for outcome in _run_steps(job):
            if outcome["outcome"] == "failed":
                return outcome["reason"]
    _check_results(store, outcome["segments"])
    return "done"


def _run_steps(job: JobSpec) -> Iterator[Outcome]:
    planned = run_step(
        JOB_ID, lambda: plan(job, PlanSettings(50, MAX_FAILED_SHARE, MAX_FRAME_PIXELS, 10**6, 24.0, BUCKET))
    )
    yield planned
    infer = InferSettings(MAX_FRAME_PIXELS, "models", Precision.F32, BUCKET)
    for number in planned["segments"]:

        def infer_one(number: int = number) -> None:
            infer_segment(job, number, infer, memory_bytes=2**31)

        yield run_step(JOB_ID, infer_one)
    yield run_step(JOB_ID, lambda: merge(job, planned["segments"], MergeSettings(MAX_FAILED_SHARE, BUCKET)))
    yield planned


def _check_results(store: Store, segments: list[int]) -> None:
    results = json.loads(store.objects[results_key(JOB_ID)])
    planned = json.loads(b"{%s}" % store.objects[offsets_key(JOB_ID)])
    offsets = planned["frame_offset"]
    elements = results[MODEL_ID]
    assert results["frame_offset"] == offsets == sorted(offsets), "frames are missing or out of order"
    assert len(elements) == len(offsets) == len(results["time_offset"]) > 0, "elements are missing"
    assert elements.count(None) <= MAX_FAILED_SHARE * len(elements), "most of it is missing"
