"""The report: one self-contained page that plays the video with its predictions drawn over it.

The page contains an index (facts, classes and their coarse timelines). Pieces are runs of consecutive sampled frames of
one model with their marks, as gzipped JSON; the page decodes a piece when the video gets there. Small pieces are in the
page too; above a limit they are files beside it. This module joins the page's sources, in `page/`, to one file.
"""

import base64
import hashlib
import json
import re
import tempfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from datetime import datetime
from importlib import resources
from itertools import accumulate, pairwise
from typing import IO, Any
from urllib.parse import urlsplit

import msgspec

from videojobs.compression import gzip
from videojobs.drawing.look import LOOK
from videojobs.foreign_text import file_for_command, printable
from videojobs.jobs.regions import Region
from videojobs.report.class_timelines import COUNTS, ModelTimelines
from videojobs.report.region_events import RegionEvents
from videojobs.results.marks import list_mark_columns
from videojobs.results.predictions import Frames

INLINE_MAX_BYTES = 4 * 1024 * 1024
"""The most that all pieces in the page may have together, compressed: a phone loads them at once."""

PIECE_BYTES = 1024 * 1024
"""A piece ends at this size, as JSON: some 10,000 frames with a few objects each, or 200 with a hundred."""

PIECES_FOLDER = "report-data"
"""The folder beside the page with the pieces that are not in the page."""

_SCRIPTS = (
    *("dom", "address", "data", "region_shapes", "marks", "timelines", "player", "classes", "scrubber", "histogram"),
    *("details", "downloads", "moments", "regions", "keyboard", "report"),
)
"""The page's modules. Each follows those that it imports from."""


@dataclass(frozen=True)
class ReportFacts:
    """What the page shows besides the results.

    Attributes:
        title: The video's name, for people.
        video_url: The video's URL, relative to the page or to the share link that opened the page.
        share_url: Base URL of the API that answers share links, or None for a page with its files beside it. A shared
            page is opened with its link in the fragment (`#base=…`) and loads everything from there, so it contains no
            token.
        facts: Labels and texts to show under the title.
        answer: Sentences about what was found.
        recorded_at: When the first picture was recorded, or None if unknown.
        files: URLs of files to download, relative to the page, by their names in `DOWNLOADS`. The link that opens a
            shared page says which there are.
    """

    title: str
    video_url: str
    share_url: str | None = None
    facts: Sequence[tuple[str, str]] = ()
    _: KW_ONLY
    answer: Sequence[str] = ()
    recorded_at: datetime | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A piece's name, its place in the spool, and the times of its first and last frame, in seconds."""

    name: str
    start: int
    size: int
    first: float
    last: float


@dataclass(kw_only=True)
class _ModelPart:
    """One model's data so far: counts, finished pieces, and the current piece.

    Attributes:
        first, last: The number in the video and the time in seconds of these sampled frames.
    """

    number: int
    inference_type: str | None
    timelines: ModelTimelines = field(default_factory=ModelTimelines)
    frames: int = 0
    failed: int = 0
    unread: int = 0
    embeddings: int = 0
    pieces: list[_Piece] = field(default_factory=list)
    size: tuple[int, int] | None = None
    times: array[float] = field(default_factory=lambda: array("d"))
    offsets: list[int] = field(default_factory=list)
    marks: list[bytes] = field(default_factory=list)
    marks_bytes: int = 0
    first: tuple[int, float] | None = None
    last: tuple[int, float] = (0, 0)

    @property
    def frame_rate(self) -> float | None:
        """The video's frames a second, on average; None if only one frame was sampled."""
        if self.first is None or self.last[1] <= self.first[1]:
            return None
        return round((self.last[0] - self.first[0]) / (self.last[1] - self.first[1]), 3)


