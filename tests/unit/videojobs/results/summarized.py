"""Summaries of results that arrive in pieces."""

from collections.abc import Iterator

from hypothesis import strategies as st

from videojobs.jobs.options import Model
from videojobs.outputs.summary import Summary
from videojobs.results.analysis import Analysis
from videojobs.results.derivation import derive

HANDS = Model("my.hands", "4", "object-detection")
ROOM = Model("room", "1", "classification")
classes = st.sampled_from(["Rock", "Paper", "Scissors", "class", "ü\"'", "[{", "\\"])

detections = st.none() | st.lists(classes, max_size=4).map(
    lambda names: {"time": 0.1, "predictions": [{"x": 1.5, "class": name, "extra": {"class": 1}} for name in names]}
)

labels = (
    st.none()
    | classes.map(lambda name: {"predictions": [{"class": "other", "confidence": 0.1}], "top": name})
    | st.lists(classes, unique=True).map(
        lambda names: {"predictions": {name: {"confidence": 1} for name in names}, "predicted_classes": names}
    )
)

indents = st.sampled_from([None, 0, 3])


def cut(content: bytes, piece_size: int) -> Iterator[bytes]:
    return (content[start : start + piece_size] for start in range(0, len(content), piece_size))


def summarize(content: bytes, models: list[Model], piece_size: int = 7) -> Summary:
    summary = Summary(models)
    derive(cut(content, piece_size), models, [summary], lambda: cut(content, piece_size), analysis=Analysis(track=True))
    return summary
