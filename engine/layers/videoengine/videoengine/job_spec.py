"""What there is to do in a job: all that its steps need to know."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Self

from videoengine.job_requests import ModelRequest


@dataclass(frozen=True)
class JobSpec:
    """Travels through the state machine, whose histories are kept: so never where a video was fetched from.

    Attributes:
        infer_fps: frames to infer a second.
        video_key: where in the videos bucket the video is, or will be when it has been fetched.
    """

    job_id: str
    infer_fps: Fraction
    models: tuple[ModelRequest, ...]
    video_key: str

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "infer_fps": str(self.infer_fps), "models": [asdict(model) for model in self.models]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        models = tuple(ModelRequest(**model) for model in fields["models"])
        return cls(fields["job_id"], Fraction(fields["infer_fps"]), models, fields["video_key"])
