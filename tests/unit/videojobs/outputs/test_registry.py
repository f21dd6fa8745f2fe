"""Every output says what a plain reading of the results says, for every inference type, in formats that others read."""

import base64
import contextlib
import csv
import gzip
import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from videoinfer.repository import ROOT
from videojobs.foreign_text import printable
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import InferenceType, Model, Options
from videojobs.outputs.names import parse_outputs
from videojobs.outputs.registry import OPENERS
from videojobs.outputs.summary import Summary
from videojobs.results.derivation import derive

ALL = parse_outputs("parquet,csv,coco,webvtt,report")
EVENT = json.loads((ROOT / "events" / "deliver_results" / "done.json").read_text())

names = st.sampled_from(["Rock", "Paper", "ü <b> --> & ,\"'"])
numbers = st.floats(0, 1000, allow_subnormal=False) | st.integers(0, 1000)
confidences = st.floats(0, 1, allow_subnormal=False)
points = st.lists(st.fixed_dictionaries({"x": numbers, "y": numbers}), max_size=5)
ids = st.integers(0, 5)
boxes = {"x": numbers, "y": numbers, "width": numbers, "height": numbers, "confidence": confidences}
optional = {
    "class_id": ids,
    "tracker_id": ids | st.just("seven"),
    "detection_id": st.uuids().map(str),
    "mood": st.just({"good": True}),
}
keypoints = st.fixed_dictionaries(
    {"x": numbers, "y": numbers, "confidence": confidences, "class_id": ids, "class": names}
)
scores = st.fixed_dictionaries({"confidence": confidences, "class_id": ids})
image = {"image": st.just({"width": 640, "height": 360}), "time": confidences}


def element(predictions: Any, **more: Any) -> Any:
    return st.none() | st.fixed_dictionaries({"predictions": predictions, **more}, optional=image)


def lists_of(**fields: Any) -> Any:
    return st.lists(st.fixed_dictionaries({**boxes, "class": names, **fields}, optional=optional), max_size=3)


ELEMENTS: Mapping[InferenceType, Any] = {
    "object-detection": element(lists_of()),
    "instance-segmentation": element(lists_of(points=points)),
    "keypoint-detection": element(lists_of(keypoints=st.lists(keypoints, max_size=3))),
    "gaze-detection": element(
        st.lists(
            st.fixed_dictionaries(
                {
                    "face": st.fixed_dictionaries({**boxes, "class": st.just("face"), "landmarks": points}),
                    "yaw": confidences,
                    "pitch": confidences,
                }
            ),
            max_size=2,
        ),
        time_face_det=confidences,
    ),
    "classification": element(
        st.lists(st.fixed_dictionaries({"class": names, "class_id": ids, "confidence": confidences}), max_size=3),
        top=names,
        confidence=confidences,
    )
    | st.dictionaries(names, scores, max_size=3).flatmap(
        lambda found: element(
            st.just(found),
            predicted_classes=st.lists(st.sampled_from(sorted(found)), unique=True) if found else st.just([]),
        )
    ),
    "clip-embed-image": st.none()
    | st.lists(confidences, min_size=2, max_size=4)
    | st.fixed_dictionaries({"embeddings": st.lists(st.lists(confidences, min_size=2), min_size=1, max_size=2)}),
}


def list_classes(element: Any) -> list[str]:
    """What an element says is there: a plain reading of the contract."""
    if not isinstance(element, dict) or "predictions" not in element:
        return []
    if "top" in element:
        return [element["top"]]
    if "predicted_classes" in element:
        return list(element["predicted_classes"])
    return [prediction.get("face", prediction)["class"] for prediction in element["predictions"]]


