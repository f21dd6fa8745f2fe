"""The truth that outputs are compared with: the results themselves."""

from typing import get_args

import pytest

from tests.unit.videoinfer.verification.test_file_checks import COUNTS
from videoinfer.repository import SAMPLE_VIDEO
from videoinfer.verification.truth import CLIP_SECONDS, FILES, INFER_FPS, Truth, read_truth
from videoinfer.videos import sample_video
from videojobs.errors import BrokenResults
from videojobs.jobs.ledger import Job
from videojobs.outputs.names import OutputName


def test_the_truth_is_counted_from_the_results(truth: Truth) -> None:
    assert (truth.frames, truth.predictions, truth.counts) == (2, 3, COUNTS)


def test_results_that_break_the_contract_are_refused(job: Job) -> None:
    with pytest.raises(BrokenResults):
        read_truth(b'{"frame_offset": [0], "time_offset": [0.0], "hands": []}', job)


def test_the_clip_has_the_stated_length() -> None:
    assert len(sample_video(SAMPLE_VIDEO, INFER_FPS)) == CLIP_SECONDS * INFER_FPS


def test_every_output_has_files() -> None:
    assert set(FILES) == set(get_args(OutputName))
