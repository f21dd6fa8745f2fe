"""`videoinfer export` writes a dataset of a local results file and a video."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from videoinfer.dataset_export import describe_missing
from videoinfer.main import app
from videojobs.dataset.writer import DatasetCounts

BOX = {"x": 30.0, "y": 20.0, "width": 20.0, "height": 10.0, "confidence": 0.5, "class": "Rock", "class_id": 0}


def write_results(folder: Path, *elements: Any) -> Path:
    """Results of the first frames of the video, whose rate is 12 frames a second."""
    path = folder / "results.json"
    offsets = list(range(len(elements)))
    times = [round(offset / 12, 4) for offset in offsets]
    path.write_text(json.dumps({"frame_offset": offsets, "time_offset": times, "parts": list(elements)}))
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(tmp_path, *[{"predictions": [BOX]}] * 10)


def export(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["export", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_dataset_is_written_to_the_given_folder(tmp_path: Path, results: Path, video: Path) -> None:
    folder = tmp_path / "new" / "dataset"
    status, text = export(results, video, "-o", folder)
    assert status == 0, text
    assert "10 frames with 10 predictions in the dataset" in text
    pictures = [f"{number:08}" for number in range(10)]
    assert list_files(folder) == sorted(
        [
            "annotations/instances_train.json",
            "cvat/annotations.xml",
            "cvat/labels.json",
            "data.yaml",
            "label-studio/config.xml",
            "label-studio/tasks.json",
            *(f"images/train/{name}.jpg" for name in pictures),
            *(f"labels/train/{name}.txt" for name in pictures),
        ]
    )
    assert [path.name for path in folder.parent.iterdir()] == ["dataset"]


def test_label_studio_finds_the_pictures_in_the_folder(tmp_path: Path, results: Path, video: Path) -> None:
    folder = tmp_path / "dataset"
    assert export(results, video, "--format", "label-studio", "-o", folder)[0] == 0
    for task in json.loads((folder / "label-studio" / "tasks.json").read_text()):
        prefix, _, name = task["data"]["image"].partition("=")
        assert prefix == "/data/local-files/?d"
        assert (folder / name).is_file()


@pytest.mark.parametrize("formats", [["--format", "cvat,coco"], ["--format", "coco", "--format", "cvat"]])
def test_formats_can_be_chosen(tmp_path: Path, results: Path, video: Path, formats: list[str]) -> None:
    folder = tmp_path / "dataset"
    status, text = export(results, video, *formats, "-o", folder)
    assert status == 0, text
    others = [name for name in list_files(folder) if not name.startswith("images")]
    assert others == ["annotations/instances_train.json", "cvat/annotations.xml", "cvat/labels.json"]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("every 4", [0, 4, 8]),
        ("uncertain 1", [3]),
        ("events", [0, 6, 7, 9]),  # the first and the last frame of each object
    ],
)
def test_frames_can_be_chosen(tmp_path: Path, video: Path, frames: str, expected: list[int]) -> None:
    sure, unsure = {**BOX, "confidence": 0.95, "tracker_id": 1}, {**BOX, "confidence": 0.4, "tracker_id": 1}
    other = {**sure, "x": 200.0, "tracker_id": 2}
    found = [[sure]] * 3 + [[unsure]] + [[sure]] * 2 + [[sure, other]] * 2 + [[sure]] * 2
    results = write_results(tmp_path, *({"predictions": predictions} for predictions in found))
    folder = tmp_path / "dataset"
    status, text = export(results, video, "--frames", frames, "--format", "coco", "-o", folder)
    assert status == 0, text
    coco = json.loads((folder / "annotations/instances_train.json").read_text())
    assert [image["frame_offset"] for image in coco["images"]] == expected
    # Tracks are those of all sampled frames.
    assert {annotation["track_id"] for annotation in coco["annotations"]} <= {1, 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "voc"], "--format: 'voc' is not one of coco, yolo, label-studio, cvat."),
        (["--frames", "some"], "--frames: 'some' is not one of none, all, every N"),
        (["--frames", "none"], "--frames: 'none' gives no dataset."),
    ],
)
def test_an_invalid_option_is_named(
    tmp_path: Path, results: Path, video: Path, arguments: list[str], message: str
) -> None:
    status, text = export(results, video, *arguments, "-o", tmp_path / "dataset")
    assert status == 1
    assert message in text
    assert not (tmp_path / "dataset").exists()


def test_results_of_another_video_are_refused(tmp_path: Path, video: Path) -> None:
    other = {"image": {"width": 100, "height": 400}, "predictions": [BOX]}
    status, text = export(write_results(tmp_path, other), video, "-o", tmp_path / "out" / "dataset")
    assert status == 1
    assert "do not belong to" in text
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_is_not_a_video_is_refused(tmp_path: Path, results: Path) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("This is text.")
    status, text = export(results, notes, "-o", tmp_path / "out" / "dataset")
    assert status == 1
    assert "notes.mp4" in text
    assert list((tmp_path / "out").iterdir()) == []


def test_what_the_dataset_lacks_is_said(tmp_path: Path, video: Path) -> None:
    label = {"predictions": [{"class": "day", "confidence": 0.9, "class_id": 0}], "top": "day", "confidence": 0.9}
    status, text = export(write_results(tmp_path, label, None), video, "-o", tmp_path / "dataset")
    assert status == 0, text
    assert "Frames on which a model failed and which are left out: 1." in text
    assert "Not in yolo: labels of a whole frame (1)." in text
    assert "Not in cvat: labels of a whole frame (1)." in text


def test_every_count_of_what_is_missing_has_a_sentence() -> None:
    counts = DatasetCounts(
        images=1,
        labels=1,
        undecodable=2000,
        misplaced=5,
        repeated=6,
        failed=3,
        unread=7,
        left_out={"all": {"embeddings": 4}},
    )
    assert list(describe_missing(counts)) == [
        "Frames that can't be decoded and are left out: 2,000.",
        "Frames that are not in the order of time and are left out: 5.",
        "Frames that were sampled again, and keep only their first predictions: 6.",
        "Frames on which a model failed and which are left out: 3.",
        "Frames with predictions of an unknown form, or without a class or a box, which are left out: 7.",
        "Not in any format: embeddings (4).",
    ]


@pytest.mark.parametrize("elements", [[{"predictions": []}], [None], [{"embeddings": [[0.5]]}]], ids=json.dumps)
def test_a_dataset_without_labels_is_warned_about(elements: list[Any], tmp_path: Path, video: Path) -> None:
    status, text = export(write_results(tmp_path, *elements), video, "-o", tmp_path / "dataset")
    assert status == 0, text
    assert "The dataset has no labels" in text
