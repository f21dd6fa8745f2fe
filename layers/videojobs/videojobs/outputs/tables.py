"""The tables, as Parquet for Athena: one row per prediction, and one row per sampled frame and model."""

from collections.abc import Mapping, Sequence
from typing import Any

from arro3.core import Array, DataType

from videojobs.jobs.inference_types import is_documented
from videojobs.jobs.ledger import VIDEO_SECONDS_MAX, Job
from videojobs.outputs.files import OutputFiles
from videojobs.outputs.parquet import (
    BOOL,
    FLOAT,
    FLOAT32,
    INT,
    ROWS_A_GROUP,
    ROWS_A_GROUP_OF_LISTS,
    TEXT,
    TIME,
    ConstantTexts,
    ParquetFile,
    count_microseconds,
    list_of,
    make_array,
    make_times,
    repeat_numbers,
    repeat_times,
    struct_of,
)
from videojobs.results.predictions import Frames

_JOB_COLUMNS = {"job_id": TEXT, "upload_key": TEXT, "model_id": TEXT}
_FRAME_COLUMNS = {"frame_offset": INT, "time_offset": FLOAT, "clock_time": TIME}
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
    "track_id": INT,
    "extra": TEXT,
}
"""One row per prediction: x, y are a box's center in pixels; `extra` has the fields without a column, as JSON."""

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
"""One row per sampled frame and model: whether the model failed, and the element's data besides predictions."""

_TYPES_WITH_LISTS = {"instance-segmentation", "keypoint-detection", "gaze-detection", "clip-embed-image"}

_FACTS = ("seconds", "scores", "embedding", "extra")

FRAMES_A_BATCH = 256
"""Rows of frames.parquet are written in batches of this size, or earlier if they have lists or texts."""


class ParquetTables:
    """Writes `detections.parquet` and `frames.parquet`."""

    def __init__(self, job: Job, files: OutputFiles) -> None:
        self._job = job
        begun = job.clock_time(0.0)
        self._begun_microseconds = None if begun is None else count_microseconds(begun)
        self._detections = self._open(files, "detections.parquet", DETECTION_COLUMNS, ("detection_id",))
        self._frames = self._open(files, "frames.parquet", FRAME_COLUMNS, ())
        self._texts = ConstantTexts()
        self._nulls: dict[str, Array] = {}
        self._frame_rows: list[tuple[Any, ...]] = []
        self._model_id: str | None = None

    def add(self, frames: Frames) -> None:
        if len(frames.predictions):
            self._detections.write(self._make_detections(frames))
        if frames.model_id != self._model_id:
            self._write_frames()
            self._model_id = frames.model_id
        facts = frames.facts
        self._frame_rows += zip(
            frames.frame_offsets,
            frames.time_offsets,
            frames.failures,
            frames.predictions.counts,
            [fact.size and fact.size[0] for fact in facts],
            [fact.size and fact.size[1] for fact in facts],
            *([getattr(fact, name) for fact in facts] for name in _FACTS),
            strict=True,
        )
        if len(self._frame_rows) >= FRAMES_A_BATCH or any(
            fact.scores or fact.embedding or fact.extra for fact in facts
        ):
            self._write_frames()

    def finish(self) -> None:
        self._write_frames()
        self._detections.close()
        self._frames.close()

    def _open(
        self, files: OutputFiles, name: str, columns: Mapping[str, DataType], distinct: Sequence[str]
    ) -> ParquetFile:
        types = {model.inference_type for model in self._job.options.models}
        has_lists = any(kind in _TYPES_WITH_LISTS or not is_documented(kind) for kind in types)
        rows_a_group = ROWS_A_GROUP_OF_LISTS if has_lists else ROWS_A_GROUP
        file = ParquetFile(files.open(name, "application/vnd.apache.parquet"), columns, rows_a_group, distinct)
        files.call_at_exit(file.stop)
        return file

    def _make_detections(self, frames: Frames) -> list[Array]:
        predictions = frames.predictions
        columns = {**predictions.columns, "track_id": frames.track_ids or (), "extra": predictions.extra}
        absent = predictions.absent if frames.track_ids else predictions.absent | {"track_id"}
        return [
            *self._name_job(frames.model_id, len(predictions)),
            repeat_numbers("q", frames.frame_offsets, predictions.counts),
            repeat_numbers("d", frames.time_offsets, predictions.counts),
            self._make_clock_times(frames),
            *(
                self._make_nulls(name, len(predictions)) if name in absent else _make_column(name, values)
                for name, values in columns.items()
            ),
        ]

    def _make_clock_times(self, frames: Frames) -> Array:
        if self._begun_microseconds is None:
            return self._make_nulls("clock_time", len(frames.predictions))
        return repeat_times(self._list_clock_times(frames.time_offsets), frames.predictions.counts)

    def _list_clock_times(self, time_offsets: Sequence[float]) -> Sequence[int | None]:
        """Returns what `Job.clock_time` does, as microseconds since 1970, and faster."""
        if (begun := self._begun_microseconds) is None:
            return [None] * len(time_offsets)
        return [begun + round(time * 1e6) if abs(time) <= VIDEO_SECONDS_MAX else None for time in time_offsets]

    def _make_nulls(self, name: str, length: int) -> Array:
        """Returns a column of nulls from a cache: each inference type leaves most columns empty."""
        nulls = self._nulls.get(name)
        if nulls is None or len(nulls) < length:
            nulls = self._nulls[name] = make_array([None] * max(length, 4096), DETECTION_COLUMNS[name])
        return nulls.slice(0, length)

    def _write_frames(self) -> None:
        if self._frame_rows and self._model_id is not None:
            offsets, times, *others = zip(*self._frame_rows, strict=True)
            kinds = list(FRAME_COLUMNS.values())[len(_JOB_COLUMNS) + len(_FRAME_COLUMNS) :]
            self._frames.write(
                [
                    *self._name_job(self._model_id, len(self._frame_rows)),
                    make_array(offsets, INT),
                    make_array(times, FLOAT),
                    make_times(self._list_clock_times(times)),
                    *map(make_array, others, kinds),
                ]
            )
            self._frame_rows.clear()

    def _name_job(self, model_id: str, length: int) -> list[Array]:
        texts = (self._job.job_id, self._job.upload.key, model_id)
        return [self._texts.make(text, length) for text in texts]


def _make_column(name: str, values: Sequence[Any]) -> Array:
    if name == "tracker_id":
        values = [None if value is None else str(value) for value in values]
    return make_array(values, DETECTION_COLUMNS[name])