class KeptFiles:
    """Keeps files in memory."""

    share_url = "https://share.example.com"

    def __init__(self) -> None:
        self.files: dict[str, io.BytesIO] = {}
        self.exits: list[Callable[[], None]] = []

    def open(self, name: str, *_: str) -> io.BytesIO:
        self.files[name] = io.BytesIO()
        return self.files[name]

    def save(self, name: str, content: bytes, _: str) -> None:
        self.files[name] = io.BytesIO(content)

    def call_at_exit(self, function: Callable[[], None]) -> None:
        self.exits.append(function)

    def read(self, name: str) -> bytes:
        return self.files[name].getvalue()


def make_job(*models: Model) -> Job:
    return replace(Job.from_input(EVENT), options=Options(models, 5, "presigned"))


def read_csv(files: "KeptFiles") -> list[dict[str, str]]:
    text = gzip.decompress(files.read("detections.csv.gz")).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def derive_all(job: Job, content: bytes) -> tuple[KeptFiles, Summary]:
    files, summary = KeptFiles(), Summary(job.options.models)
    outputs = [OPENERS[name](job, files) for name in ALL]  # type: ignore[arg-type]
    try:
        derive([content], job.options.models, [summary, *outputs], lambda: [content])
    finally:
        for function in files.exits:
            function()
    return files, summary


@st.composite
def jobs(draw: Any) -> tuple[Job, dict[str, Any]]:
    """A job of one model or two, and its results with keys in any order."""
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


@given(jobs())
def test_all_outputs_agree_with_a_plain_reading(made: tuple[Job, dict[str, Any]]) -> None:
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


BOX = {"x": 10, "y": 20.5, "width": 4, "height": 6, "confidence": 0.5, "class": "Rock", "class_id": 1}
PICTURE = {"image": {"width": 640, "height": 360}, "time": 0.07}


@pytest.fixture
def hands(tmp_path: Path) -> Path:
    """A folder with the outputs of a small job of masks."""
    corners = [{"x": 8, "y": 17.5}, {"x": 12, "y": 17.5}, {"x": 12, "y": 23.5}]
    frames = [
        {**PICTURE, "predictions": [{**BOX, "points": corners, "tracker_id": 3, "mood": "good"}, {**BOX, "x": "left"}]},
        {**PICTURE, "predictions": [{**BOX, "class": "Paper", "class_id": 0}]},
        None,
        {**PICTURE, "predictions": [{**BOX, "class": "Paper", "class_id": 0}]},
    ]
    results = {"hands": frames, "frame_offset": [0, 5, 10, 15], "time_offset": [0.0, 0.2, 0.4, 0.6]}
    files, _ = derive_all(make_job(Model("hands", "1", "instance-segmentation")), json.dumps(results).encode())
    for name in files.files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(files.read(name))
    return tmp_path


def test_pandas_reads_the_tables(hands: Path) -> None:
    table = pd.read_parquet(hands / "detections.parquet")
    assert list(table["class"]) == ["Rock", "Rock", "Paper", "Paper"]
    assert table["confidence"].mean() == 0.5
    assert [point["y"] for point in table["points"][0]] == [17.5, 17.5, 23.5]
    assert list(table["tracker_id"])[:1] == ["3"]
    assert pd.isna(table["x"][1])
    assert [json.loads(text) for text in table["extra"][:2]] == [{"mood": "good"}, {"x": "left"}]
    lines = pd.read_csv(hands / "detections.csv.gz")
    assert list(lines.columns) == list(table.columns)
    assert len(lines) == len(table)


def test_duckdb_reads_the_tables(hands: Path) -> None:
    query = f"SELECT class, count(*), max(len(points)) FROM '{hands}/detections.parquet' GROUP BY class ORDER BY class"  # noqa: S608
    assert duckdb.execute(query).fetchall() == [("Paper", 2, None), ("Rock", 2, 3)]
    query = f"SELECT frame_offset, failed, predictions, image_width FROM '{hands}/frames.parquet'"  # noqa: S608
    assert duckdb.execute(query).fetchall() == [
        (0, False, 2, 640),
        (5, False, 1, 640),
        (10, True, 0, None),
        (15, False, 1, 640),
    ]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # its own
