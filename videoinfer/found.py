"""Says what is in a results file, in the words of notice and report."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from videoinfer.results_file import read_results_file
from videojobs.jobs.options import Model
from videojobs.jobs.times import format_clock
from videojobs.outputs.summary import ModelSummary, Summary
from videojobs.results.analysis import Analysis, analyze
from videojobs.results.sightings import describe_sightings

_CLASSES_MAX = 20


def describe_results(results_file: Path, models: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yields a sentence for each class, the most frequent first. With several models, each sentence names its model.

    Args:
        models: As in the API's `models`.
    """
    results = read_results_file(results_file)
    summary = Summary([Model.parse(model) for model in models])
    types = {model["model_id"]: model["inference_type"] for model in models}
    for frames in analyze(results.read_frames(types), Analysis(track=True)):
        summary.add(frames)
    for model_id, found in summary.models.items():
        prefix = f"{model_id}: " if len(models) > 1 else ""
        yield from (prefix + sentence for sentence in _describe_model(found))


def _describe_model(found: ModelSummary) -> Iterator[str]:
    classes = found.most_common()
    for name, sightings in classes[:_CLASSES_MAX]:
        yield describe_sightings(name, sightings, format_clock)
    if len(classes) > _CLASSES_MAX:
        yield f"{len(classes) - _CLASSES_MAX:,} more classes"
    if found.embeddings:
        yield f"{found.embeddings:,} embeddings"
    elif not classes:
        yield "nothing"
