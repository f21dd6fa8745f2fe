"""An object has the same track ID in every output, read by other libraries."""

import io
import json
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
import webvtt

from tests.unit.videojobs.outputs.derived import BOX, PICTURE, KeptFiles, derive_all, make_job, read_csv, read_page
from videojobs.jobs.options import Model
from videojobs.outputs.webvtt import TRACKS_MAX, compose_cue

HANDS = Model("hands", "1", "object-detection")
TRACKS = [(0, 1), (0, 2), (6, 1), (6, 2), (12, 2)]
"""The frame offset and track ID of each prediction; the left hand leaves before the last frame."""


def see(*places: int, **more: Any) -> dict[str, Any]:
    return {**PICTURE, "predictions": [{**BOX, "x": x, "width": 40, "height": 60, **more} for x in places]}


def deliver(*elements: Any, track: bool = True) -> KeptFiles:
    job = make_job(HANDS)
    job = replace(job, options=replace(job.options, track=track))
    numbers = range(len(elements))
    results = {"frame_offset": [6 * n for n in numbers], "time_offset": [0.2 * n for n in numbers], "hands": elements}
    return derive_all(job, json.dumps(results).encode())[0]


@pytest.fixture
def files() -> KeptFiles:
    return deliver(see(100, 400), see(104, 398), see(396))


def read_table(files: KeptFiles) -> list[tuple[int, int | None]]:
    table = pq.read_table(io.BytesIO(files.read("detections.parquet")))
    return list(zip(table["frame_offset"].to_pylist(), table["track_id"].to_pylist(), strict=True))


def test_the_table_has_track_ids_as_numbers(files: KeptFiles) -> None:
    assert read_table(files) == TRACKS


def test_the_csv_has_track_ids(files: KeptFiles) -> None:
    assert [(int(row["frame_offset"]), int(row["track_id"])) for row in read_csv(files)] == TRACKS


def test_coco_has_track_ids(files: KeptFiles) -> None:
    dataset = json.loads(files.read("coco.json"))
    frames = {image["id"]: image["frame_offset"] for image in dataset["images"]}
    assert [(frames[one["image_id"]], one["track_id"]) for one in dataset["annotations"]] == TRACKS


def test_captions_name_the_tracks(files: KeptFiles) -> None:
    captions = webvtt.from_buffer(io.StringIO(files.read("detections.vtt").decode())).captions
    assert [(cue.start, cue.text) for cue in captions] == [
        ("00:00:00.000", "Rock (2) #1 #2"),
        ("00:00:00.400", "Rock #2"),
    ]


def test_the_report_has_track_ids(files: KeptFiles) -> None:
    frames = read_page(files.read("report.html"))["0-0.json.gz"]["frames"]
    assert [(6 * n, mark[7]) for n, marks in enumerate(frames) for mark in marks] == TRACKS


def test_tracker_ids_in_the_results_are_kept() -> None:
    assert read_table(deliver(see(100, tracker_id=41), see(300, tracker_id=41))) == [(0, 41), (6, 41)]


def test_without_tracking_no_output_has_track_ids() -> None:
    files = deliver(see(100, 400), see(104, 398), track=False)
    assert read_table(files) == [(0, None), (0, None), (6, None), (6, None)]
    assert {row["track_id"] for row in read_csv(files)} == {""}
    assert b"track_id" not in files.read("coco.json")
    assert "#" not in files.read("detections.vtt").decode()
    assert {len(mark) for marks in read_page(files.read("report.html"))["0-0.json.gz"]["frames"] for mark in marks} == {
        6
    }


@pytest.mark.parametrize(
    ("track_ids", "text"),
    [
        ([None], "Rock"),
        ([3], "Rock #3"),
        ([None, 9, 4], "Rock (3) #4 #9"),
        (list(range(1, TRACKS_MAX + 2)), f"Rock ({TRACKS_MAX + 1})"),
    ],
)
def test_a_cue_names_a_limited_number_of_tracks(track_ids: list[int | None], text: str) -> None:
    assert compose_cue({"Rock": track_ids}) == text
