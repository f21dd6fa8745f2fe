"""Runs the engine's core on this machine, without AWS: reads a video and model packages, writes a results file."""

import json
import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from videoengine.clock_jumps import describe_jumps
from videoengine.cut_off import check_cut
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoengine.errors import JobFailed
from videoengine.frame_inference import NULL, FrameInference
from videoengine.lost_times import describe_lost_times
from videoengine.precision import Precision
from videoengine.results import check_failures, encode_results
from videoengine.segments import SampledFrame, select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video
from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.found import describe_results
from videoinfer.input_file import check_file
from videoinfer.model_packages import LocalModel, open_models
from videoinfer.output_file import OutputFile, open_output
from videoinfer.own_command import spell_command
from videoinfer.videos import read_rate


@dataclass(frozen=True, kw_only=True)
class InferenceOptions:
    """The options of `videoinfer infer`.

    Attributes:
        infer_fps: Frames to sample from each second.
        max_failed_share: Maximum share of frames that may be missing, and of results that may be null, from 0 to 1.
        output: The results file.
    """

    video: Path
    models: tuple[Path, ...]
    infer_fps: float
    confidence: float
    iou_threshold: float
    precision: Precision
    max_failed_share: float
    output: Path


def run_inference(options: InferenceOptions, display: Display) -> None:
    """Runs every model over one decode of the video. Results go to disk as they are computed.

    Raises:
        CommandError: A model or the video can't be used, or the results can't be written; the message says why.
    """
    with (
        open_models(options.models) as packages,
        open_output(options.output, [options.video, *options.models], ".json") as output,
    ):
        if len({package.model_id for package in packages}) < len(packages):
            raise CommandError(
                "Two of the models have the same id, which identifies a model's results: give each model once."
            )
        check_file(options.video)
        try:
            inferred = _infer(packages, options, output, display)
        except JobFailed as failure:
            raise CommandError(f"{options.video}: {failure}.") from failure
        output.finish()
    display.done(f"{inferred.frames:,} frames inferred")
    if inferred.note:
        display.warn(inferred.note)
    if inferred.nulls:
        reason = (
            f"the first because of {inferred.failures[0]}" if inferred.failures else "because frames can't be decoded"
        )
        display.warn(f"{inferred.nulls:,} of {inferred.results:,} results are null, {reason}")
    display.heading("Found")
    for line in describe_results(options.output, [package.as_api_model() for package in packages]):
        display.text(line)
    display.outputs(options.output.parent, [options.output.name])
    report = [shlex.quote(str(path.resolve())) for path in (options.output, options.video)]
    display.heading("To see them on the video")
    display.text(spell_command(f"videoinfer report {' '.join(report)}"))


@dataclass(kw_only=True)
class _Inferred:
    """The outcome for a video.

    Attributes:
        note: A remark on the video; may be empty.
        results: Number of results: one per frame and model.
        nulls: Number of results that are null.
        failures: The errors of models.
    """

    note: str = ""
    frames: int = 0
    results: int = 0
    nulls: int = 0
    failures: list[str] = field(default_factory=list)


def _infer(
    packages: Sequence[LocalModel], options: InferenceOptions, output: OutputFile, display: Display
) -> _Inferred:
    thresholds = Thresholds(options.confidence, options.iou_threshold)
    detectors = {package.model_id: (_load(package, options.precision), thresholds) for package in packages}
    for model_id, (detector, _) in detectors.items():
        if detector.is_threshold_on_objectness:
            display.warn(
                f"{model_id}: --confidence {options.confidence:g} is the minimum objectness, as in Roboflow's runner. "
                "The confidence in the results is that of the class, and may be lower"
            )
    inferred = _Inferred()
    inference = FrameInference(detectors, lambda model_id, error: inferred.failures.append(f"{model_id}: {error}"))
    frames, inferred.note = _select_frames(options)
    with ExitStack() as files:
        container = files.enter_context(open_video(options.video))
        parts = {model_id: files.enter_context(tempfile.TemporaryFile()) for model_id in detectors}
        with display.track(inference.infer(container, frames), "Inferring", total=len(frames)) as elements:
            for found in elements:
                inferred.frames += 1
                inferred.results += len(found)
                inferred.nulls += sum(element == NULL for element in found.values())
                for model_id, element in found.items():
                    parts[model_id].write(f"{element}\n".encode())
        check_failures(inferred.nulls, inferred.results, options.max_failed_share)
        with output.writing():
            _write_results(output.unfinished, frames, parts)
    return inferred


def _select_frames(options: InferenceOptions) -> tuple[list[SampledFrame], str]:
    """The sampled frames, and a note about the video. All other frames are forgotten: a long video has many."""
    with options.video.open("rb") as file, open_video(options.video) as container:
        timeline = read_timeline(container)
        cut = check_cut(container, file, timeline, options.max_failed_share)
        notes = [cut or describe_lost_times(container, timeline), describe_jumps(timeline)]
    return select_frames(timeline, read_rate(options.infer_fps)), ". ".join(filter(None, notes))


def _load(package: LocalModel, precision: Precision) -> Detector:
    try:
        return Detector(package.folder, precision)
    except JobFailed as failure:
        raise CommandError(f"{package.folder} can't be run: {failure}.") from failure


def _write_results(path: Path, frames: Sequence[SampledFrame], parts: Mapping[str, IO[bytes]]) -> None:
    for part in parts.values():
        part.seek(0)
    columns: list[tuple[str, Iterable[bytes]]] = [
        ("frame_offset", (json.dumps(frame.frame_offset).encode() for frame in frames)),
        ("time_offset", (json.dumps(frame.time_offset).encode() for frame in frames)),
        *((model_id, (line.rstrip(b"\n") for line in part)) for model_id, part in parts.items()),
    ]
    with path.open("wb") as file:
        file.writelines(encode_results(columns))
