"""The content of the results file, with which all other outputs are compared."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videojobs.jobs.ledger import Job
from videojobs.outputs.names import OutputName
from videojobs.outputs.summary import Summary
from videojobs.result_files import REPORT_FILE
from videojobs.results.analysis import Analysis
from videojobs.results.derivation import derive

CLIP_SECONDS = 10
CLIP_CLASSES = ("Rock", "Paper", "Scissors")
CLIP_MODEL = "rock-paper-scissors-presentation"
"""The repository's sample model. It finds all `CLIP_CLASSES` in the clip."""

INFER_FPS = 1
"""The upload asks for this rate if the stack allows it: the lowest, because the API bills each frame."""

FILES: Mapping[OutputName, Sequence[str]] = {
    "parquet": ("detections.parquet", "frames.parquet"),
    "csv": ("detections.csv.gz",),
    "coco": ("coco.json",),
    "webvtt": ("detections.vtt",),
    "report": (REPORT_FILE,),
}
"""The files of each output, as `job.json` lists them."""

EVENT_FILES: Mapping[OutputName, str] = {"parquet": "events.parquet", "csv": "events.csv"}
"""The files with the events of a job with regions."""


@dataclass(frozen=True)
class Truth:
    """A job, and the content of its results.

    Attributes:
        frames: The number of sampled frames.
        predictions: The number of predictions of all models, with and without a class.
        counts: The number of predictions by model and class.
    """

    job: Job
    frames: int
    predictions: int
    counts: Mapping[str, Mapping[str, int]]

    @property
    def by_class(self) -> Counter[str]:
        """The number of predictions by class, of all models."""
        return sum((Counter(classes) for classes in self.counts.values()), Counter[str]())


def read_truth(content: bytes, job: Job) -> Truth:
    """Counts frames and predictions in `results.json`.

    Raises:
        BrokenResults: The content breaks the contract; the message says where.
    """
    summary = Summary(job.options.models, regions=job.options.regions)
    derive([content], job.options.models, [summary], lambda: [content], analysis=Analysis.of(job.options))
    predictions = sum(model.predictions for model in summary.models.values())
    return Truth(job, summary.frames, predictions, summary.counts)