def test_pycocotools_loads_the_dataset(hands: Path) -> None:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        dataset = COCO(str(hands / "coco.json"))
    assert {entry["name"]: entry["class_id"] for entry in dataset.loadCats(dataset.getCatIds())} == {
        "Rock": 1,
        "Paper": 0,
    }
    [first, *_] = dataset.loadAnns(dataset.getAnnIds(imgIds=[1]))
    assert first["bbox"] == [8, 17.5, 4, 6]
    assert first["area"] == 12
    assert dataset.annToMask(first).sum() > 0
    assert [entry["frame_offset"] for entry in dataset.loadImgs(dataset.getImgIds())] == [0, 5, 10, 15]


def test_webvtt_has_a_cue_as_long_as_the_same_is_there(hands: Path) -> None:
    cues = [(cue.start, cue.end, cue.text) for cue in webvtt.read(str(hands / "detections.vtt")).captions]
    assert cues == [
        ("00:00:00.000", "00:00:00.200", "Rock (2)"),
        ("00:00:00.200", "00:00:00.400", "Paper"),
        ("00:00:00.600", "00:00:00.800", "Paper"),
    ]


def test_no_caption_and_no_page_holds_what_can_not_be_seen() -> None:
    name = "a\x1b]0;b\u202ec\nd --> e"
    point = {"x": 1, "y": 1, "confidence": 1, "class_id": 0, "class": name}
    job = make_job(Model(name, "1", "keypoint-detection"), Model("other", "1", "object-detection"))
    job = replace(job, upload=replace(job.upload, key=f"{name}.mkv"))
    found = [{**PICTURE, "predictions": [{**BOX, "class": name, "keypoints": [point]}]}]
    results = {"frame_offset": [0], "time_offset": [0], name: found, "other": found}
    files, _ = derive_all(job, json.dumps(results).encode())
    [_, _, _, caption, *_] = files.read("detections.vtt").decode().splitlines()
    assert caption == "a\\u001b]0;b\\u202ec d --&gt; e: a\\u001b]0;b\\u202ec d --&gt; e"
    page = files.read("report.html").decode()
    for content in re.findall('<script type="application/gzip"[^>]*>([^<]*)</script>', page):
        decoded = json.dumps(json.loads(gzip.decompress(base64.b64decode(content))), ensure_ascii=False)
        assert decoded == printable(decoded)
    assert page.count("\u202e") == 0


def test_keypoints_have_the_places_that_coco_gives_them() -> None:
    keypoints = [{"x": 1, "y": 2, "confidence": 1, "class_id": 2, "class": "wrist"}]
    results = {
        "frame_offset": [0],
        "time_offset": [0],
        "pose": [{**PICTURE, "predictions": [{**BOX, "keypoints": keypoints}]}],
    }
    files, _ = derive_all(make_job(Model("pose", "1", "keypoint-detection")), json.dumps(results).encode())
    coco = json.loads(files.read("coco.json"))
    assert coco["annotations"][0]["keypoints"] == [0, 0, 0, 0, 0, 0, 1, 2, 2]
    assert coco["annotations"][0]["num_keypoints"] == 1
    assert coco["categories"][0]["keypoints"] == ["0", "1", "wrist"]


def make_keypoint(number: int, x: float, y: float) -> dict[str, Any]:
    return {"x": x, "y": y, "confidence": 0.9, "class_id": number, "class": f"joint {number}"}


