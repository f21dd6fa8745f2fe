"""`detections.vtt`: which classes are on screen when, as captions in the player's time.

A cue lasts as long as the same objects are on screen, and names their tracks: `Paper #3, Rock (2) #1 #4`. If there are
several models, each has its own cues.
Source: W3C, "WebVTT: The Web Video Text Tracks Format".
"""

import heapq
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import batched, islice
from typing import IO

import msgspec

from videojobs.errors import BrokenResults
from videojobs.foreign_text import printable
from videojobs.jobs.ledger import VIDEO_SECONDS_MAX, Job
from videojobs.outputs.files import OutputFiles
from videojobs.results.predictions import Frames

TRACKS_MAX = 10
"""If a class has more tracks, a cue names none of them: they would be unreadable, and each change needs a new cue."""


_CUES_A_BATCH = 1_000

_CLASSES_MAX = 1_000
"""Class names repeat, so this many are cached in escaped form."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[float, float, str]).decode


class Captions:
    """Writes the captions. Cues must be in order of time, but models follow one another: their cues wait in files."""

    def __init__(self, job: Job, files: OutputFiles) -> None:
        self._job = job
        self._files = files
        self._file = files.open("detections.vtt", "text/vtt; charset=utf-8")
        self._names_models = len(job.options.models) > 1
        self._interval = 1 / job.options.infer_fps
        self._cues: dict[str, _ModelCues] = {}

    def add(self, frames: Frames) -> None:
        """Raises BrokenResults if a time is invalid, or is earlier than the one before."""
        if not frames.entries:
            return
        model_id = frames.model_id
        if model_id not in self._cues:
            self._cues[model_id] = _ModelCues()
            self._files.call_at_exit(self._cues[model_id].file.close)
        for number, (time_offset, found) in enumerate(zip(frames.time_offsets, _list_found(frames), strict=True)):
            text = compose_cue({name: track_ids for name, track_ids in found.items() if name is not None})
            if text and self._names_models:
                text = f"{escape(model_id)}: {text}"
            try:
                self._cues[model_id].show(self._job.place(time_offset), text)
            except ValueError as error:
                place = f"element {frames.first + number:,} of time_offset"
                raise BrokenResults(f"The results break the contract in {place}: {time_offset:g} {error}.") from None

    def finish(self) -> None:
        self._file.write(b"WEBVTT\n")
        for model in self._cues.values():
            model.end(self._interval)
        cues = heapq.merge(*(model.read() for model in self._cues.values()))
        for batch in batched(cues, _CUES_A_BATCH, strict=False):
            lines = [f"\n{format_time(start)} --> {format_time(end)}\n{text}\n" for start, end, text in batch]
            self._file.write("".join(lines).encode())


class _ModelCues:
    """One model's cues. The last one is open until the text changes."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the output's
        self._text = ""
        self._start = 0.0
        self._last = 0.0

    def show(self, seconds: float, text: str) -> None:
        """Raises ValueError, with the reason, if a cue can't begin or end at `seconds`."""
        if seconds > VIDEO_SECONDS_MAX:
            raise ValueError("is not a valid time of a video")
        if seconds < self._last:
            raise ValueError("follows a later time")
        if text != self._text:
            self._write(seconds)
            self._text, self._start = text, seconds
        self._last = seconds

    def end(self, interval: float) -> None:
        """Ends the last cue, `interval` seconds after the last sampled frame."""
        self._write(self._last + interval)
        self._text = ""

    def read(self) -> Iterator[tuple[float, float, str]]:
        self.file.seek(0)
        for line in self.file:
            yield _decode(line)

    def _write(self, end: float) -> None:
        if self._text and round(end * 1000) > round(self._start * 1000):  # cues must not be empty
            self.file.write(_encode((self._start, end, self._text)) + b"\n")


def _list_found(frames: Frames) -> Iterator[Mapping[str | None, Sequence[int | None]]]:
    """Yields what is found in each frame: by class, the track ID of each prediction, or None."""
    predictions = frames.predictions
    if frames.track_ids is None:
        for counts in predictions.class_counts:
            yield {name: [None] * count for name, count in counts.items()}
        return
    rows = zip(predictions.columns["class"], frames.track_ids, strict=True)
    for count in predictions.counts:
        found: dict[str | None, list[int | None]] = {}
        for name, track_id in islice(rows, count):
            if name in found:
                found[name].append(track_id)
            else:
                found[name] = [track_id]
        yield found


def compose_cue(found: Mapping[str, Sequence[int | None]]) -> str:
    """Returns a cue's text, such as `Paper #3, Rock (2) #1 #4`, sorted, so that the same objects give the same text.

    Args:
        found: By class, the track ID of each prediction, or None.
    """
    return ", ".join(_describe(name, track_ids) for name, track_ids in sorted(found.items()))


def _describe(name: str, track_ids: Sequence[int | None]) -> str:
    count = f" ({len(track_ids)})" if len(track_ids) > 1 else ""
    tracks = sorted(track_id for track_id in track_ids if track_id is not None)
    named = "".join([f" #{track_id}" for track_id in tracks]) if len(tracks) <= TRACKS_MAX else ""
    return f"{_escape_class(name)}{count}{named}"


def escape(text: str) -> str:
    """Escapes `text` for a cue: it contains no tags, no arrow, and no line break that would end the cue."""
    text = printable(" ".join(text.split())) or "(no name)"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_escape_class = lru_cache(_CLASSES_MAX)(escape)


def format_time(seconds: float) -> str:
    """Formats a time for WebVTT: 01:02:03.450."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
