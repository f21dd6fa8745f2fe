"""Each check of a file accepts a good file, and names the fault of a bad one."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from videoinfer.verification.file_checks import (
    check_annotated_video,
    check_captions,
    check_coco,
    check_csv,
    check_dataset,
    check_file,
    check_record,
    check_results,
    check_summary,
)
from videoinfer.verification.truth import CLIP_MODEL, Truth

COUNTS = {"hands": {"Rock": 2, "a <b>": 1}}
JOB = {"job_id": "job-1", "upload": "s3://uploads/videoinfer-verify/run/clip.mp4", "frames": 2}

SUMMARY = {
    **JOB,
    "models": {"hands": {"classes": {"Rock": {"count": 2}, "a <b>": {"count": 1}}}},
    "cost": {"total_usd": 0.0008},
}

RECORD = {**JOB, "counts": COUNTS, "outputs": {"coco.json": "s3://…", "detections.vtt": "s3://…"}}
check_two_outputs = partial(check_record, outputs=("coco", "webvtt"))

LINES = [
    {"job_id": "job-1", "upload_key": "videoinfer-verify/run/clip.mp4", "class": name}
    for name in ("Rock", "Rock", "a <b>")
]

COCO: dict[str, Any] = {
    "images": [{"id": 1}, {"id": 2}],
    "annotations": [
        {"image_id": 1, "category_id": 1},
        {"image_id": 2, "category_id": 1},
        {"image_id": 2, "category_id": 2},
    ],
    "categories": [{"id": 1, "class": "Rock"}, {"id": 2, "class": "a <b>"}],
}

CAPTIONS = "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\nRock\n\n00:00:00.500 --> 00:00:01.000\nRock, a &lt;b&gt;\n"


def change(document: Any, *path: str | int, to: Any) -> Any:
    """Copies a document with another value at the end of `path`."""
    copy = json.loads(json.dumps(document))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return copy


def write_csv(lines: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["job_id", "upload_key", "class"])
    writer.writeheader()
    writer.writerows(lines)
    return gzip.compress(text.getvalue().encode("utf-8-sig"), mtime=0)  # a test's name contains the bytes


def write_json(document: Any) -> bytes:
    return json.dumps(document).encode()


GOOD: list[tuple[Callable[..., Any], bytes]] = [
    (check_summary, write_json(SUMMARY)),
    (check_two_outputs, write_json(RECORD)),
    (check_csv, write_csv(LINES)),
    (check_coco, write_json(COCO)),
    (check_captions, CAPTIONS.encode()),
]


@pytest.mark.parametrize(("check", "content"), GOOD)
def test_a_good_file_is_ok(truth: Truth, check: Any, content: bytes) -> None:
    verdict = check_file(check, content, truth)
    assert verdict.level == "ok", verdict.what


@pytest.mark.parametrize("check", [check for check, _ in GOOD])
@pytest.mark.parametrize("content", [b"", b"not of its format", b"[]", gzip.compress(b"x", mtime=0)[:-4], b"\xff\xfe"])
def test_a_file_of_another_format_is_wrong(truth: Truth, check: Any, content: bytes) -> None:
    assert check_file(check, content, truth).level == "wrong"


@pytest.mark.parametrize(
    ("check", "content", "words"),
    [
        (check_summary, write_json(change(SUMMARY, "job_id", to="job-2")), "job_id: job-2 instead of job-1."),
        (check_summary, write_json(change(SUMMARY, "frames", to=3)), "frames: 3 instead of 2."),
        (
            check_summary,
            write_json(change(SUMMARY, "models", "hands", "classes", "Rock", "count", to=1)),
            "counts: {",
        ),
        (check_summary, write_json(change(SUMMARY, "cost", "total_usd", to=0)), "Its cost is 0 US dollars."),
        (
            check_two_outputs,
            write_json(change(RECORD, "upload", to="s3://uploads/other.mp4")),
            "upload: s3://uploads/other.mp4 instead of",
        ),
        (check_two_outputs, write_json(change(RECORD, "counts", "hands", "Paper", to=1)), "counts: {"),
        (
            check_two_outputs,
            write_json(change(RECORD, "outputs", to={})),
            "outputs: [] instead of ['coco.json', 'detections.vtt'].",
        ),
        (
            check_two_outputs,
            write_json(change(RECORD, "outputs", "report.html", to="s3://…")),
            "outputs: ['coco.json', 'detections.vtt', 'report.html'] instead of",
        ),
        (check_csv, write_csv(LINES[:2]), "lines: 2 instead of 3."),
        (check_csv, write_csv([*LINES[:2], {**LINES[2], "class": "Rock"}]), "classes: "),
        (check_csv, write_csv([*LINES[:2], {**LINES[2], "job_id": "job-2"}]), "It has lines of other jobs."),
        (check_coco, write_json(change(COCO, "images", to=[{"id": 1}])), "It has annotations of images that"),
        (check_coco, write_json(change(COCO, "images", to=[{"id": 2}])), "images: 1 instead of 2."),
        (
            check_coco,
            write_json(change(COCO, "annotations", to=COCO["annotations"][:2])),
            "annotations: 2 instead of 3.",
        ),
        (check_coco, write_json(change(COCO, "categories", 0, "class", to="Paper")), "classes: "),
        (check_captions, CAPTIONS.removeprefix("WEBVTT").encode(), "It does not begin with WEBVTT."),
        (check_captions, CAPTIONS.replace("00:00:00.000", "00:00:09.000").encode(), "not in order of time"),
        (check_captions, CAPTIONS.replace("a &lt;b&gt;", "a <b>").encode(), "It does not name a <b>."),
    ],
)
def test_each_error_in_a_file_is_named(truth: Truth, check: Any, content: bytes, words: str) -> None:
    verdict = check_file(check, content, truth)
    assert verdict.level == "wrong"
    assert words in verdict.what


def test_a_name_that_was_disarmed_for_spreadsheets_is_the_same_name(truth: Truth) -> None:
    formula = replace(truth, counts={"hands": {"=1+2": 3}}, predictions=3)
    lines = [{**line, "class": "'=1+2"} for line in LINES]
    assert check_csv(write_csv(lines), formula).level == "ok"


ALL = {"Rock": 1, "Paper": 1, "Scissors": 1}


@pytest.mark.parametrize(
    ("frames", "found", "sent_fps", "words"),
    [
        (20, ALL, 2, None),
        (20, ALL, None, None),
        (21, ALL, 2, None),  # the API decides whether it samples the very end
        (10, ALL, 2, "frames: 10 instead of 20."),
        (20, ALL, 1, "infer_fps: 2 instead of 1."),
        (20, {"Rock": 1}, 2, f"{CLIP_MODEL} found no Paper, no Scissors in a clip that shows it."),
    ],
)
def test_the_results_must_cover_the_whole_clip(
    truth: Truth, frames: int, found: dict[str, int], sent_fps: float | None, words: str | None
) -> None:
    verdict = check_results(replace(truth, frames=frames, counts={CLIP_MODEL: found}), sent_fps)
    assert (verdict.level == "ok") == (words is None)
    assert not words or words in verdict.what


def test_another_model_may_find_nothing_in_the_clip(truth: Truth) -> None:
    assert check_results(replace(truth, frames=20, counts={"bottles": {}}), None).level == "ok"


MP4 = b"\0\0\0\x18ftypisom" + b"\0\0\0\x08moov" + b"\0\0\0\x08mdat"


@pytest.mark.parametrize(
    ("content", "content_type", "words"),
    [
        (MP4, "video/mp4", None),
        (MP4, "application/octet-stream", "content type: application/octet-stream instead of video/mp4."),
        (b"<html>", "video/mp4", "It is not an MP4."),
        (MP4.replace(b"moov", b"mdat", 1), "video/mp4", "It is not an MP4."),
        (MP4[:12] + b"\0\0\0\x08mdat\0\0\0\x08moov", "video/mp4", "Its index is at its end."),
    ],
)
def test_an_annotated_video_plays_at_once(content: bytes, content_type: str, words: str | None) -> None:
    verdict = check_annotated_video(content, content_type)
    assert (verdict.level == "ok") == (words is None)
    assert not words or words in verdict.what


def make_dataset(*pictures: str, images: tuple[str, ...] = ("1.jpg", "2.jpg")) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in pictures:
            archive.writestr(f"images/train/{name}", b"picture")
        coco = {"images": [{"file_name": name} for name in images], "annotations": [{}]}
        archive.writestr("annotations/instances_train.json", json.dumps(coco))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (make_dataset("1.jpg", "2.jpg"), None),
        (make_dataset("1.jpg"), "pictures: "),
        (make_dataset("1.jpg", "2.jpg", "3.jpg"), "pictures: "),
        (make_dataset("1.jpg", "2.jpg").replace(b"picture", b"pixture", 1), "images/train/1.jpg is damaged."),
        (make_dataset("1.jpg", "2.jpg")[:-30], "It can't be read: BadZipFile"),
        (b"", "It can't be read: BadZipFile"),
    ],
)
def test_a_dataset_has_the_pictures_that_it_lists(content: bytes, words: str | None) -> None:
    verdict = check_dataset(content)
    assert verdict.level == ("wrong" if words else "ok")
    assert (words or "2 pictures, 1 annotations") in verdict.what
