"""The outputs that a stack may be asked for, and what each of them is made by."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

from videojobs.coco import open_coco
from videojobs.csv_table import open_csv
from videojobs.derivation import Output
from videojobs.jobs import Job
from videojobs.output_files import OutputFiles
from videojobs.report_output import open_report
from videojobs.tables import open_parquet
from videojobs.webvtt import open_webvtt

OutputName = Literal["parquet", "csv", "coco", "webvtt", "report"]

OPENERS: Mapping[OutputName, Callable[[Job, OutputFiles], Output]] = {
    "parquet": open_parquet,
    "csv": open_csv,
    "coco": open_coco,
    "webvtt": open_webvtt,
    "report": open_report,
}
"""What opens each output of a job, with its files."""


def parse_outputs(text: str) -> Sequence[OutputName]:
    """The outputs that a stack's parameter names, separated by commas. Raises ValueError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in get_args(OutputName):
            raise ValueError(f"Outputs: {name!r} is none of {', '.join(get_args(OutputName))}.")
    return [name for name in get_args(OutputName) if name in names]
