"""The outputs of a small job."""

import json
from pathlib import Path

import pytest

from tests.unit.videojobs.outputs.derived import (
    BOX,
    PICTURE,
    derive_all,
    make_job,
)
from videojobs.jobs.options import Model


@pytest.fixture
def hands(tmp_path: Path) -> Path:
    """A folder with the outputs of a small job with masks."""
    corners = [{"x": 8, "y": 17.5}, {"x": 12, "y": 17.5}, {"x": 12, "y": 23.5}]
    frames = [
        {**PICTURE, "predictions": [{**BOX, "points": corners, "tracker_id": 3, "mood": "good"}, {**BOX, "x": "left"}]},
        {**PICTURE, "predictions": [{**BOX, "class": "Paper", "class_id": 0}]},
        None,
        {**PICTURE, "predictions": [{**BOX, "class": "Paper", "class_id": 0}]},
    ]
    results = {"hands": frames, "frame_offset": [0, 5, 10, 15], "time_offset": [0.0, 0.2, 0.4, 0.6]}
    files, _ = derive_all(make_job(Model("hands", "1", "instance-segmentation")), json.dumps(results).encode())
    for name in files.files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(files.read(name))
    return tmp_path
