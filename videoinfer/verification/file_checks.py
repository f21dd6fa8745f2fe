"""The checks of a job's files. Each takes a file's content, and says what is wrong with it."""

import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from videoinfer.verification.truth import CLIP_CLASSES, CLIP_MODEL, CLIP_SECONDS, EVENT_FILES, FILES, Truth
from videoinfer.verification.verdicts import Verdict, compare, judge, wrong
from videojobs.jobs.media_outputs import MEDIA_OUTPUTS
from videojobs.outputs.csv_table import disarm
from videojobs.outputs.names import OutputName
from videojobs.outputs.webvtt import escape

_CUE = re.compile(r"^(\d+):(\d\d):(\d\d\.\d{3}) --> (\d+):(\d\d):(\d\d\.\d{3})$", re.MULTILINE)

type FileCheck = Callable[[bytes, Truth], Verdict]


def check_file(check: FileCheck, content: bytes, truth: Truth) -> Verdict:
    """Runs `check`. A file that does not have the expected format is wrong."""
    try:
        return check(content, truth)
    except (ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, zlib.error) as error:
        return wrong(f"It can't be read: {type(error).__name__}: {error}.")


def check_results(truth: Truth, sent_fps: float | None) -> Verdict:
    """Checks that the results have all frames of the clip, and that the sample model found its classes.

    Args:
        sent_fps: The `infer-fps` in the upload's metadata, or None.
    """
    infer_fps = truth.job.options.infer_fps
    expected = round(CLIP_SECONDS * infer_fps)
    faults = compare("infer_fps", infer_fps, sent_fps) if sent_fps else []
    # The API decides whether it samples the very end of a video.
    if abs(truth.frames - expected) > 1:
        faults += compare("frames", truth.frames, expected)
    found = truth.counts.get(CLIP_MODEL)
    if found is not None and (missing := [name for name in CLIP_CLASSES if name not in found]):
        faults.append(f"{CLIP_MODEL} found no {', no '.join(missing)} in a clip that shows it.")
    return judge(faults, f"{truth.frames} frames, {truth.predictions} predictions")


def check_summary(content: bytes, truth: Truth) -> Verdict:
    """Checks that `summary.json` has the same counts as the results, and a cost."""
    summary = json.loads(content)
    models = summary["models"]
    counts = {model: {name: entry["count"] for name, entry in models[model]["classes"].items()} for model in models}
    faults = _compare_job(summary, counts, truth)
    total = summary["cost"]["total_usd"]
    if not total > 0:
        faults.append(f"Its cost is {total!r} US dollars.")
    return judge(faults, f"the same counts, and the cost: ${total:.4f}")


def check_record(content: bytes, truth: Truth, outputs: Sequence[OutputName]) -> Verdict:
    """Checks that `job.json` has the same counts as the results, and lists exactly the files of `outputs`.

    Media outputs may be among them, which are made later.
    """
    record = json.loads(content)
    faults = _compare_job(record, record["counts"], truth)
    expected = {name for output in outputs for name in FILES[output]}
    if truth.job.options.regions:
        expected |= {EVENT_FILES[output] for output in outputs if output in EVENT_FILES}
    faults += compare(
        "outputs", sorted(record["outputs"].keys() - {it.file_name for it in MEDIA_OUTPUTS}), sorted(expected)
    )
    return judge(faults, f"lists all {len(expected)} outputs")


def check_csv(content: bytes, truth: Truth) -> Verdict:
    """Checks that `detections.csv.gz` has a line for each prediction."""
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(content).decode("utf-8-sig"))))
    expected = Counter({disarm(name): count for name, count in truth.by_class.items()})
    faults = [*compare("lines", len(rows), truth.predictions), *compare("classes", _count(rows), expected)]
    keys = {(row["job_id"], row["upload_key"]) for row in rows}
    if keys - {(disarm(truth.job.job_id), disarm(truth.job.upload.key))}:
        faults.append("It has lines of other jobs.")
    return judge(faults, f"{len(rows)} lines, one for each prediction")


def check_coco(content: bytes, truth: Truth) -> Verdict:
    """Checks that `coco.json` has an image for each frame, and an annotation for each prediction with a class."""
    dataset = json.loads(content)
    names = {category["id"]: category["class"] for category in dataset["categories"]}
    images = {image["id"] for image in dataset["images"]}
    annotations = [{**entry, "class": names[entry["category_id"]]} for entry in dataset["annotations"]]
    faults = [
        *compare("images", len(dataset["images"]), truth.frames),
        *compare("annotations", len(annotations), truth.by_class.total()),
        *compare("classes", _count(annotations), truth.by_class),
    ]
    if any(annotation["image_id"] not in images for annotation in annotations):
        faults.append("It has annotations of images that it does not list.")
    return judge(faults, f"{len(images)} images, {len(annotations)} annotations")


def check_captions(content: bytes, truth: Truth) -> Verdict:
    """Checks that `detections.vtt` has its cues in order of time, and names every class."""
    text = content.decode()
    cues = [(_read_time(cue[:3]), _read_time(cue[3:])) for cue in _CUE.findall(text)]
    faults = []
    if not text.startswith("WEBVTT\n"):
        faults.append("It does not begin with WEBVTT.")
    if any(start >= end for start, end in cues) or any(one[0] > next_[0] for one, next_ in pairwise(cues)):
        faults.append("Its cues are not in order of time.")
    if missing := sorted(name for name in truth.by_class if escape(name) not in text):
        faults.append(f"It does not name {', '.join(missing)}.")
    return judge(faults, f"{len(cues)} cues")


def check_dataset(content: bytes) -> Verdict:
    """Checks that `dataset.zip` is complete, and has the picture of each image in its COCO file, and no other."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()
            coco = json.loads(archive.read("annotations/instances_train.json"))
            pictures = [name for name in archive.namelist() if name.endswith(".jpg")]
    except (zipfile.BadZipFile, ValueError, LookupError, EOFError, OSError, zlib.error) as error:
        return wrong(f"It can't be read: {type(error).__name__}: {error}.")
    images = [f"images/train/{image['file_name']}" for image in coco["images"]]
    faults = [f"{damaged} is damaged."] if damaged else []
    faults += compare("pictures", sorted(pictures), sorted(images))
    return judge(faults, f"{len(images)} pictures, {len(coco['annotations'])} annotations")


def check_annotated_video(content: bytes, content_type: str) -> Verdict:
    """Checks that `annotated.mp4` is an MP4 with its index first, so that it plays before it is loaded completely."""
    index, media = content.find(b"moov"), content.find(b"mdat")
    faults = compare("content type", content_type, "video/mp4")
    if content[4:8] != b"ftyp" or -1 in (index, media):
        faults.append("It is not an MP4.")
    elif index > media:
        faults.append("Its index is at its end.")
    return judge(faults, f"an MP4 of {len(content):,} bytes")


def _compare_job(record: Mapping[str, Any], counts: object, truth: Truth) -> list[str]:
    return [
        *compare("job_id", record["job_id"], truth.job.job_id),
        *compare("upload", record["upload"], truth.job.upload.uri),
        *compare("frames", record["frames"], truth.frames),
        *compare("counts", counts, truth.counts),
    ]


def _count(rows: Sequence[Mapping[str, Any]]) -> Counter[str]:
    return Counter(row["class"] for row in rows if row["class"])


def _read_time(parts: Sequence[str]) -> float:
    hours, minutes, seconds = parts
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
