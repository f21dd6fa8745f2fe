"""The option `dataset_frames`: which frames a dataset has."""

import pytest

from videojobs.errors import InvalidOption
from videojobs.jobs.dataset_frames import UNCERTAIN_DEFAULT, DatasetFrames, parse_dataset_frames


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("none", None),
        ("all", DatasetFrames("all")),
        ("every 10", DatasetFrames("every", 10)),
        ("every-10", DatasetFrames("every", 10)),
        (" Every  010 ", DatasetFrames("every", 10)),
        ("uncertain", DatasetFrames("uncertain", UNCERTAIN_DEFAULT)),
        ("uncertain 200", DatasetFrames("uncertain", 200)),
        ("UNCERTAIN-1", DatasetFrames("uncertain", 1)),
        ("events", DatasetFrames("events")),
    ],
)
def test_frames_are_chosen_in_words(text: str, frames: DatasetFrames | None) -> None:
    assert parse_dataset_frames(text) == frames
    if frames:
        assert parse_dataset_frames(frames.to_text()) == frames


@pytest.mark.parametrize(
    "value",
    [
        *("", "some", "every", "every 0", "every -5", "every 2.5", "every 10 20", "uncertain 0", "uncertain 10001"),
        *("every 1000001", "all 5", "none 5", "events 3", "every ٣", "every " + 5000 * "9", None, True, 10, ["all"]),
    ],
)
def test_other_words_are_refused_with_the_valid_ones(value: object) -> None:
    with pytest.raises(InvalidOption, match=r"^dataset_frames: .* is not one of none, all, every N ") as invalid:
        parse_dataset_frames(value)
    assert len(str(invalid.value)) < 400
