"""The specification of a job: all that its steps need to know."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Self

from videoengine.job_requests import ModelRequest
from videoengine.schema import SCHEMA_VERSION, check_version, select_known


@dataclass(frozen=True)
class JobSpec:
    """The input of a job's steps.

    It passes through the state machine, which keeps its history. So it never holds the video's URL, which may be a
    secret.

    Attributes:
        infer_fps: frames to infer per second.
        video_key: key of the video in the videos bucket, which may not be fetched yet.
        infer_seconds: estimated work of all models for one frame; None in jobs of older releases.
        video_etag: of the version of the video that all steps read; None until it is fetched, and in jobs of older
            releases.
    """

    job_id: str
    infer_fps: Fraction
    models: tuple[ModelRequest, ...]
    video_key: str
    infer_seconds: float | None = None
    video_etag: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The specification as plain JSON, for `from_json`."""
        models = [asdict(model) for model in self.models]
        return {**asdict(self), "schema_version": SCHEMA_VERSION, "infer_fps": str(self.infer_fps), "models": models}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """The specification that `to_json` wrote.

        Raises:
            NewerSchema: that of a newer release did.
        """
        check_version(fields.get("schema_version", 1))
        models = tuple(ModelRequest(**select_known(ModelRequest, model)) for model in fields["models"])
        return cls(
            fields["job_id"],
            Fraction(fields["infer_fps"]),
            models,
            fields["video_key"],
            fields.get("infer_seconds"),
            fields.get("video_etag"),
        )
