"""The outputs by name, with the class that makes each."""

from collections.abc import Callable, Mapping

from videojobs.jobs.ledger import Job
from videojobs.outputs.coco import CocoDataset
from videojobs.outputs.csv_table import CsvTable
from videojobs.outputs.files import OutputFiles
from videojobs.outputs.names import OutputName
from videojobs.outputs.report import ReportOutput
from videojobs.outputs.tables import ParquetTables
from videojobs.outputs.webvtt import Captions
from videojobs.results.derivation import Output

OPENERS: Mapping[OutputName, Callable[[Job, OutputFiles], Output]] = {
    "parquet": ParquetTables,
    "csv": CsvTable,
    "coco": CocoDataset,
    "webvtt": Captions,
    "report": ReportOutput,
}
"""Each opens an output of a job, with its files."""
