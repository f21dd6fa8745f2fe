"""Frames with unsure, flickering and changing objects are chosen; frames with sure ones are not."""

from hypothesis import given
from hypothesis import strategies as st

from tests.frames import make_frames
from tests.unit.videojobs.dataset.drawn_cases import FPS, SURE, choose, choose_of_models, make_box
from videojobs.dataset.uncertain_frames import DISTANCE_SECONDS, GAP_FRAMES_MAX, GAP_SECONDS, UncertainFrames
from videojobs.results.analysis import Analysis


def test_a_stable_sure_object_has_no_uncertain_frame() -> None:
    assert choose("uncertain", *[SURE] * 50) == []


def test_the_frame_with_the_least_sure_prediction_is_chosen() -> None:
    sure, unsure, unsurest = ([make_box(1, confidence)] for confidence in (0.9, 0.6, 0.4))
    frames = [*[sure] * 10, unsure, *[sure] * 19, unsurest, *[sure] * 10]
    assert choose("uncertain 1", *frames) == [30]
    assert choose("uncertain 2", *frames) == [10, 30]


def test_an_object_that_flickers_is_chosen_where_it_is_missing() -> None:
    frames = [*[SURE] * 20, [], *[SURE] * 20]
    assert choose("uncertain", *frames) == [20]


def test_a_flicker_is_less_sure_than_a_low_confidence() -> None:
    frames = [*[SURE] * 10, [make_box(1, 0.1)], *[SURE] * 10, [], *[SURE] * 10]
    assert choose("uncertain 1", *frames) == [21]


def test_mistakes_of_a_frame_are_added_up() -> None:
    many = [make_box(number, 0.6) for number in range(1, 5)]
    sure_many = [make_box(number) for number in range(1, 5)]
    frames = [*[sure_many] * 10, many, *[sure_many] * 10, sure_many[1:], *[sure_many] * 10]
    assert choose("uncertain 1", *frames) == [10]


def test_an_object_that_changes_its_class_is_chosen_where_it_does() -> None:
    frames = [*[SURE] * 12, *[[make_box(1, name="truck")]] * 12]
    assert choose("uncertain", *frames) == [12]


def test_an_object_with_two_predictions_in_a_frame_is_chosen_there() -> None:
    twice = [make_box(1), make_box(1, name="truck")]
    assert choose("uncertain 1", *[SURE] * 12, twice, *[SURE] * 12) == [12]


def test_an_object_that_is_hidden_for_a_while_is_no_flicker() -> None:
    missing = int(GAP_SECONDS * FPS)
    assert choose("uncertain", *[SURE] * 10, *[[]] * missing, *[SURE] * 10) == []
    assert choose("uncertain", *[SURE] * 10, *[[]] * (missing - 1), *[SURE] * 10) != []


def test_an_object_that_comes_and_goes_for_good_is_no_flicker() -> None:
    assert choose("uncertain", *[[]] * 10, *[SURE] * 10, *[[]] * 10) == []


def test_a_gap_counts_only_where_the_object_is_missing() -> None:
    """The other frames before and after it have a lower score."""
    unsure = [make_box(1, 0.5)]
    assert choose("uncertain 1", *[unsure] * 20, [], *[unsure] * 20) == [20]


def test_a_prediction_without_a_confidence_is_sure() -> None:
    assert choose("uncertain", *[[make_box(1, None)]] * 10) == []


def test_without_tracks_only_confidences_count() -> None:
    frames = [*[SURE] * 10, [], *[SURE] * 10, [make_box(1, 0.7)], *[SURE] * 10]
    assert choose("uncertain", *frames, track=False) == [21]


def test_predictions_that_do_not_count_are_ignored() -> None:
    frames = [*[SURE] * 10, [*SURE, make_box(2, 0.3, "bird")], *[SURE] * 10, [make_box(1, 0.7)], *[SURE] * 10]
    assert choose("uncertain", *frames, classes=("car",)) == [21]


def test_neighboring_frames_are_not_chosen() -> None:
    frames = [[make_box(1, 0.5)]] * 50
    chosen = choose("uncertain", *frames)
    assert chosen == list(range(0, 50, FPS))
    assert choose("uncertain 3", *frames) == chosen[:3]
    seconds_apart = [[make_box(1, 0.5 if number % FPS == 2 else 0.9)] for number in range(50)]  # 1.4 s and 0.4 s
    assert choose("uncertain 10", *seconds_apart) == list(range(2, 50, FPS))


def test_several_models_count_by_the_least_sure() -> None:
    unsure = [make_box(1, 0.6)]
    one, other = [*[SURE] * 10, unsure, *[SURE] * 29], [*[SURE] * 30, [make_box(1, 0.4)], *[SURE] * 9]
    assert choose_of_models("uncertain 1", {"m": one, "n": other}) == [30]
    assert choose_of_models("uncertain 2", {"m": one, "n": other}) == [10, 30]
    assert choose_of_models("uncertain 2", {"m": other, "n": other}) == [30]


confidences = st.lists(st.sampled_from([0.2, 0.5, 0.8, 1.0]), min_size=1, max_size=80)


@given(confidences, confidences, st.integers(1, 12), st.integers(1, 90))
def test_a_bounded_memory_gives_the_same_frames(
    first: list[float], second: list[float], count: int, batch: int
) -> None:
    """As a plain program that knows all frames: take the best frame of each second that is far from those taken."""
    length = min(len(first), len(second))
    models = {"m": first[:length], "n": second[:length]}
    found = choose_of_models(
        f"uncertain {count}",
        {name: [[make_box(1, confidence)] for confidence in values] for name, values in models.items()},
        batch=batch,
    )
    best = []
    for values in models.values():
        for start in range(0, length, FPS):
            doubts = [(1 - value, -number) for number, value in enumerate(values)][start : start + FPS]
            best.append(max(doubts))
    taken: list[int] = []
    for doubt, negative in sorted(best, reverse=True):
        if len(taken) < count and doubt > 0 and all(abs(-negative - it) >= FPS * DISTANCE_SECONDS for it in taken):
            taken.append(-negative)
    assert found == sorted(taken)


def test_impossible_times_neither_fail_nor_fill_the_memory() -> None:
    selection = UncertainFrames(5)
    count = 4 * GAP_FRAMES_MAX
    frames = make_frames("m", [{"predictions": [make_box(1, 0.5)]}] * count, range(count), [0.0] * count)
    selection.add(Analysis(track=True).add(frames))
    assert len(selection._mistakes._waiting) <= GAP_FRAMES_MAX + 1
    selection.finish()
    assert len(selection.chosen) == 1
