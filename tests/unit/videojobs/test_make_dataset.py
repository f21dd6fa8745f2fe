"""make_dataset turns results and video into a dataset, or returns a reason why it can't; it is reported once."""

import io
import json
import zipfile
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from PIL import Image

from tests.unit.test_decoders import WRITTEN
from tests.unit.videojobs.studio import MODEL, Studio
from videojobs.jobs.media_outputs import DATASET
from videojobs.make_dataset import LAST_LABELS_SECONDS, LAST_SECONDS
from videojobs.result_files import DATASET_ZIP, locate_results

COCO = "annotations/instances_train.json"


def put_results(studio: Studio, *confidences: float | None) -> None:
    """Puts results with one box in each sampled frame, five a second; None is a frame on which the model failed."""
    box = {"x": 100, "y": 100, "width": 60, "height": 40, "class": "Rock", "class_id": 0, "tracker_id": 1}
    elements = [
        None if confidence is None else {"predictions": [{**box, "confidence": confidence}]}
        for confidence in confidences
    ]
    numbers = range(len(confidences))
    offsets = {"frame_offset": [6 * number for number in numbers], "time_offset": [number / 5 for number in numbers]}
    studio.put_results(json.dumps({**offsets, MODEL: elements}).encode())


def read_zip(studio: Studio) -> zipfile.ZipFile:
    key = locate_results(studio.job.upload.key, studio.job.job_id, DATASET_ZIP)
    return zipfile.ZipFile(io.BytesIO(b"".join(studio.bucket.read(key))))


def test_the_dataset_is_stored_beside_the_results_and_reported(studio: Studio) -> None:
    put_results(studio, *[0.9] * 10)
    studio.put_video(studio.job, b"another video since")
    studio.make_and_record_dataset("every 3")
    files = studio.list_dataset()
    coco = json.loads(files[COCO])
    pictures = {name for name in files if name.endswith(".jpg")}
    assert {f"images/train/{image['file_name']}" for image in coco["images"]} == pictures
    assert len(pictures) == len(coco["annotations"]) == 4
    for image in coco["images"]:
        with Image.open(io.BytesIO(files[f"images/train/{image['file_name']}"])) as picture:
            assert picture.size == (image["width"], image["height"])
    archive = read_zip(studio)
    assert {name: archive.read(name) for name in archive.namelist()} == files
    item = studio.read_item()
    assert item["dataset_location"].endswith(f"/{studio.job.job_id}/dataset.zip")
    [notice] = studio.aws.notices()
    assert notice["Subject"] == "line 3+u%41 (1).MP4: dataset of 4 pictures"
    assert "/dataset.zip\n" in notice["Message"]
    assert f"Folder: {item['dataset_location'].removesuffix('.zip')}/\n" in notice["Message"]
    assert "Pictures: 4 (every 3)\n" in notice["Message"]
    assert "/s/" not in json.dumps(item, default=str)


def test_the_uncertain_frames_are_those_in_the_dataset(studio: Studio) -> None:
    put_results(studio, *[0.9] * 10, 0.4, *[0.9] * 10, 0.5)
    assert studio.make_dataset("uncertain 2")["status"] == "made"
    coco = json.loads(studio.list_dataset()[COCO])
    assert [annotation["score"] for annotation in coco["annotations"]] == [0.4, 0.5]


def test_tracks_are_those_of_all_frames(studio: Studio) -> None:
    """Frames that are not chosen connect the chosen ones."""
    box = {"y": 100, "width": 60, "height": 40, "class": "Rock", "confidence": 0.9}
    numbers = range(30)
    elements = [{"predictions": [{**box, "x": 50 + 15 * number}]} for number in numbers]
    offsets = {"frame_offset": [6 * number for number in numbers], "time_offset": [number / 5 for number in numbers]}
    studio.put_results(json.dumps({**offsets, MODEL: elements}).encode())
    assert studio.make_dataset("every 29")["status"] == "made"
    coco = json.loads(studio.list_dataset()[COCO])
    assert [annotation["track_id"] for annotation in coco["annotations"]] == [1, 1]


def test_frames_without_a_picture_are_told(studio: Studio) -> None:
    put_results(studio, 0.9, None, 0.9)
    studio.make_and_record_dataset("all")
    [notice] = studio.aws.notices()
    assert "Pictures: 2 (all)\n" in notice["Message"]
    assert "Left out: 1 frame: not decodable, a model failed, or" in notice["Message"]


def test_frames_of_an_unknown_form_are_told(studio: Studio) -> None:
    offsets = {"frame_offset": [0, 6], "time_offset": [0, 0.2]}
    studio.put_results(json.dumps({**offsets, MODEL: [{"predictions": []}, [{"text": "STOP"}]]}).encode())
    model = replace(studio.job.options.models[0], inference_type="text-recognition")
    studio.job = replace(studio.job, options=replace(studio.job.options, models=(model,)))
    studio.make_and_record_dataset("all")
    [notice] = studio.aws.notices()
    assert "Pictures: 1 (all)\n" in notice["Message"]
    assert "Left out: 1 frame: " in notice["Message"]


def test_a_dataset_without_frames_is_made(studio: Studio) -> None:
    put_results(studio, *[1.0] * 10)
    studio.make_and_record_dataset("uncertain")
    assert json.loads(studio.list_dataset()[COCO])["images"] == []
    [notice] = studio.aws.notices()
    assert "Pictures: 0 (uncertain 100)\n" in notice["Message"]


def test_it_is_the_same_if_it_is_made_again(studio: Studio) -> None:
    put_results(studio, *[0.9] * 5)
    studio.make_dataset()
    first = studio.list_dataset()
    studio.make_dataset()
    assert studio.list_dataset() == first


def test_a_deleted_video_is_given_as_the_reason(studio: Studio) -> None:
    studio.aws.s3.delete_object(**studio.job.upload.location)
    answer = studio.make_dataset()
    assert (answer["status"], answer["reason"]) == ("failed", "The video has been deleted, or access to it is denied.")
    assert studio.aws.notices() == []


@pytest.mark.parametrize("seconds_left", [LAST_SECONDS - 1, LAST_LABELS_SECONDS - 1])
def test_the_reason_for_a_video_that_takes_too_long_says_what_to_do(studio: Studio, seconds_left: float) -> None:
    answer = studio.make_dataset(seconds_left=seconds_left)
    assert answer["status"] == "failed"
    assert "The video is too long for a dataset" in answer["reason"]
    assert "videoinfer export" in answer["reason"]
    assert studio.record(output=DATASET)["reason"] == "The dataset is not in the results bucket."


def test_a_video_that_is_none_is_given_as_the_reason(studio: Studio) -> None:
    version_id = studio.put_video(studio.job, b"video")
    studio.job = replace(studio.job, upload=replace(studio.job.upload, version_id=version_id))
    answer = studio.make_dataset()
    assert answer["status"] == "failed"
    assert "can't be read" in answer["reason"]


def test_its_files_are_those_that_the_function_may_write(studio: Studio) -> None:
    studio.make_dataset()
    patterns = [file for file in WRITTEN["MakeDatasetFunction"] if file.startswith("dataset/")]
    names = [f"dataset/{name}" for name in studio.list_dataset()]
    assert len(names) > 6
    for name in names:
        assert any(fnmatchcase(name, pattern) for pattern in patterns), name
    for pattern in patterns:
        assert any(fnmatchcase(name, pattern) for name in names), pattern
