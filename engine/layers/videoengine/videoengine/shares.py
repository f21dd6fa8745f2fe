"""Shares the work of a job out to its workers, by estimates of what frames take."""

import math
from dataclasses import dataclass
from typing import Self

from videoengine.model_effort import YOLO11N_SECONDS

MAX_SEGMENTS = 2000
"""Maximum number of segments in a job. Their list passes through the state machine, whose payload limit is 256 KiB."""

MIN_SEGMENT_SECONDS = 2.0
"""Minimum work in a segment, in seconds. A worker takes about as long to start."""

MIN_LAST_SEGMENT_SECONDS = 1.0
"""Minimum work in the last segments of a long job, whose workers started long before."""

MAX_SHARE_SECONDS = 20.0
"""Maximum ideal work of a segment, in seconds, unless there would be too many segments. A model that is ten times
slower than estimated still finishes within the state machine's time limit for a segment in an Express execution."""


@dataclass(frozen=True)
class Effort:
    """The estimated work for frames, in seconds. Mostly the ratio of the two figures matters.

    Attributes:
        decode: for each decoded frame.
        infer: for each sampled frame, for all models together.
    """

    decode: float
    infer: float

    @classmethod
    def estimate(cls, pixels: int, models: int, infer_seconds: float | None = None) -> Self:
        """Estimates the work for frames of `pixels`. `python -m bench.engine` measures the figures.

        Args:
            models: number of models.
            infer_seconds: of all models for one frame; None if unknown, which stands for models of YOLO11n's size.
        """
        return cls(decode=1.5e-9 * pixels, infer=infer_seconds or YOLO11N_SECONDS * models)


def share_out(seconds: float, workers: int) -> list[float]:
    """The ideal work of each segment, in seconds.

    In a long job, each worker gets a segment in each round, and each round takes half of the remaining work. So other
    workers make up for a slow worker or a retried segment, and nobody waits long at the end ("factoring": Hummel,
    Schonberg and Flynn, Communications of the ACM 35 (8), 1992).
    """
    if seconds < 2 * MIN_SEGMENT_SECONDS * workers:
        count = min(max(int(seconds / MIN_SEGMENT_SECONDS), 1), workers)
        return [seconds / count] * count
    least = max(MIN_LAST_SEGMENT_SECONDS, seconds / (MAX_SEGMENTS - 1))
    most = max(MAX_SHARE_SECONDS, least)
    shares, left = list[float](), seconds
    while left > least / 2:
        share = min(max(left / 2 / workers, least), most)
        shares += [share] * min(workers, math.ceil(left / share))
        left = seconds - math.fsum(shares)
    return shares


def count_workers(seconds: float, max_concurrency: int) -> int:
    """How many workers infer at the same time in a job with so many seconds of work."""
    return min(len(share_out(seconds, max_concurrency)), max_concurrency)
