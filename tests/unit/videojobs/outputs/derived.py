"""Outputs that are derived in memory, and results to derive them from."""

import base64
import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from videoinfer.repository import ROOT
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model, Options
from videojobs.outputs.names import OutputName, parse_outputs
from videojobs.outputs.registry import OPENERS
from videojobs.outputs.summary import Summary
from videojobs.results.analysis import Analysis
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


ELEMENTS: Mapping[str, Any] = {
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


class KeptFiles:
    """Files that are kept in memory."""

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


def derive_all(job: Job, content: bytes, names: Sequence[OutputName] = ALL) -> tuple[KeptFiles, Summary]:
    files, summary = KeptFiles(), Summary(job.options.models)
    outputs = [OPENERS[name](job, files) for name in names]  # type: ignore[arg-type]
    try:
        derive([content], job.options.models, [summary, *outputs], lambda: [content], analysis=Analysis.of(job.options))
    finally:
        for function in files.exits:
            function()
    return files, summary


BOX = {"x": 10, "y": 20.5, "width": 4, "height": 6, "confidence": 0.5, "class": "Rock", "class_id": 1}
PICTURE = {"image": {"width": 640, "height": 360}, "time": 0.07}


def undisarm(text: str) -> str:
    """Reverses `disarm` as its documentation says."""
    return re.sub(r"""(^|[,;\t\r\n]"*)'(?=[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n\0'])""", r"\1", text)


def read_page(page: bytes) -> Mapping[str, Any]:
    """The data in a report's page, by name."""
    data = re.findall(r'<script type="application/gzip" data-name="([^"]+)">([^<]*)</script>', page.decode())
    return {name: json.loads(gzip.decompress(base64.b64decode(content))) for name, content in data}
