"""The tracker: an object keeps its ID at any frame rate, and memory holds only tracks that have not ended."""

import random
from collections.abc import Sequence
from time import process_time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.tracking_scenes import RATE, watch_scene
from videojobs.results.tracks import COST_MAX, LOST_SECONDS, Box, Tracker

RATES = (30, 10, 5, 2, 1)

places = st.floats(-1e9, 1e9)
sides = st.floats(1e-6, 1e9)
sure = st.none() | st.floats(0.5, 1)
boxes = st.tuples(st.just("car"), sure, places, places, sides, sides)
videos = st.lists(st.tuples(st.floats(0, 1e9), st.lists(boxes, max_size=4)), max_size=6)


def follow(*frames: tuple[float, Sequence[Box]]) -> list[list[int | None]]:
    tracker = Tracker()
    return [tracker.follow(seconds, found) for seconds, found in frames]


@pytest.mark.slow
@given(videos)
def test_ids_are_unique_in_a_frame_and_new_ones_are_consecutive(
    frames: list[tuple[float, list[Box]]],
) -> None:
    known = 0
    for (_, found), numbers in zip(frames, follow(*frames), strict=True):
        assert len(set(numbers)) == len(numbers) == len(found)
        new = sorted(number for number in numbers if number and number > known)
        assert new == list(range(known + 1, known + len(new) + 1))
        known += len(new)


@pytest.mark.slow
@given(videos, st.randoms(use_true_random=False))
def test_the_order_of_boxes_does_not_matter(frames: list[tuple[float, list[Box]]], chance: random.Random) -> None:
    for _, found in frames:
        assume(len({x for _, _, x, *_ in found}) == len(found))
    orders = [chance.sample(range(len(found)), len(found)) for _, found in frames]
    shuffled = [(seconds, [found[n] for n in order]) for (seconds, found), order in zip(frames, orders, strict=True)]
    expected = [[numbers[n] for n in order] for numbers, order in zip(follow(*frames), orders, strict=True)]
    assert follow(*shuffled) == expected


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_boxes_of_several_classes_in_one_place_are_one_object(order: Sequence[int]) -> None:
    """Which of them is the surest changes; one is not found in each frame."""
    numbers = set()
    tracker = Tracker()
    for frame in range(20):
        x = 300 + 10 * frame
        found = [
            ("cup", 0.6, x, 200, 60, 160),
            ("bottle", 0.55 if frame % 3 else 0.9, x + 2, 202, 63, 165),
            ("vase", 0.5, x - 2, 202, 62, 166),
        ]
        boxes = [found[number] for number in order if not (number == 0 and frame % 4 == 0)]
        numbers |= set(tracker.follow(frame / 5, [*boxes, ("person", 0.9, x + 40, 200, 200, 400)]))
    assert len(numbers) == 2


def test_neighbors_do_not_become_one_object_through_a_third_box() -> None:
    car, truck, other = (
        ("car", 0.9, 300, 200, 100, 60),
        ("truck", 0.5, 310, 200, 100, 60),
        ("car", 0.8, 320, 200, 100, 60),
    )
    assert follow((0, [car, truck, other])) == [[1, 1, 2]]
    queue = [("worker" if number % 2 else "person", 0.9, 300 + 10 * number, 200, 100, 60) for number in range(10)]
    [numbers] = follow((0, queue))
    assert sorted(numbers) == sorted(2 * [1, 2, 3, 4, 5])  # type: ignore[type-var]


def test_boxes_of_one_class_in_one_place_are_several_objects() -> None:
    assert follow((0, [("bee", 0.9, 300, 200, 60, 60), ("bee", 0.8, 302, 200, 60, 60)])) == [[1, 2]]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("size", [10, 400])
def test_an_object_keeps_its_id_at_any_frame_rate_and_picture_size(rate: int, size: float) -> None:
    """It moves 1.5 sizes per second, like a walking person."""
    frames = [(n / rate, [("person", 0.9, 1.5 * size * n / rate, 3 * size, size, size)]) for n in range(10 * rate)]
    assert {number for numbers in follow(*frames) for number in numbers} == {1}


@pytest.mark.parametrize("rate", RATES)
def test_an_object_that_turns_abruptly_keeps_its_id(rate: int) -> None:
    """It moves a size per second, and turns back every 3 seconds."""
    places = [3 - abs(3 - n / rate % 6) for n in range(30 * rate)]
    frames = [(n / rate, [("hand", 0.9, 100 * place, 300, 100, 100)]) for n, place in enumerate(places)]
    assert {number for numbers in follow(*frames) for number in numbers} == {1}


def test_times_count_instead_of_frame_numbers() -> None:
    """The times have gaps. By frame numbers, the speed would change abruptly."""
    times = [0, 0.1, 0.2, 1.2, 1.3, 1.4, 2.9, 3.0, 3.1, 3.2]
    frames = [
        (seconds, [("car", 0.9, 100 * seconds, 50, 100, 60), ("car", 0.9, 400, 50, 100, 60)]) for seconds in times
    ]
    assert follow(*frames) == [[1, 2]] * len(times)


