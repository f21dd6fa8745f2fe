"""The commands, their options and their help."""

from pathlib import Path
from typing import Annotated

import typer

from videoengine.precision import Precision
from videoinfer.display import Display, errors_for_people
from videoinfer.extras import loading, name_panel
from videoinfer.processes import LOOPBACK
from videoinfer.repository import SAMPLE_MODEL, SAMPLE_VIDEO
from videoinfer.stack_commands import commands
from videoinfer.terminal import Console
from videoinfer.verbosity import Verbose, VerboseGroup
from videojobs import __version__
from videojobs.dataset.names import FORMATS
from videojobs.result_files import ANNOTATED_VIDEO, REPORT_FILE, RESULTS_FILE
from videojobs.video_formats import KNOWN_EXTENSIONS

app = typer.Typer(cls=VerboseGroup, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
app.add_typer(commands)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"videoinfer {__version__}")
        raise typer.Exit


@app.callback()
def videoinfer(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Drop a video into a bucket; get its detections in another bucket, and a notice."""


@app.command(rich_help_panel=name_panel("demo"))
def demo(
    *,
    video: Annotated[
        Path,
        typer.Option(help=f"The video: {', '.join(KNOWN_EXTENSIONS)}.", show_default="samples/rock-paper-scissors.mp4"),
    ] = SAMPLE_VIDEO,
    model: Annotated[
        Path,
        typer.Option(
            help="A YOLO model's ONNX file, or a model package: a folder <model id>/<version> in Roboflow's layout.",
            metavar="FILE|DIR",
            show_default="rock, paper and scissors",
        ),
    ] = SAMPLE_MODEL,
    infer_fps: Annotated[
        float, typer.Option(help="Frames to sample from each second, from 1 to the video's frame rate.")
    ] = 5,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The folder for results.json, job.json, notice.txt, preview.png and report.html.",
            metavar="DIR",
        ),
    ] = Path("out"),
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the system running, and print how to use and stop it.")
    ] = False,
    is_opened: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    host: Annotated[
        str,
        typer.Option(
            help="This machine's IPv4 address to listen on; Docker containers reach 172.17.0.1.", metavar="IP"
        ),
    ] = LOOPBACK,
) -> None:
    """Run a video through the whole system on this machine, without an AWS account, an API key or Docker.

    Example: videoinfer demo --video belt.mp4 --model models/bottles/3 --infer-fps 2 -o out
    """
    with loading("demo"):
        from videoinfer.local.demo import DemoOptions, run_demo

    with errors_for_people():
        run_demo(
            DemoOptions(
                video=video,
                model=model,
                infer_fps=infer_fps,
                output=output,
                keep=keep,
                is_opened=is_opened,
                host=host,
            ),
            Display(Console()),
        )


@app.command(rich_help_panel=name_panel("infer"))
def infer(
    *,
    video: Annotated[Path, typer.Argument(help="The video.", metavar="VIDEO")],
    model: Annotated[
        list[Path],
        typer.Option(
            help="A YOLO model's ONNX file, or a model package: a folder <model id>/<version>; may be given several "
            "times.",
            metavar="FILE|DIR",
        ),
    ],
    infer_fps: Annotated[
        float, typer.Option(help="Frames to sample from each second, up to the video's frame rate.", min=1)
    ] = 5,
    confidence: Annotated[
        float,
        typer.Option(
            help="Minimum confidence of a prediction; for YOLOv5 and YOLOv7, minimum objectness: the confidence in the "
            "results is that of the class, and may be lower.",
            min=0,
            max=1,
        ),
    ] = 0.4,
    iou_threshold: Annotated[float, typer.Option(help="NMS IoU threshold.", min=0, max=1)] = 0.3,
    precision: Annotated[
        Precision,
        typer.Option(
            help="The number format of models. hardware is faster on CPUs with bfloat16; about 2 % of results differ."
        ),
    ] = Precision.F32,
    max_failed_share: Annotated[
        float,
        typer.Option(
            help="Maximum share of missing frames, and of null results; above it, the command fails.", min=0, max=1
        ),
    ] = 0.5,
    output: Annotated[Path, typer.Option("--output", "-o", help="The results file.", metavar="FILE")] = Path(
        RESULTS_FILE
    ),
) -> None:
    """Run models on a video on this machine, with the engine's core and without AWS.

    Example: videoinfer infer belt.mp4 --model models/bottles/3 --infer-fps 2 -o results.json
    """
    with loading("infer"):
        from videoinfer.inference import InferenceOptions, run_inference

    with errors_for_people():
        options = InferenceOptions(
            video=video,
            models=tuple(model),
            infer_fps=infer_fps,
            confidence=confidence,
            iou_threshold=iou_threshold,
            precision=precision,
            max_failed_share=max_failed_share,
            output=output,
        )
        run_inference(options, Display(Console()))


@app.command()
def package(
    *,
    weights: Annotated[Path, typer.Argument(help="The ONNX file, as Ultralytics' YOLO exports it.", metavar="WEIGHTS")],
    class_names: Annotated[
        Path | None,
        typer.Option(
            help="A text file with a class name on each line.", metavar="FILE", show_default="those in the ONNX file"
        ),
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="The model's family, such as yolov7.", show_default="that of its outputs")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The folder <model id>/<version>, a new one or an empty one.",
            metavar="DIR",
            show_default="models/<file's name>/1",
        ),
    ] = None,
) -> None:
    """Make a model package, for the engine's models bucket, from the ONNX file of a YOLO model.

    Example: videoinfer package best.onnx -o models/bottles/3
    """
    from videoinfer.model_packages import make_package

    with errors_for_people():
        make_package(weights, output, class_names=class_names, family=family, display=Display(Console()))


@app.command(rich_help_panel=name_panel("report"))
def report(
    results: Annotated[Path, typer.Argument(help="The results file.", metavar="RESULTS")],
    video: Annotated[Path, typer.Argument(help="The video of these results.", metavar="VIDEO")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page.", metavar="FILE")] = Path(REPORT_FILE),
) -> None:
    """Make the report: one page that plays the video with its predictions.

    Example: videoinfer report results.json belt.mp4 -o report.html
    """
    with loading("report"):
        from videoinfer.report import make_report

    with errors_for_people():
        make_report(results, video, output, Display(Console()))


@app.command(rich_help_panel=name_panel("annotate"))
def annotate(
    results: Annotated[Path, typer.Argument(help="The results file.", metavar="RESULTS")],
    video: Annotated[Path, typer.Argument(help="The video of these results.", metavar="VIDEO")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The annotated video, an MP4 file.", metavar="FILE")
    ] = Path(ANNOTATED_VIDEO),
) -> None:
    """Make the annotated video: the video with its predictions drawn on it.

    Example: videoinfer annotate results.json belt.mp4 -o annotated.mp4
    """
    with loading("annotate"):
        from videoinfer.annotation import make_annotated_video

    with errors_for_people():
        make_annotated_video(results, video, output, Display(Console()))


@app.command(rich_help_panel=name_panel("export"))
def export(
    *,
    results: Annotated[Path, typer.Argument(help="The results file.", metavar="RESULTS")],
    video: Annotated[Path, typer.Argument(help="The video of these results.", metavar="VIDEO")],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help=f"{', '.join(FORMATS)}; may be given several times, or as a list with commas.",
            metavar="FORMAT",
            show_default="all of them",
        ),
    ] = None,
    frames: Annotated[
        str,
        typer.Option(
            help="Which of the sampled frames: all; 'every N'; uncertain or 'uncertain N', those whose predictions are "
            "least sure; or events, those on which an object comes or goes.",
        ),
    ] = "all",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder, a new one or an empty one.", metavar="DIR")
    ] = Path("dataset"),
) -> None:
    """Write frames of the video with their predictions as a dataset, for labeling and training tools.

    Example: videoinfer export results.json belt.mp4 --format cvat --frames 'every 10' -o belt
    """
    with loading("export"):
        from videoinfer.dataset_export import export_dataset

    with errors_for_people():
        export_dataset(results, video, output, formats=formats or FORMATS, frames=frames, display=Display(Console()))


@app.command(rich_help_panel=name_panel("regions"))
def regions(
    *,
    video: Annotated[Path, typer.Argument(help="The video.", metavar="VIDEO")],
    at: Annotated[
        float | None,
        typer.Option(
            help="The time of the frame in seconds from the first one.",
            metavar="SECONDS",
            min=0,
            show_default="the middle",
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option("--regions", help="Regions to check and to draw: JSON, or a file with it.", metavar="FILE|JSON"),
    ] = None,
    edit: Annotated[
        bool, typer.Option("--edit", help="Open a page in the browser on which regions are drawn, until Ctrl-C.")
    ] = False,
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture, without --edit.", metavar="FILE")] = Path(
        "regions.png"
    ),
) -> None:
    """Show a frame of a video with a grid, or draw the polygons and lines of the option regions on it.

    Example: videoinfer regions belt.mp4 --edit
    """
    with loading("regions"):
        from videoinfer.regions.command import RegionsOptions, run_regions

    with errors_for_people():
        options = RegionsOptions(video=video, at_seconds=at, regions=given, output=output, is_edit=edit)
        run_regions(options, Display(Console()))
