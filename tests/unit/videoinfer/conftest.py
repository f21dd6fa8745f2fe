"""A small video, a small model package and a ledger for the tests."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import boto3
import pytest
from moto import mock_aws
from PIL import Image

from tests.stand_ins.model_files import make_package, write_package
from tests.templates import find_resources
from videoinfer.aws_clients import AwsClients
from videoinfer.ledger_view import LedgerView
from videojobs.jobs import ledger as ledger_module
from videojobs.jobs.ledger import Ledger

FRAME_COUNT = 12
FRAME_RATE = Fraction(12)
RESOLUTION_WH = (320, 180)
OPTIONS: Any = {"region_name": "us-east-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of gray that gets brighter: frame `i` has the level `20 * i`."""
    path = tmp_path_factory.mktemp("video") / "gray.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height = RESOLUTION_WH
        stream.pix_fmt = "yuv420p"
        for index in range(FRAME_COUNT):
            gray = Image.new("RGB", RESOLUTION_WH, (20 * index,) * 3)
            frame = av.VideoFrame.from_image(gray)  # type: ignore[no-untyped-call]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A package whose network finds two boxes in every picture; their confidence is the picture's brightness."""
    return write_package(tmp_path / "hands" / "4", make_package())


class Clock:
    """A clock that moves only when it is read, by one second."""

    def __init__(self) -> None:
        self.seconds = 0

    def __call__(self, _now: Any) -> str:
        self.seconds += 1
        return f"2026-01-02T03:04:{self.seconds:02}+00:00"


@pytest.fixture(scope="session")
def dynamodb() -> Any:
    """A client, created once because that takes longer than most tests."""
    return boto3.client("dynamodb", **OPTIONS)


@pytest.fixture(scope="session")
def dynamodb_table() -> Any:
    return boto3.resource("dynamodb", **OPTIONS).Table("jobs")


@pytest.fixture
def jobs(dynamodb: Any, dynamodb_table: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerView]:
    """The jobs table as the template defines it."""
    monkeypatch.setattr(ledger_module, "format_time", Clock())
    properties = find_resources("pipeline", "AWS::DynamoDB::Table")["JobsTable"]["Properties"]
    with mock_aws():
        dynamodb.create_table(
            TableName="jobs",
            **{name: properties[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")},
            GlobalSecondaryIndexes=properties["GlobalSecondaryIndexes"],
        )
        yield LedgerView(dynamodb_table)


@pytest.fixture
def ledger(jobs: LedgerView, dynamodb_table: Any) -> Ledger:
    """The ledger of the same table; each write is one second later than the one before."""
    return Ledger(dynamodb_table)


@pytest.fixture
def clients() -> Iterator[AwsClients]:
    with mock_aws():
        yield AwsClients(boto3.Session(region_name="us-east-1"))