@pytest.mark.parametrize("rate", RATES)
def test_objects_that_pass_each_other_keep_their_ids(rate: int) -> None:
    frames = [
        (t, [("person", 0.9, 60 * t, 100, 60, 150), ("person", 0.9, 600 - 60 * t, 130, 60, 150)])
        for t in (n / rate for n in range(10 * rate))
    ]
    assert {tuple(numbers) for numbers in follow(*frames)} == {(1, 2)}


@pytest.mark.parametrize("rate", [30, 10, 5, 2])
def test_an_object_that_is_occluded_for_a_second_keeps_its_id(rate: int) -> None:
    times = [n / rate for n in range(8 * rate)]
    seen = [t for t in times if not 4 <= t < 5]
    frames = [(t, [("person", 0.9, 40 * t, 0, 40, 90)] if t in seen else []) for t in times]
    assert {number for numbers in follow(*frames) for number in numbers} == {1}


def test_a_box_in_the_place_of_an_ended_track_gets_a_new_id() -> None:
    stays: list[Box] = [("car", 0.9, 100, 100, 50, 50)]
    gone: list[tuple[float, list[Box]]] = [(float(n), []) for n in range(2, 2 + int(LOST_SECONDS) + 2)]
    *_, last = follow((0, stays), (1, stays), *gone, (gone[-1][0] + 1, stays))
    assert last == [2]


@pytest.mark.parametrize(
    ("box", "number"),
    [
        (("paper", 0.9, 102.0, 100.0, 50.0, 50.0), 1),  # a changed gesture
        (("paper", 0.9, 110.0, 92.0, 90.0, 80.0), 1),  # an opening hand
        (("rock", 0.9, 102.0, 100.0, 400.0, 400.0), 2),  # much larger
        (("rock", 0.9, 900.0, 100.0, 50.0, 50.0), 2),  # far away
    ],
)
def test_which_boxes_continue_a_track(box: Box, number: int) -> None:
    hand: Box = ("rock", 0.9, 100, 100, 50, 50)
    assert follow((0, [hand]), (0.2, [hand]), (0.4, [box]))[-1] == [number]


def test_a_frame_that_is_sampled_twice_has_the_same_ids() -> None:
    found: list[Box] = [("car", 0.9, 10 * n, 10, 30, 30) for n in range(20)]
    first, second = follow((1, found), (1, found))
    assert first == second


@pytest.mark.parametrize(
    ("confidences", "numbers"),
    [([0.9, 0.1, None], [1, 1, 1]), ([None, 0.2], [1, 1]), ([0.3, 0.3, 0.3], [None, 1, 1]), ([0.3, 0.9], [None, 1])],
)
def test_a_box_with_a_low_confidence_gets_an_id_when_it_is_detected_again(
    confidences: list[float | None], numbers: list[int | None]
) -> None:
    frames: list[tuple[float, list[Box]]] = [(n / 5, [("car", one, 5, 5, 9, 9)]) for n, one in enumerate(confidences)]
    assert [number for [number] in follow(*frames)] == numbers


def test_a_crowd_in_one_place_takes_linear_time() -> None:
    """Without a limit, 800 boxes would be 640,000 pairs per frame."""
    chance = random.Random(1)  # noqa: S311
    frames: list[tuple[float, list[Box]]] = [
        (n / 5, [("car", 0.9, chance.uniform(0, 50), chance.uniform(0, 50), 50, 50) for _ in range(800)])
        for n in range(4)
    ]
    start = process_time()
    follow(*frames)
    assert process_time() - start < 2


def test_memory_holds_only_tracks_that_have_not_ended() -> None:
    """In a thousand seconds, each object is detected once, at a random place."""
    chance = random.Random(1)  # noqa: S311
    tracker = Tracker()
    for number in range(5000):
        tracker.follow(
            number / 5, [("car", 0.9, chance.uniform(0, 1e6), chance.uniform(0, 1e6), 10, 10) for _ in range(3)]
        )
    assert len(tracker._tracks) < 60


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scene", "shares"),
    [("crossing", {30: 0.75, 5: 0.75, 2: 0.7, 1: 0.6}), ("belt", {30: 0.9, 5: 0.9, 2: 0.85})],
)
def test_most_detections_of_an_object_are_in_one_track(scene: str, shares: dict[int, float]) -> None:
    """bench/tracking.py computes the standard metrics."""
    frames = watch_scene(scene, 1)
    for rate, least in shares.items():
        some = frames[:: RATE // rate]
        tracks: dict[int, list[int | None]] = {}
        numbers = follow(*[(f.seconds, [(d.name, d.confidence, *d.box) for d in f.detections]) for f in some])
        for frame, found in zip(some, numbers, strict=True):
            for detection, number in zip(frame.detections, found, strict=True):
                if detection.identity is not None:
                    tracks.setdefault(detection.identity, []).append(number)
        longest = sum(max(map(own.count, own)) for own in tracks.values())
        assert longest / sum(map(len, tracks.values())) >= least, rate


def test_a_new_object_can_be_found_again_at_one_frame_per_second() -> None:
    """If the cost of the uncertain place exceeded the limit, there would be no second detection."""
    [first], [second] = follow((0, [("car", 0.9, 0, 0, 100, 100)]), (1, [("car", 0.9, 250, 0, 100, 100)]))
    assert (first, second) == (1, 1), COST_MAX