def test_every_annotation_has_as_many_keypoints_as_its_category(tmp_path: Path) -> None:
    """Models leave out the key points that they did not see, and the last to come may be the first in number."""
    seen = [[0], [], [3, 1], [0, 1, 2, 3], [2], [1, 1]]
    predictions: list[list[dict[str, Any]]] = [
        [{**BOX, "keypoints": [make_keypoint(number, 9, 18) for number in numbers]}] for numbers in seen
    ]
    predictions[1].append({**BOX, "class": "Paper"})
    elements = [{**PICTURE, "predictions": found} for found in predictions]
    coco = json.loads(write_coco(tmp_path, "keypoint-detection", elements).read_text())
    rock, paper = coco["categories"]
    assert rock["keypoints"] == ["joint 0", "joint 1", "joint 2", "joint 3"]
    assert "keypoints" not in paper
    lists = [a["keypoints"] for a in coco["annotations"] if a["category_id"] == rock["id"]]
    assert [len(entry) for entry in lists] == [12] * 6
    assert [[at for at in range(4) if entry[3 * at + 2]] for entry in lists] == [sorted(set(one)) for one in seen]
    counts = [a["num_keypoints"] for a in coco["annotations"]]
    assert counts == [1, 0, 0, 2, 4, 1, 1]
    assert [a["id"] for a in coco["annotations"]] == list(range(1, 8))


@pytest.mark.parametrize(
    ("kind", "measure"),
    [("object-detection", "bbox"), ("instance-segmentation", "segm"), ("keypoint-detection", "keypoints")],
)
def test_pycocotools_evaluates_what_was_found_against_itself(tmp_path: Path, kind: InferenceType, measure: str) -> None:
    """What is right by COCO's own measure is right to the last box, outline and key point."""
    elements: list[Any] = []
    for frame in range(8):
        predictions = []
        for place in range(frame % 4):
            x, y = 100 + 150 * place, 60 + 20 * frame
            corners = [(x - 40, y - 30), (x + 40, y - 30), (x + 40, y + 30), (x, y + 10), (x - 40, y + 30)]
            points = [make_keypoint(number, *corner) for number, corner in enumerate(corners)]
            prediction = {**BOX, "x": x, "y": y, "width": 80, "height": 60, "class": ("Rock", "Paper")[place % 2]}
            if kind == "instance-segmentation":
                outline = [{"x": point_x, "y": point_y} for point_x, point_y in corners]
                prediction["points"] = outline if frame != 3 else outline[:2]  # a mask of a pixel or two has no outline
            if kind == "keypoint-detection":
                prediction["keypoints"] = points[frame % 3 :]
            predictions.append(prediction)
        elements.append({**(PICTURE if frame else {}), "predictions": predictions})
    elements.append(None)
    path = write_coco(tmp_path, kind, elements)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        truth = COCO(str(path))
        needed = {"bbox": "bbox", "segm": "segmentation", "keypoints": "keypoints"}[measure]
        found = [
            {name: entry[name] for name in ("image_id", "category_id", "score", needed)}
            for entry in truth.dataset["annotations"]
        ]
        for entry, annotation in zip(found, truth.dataset["annotations"], strict=True):
            if measure == "segm":  # COCO's results have masks, its datasets outlines
                entry["segmentation"] = truth.annToRLE(annotation)
        evaluation = COCOeval(truth, truth.loadRes(found), measure)
        evaluation.params.kpt_oks_sigmas = np.full(5, 0.05)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == 1.0


def write_coco(folder: Path, kind: InferenceType, elements: list[Any]) -> Path:
    """`coco.json` of a model of one kind."""
    offsets = list(range(len(elements)))
    results = {"frame_offset": offsets, "time_offset": offsets, "parts": elements}
    files, _ = derive_all(make_job(Model("parts", "1", kind)), json.dumps(results).encode())
    path = folder / "coco.json"
    path.write_bytes(files.read("coco.json"))
    return path


file_texts = st.text(st.sampled_from('./\\\\:~ a\u0301ü安\0\n\u202e😀हिन्दी%*?"<>|'), max_size=8)


