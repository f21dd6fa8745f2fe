"""Following an upload: the bar shows the progress that the ledger has."""

import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest

from videoinfer.display import Display, ExecutionDisplay
from videoinfer.local import following
from videoinfer.local.following import follow_upload
from videoinfer.terminal import Console
from videoinfer.upload_progress import UploadedVideo

ITEM: dict[str, Any] = {"execution_arn": "arn", "job_id": "j1", "status": "running"}


class Looks:
    """AWS at each look of the command: the job's item in the ledger, and whether the execution is running."""

    def __init__(self, progress: list[int | None]) -> None:
        self.items: Iterator[dict[str, Any]] = iter(
            [ITEM, *(ITEM if percent is None else {**ITEM, "progress": Decimal(percent)} for percent in progress), ITEM]
        )
        self.statuses = iter(["RUNNING"] * (len(progress) - 1) + ["SUCCEEDED"])

    def system(self) -> Mock:
        system = Mock()
        stepfunctions = system.aws.clients.stepfunctions
        stepfunctions.describe_execution = lambda **_: {"status": next(self.statuses)}
        return system


def test_the_bar_shows_the_progress_in_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks([None, 20, 60, None])
    monkeypatch.setattr(following, "find_job", lambda *_: next(looks.items))
    monkeypatch.setattr(following, "read_history", lambda *_: [])
    monkeypatch.setattr(following, "_LOOK_INTERVAL_SECONDS", 0.0)
    shown: list[int | None] = []
    monkeypatch.setattr(ExecutionDisplay, "progress", lambda _, percent: shown.append(percent))

    follow_upload(
        looks.system(), UploadedVideo("uploads", "clip.mp4", "version-1"), Display(Console(file=io.StringIO()))
    )

    assert shown == [None, 20, 60, None]
