"""The outputs that a stack may be asked for, and what each of them is made by."""

from collections.abc import Callable, Mapping

from videojobs.jobs.ledger import Job
from videojobs.outputs.coco import open_coco
from videojobs.outputs.csv_table import open_csv
from videojobs.outputs.files import OutputFiles
from videojobs.outputs.names import OutputName
from videojobs.outputs.report import open_report
from videojobs.outputs.tables import open_parquet
from videojobs.outputs.webvtt import open_webvtt
from videojobs.results.derivation import Output

OPENERS: Mapping[OutputName, Callable[[Job, OutputFiles], Output]] = {
    "parquet": open_parquet,
    "csv": open_csv,
    "coco": open_coco,
    "webvtt": open_webvtt,
    "report": open_report,
}
"""What opens each output of a job, with its files."""
