"""The annotated video of a results file and a video on this machine."""

from dataclasses import dataclass
from pathlib import Path

from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.results_file import read_results_file
from videojobs.annotated_video import draw_video
from videojobs.errors import VideoNotDrawable
from videojobs.samples import read_samples


@dataclass(frozen=True)
class AnnotationOptions:
    """What the video is made of.

    Attributes:
        output: The annotated video, an MP4.
    """

    results: Path
    video: Path
    output: Path


def make_annotated_video(options: AnnotationOptions, display: Display) -> None:
    """Writes the video, and says so; it appears when it is whole.

    Raises:
        CommandError: The results or the video can't be used, or the video can't be written; says why.
    """
    if not options.video.is_file():
        raise CommandError(f"There is no file {options.video}.")
    if options.output.resolve() == options.video.resolve():
        raise CommandError(f"The annotated video can't take the place of {options.video}: name another with --output.")
    results = read_results_file(options.results)
    samples = read_samples(options.results, results.model_ids)
    unfinished = options.output.with_name(f"{options.output.name}.part")
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        tracked = display.track(samples, "Drawing", total=len(results.frame_offsets))
        frames = draw_video(options.video, tracked, unfinished, watch=lambda _: None)
        unfinished.replace(options.output)
    except VideoNotDrawable as problem:
        raise CommandError(f"{options.video}: {problem}") from problem
    except OSError as error:
        raise CommandError(f"The video can't be written to {options.output}: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    display.done(f"{frames:,} frames in the annotated video")
    display.outputs(options.output.parent, [options.output.name])
