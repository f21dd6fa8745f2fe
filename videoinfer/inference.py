"""The engine's core on this machine alone, without AWS: a video and model packages in, a results file out."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

from av.container import InputContainer

from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoengine.errors import JobFailed
from videoengine.frame_inference import FrameInference
from videoengine.precision import Precision
from videoengine.results import encode_results
from videoengine.segments import SampledFrame, select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video
from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.model_packages import ModelPackage, read_model_package


@dataclass(frozen=True)
class InferenceOptions:
    """What to infer, and how.

    Attributes:
        infer_fps: Frames to sample from each second.
        output: The results file.
    """

    video: Path
    models: tuple[Path, ...]
    infer_fps: float
    confidence: float
    iou_threshold: float
    precision: Precision
    output: Path


def run_inference(options: InferenceOptions, display: Display) -> None:
    """Writes the results of every model over one decode of the video; what is found goes to disk as it comes.

    Raises:
        CommandError: A model or the video can't be used, or the results can't be written; says why.
    """
    packages = [read_model_package(folder) for folder in options.models]
    if len({package.model_id for package in packages}) < len(packages):
        raise CommandError("Two of the models have the same id, and results are told apart by it: name each once.")
    try:
        thresholds = Thresholds(options.confidence, options.iou_threshold)
        detectors = {package.model_id: (_load(package, options.precision), thresholds) for package in packages}
        failures = list[str]()
        inference = FrameInference(detectors, lambda model_id, error: failures.append(f"{model_id}: {error}"))
        with ExitStack() as files:
            container = files.enter_context(_open(options.video))
            frames = select_frames(read_timeline(container), Fraction(str(options.infer_fps)))
            parts = {model_id: files.enter_context(tempfile.TemporaryFile()) for model_id in detectors}
            elements = inference.infer(container, frames)
            for found in display.track(elements, "Inferring", total=len(frames)):
                for model_id, element in found.items():
                    parts[model_id].write(f"{element}\n".encode())
            _write_results(options.output, frames, parts)
    except JobFailed as failure:
        raise CommandError(f"{options.video}: {failure}.") from failure
    display.done(f"{len(frames):,} frames inferred")
    if failures:
        display.warn(f"{len(failures):,} results are null, the first because of {failures[0]}")
    display.outputs(options.output.parent, [options.output.name])


def _load(package: ModelPackage, precision: Precision) -> Detector:
    try:
        return Detector(package.folder, precision)
    except JobFailed as failure:
        raise CommandError(f"{package.folder} can't be run: {failure}.") from failure


def _open(video: Path) -> InputContainer:
    if not video.is_file():
        raise CommandError(f"There is no file {video}.")
    return open_video(str(video))


def _write_results(output: Path, frames: Sequence[SampledFrame], parts: Mapping[str, IO[bytes]]) -> None:
    """The file appears when it is whole."""
    for part in parts.values():
        part.seek(0)
    columns: list[tuple[str, Iterable[bytes]]] = [
        ("frame_offset", (json.dumps(frame.frame_offset).encode() for frame in frames)),
        ("time_offset", (json.dumps(frame.time_offset).encode() for frame in frames)),
        *((model_id, (line.rstrip(b"\n") for line in part)) for model_id, part in parts.items()),
    ]
    unfinished = output.with_name(f"{output.name}.part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.writelines(encode_results(columns))
        unfinished.replace(output)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise CommandError(f"The results can't be written to {output}: {error.strerror}.") from error