@given(
    key=file_texts,
    offsets=st.lists(st.integers(0, 3), max_size=6),
    found=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "x", "x (a)", "x (a) 2"])), max_size=8),
)
def test_the_names_of_the_dataset_are_unique_and_stay_where_they_are(
    key: str, offsets: list[int], found: list[tuple[str, str]]
) -> None:
    """Datumaro, which CVAT reads datasets with, refuses a name twice, an empty one, and a parent folder."""
    job = make_job(Model("a", "1", "object-detection"), Model("b", "1", "object-detection"))
    job = replace(job, upload=replace(job.upload, key=f"{key}.mp4"))
    elements = {
        model_id: [{"predictions": [{**BOX, "class": name} for model, name in found if model == model_id]}]
        * len(offsets)
        for model_id in "ab"
    }
    files, _ = derive_all(job, json.dumps({"frame_offset": offsets, "time_offset": offsets, **elements}).encode())
    coco = json.loads(files.read("coco.json"))
    names = [category["name"] for category in coco["categories"]]
    assert len(set(names)) == len(names)
    assert all(names)
    assert {(category["supercategory"], category["class"]) for category in coco["categories"]} == (
        set(found) if offsets else set()
    )
    paths = [entry["file_name"] for entry in coco["images"]]
    assert len(set(paths)) == len(paths)
    for path in paths:
        folder, name = path.split("/")
        assert re.fullmatch(r"\d{8}(-\d+)?\.jpg", name)
        assert folder.strip(". ") == folder != ""
        assert not set(folder) & set('\\:*?"<>|\0\n\u202e')
    assert {entry["frame_offset"] for entry in coco["images"]} == set(offsets)
    known = {entry["id"] for entry in coco["images"]}
    assert {a["image_id"] for a in coco["annotations"]} == (known if found else set())


def test_a_frame_that_is_sampled_twice_is_one_picture() -> None:
    results = {"frame_offset": [0, 0, 7], "time_offset": [0, 0, 0.4], "m": [{"predictions": [BOX]}] * 3}
    files, _ = derive_all(make_job(Model("m", "1", "object-detection")), json.dumps(results).encode())
    coco = json.loads(files.read("coco.json"))
    assert [entry["frame_offset"] for entry in coco["images"]] == [0, 7]
    assert [a["image_id"] for a in coco["annotations"]] == [1, 2]


spreadsheet_texts = st.text(st.sampled_from("=+-@\uff1d\uff20'\"\t\r\n,;|\0 a1(é"), max_size=12)


def undisarm(text: str) -> str:
    """What `disarm` says of the way back."""
    return re.sub(r"""(^|[,;\t\r\n]"*)'(?=[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n\0'])""", r"\1", text)


@given(key=spreadsheet_texts, name=spreadsheet_texts, more=spreadsheet_texts, number=st.integers(-5, 5))
def test_no_cell_of_the_csv_is_a_formula(key: str, name: str, more: str, number: int) -> None:
    """Whichever separator a spreadsheet takes: Excel's is a semicolon in half of Europe."""
    job = make_job(Model("=1+2", "1", "object-detection"))
    job = replace(job, upload=replace(job.upload, key=key))
    found = {**BOX, "x": number, "class": name, "tracker_id": more, "detection_id": more, more: more}
    results = {"frame_offset": [0], "time_offset": [0], "=1+2": [{"predictions": [found]}]}
    files, _ = derive_all(job, json.dumps(results).encode())
    text = gzip.decompress(files.read("detections.csv.gz")).decode("utf-8-sig")
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in row:
                assert cell == str(number) or not re.match(r"[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n\0]", cell)
    [line] = read_csv(files)
    assert undisarm(line["upload_key"]) == key
    assert undisarm(line["class"]) == name
    assert undisarm(line["model_id"]) == "=1+2"
    assert json.loads(undisarm(line["extra"])) == {more: more}


def test_excel_knows_the_csv_s_encoding() -> None:
    files, _ = derive_all(make_job(Model("m", "1", "classification")), b'{"frame_offset":[],"time_offset":[],"m":[]}')
    assert gzip.decompress(files.read("detections.csv.gz")).startswith(b'\xef\xbb\xbf"job_id",')


def test_an_unknown_output_is_named() -> None:
    with pytest.raises(ValueError, match="Outputs: 'xml' is none of parquet"):
        parse_outputs("parquet, xml")
