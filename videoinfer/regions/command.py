"""Writes a frame of a video as a picture to find regions on it, or opens the page on which one draws them."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from videoinfer.display import Display
from videoinfer.output_file import open_output
from videoinfer.own_command import spell_command
from videoinfer.regions.editor import edit_regions
from videoinfer.regions.forms import RegionForms, read_given_regions, spell_regions
from videoinfer.regions.picture import draw_picture, read_still

_EXAMPLE = '[{"name": "door", "line": [[0.2, 0.8], [0.7, 0.8]]}]'


@dataclass(frozen=True, kw_only=True)
class RegionsOptions:
    """The options of `videoinfer regions`.

    Attributes:
        at_seconds: Which frame, counted from the first one; None for one in the middle.
        regions: JSON, or the path of a file with it.
        output: The picture.
        is_edit: Whether to open the page instead of writing the picture.
    """

    video: Path
    at_seconds: float | None
    regions: str | None
    output: Path
    is_edit: bool


def run_regions(options: RegionsOptions, display: Display) -> None:
    """Writes the picture, or serves the page until it is interrupted.

    Raises:
        CommandError: The regions are invalid, the video can't be read, or the picture can't be written; says why.
    """
    regions = read_given_regions(options.regions) if options.regions is not None else ()
    still = read_still(options.video, options.at_seconds)
    if options.is_edit:
        edit_regions(still, regions, options.video, display)
        return
    with open_output(options.output, [options.video], ".png") as output:
        with output.writing(), output.unfinished.open("wb") as file:
            draw_picture(still, regions).save(file, "PNG")
        output.finish()
    shown = "regions" if regions else "a grid in shares of the frame"
    display.done(f"The frame at {still.seconds:g} s, with {shown}")
    display.outputs(options.output.parent, [options.output.name])
    if regions:
        print_forms(spell_regions(regions, options.video), display)
        return
    video = shlex.quote(str(options.video))
    display.heading("Next")
    display.text("Draw regions on the frame in a browser:")
    display.text(f"  {spell_command(f'videoinfer regions {video} --edit')}")
    display.text("Or write them, and check them and see them on the frame:")
    display.text(f"  {spell_command(f'videoinfer regions {video} --regions {shlex.quote(_EXAMPLE)}')}")


def print_forms(forms: RegionForms, display: Display) -> None:
    """Prints how to give regions to a stack."""
    display.heading("For one upload")
    display.text(forms.upload)
    display.heading("For all videos below a prefix, in the stack's PrefixRoutes")
    display.text(forms.routes)
    for warning in forms.warnings:
        display.warn(warning)
