"""Keys of objects in the videos bucket."""

import re

_NOT_IN_A_KEY = re.compile(r"[^\w.-]")
_UPLOAD_KEY = re.compile(r"uploads/[0-9a-f-]{36}/[\w.-]{1,100}")


def upload_key(upload_id: str, file_name: str) -> str:
    """A video that a client uploads. The file's name is part of the key only for people."""
    return f"uploads/{upload_id}/{_NOT_IN_A_KEY.sub('_', file_name)[-100:]}"


def is_upload_key(key: str) -> bool:
    """Whether the key has the format of `upload_key`."""
    return bool(_UPLOAD_KEY.fullmatch(key))


def video_key(job_id: str) -> str:
    """A video that is fetched for a job."""
    return f"jobs/{job_id}/video"


def frames_key(job_id: str) -> str:
    """The frames of all segments, as `encode_segments` writes them."""
    return f"jobs/{job_id}/segments/frames"


def segment_key(job_id: str, segment: int) -> str:
    """The frames of one segment, as the release before wrote `Segment.to_json`."""
    return f"jobs/{job_id}/segments/{segment:05}.json"


def offsets_key(job_id: str) -> str:
    """The offsets of all segments' frames, as a JSON object without its braces."""
    return f"jobs/{job_id}/segments/offsets"


def part_key(job_id: str, segment: int, model_id: str) -> str:
    """The results of one model for one segment: a line of JSON for each frame."""
    return f"jobs/{job_id}/parts/{segment:05}/{model_id}.jsonl"


def results_key(job_id: str) -> str:
    """The results file."""
    return f"jobs/{job_id}/results.json"
