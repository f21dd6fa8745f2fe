"""Still footage: which frames repeat the predictions of another one, and how that is marked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from videoengine.detections import Thresholds
from videoengine.detector import PreparedFrame
from videoengine.frame_reuse import (
    BLOCK,
    MAX_DIFFERENCE,
    MAX_REPEAT_SECONDS,
    MIN_BLOCKS,
    FrameReuse,
    have_different_blocks,
    sum_blocks,
)
from videoengine.preprocessing import Placement
from videoengine.segments import SampledFrame

THRESHOLDS = Thresholds(0.4, 0.3)
SIDE = MIN_BLOCKS * BLOCK
WHOLE = Placement((SIDE, SIDE), (SIDE, SIDE), (0, 0), (1.0, 1.0))

type Picture = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass
class StubDetector:
    """A model whose input is the frame's pixels. Its element is the number of the inference."""

    fails: frozenset[int] = frozenset()
    fails_to_start: frozenset[int] = frozenset()
    is_embedding: bool = False
    placement: Placement = WHOLE
    numbers: Iterator[int] = field(default_factory=count)
    inferred: int = 0

    def prepare(self, frame: VideoFrame) -> PreparedFrame:
        return PreparedFrame(frame.to_ndarray().astype(np.uint8), self.placement, 0.001)

    def infer(self, prepared: PreparedFrame, thresholds: Thresholds) -> Any:
        number = next(self.numbers)
        if number in self.fails_to_start:
            raise RuntimeError("no memory")
        self.inferred += 1

        def finish() -> Any:
            if number in self.fails:
                raise RuntimeError("the network gave up")
            return [number] if self.is_embedding else {"time": 1.0, "image": {}, "predictions": [number]}

        return finish


def gray(level: int, side: int = SIDE) -> Picture:
    return np.full((side, side, 3), level, dtype=np.uint8)


def run(detector: StubDetector, pictures: list[Picture], rate: float = 5, first: int = 0) -> list[Any]:
    """The element of each picture, or None if the model failed on it. All are started before the first is finished."""
    reuse = FrameReuse(detector, THRESHOLDS)  # type: ignore[arg-type]
    pending: list[Any] = []
    for index, picture in enumerate(pictures, first):
        frame = SampledFrame(6 * index, round(index / rate, 4), index, 0)
        try:
            pending.append(reuse.start(VideoFrame.from_ndarray(picture, format="rgb24"), frame))
        except RuntimeError:
            pending.append(None)
    return [_finish(finish) for finish in pending]


def _finish(finish: Any) -> Any:
    try:
        return finish and finish()
    except RuntimeError:
        return None


def test_a_still_frame_repeats_the_predictions_of_the_inferred_one_and_names_it() -> None:
    detector = StubDetector()
    still, changed = gray(100), gray(200)
    elements = run(detector, [still, still, changed, changed])
    assert [element["predictions"] for element in elements] == [[0], [0], [1], [1]]
    assert [element.get("repeated_from") for element in elements] == [None, 0, None, 12]
    assert detector.inferred == 2


def test_the_time_of_a_repeated_frame_is_that_of_the_comparison() -> None:
    first, repeated = run(StubDetector(), [gray(0), gray(0)])
    assert first["time"] == 1.0
    assert 0 <= repeated["time"] < 0.5


def test_a_small_change_in_a_big_still_picture_is_inferred() -> None:
    moved = gray(100)
    moved[5:11, 6:12] = 200
    assert [element.get("repeated_from") for element in run(StubDetector(), [gray(100), moved])] == [None, None]


@pytest.mark.parametrize("side", [BLOCK, 28, 32, 64])
def test_a_small_input_is_compared_in_smaller_blocks(side: int) -> None:
    """A gauge's needle that turns changes no mean level of its block, and may be all that a classifier looks at."""
    across, down = gray(200, side), gray(200, side)
    across[4, 1:8] = 20
    down[1:8, 4] = 20
    elements = run(StubDetector(), [across, across, down, down])
    assert [element.get("repeated_from") for element in elements] == [None, 0, None, 12]


@pytest.mark.parametrize(("brightness", "inferred"), [(1.0, 2), (0.5, 2), (0.1, 2), (0.0, 1)])
def test_a_moved_object_is_seen_however_dark_the_picture_is(brightness: float, inferred: int) -> None:
    """Networks find objects in dark footage. A camera's time in white does not make it brighter."""
    first, second = gray(120), gray(120)
    first[40:80, 40:80] = second[40:80, 60:100] = 150
    detector = StubDetector()
    pictures = [(picture * brightness).astype(np.uint8) for picture in (first, second)]
    for picture in pictures:
        picture[:10, :60] = 255
    run(detector, pictures)
    assert detector.inferred == inferred


