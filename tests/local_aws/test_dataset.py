"""An upload that requests a dataset gets it after its results: a folder of objects, and a ZIP file behind a link."""

import io
import json
import re
import time
import zipfile
from typing import Any

import pytest
import requests
from PIL import Image

from tests.local_aws.pipelines import DeployedPipeline
from videoinfer.redelivery import redeliver_jobs
from videoinfer.repository import SAMPLE_VIDEO
from videoinfer.upload_progress import UploadedVideo, find_job

_TIMEOUT_SECONDS = 60.0
MODEL = "rock-paper-scissors-presentation"


def test_a_dataset_follows_the_results(pipeline: DeployedPipeline) -> None:
    metadata = {"dataset-frames": "all", "infer-fps": "2"}
    upload = pipeline.upload("line 3/dataset ü.mp4", SAMPLE_VIDEO.read_bytes(), metadata)
    job = pipeline.wait_for_job(upload)
    assert job["status"] == "done"
    item = wait_for_dataset(pipeline, upload)

    done, notice = pipeline.take_notices(upload)
    assert "another notice will have the dataset" in done.text
    assert notice.subject.startswith("dataset u.mp4: dataset of ")
    [link] = re.findall(r"^Load: (\S+)$", notice.text, flags=re.MULTILINE)
    archive = zipfile.ZipFile(io.BytesIO(requests.get(link, timeout=30).content))
    assert archive.testzip() is None
    files = list_folder(pipeline, upload, job["job_id"])
    assert {name: archive.read(name) for name in archive.namelist()} == files

    results = json.loads(pipeline.read_results(upload, job["job_id"], "results.json"))
    coco = json.loads(files["annotations/instances_train.json"])
    assert len(coco["images"]) == len(results["frame_offset"])
    boxes = [box for element in results[MODEL] for box in element["predictions"]]
    assert len(coco["annotations"]) == len(boxes) > 0
    pictures = {name for name in files if name.endswith(".jpg")}
    assert {f"images/train/{image['file_name']}" for image in coco["images"]} == pictures
    with Image.open(io.BytesIO(files[min(pictures)])) as picture:
        assert picture.size == (coco["images"][0]["width"], coco["images"][0]["height"])
    labels = [line for name in files if name.startswith("labels/") for line in files[name].splitlines()]
    assert len(labels) == len(boxes)
    tasks = json.loads(files["label-studio/tasks.json"])
    assert sum(len(task["predictions"][0]["result"]) for task in tasks) == len(boxes)
    folder = item["dataset_location"].removesuffix(".zip")
    assert {task["data"]["image"] for task in tasks} == {f"{folder}/{name}" for name in pictures}

    summary = json.loads(pipeline.read_results(upload, job["job_id"], "summary.json"))
    assert summary["dataset_cost"]["used"]["s3_writes"] >= len(files) + 1
    record = json.loads(pipeline.read_results(upload, job["job_id"], "job.json"))
    assert record["outputs"]["dataset.zip"] == item["dataset_location"]
    assert record["dataset_frames"] == "all"


@pytest.mark.parametrize("frames", ["uncertain 5", "every 4", "events"])
def test_chosen_frames_in_both_input_modes(pipeline: DeployedPipeline, frames: str) -> None:
    metadata = {"dataset-frames": frames, "infer-fps": "5", "input-mode": "upload" if " " in frames else "presigned"}
    upload = pipeline.upload(f"line 3/{frames}.mp4", SAMPLE_VIDEO.read_bytes(), metadata)
    job = pipeline.wait_for_job(upload)
    assert job["status"] == "done"
    wait_for_dataset(pipeline, upload)
    coco = json.loads(list_folder(pipeline, upload, job["job_id"])["annotations/instances_train.json"])
    sampled = json.loads(pipeline.read_results(upload, job["job_id"], "results.json"))["frame_offset"]
    chosen = len(coco["images"])
    assert 0 < chosen < len(sampled)
    if frames == "every 4":
        assert chosen == len(sampled[::4])
    elif frames == "uncertain 5":
        assert chosen == 5


def test_a_dataset_is_kept_if_its_video_is_deleted_before_a_redelivery(pipeline: DeployedPipeline) -> None:
    """The notice, the ledger and `job.json` say the same as S3."""
    metadata = {"dataset-frames": "every 10", "infer-fps": "2"}
    upload = pipeline.upload("line 3/deleted.mp4", SAMPLE_VIDEO.read_bytes(), metadata)
    job = pipeline.wait_for_job(upload)
    location = wait_for_dataset(pipeline, upload)["dataset_location"]
    pipeline.take_notices(upload)
    version: Any = {"VersionId": upload.version_id} if upload.version_id else {}
    pipeline.clients.s3.delete_object(Bucket=upload.bucket, Key=upload.key, **version)
    [redelivery] = redeliver_jobs(pipeline.pipeline, job["job_id"])
    reason = "The video has been deleted, or access to it is denied."
    assert redelivery.failure == f"delivered with an earlier dataset.zip: {reason}"
    notice = pipeline.take_notices(upload)[-1]
    assert notice.subject.startswith("deleted.mp4: dataset kept from before: ")
    assert f"Kept: {location}\n" in notice.text
    assert "videoinfer redeliver" not in notice.text
    item = find_job(pipeline.clients, pipeline.pipeline.jobs_table, upload) or {}
    assert (item["dataset_location"], item["dataset_error"]) == (location, reason)
    record = json.loads(pipeline.read_results(upload, job["job_id"], "job.json"))
    assert record["outputs"]["dataset.zip"] == location
    assert pipeline.read_results(upload, job["job_id"], "dataset.zip")


def list_folder(pipeline: DeployedPipeline, upload: UploadedVideo, job_id: str) -> dict[str, bytes]:
    """The files in the dataset's folder by name."""
    s3, bucket = pipeline.clients.s3, pipeline.pipeline.results_bucket
    folder = f"results/{upload.key}/{job_id}/dataset/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    return {key.removeprefix(folder): s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def wait_for_dataset(pipeline: DeployedPipeline, upload: UploadedVideo) -> Any:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while "dataset_notice_id" not in (item := find_job(pipeline.clients, pipeline.pipeline.jobs_table, upload) or {}):
        assert time.monotonic() < deadline, "There is no notice about the dataset."
        time.sleep(0.1)
    assert "dataset_error" not in item, item["dataset_error"]
    return item
