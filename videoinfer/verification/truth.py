"""What the results themselves hold: all other outputs are held against it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videojobs.jobs.ledger import Job
from videojobs.outputs.names import OutputName
from videojobs.outputs.summary import Summary
from videojobs.result_files import REPORT_FILE
from videojobs.results.derivation import derive

CLIP_SECONDS = 10
CLIP_CLASSES = ("Rock", "Paper", "Scissors")
CLIP_MODEL = "rock-paper-scissors-presentation"
"""The model that is shipped, and the classes that are in the clip."""

INFER_FPS = 1
"""What the clip is sent with, where its metadata may say so: the fewest frames, for the API bills each of them."""

FILES: Mapping[OutputName, Sequence[str]] = {
    "parquet": ("detections.parquet", "frames.parquet"),
    "csv": ("detections.csv.gz",),
    "coco": ("coco.json",),
    "webvtt": ("detections.vtt",),
    "report": (REPORT_FILE,),
}
"""The files that each output is made of, as `job.json` lists them."""


@dataclass(frozen=True)
class Truth:
    """A job, and what is in its results.

    Attributes:
        frames: Sampled frames.
        predictions: Of all models, with or without a class.
        counts: Predictions by model and class.
    """

    job: Job
    frames: int
    predictions: int
    counts: Mapping[str, Mapping[str, int]]

    @property
    def by_class(self) -> Counter[str]:
        """Predictions by class, of all models."""
        return sum((Counter(classes) for classes in self.counts.values()), Counter[str]())


def read_truth(content: bytes, job: Job) -> Truth:
    """Counts what is in `results.json`. Raises BrokenResults; says where it breaks the contract."""
    summary = Summary(job.options.models)
    derive([content], job.options.models, [summary], lambda: [content])
    predictions = sum(model.predictions for model in summary.models.values())
    return Truth(job, summary.frames, predictions, summary.counts)