def test_the_padding_of_a_dark_picture_does_not_make_it_brighter() -> None:
    first, second = gray(114), gray(114)
    first[56:168] = second[56:168] = 12
    first[80:100, 40:80] = second[80:100, 60:100] = 15
    padded = Placement((SIDE, SIDE // 2), (SIDE, SIDE // 2), (0, 56), (1.0, 1.0))
    detector = StubDetector(placement=padded)
    run(detector, [first, second])
    assert detector.inferred == 2


def test_a_cropped_picture_has_a_level() -> None:
    cropped = Placement((2 * SIDE, SIDE), (2 * SIDE, SIDE), (-SIDE // 2, 0), (1.0, 1.0))
    detector = StubDetector(placement=cropped)
    run(detector, [gray(100), gray(103), gray(110)])
    assert detector.inferred == 2


def test_slow_changes_add_up() -> None:
    """Each frame differs by one level from the one before."""
    detector = StubDetector()
    run(detector, [gray(level) for level in range(100, 200)], rate=100)
    assert detector.inferred == pytest.approx(100 / (MAX_DIFFERENCE + 1), abs=1)


def test_noise_is_no_change() -> None:
    random = np.random.default_rng(0)
    noisy = [np.clip(random.normal(128, 5, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8) for _ in range(20)]
    detector = StubDetector()
    run(detector, noisy)
    assert detector.inferred == 1


@given(rate=st.integers(1, 8), seconds=st.integers(1, 25))
def test_a_constant_clip_is_inferred_once_in_each_longest_time(rate: int, seconds: int) -> None:
    detector = StubDetector()
    run(detector, [gray(7)] * (rate * seconds), rate=rate)
    assert detector.inferred == -(-seconds // MAX_REPEAT_SECONDS)


@st.composite
def two_pictures(draw: st.DrawFn) -> tuple[Picture, Picture]:
    """Two pictures of the same size, of which no side need be a multiple of the blocks'."""
    sides = st.integers(1, 3 * BLOCK)
    shape = *draw(st.tuples(sides, sides)), 3
    levels = st.integers(0, 255)
    one, other = (draw(st_numpy.arrays(np.uint8, shape, elements=levels, fill=levels)) for _ in range(2))
    return one, other


@given(two_pictures())
def test_blocks_are_compared_by_their_means(pictures: tuple[Picture, Picture]) -> None:
    one, other = (picture.astype(int) for picture in pictures)
    differences = [
        abs((one - other)[top : top + BLOCK, left : left + BLOCK, channel].sum()) / BLOCK**2
        for top in range(0, one.shape[0], BLOCK)
        for left in range(0, one.shape[1], BLOCK)
        for channel in range(3)
    ]
    expected = max(differences) > MAX_DIFFERENCE
    assert have_different_blocks(sum_blocks(pictures[0]), sum_blocks(pictures[1])) == expected


@given(st.lists(st.sampled_from([0, 5, 10, 60]), min_size=1, max_size=30), st.sampled_from([0.2, 1, 5, 30]))
def test_each_frame_is_inferred_or_looks_like_the_one_it_names(levels: list[int], rate: float) -> None:
    pictures = [gray(level) for level in levels]
    elements = run(StubDetector(), pictures, rate)
    numbers = {
        6 * index: element["predictions"] for index, element in enumerate(elements) if "repeated_from" not in element
    }
    assert 0 in numbers
    for index, element in enumerate(elements):
        origin = element.get("repeated_from", 6 * index)
        assert element["predictions"] == numbers[origin]
        assert abs(levels[index] - levels[origin // 6]) <= MAX_DIFFERENCE
        assert (index - origin // 6) / rate < MAX_REPEAT_SECONDS


@given(st.lists(st.sampled_from([0, 5, 10, 60]), min_size=2, max_size=30), st.data())
def test_a_segment_begins_with_an_inferred_frame_and_gives_the_same_again(
    levels: list[int], data: st.DataObject
) -> None:
    pictures = [gray(level) for level in levels]
    cut = data.draw(st.integers(1, len(levels) - 1))
    once, again = (run(StubDetector(), pictures[cut:], first=cut) for _ in range(2))
    marks = [element.get("repeated_from") for element in once]
    assert marks[0] is None
    assert marks == [element.get("repeated_from") for element in again]


def test_a_frame_that_the_model_failed_on_has_no_predictions_to_repeat() -> None:
    detector = StubDetector(fails=frozenset([0]))
    elements = run(detector, [gray(0), gray(0), gray(200)])
    assert [element and element["predictions"] for element in elements] == [None, None, [1]]


def test_a_frame_whose_inference_cannot_be_started_is_not_repeated() -> None:
    elements = run(StubDetector(fails_to_start=frozenset([1])), [gray(0), gray(200), gray(200)])
    assert [element and element["predictions"] for element in elements] == [[0], None, [2]]


def test_a_frame_of_another_size_is_inferred_although_the_network_sees_the_same() -> None:
    detector = StubDetector()
    reuse = FrameReuse(detector, THRESHOLDS)  # type: ignore[arg-type]
    picture = VideoFrame.from_ndarray(gray(0), format="rgb24")
    first = reuse.start(picture, SampledFrame(0, 0.0, 0, 0))
    detector.placement = Placement((2 * SIDE, SIDE), (SIDE, SIDE), (0, 0), (0.5, 1.0))
    second = reuse.start(picture, SampledFrame(1, 0.1, 1, 0))
    assert [first()["predictions"], second()["predictions"]] == [[0], [1]]


def test_an_embedding_is_repeated_without_a_mark() -> None:
    assert run(StubDetector(is_embedding=True), [gray(0), gray(0)]) == [[0], [0]]
