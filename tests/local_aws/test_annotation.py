"""An upload that requests an annotated video gets it after its results, with a notice that links to it."""

import io
import json
import re
import shlex
import time
from typing import IO, Any

import av
import requests

from tests.local_aws.pipelines import DeployedPipeline
from tests.unit.videojobs.outputs.derived import read_page
from videoinfer.regions.forms import read_regions, spell_regions
from videoinfer.repository import SAMPLE_VIDEO
from videoinfer.upload_progress import UploadedVideo, find_job

_TIMEOUT_SECONDS = 60.0


def test_an_annotated_video_follows_the_results(pipeline: DeployedPipeline) -> None:
    upload = pipeline.upload("line 3/clip ü.mp4", SAMPLE_VIDEO.read_bytes(), {"annotate": "true", "infer-fps": "2"})
    job = pipeline.wait_for_job(upload)
    assert job["status"] == "done"
    wait_for_annotation(pipeline, upload)

    done, annotated = pipeline.take_notices(upload)
    assert "another notice will have the annotated video" in done.text
    assert annotated.subject == "clip u.mp4: annotated video"
    [link] = re.findall(r"^Watch: (\S+)$", annotated.text, flags=re.MULTILINE)
    content = requests.get(link, timeout=30).content
    assert content == pipeline.read_results(upload, job["job_id"], "annotated.mp4")
    summary = json.loads(pipeline.read_results(upload, job["job_id"], "summary.json"))
    assert summary["cost"]["used"]["lambda_requests"] == job["polls"] + 2
    assert summary["annotation_cost"]["used"]["lambda_gigabyte_seconds"] > 0.5
    record = json.loads(pipeline.read_results(upload, job["job_id"], "job.json"))
    assert record["outputs"]["annotated.mp4"].endswith(f"/{job['job_id']}/annotated.mp4")
    drawn, plain = (read_pictures(file) for file in (io.BytesIO(content), SAMPLE_VIDEO.open("rb")))
    assert len(drawn) == len(plain)
    changed = [(abs(one.astype(int) - other) > 60).any(axis=2).mean() for one, other in zip(drawn, plain, strict=True)]
    assert min(changed[10:-10]) > 0.005  # hands are in every one of these frames


def test_regions_are_the_same_in_the_report_and_the_annotated_video(pipeline: DeployedPipeline) -> None:
    """The metadata is that of the command which `videoinfer regions` prints."""
    line = '[{"name": "center line", "line": [[0.5, 0.95], [0.5, 0.25]], "anchor": "center"}]'
    *_, metadata = shlex.split(spell_regions(read_regions(line), SAMPLE_VIDEO).upload)
    given = {"annotate": "true", "infer-fps": "10", **json.loads(metadata)}
    upload = pipeline.upload("line 3/regions.mp4", SAMPLE_VIDEO.read_bytes(), given)
    job = pipeline.wait_for_job(upload)
    assert job["status"] == "done"
    wait_for_annotation(pipeline, upload)

    index = read_page(pipeline.read_results(upload, job["job_id"], "report.html"))["index"]
    [region] = index["regions"]
    assert region["points"] == [[0.5, 0.95], [0.5, 0.25]]
    kinds = [kind for _, kind, *_ in index["events"]["rows"]]
    assert region["counts"] == {"in": kinds.count("in"), "out": kinds.count("out")}
    assert kinds
    drawn = read_pictures(io.BytesIO(pipeline.read_results(upload, job["job_id"], "annotated.mp4")))
    height, width = drawn[0].shape[:2]
    edge = [picture[int(0.8 * height), width // 2 - 1 : width // 2 + 1].max() for picture in drawn]
    assert min(edge) > 200


def read_pictures(video: IO[bytes]) -> list[Any]:
    with video, av.open(video, "r") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def wait_for_annotation(pipeline: DeployedPipeline, upload: UploadedVideo) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while "annotation_notice_id" not in (find_job(pipeline.clients, pipeline.pipeline.jobs_table, upload) or {}):
        assert time.monotonic() < deadline, "There is no notice about the annotated video."
        time.sleep(0.1)
