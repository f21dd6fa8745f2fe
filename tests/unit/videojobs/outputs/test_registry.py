"""Every output agrees with a simple reading of the results, for every inference type, in formats that
other tools read.
"""

import base64
import gzip
import io
import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.videojobs.outputs.derived import (
    BOX,
    ELEMENTS,
    PICTURE,
    derive_all,
    make_job,
    read_csv,
    undisarm,
)
from videojobs.foreign_text import printable
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model


def list_classes(element: Any) -> list[str]:
    """The classes in an element, by a simple reading of the contract."""
    if not isinstance(element, dict) or "predictions" not in element:
        return []
    if "top" in element:
        return [element["top"]]
    if "predicted_classes" in element:
        return list(element["predicted_classes"])
    return [prediction.get("face", prediction)["class"] for prediction in element["predictions"]]


@st.composite
def jobs(draw: Any) -> tuple[Job, dict[str, Any]]:
    """A job with one or two models, and its results with keys in any order."""
    types = draw(st.lists(st.sampled_from(list(ELEMENTS)), min_size=1, max_size=2))
    models = [Model(f"model-{number}", "1", kind) for number, kind in enumerate(types)]
    length = draw(st.integers(0, 4))
    items = [
        ("frame_offset", [6 * number for number in range(length)]),
        ("time_offsets", [0.25 * n for n in range(length)]),
    ]
    for model in models:
        elements = st.lists(ELEMENTS[model.inference_type], min_size=length, max_size=length)
        items += [(model.model_id, draw(elements))]
    return make_job(*models), dict(draw(st.permutations(items)))


@pytest.mark.slow
@given(jobs())
def test_all_outputs_agree_with_a_simple_reading(made: tuple[Job, dict[str, Any]]) -> None:
    job, results = made
    found = [
        (model.model_id, offset, name)
        for model in job.options.models
        for offset, entry in zip(results["frame_offset"], results[model.model_id], strict=True)
        for name in list_classes(entry)
    ]
    files, summary = derive_all(job, json.dumps(results).encode())

    expected = Counter(found)
    rows = pq.read_table(files.files["detections.parquet"]).to_pylist()
    assert Counter((row["model_id"], row["frame_offset"], row["class"]) for row in rows) == expected
    assert all(row["time_offset"] == row["frame_offset"] / 24 for row in rows)
    lines = read_csv(files)
    assert Counter((line["model_id"], int(line["frame_offset"]), undisarm(line["class"])) for line in lines) == expected
    coco = json.loads(files.read("coco.json"))
    images = {entry["id"]: entry["frame_offset"] for entry in coco["images"]}
    categories = {entry["id"]: (entry["supercategory"], entry["class"]) for entry in coco["categories"]}
    annotations = [(*categories[a["category_id"]], images[a["image_id"]]) for a in coco["annotations"]]
    assert Counter((model_id, offset, name) for model_id, name, offset in annotations) == expected
    counted = {(model_id, name): n for model_id, model in summary.counts.items() for name, n in model.items()}
    assert counted == Counter((model_id, name) for model_id, _, name in found)
    cues = webvtt.from_buffer(io.StringIO(files.read("detections.vtt").decode()))
    assert bool(len(cues)) == bool(found)

    frames = pq.read_table(files.files["frames.parquet"]).to_pylist()
    assert len(frames) == len(results["frame_offset"]) * len(job.options.models)
    elements = [entry for model in job.options.models for entry in results[model.model_id]]
    assert sorted(row["failed"] for row in frames) == sorted(entry is None for entry in elements)
    assert sum(row["predictions"] for row in frames) == len(found)
    assert b"<html" in files.read("report.html")


def test_no_caption_or_page_contains_invisible_characters() -> None:
    name = "a\x1b]0;b\u202ec\nd --> e"
    point = {"x": 1, "y": 1, "confidence": 1, "class_id": 0, "class": name}
    job = make_job(Model(name, "1", "keypoint-detection"), Model("other", "1", "object-detection"))
    job = replace(job, upload=replace(job.upload, key=f"{name}.mkv"))
    found = [{**PICTURE, "predictions": [{**BOX, "class": name, "keypoints": [point]}]}]
    results = {"frame_offset": [0], "time_offset": [0], name: found, "other": found}
    files, _ = derive_all(job, json.dumps(results).encode())
    [_, _, _, caption, *_] = files.read("detections.vtt").decode().splitlines()
    assert caption == "a\\u001b]0;b\\u202ec d --&gt; e: a\\u001b]0;b\\u202ec d --&gt; e #1"
    page = files.read("report.html").decode()
    for content in re.findall('<script type="application/gzip"[^>]*>([^<]*)</script>', page):
        decoded = json.dumps(json.loads(gzip.decompress(base64.b64decode(content))), ensure_ascii=False)
        assert decoded == printable(decoded)
    assert page.count("\u202e") == 0
