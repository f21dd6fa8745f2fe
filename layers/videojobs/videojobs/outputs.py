"""The outputs that a stack may be asked for, and what each of them is made by."""

from collections.abc import Callable, Mapping

from videojobs.coco import open_coco
from videojobs.csv_table import open_csv
from videojobs.derivation import Output
from videojobs.jobs import Job
from videojobs.output_files import OutputFiles
from videojobs.output_names import OutputName
from videojobs.report_output import open_report
from videojobs.tables import open_parquet
from videojobs.webvtt import open_webvtt

OPENERS: Mapping[OutputName, Callable[[Job, OutputFiles], Output]] = {
    "parquet": open_parquet,
    "csv": open_csv,
    "coco": open_coco,
    "webvtt": open_webvtt,
    "report": open_report,
}
"""What opens each output of a job, with its files."""
