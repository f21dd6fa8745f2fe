"""The checks of a job's files: each takes what was fetched and says what is wrong with it."""

import csv
import gzip
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from videoinfer.verification.truth import CLIP_CLASSES, CLIP_MODEL, CLIP_SECONDS, FILES, Truth
from videoinfer.verification.verdicts import Verdict, judge, wrong
from videojobs.outputs.csv_table import disarm
from videojobs.outputs.names import OutputName
from videojobs.outputs.webvtt import escape

_CUE = re.compile(r"^(\d+):(\d\d):(\d\d\.\d{3}) --> (\d+):(\d\d):(\d\d\.\d{3})$", re.MULTILINE)

type FileCheck = Callable[[bytes, Truth], Verdict]


def check_file(check: FileCheck, content: bytes, truth: Truth) -> Verdict:
    """What `check` says of a file, also of one that is not of its format."""
    try:
        return check(content, truth)
    except (ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, zlib.error) as error:
        return wrong(f"It can't be read: {type(error).__name__}: {error}.")


def check_results(truth: Truth, sent_fps: float | None) -> Verdict:
    """The clip's frames are all there, and the model that is shipped has found what is in them.

    Args:
        sent_fps: What the upload's metadata asked for, if anything.
    """
    infer_fps = truth.job.options.infer_fps
    expected = round(CLIP_SECONDS * infer_fps)
    faults = []
    if sent_fps not in (None, infer_fps):
        faults.append(f"The upload asked for {sent_fps} frames a second, and its job has {infer_fps}.")
    # Whether the last moment of a video is sampled is up to the API.
    if abs(truth.frames - expected) > 1:
        faults.append(f"It has {truth.frames} frames, and {expected} were expected.")
    found = truth.counts.get(CLIP_MODEL)
    if found is not None and (missing := [name for name in CLIP_CLASSES if name not in found]):
        faults.append(f"{CLIP_MODEL} found no {', no '.join(missing)} in a clip that shows it.")
    return judge(faults, f"{truth.frames} frames, {truth.predictions} predictions")


def check_summary(content: bytes, truth: Truth) -> Verdict:
    """`summary.json`: the same counts, and a cost."""
    summary = json.loads(content)
    models = summary["models"]
    counts = {model: {name: entry["count"] for name, entry in models[model]["classes"].items()} for model in models}
    faults = [*_compare_job(summary, truth), *_compare("counts", counts, truth.counts)]
    total = summary["cost"]["total_usd"]
    if not total > 0:
        faults.append(f"Its cost is {total!r} US dollars.")
    return judge(faults, f"the same counts, and what it cost: ${total:.4f}")


def check_record(content: bytes, truth: Truth, outputs: Sequence[OutputName]) -> Verdict:
    """`job.json`: the same counts, and the outputs that the stack is asked for, no more and no less."""
    record = json.loads(content)
    faults = [*_compare_job(record, truth), *_compare("counts", record["counts"], truth.counts)]
    expected = {name for output in outputs for name in FILES[output]}
    listed = set(record["outputs"])
    if missing := sorted(expected - listed):
        faults.append(f"It lists no {', no '.join(missing)}.")
    if added := sorted(listed - expected):
        faults.append(f"It lists {', '.join(added)}, which the stack is not asked for.")
    return judge(faults, f"lists all {len(listed)} outputs")


def check_csv(content: bytes, truth: Truth) -> Verdict:
    """`detections.csv.gz`: a line for each prediction."""
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(content).decode("utf-8-sig"))))
    expected = Counter({disarm(name): count for name, count in truth.by_class.items()})
    faults = [*_compare("lines", len(rows), truth.predictions), *_compare("classes", _count(rows), expected)]
    keys = {(row["job_id"], row["upload_key"]) for row in rows}
    if keys - {(disarm(truth.job.job_id), disarm(truth.job.upload.key))}:
        faults.append("It has lines of other jobs.")
    return judge(faults, f"{len(rows)} lines, a prediction each")


def check_coco(content: bytes, truth: Truth) -> Verdict:
    """`coco.json`: an image for each frame, an annotation for each prediction with a class."""
    dataset = json.loads(content)
    names = {category["id"]: category["class"] for category in dataset["categories"]}
    images = {image["id"] for image in dataset["images"]}
    annotations = [{**entry, "class": names[entry["category_id"]]} for entry in dataset["annotations"]]
    faults = [
        *_compare("images", len(dataset["images"]), truth.frames),
        *_compare("annotations", len(annotations), truth.by_class.total()),
        *_compare("classes", _count(annotations), truth.by_class),
    ]
    if any(annotation["image_id"] not in images for annotation in annotations):
        faults.append("It has annotations of images that it does not list.")
    return judge(faults, f"{len(images)} images, {len(annotations)} annotations")


def check_captions(content: bytes, truth: Truth) -> Verdict:
    """`detections.vtt`: cues in the order of time that name every class."""
    text = content.decode()
    cues = [(_read_time(cue[:3]), _read_time(cue[3:])) for cue in _CUE.findall(text)]
    faults = []
    if not text.startswith("WEBVTT\n"):
        faults.append("It does not begin with WEBVTT.")
    if any(start >= end for start, end in cues) or any(one[0] > next_[0] for one, next_ in pairwise(cues)):
        faults.append("Its cues are not in the order of time.")
    if missing := sorted(name for name in truth.by_class if escape(name) not in text):
        faults.append(f"It does not name {', '.join(missing)}.")
    return judge(faults, f"{len(cues)} cues")


def check_annotated_video(content: bytes, content_type: str) -> Verdict:
    """`annotated.mp4`: an MP4 whose index comes first, so that it plays before all of it is there."""
    boxes = [content.find(name) for name in (b"moov", b"mdat")]
    faults = []
    if content[4:8] != b"ftyp" or -1 in boxes:
        faults.append("It is no MP4.")
    elif boxes[0] > boxes[1]:
        faults.append("Its index is at its end.")
    if content_type != "video/mp4":
        faults.append(f"It is kept as {content_type}.")
    return judge(faults, f"an MP4 of {len(content):,} bytes")


def _compare_job(record: Mapping[str, Any], truth: Truth) -> list[str]:
    return [
        *_compare("job_id", record["job_id"], truth.job.job_id),
        *_compare("upload", record["upload"], truth.job.upload.uri),
        *_compare("frames", record["frames"], truth.frames),
    ]


def _compare(name: str, found: object, expected: object) -> list[str]:
    return [] if found == expected else [f"Its {name}: {found}; the results have {expected}."]


def _count(rows: Sequence[Mapping[str, Any]]) -> Counter[str]:
    return Counter(row["class"] for row in rows if row["class"])


def _read_time(parts: Sequence[str]) -> float:
    hours, minutes, seconds = parts
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
