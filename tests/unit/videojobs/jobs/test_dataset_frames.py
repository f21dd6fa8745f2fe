"""The option `dataset_frames`: which frames a dataset has."""

import pytest

from videojobs.errors import InvalidOption, InvalidParameter
from videojobs.jobs.dataset_frames import UNCERTAIN_DEFAULT, DatasetFrames, parse_dataset_frames
from videojobs.jobs.options import Options, resolve_options

HANDS = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
DEFAULTS = {"models": [HANDS], "infer_fps": 5, "input_mode": "presigned", "annotate": False, "track": True}


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


def resolve(
    metadata: dict[str, str], routes: dict[str, dict[str, object]] | None = None, key: str = "a.mp4"
) -> Options:
    return resolve_options(key, metadata, routes=routes or {}, defaults=DEFAULTS)


def test_without_the_option_there_is_no_dataset() -> None:
    assert resolve({}).dataset_frames is None
    assert "dataset_frames" not in resolve({}).to_dict()


def test_metadata_and_routes_turn_the_dataset_on_and_off() -> None:
    assert resolve({"dataset-frames": "every 5"}).dataset_frames == DatasetFrames("every", 5)
    routes: dict[str, dict[str, object]] = {"": {"dataset_frames": "uncertain 50"}, "yard/": {"dataset-frames": "all"}}
    assert resolve({}, routes).dataset_frames == DatasetFrames("uncertain", 50)
    assert resolve({}, routes, "yard/a.mp4").dataset_frames == DatasetFrames("all")
    assert resolve({"dataset-frames": "none"}, routes, "yard/a.mp4").dataset_frames is None


def test_an_execution_s_input_keeps_the_option() -> None:
    options = resolve({"dataset-frames": "uncertain"})
    assert options.to_dict()["dataset_frames"] == f"uncertain {UNCERTAIN_DEFAULT}"
    assert Options.parse(options.to_dict()) == options


def test_frames_at_events_need_tracks() -> None:
    with pytest.raises(InvalidOption, match=r"^dataset_frames: events are those of tracked objects") as invalid:
        resolve({"dataset-frames": "events", "track": "false"})
    assert invalid.value.remedy == {"track": "true"}


def test_an_invalid_route_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"^PrefixRoutes: '': dataset_frames: 'few' is not one of"):
        resolve({}, {"": {"dataset_frames": "few"}})
