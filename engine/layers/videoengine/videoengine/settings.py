"""The settings of each function, from environment variables with the same names in capitals."""

import os
from dataclasses import dataclass, fields

from videoengine.precision import Precision
from videoengine.still_frames import StillFrames


@dataclass(frozen=True)
class ApiSettings:
    """Settings of `serve_api`."""

    api_keys_secret: str
    deadline_seconds: int
    jobs_table: str
    max_models: int
    models_bucket: str
    poll_seconds_min: int
    retention_days: int
    state_machine_arn: str
    still_frames: StillFrames
    videos_bucket: str


@dataclass(frozen=True)
class FetchSettings:
    """Settings of `fetch_video`."""

    allowed_buckets: str
    allowed_ranges: str
    infer_segment_function: str
    jobs_table: str
    max_concurrency: int
    max_video_gigabytes: float
    merge_results_function: str
    plan_job_function: str
    videos_bucket: str


@dataclass(frozen=True)
class PlanSettings:
    """Settings of `plan_job`."""

    max_concurrency: int
    max_failed_share: float
    max_frame_pixels: int
    max_sampled_frames: int
    max_video_hours: float
    videos_bucket: str


@dataclass(frozen=True)
class InferSettings:
    """Settings of `infer_segment`."""

    max_frame_pixels: int
    models_bucket: str
    precision: Precision
    videos_bucket: str


@dataclass(frozen=True)
class MergeSettings:
    """Settings of `merge_results`."""

    max_failed_share: float
    videos_bucket: str


@dataclass(frozen=True)
class MeterSettings:
    """What each step of a job needs to measure its cost."""

    retention_days: int


def read_settings[Settings](kind: type[Settings]) -> Settings:
    """Reads a function's settings from the environment.

    Raises:
        KeyError: a variable is missing. No setting has a default, because the template sets all of them.

    Example:
        settings = read_settings(PlanSettings)
    """
    return kind(**{field.name: field.type(os.environ[field.name.upper()]) for field in fields(kind)})  # type: ignore[arg-type, operator]
