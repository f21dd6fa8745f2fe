"""The dataset of a results file and a video on this machine, for labeling and training tools."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.input_file import check_file
from videoinfer.output_folder import OutputFolder, open_output_folder
from videoinfer.result_fit import check_fit
from videoinfer.results_file import ResultsFile, read_results_file
from videoinfer.videos import measure_start_offset
from videojobs.dataset.names import FORMATS, DatasetFormat
from videojobs.dataset.selection import choose_frames
from videojobs.dataset.writer import DatasetCounts, write_dataset
from videojobs.errors import InvalidOption, VideoNotDrawable
from videojobs.jobs.dataset_frames import DatasetFrames, parse_dataset_frames
from videojobs.jobs.options import Model, Options
from videojobs.results.analysis import Analysis
from videojobs.results.samples import Sample, read_samples


@dataclass(frozen=True)
class _FolderSink:
    """Writes a dataset to a folder, in which Label Studio finds the pictures if the folder is its document root."""

    folder: OutputFolder

    def write(self, name: str, data: bytes | IO[bytes]) -> None:
        self.folder.write(name, data)

    def locate(self, name: str) -> str:
        return f"/data/local-files/?d={name}"


def export_dataset(
    results_file: Path, video: Path, folder: Path, *, formats: Iterable[str], frames: str, display: Display
) -> None:
    """Writes the dataset, and prints what it contains and where it is.

    Args:
        formats: Names of formats, each perhaps several with commas.
        frames: Which frames, as the option `dataset_frames` says it.

    Raises:
        CommandError: An option is invalid, the results or the video can't be used, or the folder can't be written; the
            message says why.
    """
    wanted, kind = _parse_formats(formats), _parse_frames(frames)
    check_file(video)
    with open_output_folder(folder) as output:
        results = read_results_file(results_file)
        check_fit(results, video)
        chosen = None if kind.kind == "all" else _choose_frames(results, kind)
        samples = read_samples(results_file, results.model_ids, Analysis(track=True))
        with display.track(samples, "Exporting", total=len(results.frame_offsets)) as tracked:
            counts = _write(video, tracked, output, formats=wanted, chosen=chosen)
        files = _list_files(output.unfinished)
        output.finish()
    display.done(f"{counts.images:,} frames with {counts.labels:,} predictions in the dataset")
    for warning in describe_missing(counts):
        display.warn(warning)
    display.outputs(folder, files)


def describe_missing(counts: DatasetCounts) -> Iterator[str]:
    """Yields a sentence for each kind of frame or prediction that a dataset lacks."""
    if counts.undecodable:
        yield f"Frames that can't be decoded and are left out: {counts.undecodable:,}."
    if counts.misplaced:
        yield f"Frames that are not in the order of time and are left out: {counts.misplaced:,}."
    if counts.repeated:
        yield f"Frames that were sampled again, and keep only their first predictions: {counts.repeated:,}."
    if counts.failed:
        yield f"Frames on which a model failed and which are left out: {counts.failed:,}."
    if counts.unread:
        words = "of an unknown form, or without a class or a box"
        yield f"Frames with predictions {words}, which are left out: {counts.unread:,}."
    for name, reasons in counts.left_out.items():
        where = "any format" if name == "all" else name
        for reason, number in reasons.items():
            yield f"Not in {where}: {reason} ({number:,})."
    if not counts.labels:
        yield "The dataset has no labels: a model that is trained with it learns that nothing is on its pictures."


def _parse_formats(formats: Iterable[str]) -> Sequence[DatasetFormat]:
    names = [name.strip() for text in formats for name in text.split(",")]
    for name in names:
        if name not in FORMATS:
            raise CommandError(f"--format: {name!r} is not one of {', '.join(FORMATS)}.")
    return [name for name in FORMATS if name in names]


def _parse_frames(frames: str) -> DatasetFrames:
    try:
        kind = parse_dataset_frames(frames)
    except InvalidOption as invalid:
        raise CommandError(f"--frames: {str(invalid).removeprefix('dataset_frames: ')}") from invalid
    if kind is None:
        raise CommandError("--frames: 'none' gives no dataset.")
    return kind


def _choose_frames(results: ResultsFile, kind: DatasetFrames) -> Sequence[int]:
    # A results file does not say which type a model has. The choice does not depend on it.
    models = tuple(Model(model_id, "", "object-detection") for model_id in results.model_ids)
    return choose_frames(results.path, Options(models, 1, "presigned", dataset_frames=kind))


def _write(
    video: Path,
    samples: Iterator[Sample],
    output: OutputFolder,
    *,
    formats: Sequence[DatasetFormat],
    chosen: Sequence[int] | None,
) -> DatasetCounts:
    try:
        return write_dataset(
            video,
            samples,
            _FolderSink(output),
            formats=formats,
            chosen=chosen,
            start_offset=measure_start_offset(video),
        )
    except VideoNotDrawable as problem:
        raise CommandError(f"{video}: {problem}") from problem


def _list_files(folder: Path) -> Sequence[str]:
    """Returns the paths of the files, and of the folders that have a file for each picture."""
    many = [path for path in (folder / "images" / "train", folder / "labels" / "train") if path.exists()]
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent not in many]
    return sorted(path.relative_to(folder).as_posix() for path in [*many, *files])