class ReportWriter:
    """Collects frames, and writes the page and its pieces.

    Models may follow one another or alternate; the frames of one model must be in order of time. Marks wait in a
    temporary file, so memory grows only with the number of classes, and up to a limit with that of events.

    Args:
        start_offset: Seconds from the player's 0 to the video's first frame, or None if unknown. The page shows the
            player's time. If the offset is unknown, it assumes 0, and measures it when it loads the video.
        regions: Those that the frames' events are about.
    """

    def __init__(self, start_offset: float | None = None, regions: Sequence[Region] = ()) -> None:
        self._start_offset = start_offset
        self._events = RegionEvents(regions)
        self._spool: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  close() closes it
        self._spooled = 0
        self._models: dict[str, _ModelPart] = {}

    def close(self) -> None:
        self._spool.close()

    def __enter__(self) -> "ReportWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_model(self, model_id: str, inference_type: str | None) -> None:
        """Adds a model, so that the page shows it even without a frame. Its type is None if unknown."""
        self._models.setdefault(model_id, _ModelPart(number=len(self._models), inference_type=inference_type))

    def add(self, frames: Frames) -> None:
        """Adds frames of an added model. Predictions that can't be drawn are left out."""
        model = self._models[frames.model_id]
        marks = list_mark_columns(frames.usable_predictions, model.timelines.number_class, frames.track_ids)
        model.failed += sum(frames.failures)
        model.unread += sum(frames.unread)
        self._events.add(frames, self._start_offset or 0.0)
        if frames.frame_offsets:
            model.first = model.first or (frames.frame_offsets[0], frames.time_offsets[0])
            model.last = frames.frame_offsets[-1], frames.time_offsets[-1]
        spans = [slice(*span) for span in pairwise(accumulate(marks.counts, initial=0))]
        texts = msgspec.json.Encoder().encode_lines([marks.lists[span] for span in spans]).split(b"\n")
        for frame_offset, time_offset, is_failure, facts, span, text in zip(
            *(frames.frame_offsets, frames.time_offsets, frames.failures, frames.facts, spans, texts), strict=False
        ):
            if facts.size and facts.size != model.size:
                self._end_piece(model)
                model.size = facts.size
            seconds = round(time_offset + (self._start_offset or 0.0), 6)
            model.frames += 1
            model.embeddings += facts.is_embedding
            model.timelines.add(seconds, marks.class_numbers[span], marks.percents[span])
            model.times.append(seconds)
            model.offsets.append(frame_offset)
            model.marks.append(b"null" if is_failure else text)
            model.marks_bytes += len(text) + 12
            if model.marks_bytes >= PIECE_BYTES:
                self._end_piece(model)

    def finish(self, facts: ReportFacts, *, inline_max_bytes: int | None = INLINE_MAX_BYTES) -> "Report":
        """Returns the report of all added frames. If `inline_max_bytes` is None, all pieces are in the page."""
        for model in self._models.values():
            self._end_piece(model)
        is_inline = inline_max_bytes is None or self._spooled <= inline_max_bytes
        return Report(
            _spool=self._spool,
            _facts=facts,
            _index=self._compose_index(facts, is_inline),
            _is_inline=is_inline,
            _pieces=[piece for model in self._models.values() for piece in model.pieces],
        )

    def _end_piece(self, model: _ModelPart) -> None:
        if not model.marks:
            return
        head = {"size": model.size, "times": model.times.tolist(), "offsets": model.offsets}
        text = msgspec.json.encode(head)[:-1] + b',"frames":[' + b",".join(model.marks) + b"]}"
        content = gzip(text)
        self._spool.seek(self._spooled)
        self._spool.write(content)
        model.pieces.append(
            _Piece(
                name=f"{model.number}-{len(model.pieces)}.json.gz",
                start=self._spooled,
                size=len(content),
                first=model.times[0],
                last=model.times[-1],
            )
        )
        self._spooled += len(content)
        model.times, model.offsets, model.marks, model.marks_bytes = array("d"), [], [], 0

    def _compose_index(self, facts: ReportFacts, is_inline: bool) -> Mapping[str, Any]:
        video, mp4 = file_for_command(facts.title, "VIDEO"), file_for_command(f"{facts.title}.mp4", "VIDEO.mp4")
        convert = f"ffmpeg -i {video} -pix_fmt yuv420p {mp4}"  # browsers don't play the 10 bits of a phone's HEVC
        return {
            "title": printable(facts.title),
            "convert": convert,
            "facts": [(label, printable(text)) for label, text in facts.facts],
            "answer": facts.answer,
            "frame_rate": next(filter(None, (model.frame_rate for model in self._models.values())), None),
            "video": facts.video_url,
            "files": facts.files,
            "start_offset": self._start_offset or 0.0,
            # Without its offset from UTC: the page shows the time where the video was recorded.
            "recorded_at": facts.recorded_at and f"{facts.recorded_at:%Y-%m-%dT%H:%M:%S.%f}"[:-3],
            "share_url": facts.share_url,
            "pieces_url": None if is_inline else PIECES_FOLDER,
            "counts": COUNTS,
            "look": asdict(LOOK),
            **self._events.to_dict(),
            "models": [
                {
                    "id": printable(model_id),
                    "type": model.inference_type,
                    "frames": model.frames,
                    "failed": model.failed,
                    "unread": model.unread,
                    "embeddings": model.embeddings,
                    **model.timelines.to_dict(model.number, len(self._models)),
                    "pieces": [{"name": it.name, "first": it.first, "last": it.last} for it in model.pieces],
                }
                for model_id, model in self._models.items()
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """A finished report. Its writer must stay open."""

    _spool: IO[bytes]
    _facts: ReportFacts
    _index: Mapping[str, Any]
    _is_inline: bool
    _pieces: Sequence[_Piece]

    def write_page(self, file: IO[bytes]) -> None:
        """Writes `report.html`."""
        sources = resources.files("videojobs.report") / "page"
        style = (sources / "report.css").read_text("utf-8")
        script = join_modules([(sources / f"{name}.js").read_text("utf-8") for name in _SCRIPTS])
        template = (sources / "report.html").read_text("utf-8")
        policy = compose_policy(self._facts, style, script, self._is_inline)
        parts = {"policy": policy, "style": style, "script": script}
        head, tail = re.sub(r"\{\{(policy|style|script)\}\}", lambda place: parts[place.group(1)], template).split(
            "{{data}}"
        )
        file.write(head.encode())
        _write_data(file, "index", gzip(json.dumps(self._index).encode()))
        for piece in self._pieces if self._is_inline else ():
            _write_data(file, piece.name, self._read(piece))
        file.write(tail.encode())

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """Yields names and contents (gzip) of the files in `PIECES_FOLDER`; none if the pieces are in the page."""
        for piece in () if self._is_inline else self._pieces:
            yield piece.name, self._read(piece)

    def _read(self, piece: _Piece) -> bytes:
        self._spool.seek(piece.start)
        return self._spool.read(piece.size)


def join_modules(modules: Sequence[str]) -> str:
    """Joins modules that import only from one another, in order, by removing `import` and `export`."""
    joined = "\n".join(modules)
    return re.sub(r"^export ", "", re.sub(r"^import [^;]*;\n", "", joined, flags=re.MULTILINE), flags=re.MULTILINE)


def compose_policy(facts: ReportFacts, style: str, script: str, is_inline: bool) -> str:
    """Returns the page's Content-Security-Policy: its script and style by hash, the video, the pieces, nothing else.

    A share link redirects to a host that is not known here, and a policy applies to redirects too, so it names schemes.
    """
    source = f"{urlsplit(facts.share_url).scheme}:" if facts.share_url else "'self' file:"
    media = f"{source} blob:"  # a file that a person picks is a blob
    connect = "'none'" if is_inline else source
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            f"media-src {media}",
            f"connect-src {connect}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _write_data(file: IO[bytes], name: str, content: bytes) -> None:
    file.write(f'<script type="application/gzip" data-name="{name}">'.encode())
    file.write(base64.b64encode(content))
    file.write(b"</script>\n")
