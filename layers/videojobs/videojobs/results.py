"""Results: the API's file goes to S3 as it is, and what it says is counted on the way, in constant memory."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ijson
from boto3.s3.transfer import TransferConfig

from videojobs.api import Readable
from videojobs.errors import BrokenResults
from videojobs.options import InferenceType, Model

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MIB = 1024 * 1024
_ONE_PART_AT_A_TIME = TransferConfig(
    multipart_threshold=16 * _MIB, multipart_chunksize=16 * _MIB, max_concurrency=1, use_threads=False
)

_PIECE_BYTES = 64 * 1024
"""What is counted at a time: the parser's events take some thirty times as much memory as the bytes they come from."""

_OFFSETS = ("frame_offset.item", "frame_offsets.item")
"""The wire has the singular, the documentation the plural."""

_CLASS_PATHS: Mapping[InferenceType, Sequence[str]] = {
    "object-detection": ("predictions.item.class",),
    "instance-segmentation": ("predictions.item.class",),
    "keypoint-detection": ("predictions.item.class",),
    "classification": ("top", "predicted_classes.item"),
    "gaze-detection": ("predictions.item.face.class",),
    "clip-embed-image": (),
}
"""Where an element names a class, by inference type; `classification` has one path a label kind."""


@dataclass(frozen=True)
class Summary:
    """What a results file says: sampled frames, and a model at a time predictions by class and frames that failed."""

    frames: int
    counts: Mapping[str, Mapping[str, int]]
    failed_frames: Mapping[str, int]


class ResultsCounter:
    """Counts a results file that is fed to it in pieces."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._elements = {f"{model.model_id}.item": model.model_id for model in models}
        self._classes = {
            f"{model.model_id}.item.{path}": model.model_id
            for model in models
            for path in _CLASS_PATHS[model.inference_type]
        }
        self._frames = 0
        self._lengths: Counter[str] = Counter({model.model_id: 0 for model in models})
        self._failed: Counter[str] = Counter({model.model_id: 0 for model in models})
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._events = ijson.sendable_list()
        self._parser = ijson.parse_coro(self._events, use_float=True)

    def feed(self, chunk: bytes) -> None:
        """Counts what is complete so far. Raises BrokenResults where the file stops being JSON."""
        try:
            self._parser.send(chunk)
        except ijson.JSONError as error:
            raise BrokenResults(f"The results are not JSON: {' '.join(str(error).split())}") from None
        self._count_events()

    def finish(self) -> Summary:
        """The counts of the whole file. Raises BrokenResults if it is cut short or breaks the contract."""
        try:
            self._parser.close()
        except ijson.JSONError:
            raise BrokenResults("The results end in the middle of the JSON.") from None
        self._count_events()
        for model_id, length in self._lengths.items():
            if length != self._frames:
                raise BrokenResults(
                    f"The results hold {self._frames} frame offsets but {length} elements for {model_id}."
                )
        counts = {model_id: dict(self._counts[model_id].most_common()) for model_id in self._lengths}
        return Summary(self._frames, counts, dict(self._failed))

    def _count_events(self) -> None:
        for path, event, value in self._events:
            if path in self._classes and event == "string":
                self._counts[self._classes[path]][value] += 1
            elif path in _OFFSETS:
                self._frames += 1
            elif path in self._elements and event not in ("end_map", "end_array", "map_key"):
                self._lengths[self._elements[path]] += 1
                self._failed[self._elements[path]] += event == "null"
        del self._events[:]


class CountedStream:
    """A results stream that is counted as it is read; a broken file is read to its end all the same."""

    def __init__(self, stream: Readable, counter: ResultsCounter) -> None:
        self._stream = stream
        self._counter = counter
        self._broken: BrokenResults | None = None

    def read(self, size: int = -1, /) -> bytes:
        """`size` bytes, fewer only at the end of the file; all that are left if it is negative."""
        content = bytearray()
        while size < 0 or len(content) < size:
            missing = _PIECE_BYTES if size < 0 else size - len(content)
            piece = self._stream.read(min(missing, _PIECE_BYTES))
            if not piece:
                break
            content += piece
            self._count(piece)
        return bytes(content)

    def _count(self, piece: bytes) -> None:
        if not self._broken:
            try:
                self._counter.feed(piece)
            except BrokenResults as broken:
                self._broken = broken

    def finish(self) -> Summary:
        """The counts of all that was read. Raises BrokenResults."""
        if self._broken:
            raise self._broken
        return self._counter.finish()


def locate_results(upload_key: str, job_id: str, file_name: str) -> str:
    """The key of one of a job's files in the results bucket."""
    return f"results/{upload_key}/{job_id}/{file_name}"


class ResultsBucket:
    """The bucket that results go to."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self._s3 = s3
        self.name = name

    def save_stream(self, key: str, stream: CountedStream) -> None:
        """Streams to `key`, a part at a time; S3 shows the object only when it is whole."""
        self._s3.upload_fileobj(
            stream,  # type: ignore[arg-type]  # s3transfer calls nothing but read()
            self.name,
            key,
            ExtraArgs={"ContentType": "application/json"},
            Config=_ONE_PART_AT_A_TIME,
        )

    def save_json(self, key: str, record: Mapping[str, Any]) -> None:
        body = json.dumps(record, indent=2, ensure_ascii=False).encode()
        self._s3.put_object(Bucket=self.name, Key=key, Body=body, ContentType="application/json")
