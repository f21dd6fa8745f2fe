"""Says what is in a results file, in the words of the notice."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from videoinfer.results_file import read_results_file
from videojobs.jobs.options import Model
from videojobs.jobs.times import format_clock
from videojobs.outputs.answers import answer
from videojobs.outputs.summary import Summary
from videojobs.results.analysis import Analysis, analyze


def describe_results(results_file: Path, models: Sequence[Mapping[str, str]]) -> list[str]:
    """Returns a sentence for each class, the most frequent first; those of several models below the model's name.

    Args:
        models: As in the API's `models`.
    """
    results = read_results_file(results_file)
    summary = Summary([Model.parse(model) for model in models])
    types = {model["model_id"]: model["inference_type"] for model in models}
    for frames in analyze(results.read_frames(types), Analysis(track=True)):
        summary.add(frames)
    return answer(summary, format_clock)
