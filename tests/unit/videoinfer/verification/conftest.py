"""A job of two frames with three predictions, according to its results."""

import json

import pytest

from tests.unit.videoinfer.verification.accounts import Account
from videoinfer.ledger_view import LedgerView
from videoinfer.verification.truth import Truth, read_truth
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.options import Model, Options
from videojobs.jobs.uploads import Upload

MODEL_ID = "hands"
RESULTS = {
    "frame_offset": [0, 15],
    "time_offset": [0.0, 0.5],
    MODEL_ID: [
        {"image": {"width": 64, "height": 48}, "predictions": [{"class": "Rock", "confidence": 0.9}]},
        {
            "image": {"width": 64, "height": 48},
            "predictions": [{"class": "Rock", "confidence": 0.8}, {"class": "a <b>", "confidence": 0.7}],
        },
    ],
}


@pytest.fixture
def upload() -> Upload:
    return Upload(
        bucket="uploads", key="videoinfer-verify/run/clip.mp4", size_bytes=5, etag="e1", version_id="version-1"
    )


@pytest.fixture
def job(upload: Upload) -> Job:
    options = Options((Model(MODEL_ID, "4", "object-detection"),), 2, "presigned")
    return Job(
        upload=upload,
        attempt=1,
        job_id="job-1",
        options=options,
        created_at="2026-11-02T08:15:33+00:00",
        deadline_at="2026-11-03T08:15:33+00:00",
    )


@pytest.fixture
def truth(job: Job) -> Truth:
    return read_truth(json.dumps(RESULTS).encode(), job)


@pytest.fixture
def account(jobs: LedgerView, ledger: Ledger) -> Account:
    return Account(jobs, ledger)
