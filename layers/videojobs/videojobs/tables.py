"""The tables: one row a prediction, and one a sampled frame and model, as Parquet that Athena reads across jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

from arro3.core import Array, DataType

from videojobs.derivation import Output
from videojobs.jobs import Job
from videojobs.options import Model
from videojobs.output_files import OutputFiles
from videojobs.parquet import (
    BOOL,
    FLOAT,
    FLOAT32,
    INT,
    ROWS_A_GROUP,
    ROWS_A_GROUP_OF_LISTS,
    TEXT,
    ConstantTexts,
    ParquetFile,
    list_of,
    make_array,
    struct_of,
)
from videojobs.predictions import COLUMNS, Frames, read_frame_facts

_JOB_COLUMNS = {"job_id": TEXT, "upload_key": TEXT, "model_id": TEXT}
_FRAME_COLUMNS = {"frame_offset": INT, "time_offset": FLOAT}
_POINTS = list_of(struct_of(x=FLOAT, y=FLOAT))

DETECTION_COLUMNS: Mapping[str, DataType] = {
    **_JOB_COLUMNS,
    **_FRAME_COLUMNS,
    "class": TEXT,
    "class_id": INT,
    "confidence": FLOAT,
    "x": FLOAT,
    "y": FLOAT,
    "width": FLOAT,
    "height": FLOAT,
    "tracker_id": TEXT,
    "detection_id": TEXT,
    "points": _POINTS,
    "keypoints": list_of(struct_of(x=FLOAT, y=FLOAT, confidence=FLOAT, class_id=INT, **{"class": TEXT})),
    "yaw": FLOAT,
    "pitch": FLOAT,
    "landmarks": _POINTS,
    "extra": TEXT,
}
"""One row a prediction: x, y are a box's centre in pixels; `extra` is JSON of the fields that have no column."""

FRAME_COLUMNS: Mapping[str, DataType] = {
    **_JOB_COLUMNS,
    **_FRAME_COLUMNS,
    "failed": BOOL,
    "predictions": INT,
    "image_width": INT,
    "image_height": INT,
    "seconds": FLOAT,
    "scores": list_of(struct_of(confidence=FLOAT, class_id=INT, **{"class": TEXT})),
    "embedding": list_of(FLOAT32),
    "extra": TEXT,
}
"""One row a sampled frame and model: whether the model failed, what it computed, and what is no prediction."""

_TYPES_WITH_LISTS = {"instance-segmentation", "keypoint-detection", "gaze-detection", "clip-embed-image"}

_CONTENT_TYPE = "application/vnd.apache.parquet"


def open_parquet(job: Job, files: OutputFiles) -> Output:
    """`detections.parquet` and `frames.parquet`."""
    has_lists = any(model.inference_type in _TYPES_WITH_LISTS for model in job.options.models)
    rows_a_group = ROWS_A_GROUP_OF_LISTS if has_lists else ROWS_A_GROUP
    opened = []
    for name, columns in (("detections.parquet", DETECTION_COLUMNS), ("frames.parquet", FRAME_COLUMNS)):
        file = ParquetFile(files.open(name, _CONTENT_TYPE), columns, rows_a_group)
        files.call_at_exit(file.stop)
        opened.append(file)
    return ParquetTables(job, *opened)


class ParquetTables:
    """Writes the rows of both tables as the frames come."""

    def __init__(self, job: Job, detections: ParquetFile, frames: ParquetFile) -> None:
        self._job = job
        self._detections = detections
        self._frames = frames
        self._texts = ConstantTexts()
        self._nulls: dict[str, Array] = {}

    def add(self, frames: Frames) -> None:
        if frames.predictions.frames:
            self._detections.write(self._make_detections(frames))
        if frames.elements:
            self._frames.write(self._make_frames(frames))

    def finish(self) -> None:
        self._detections.close()
        self._frames.close()

    def _make_detections(self, frames: Frames) -> list[Array]:
        predictions = frames.predictions
        numbers = predictions.frames
        return [
            *self._name_job(frames.model, len(numbers)),
            make_array([frames.frame_offsets[number] for number in numbers], INT),
            make_array([frames.time_offsets[number] for number in numbers], FLOAT),
            *(self._make_column(name, predictions.columns[name]) for name in COLUMNS),
            self._make_column("extra", predictions.extra),
        ]

    def _make_column(self, name: str, values: Sequence[Any]) -> Array:
        kind = DETECTION_COLUMNS[name]
        if values.count(None) == len(values):  # most columns are empty, whichever the inference type
            nulls = self._nulls.get(name)
            if nulls is None or len(nulls) < len(values):
                nulls = self._nulls[name] = make_array([None] * max(len(values), 4096), kind)
            return nulls.slice(0, len(values))
        if name == "tracker_id":
            values = [None if value is None else str(value) for value in values]
        return make_array(values, kind)

    def _make_frames(self, frames: Frames) -> list[Array]:
        length = len(frames.elements)
        facts = [read_frame_facts(element) for element in frames.elements]
        counts = [0] * length
        for number in frames.predictions.frames:
            counts[number] += 1
        return [
            *self._name_job(frames.model, length),
            make_array(frames.frame_offsets, INT),
            make_array(frames.time_offsets, FLOAT),
            make_array([element is None for element in frames.elements], BOOL),
            make_array(counts, INT),
            make_array([fact.size and fact.size[0] for fact in facts], INT),
            make_array([fact.size and fact.size[1] for fact in facts], INT),
            make_array([fact.seconds for fact in facts], FLOAT),
            make_array([fact.scores for fact in facts], FRAME_COLUMNS["scores"]),
            make_array([fact.embedding for fact in facts], FRAME_COLUMNS["embedding"]),
            make_array([fact.extra for fact in facts], TEXT),
        ]

    def _name_job(self, model: Model, length: int) -> list[Array]:
        texts = (self._job.job_id, self._job.upload.key, model.model_id)
        return [self._texts.make(text, length) for text in texts]
