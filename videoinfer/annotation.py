"""The annotated video of a results file and a video on this machine."""

from collections.abc import Iterator
from pathlib import Path

from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.input_file import check_file
from videoinfer.output_file import OutputFile, open_output
from videoinfer.result_fit import check_fit
from videoinfer.results_file import read_results_file
from videoinfer.videos import measure_start_offset
from videojobs.drawing.video import Drawn, draw_video
from videojobs.errors import NoRoomForVideo, VideoNotDrawable
from videojobs.notices.notices import describe_left_out_sounds
from videojobs.results.analysis import Analysis
from videojobs.results.samples import Sample, read_samples


def make_annotated_video(results_file: Path, video: Path, annotated: Path, display: Display) -> None:
    """Draws the results on the video, writes it, and prints where it is.

    Raises:
        CommandError: The results or the video can't be used, or the video can't be written; says why.
    """
    check_file(video)
    with open_output(annotated, [results_file, video], ".mp4") as output:
        results = read_results_file(results_file)
        check_fit(results, video)
        samples = read_samples(results_file, results.model_ids, Analysis(track=True))
        with display.track(samples, "Drawing", total=len(results.frame_offsets)) as tracked:
            drawn = _draw(video, tracked, output)
        output.finish()
    display.done(f"{drawn.frames:,} frames in the annotated video")
    if drawn.left_out_sounds:
        display.warn(describe_left_out_sounds(drawn.left_out_sounds))
    display.outputs(annotated.parent, [annotated.name])


def _draw(video: Path, samples: Iterator[Sample], output: OutputFile) -> Drawn:
    try:
        start_offset = measure_start_offset(video)
        return draw_video(video, samples, output.unfinished, watch=lambda _: None, start_offset=start_offset)
    except NoRoomForVideo as problem:
        with output.writing():
            raise problem.__cause__ or problem from problem
    except VideoNotDrawable as problem:
        raise CommandError(f"{video}: {problem}") from problem
