"""Conditions over frames with known boxes, tracks and events."""

import itertools
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames import make_frames
from videojobs.errors import BrokenResults
from videojobs.jobs.notify_when import NotifyWhen, parse_notify_when
from videojobs.jobs.options import Model
from videojobs.jobs.regions import Direction, parse_regions
from videojobs.outputs.summary import Summary
from videojobs.results.analysis import Analysis, analyze
from videojobs.results.events import Event
from videojobs.results.predictions import Frames
from videojobs.results.rules import EPISODE_GAP_SECONDS, MOMENTS_MAX, RuleOutcome, Rules, RulesOutcome

REGIONS = parse_regions(
    [
        {"name": "left", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]},
        {"name": "bottom", "polygon": [[0, 0.9], [1, 0.9], [1, 1], [0, 1]]},
        {"name": "trucks", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]], "classes": ["truck"]},
        {"name": "door", "line": [[0, 0], [1, 1]]},
    ]
)
STARTED = datetime(2026, 11, 28, 21, 0, tzinfo=UTC)

type Row = tuple[str, float, int | None]
"""Class, x in pixels of a frame that is 100 wide and high, track ID."""


def make(
    frames: Sequence[Sequence[Row]],
    *,
    step: float = 1.0,
    confidence: float = 0.9,
    model_id: str = "hands",
    has_size: bool = True,
    first: int = 0,
    y: float = 50,
) -> Frames:
    """Makes a model's frames, `step` seconds apart."""
    elements = [
        {
            "image": {"width": 100, "height": 100} if has_size else None,
            "predictions": [
                {"class": name, "x": x, "y": y, "width": 10, "height": 10, "confidence": confidence}
                for name, x, _ in rows
            ],
        }
        for rows in frames
    ]
    times = [(first + number) * step for number in range(len(frames))]
    made = make_frames(model_id, elements, time_offsets=times, first=first)
    return made.with_track_ids([track_id for rows in frames for _, _, track_id in rows])


def evaluate(
    notify_when: Any, *frames: Frames, clock: Callable[[float], datetime | None] = lambda _: None
) -> RulesOutcome:
    rules = Rules(parse_notify_when(notify_when), REGIONS, clock)
    for some in frames:
        rules.add(some)
    outcome = rules.conclude()
    assert outcome is not None
    assert RulesOutcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome
    return outcome


def find(condition: dict[str, Any], *frames: Frames, **options: Any) -> RuleOutcome:
    [outcome] = evaluate([condition], *frames, **options).conditions
    return outcome


def find_stay(condition: dict[str, Any], *frames: Frames) -> RuleOutcome:
    """Evaluates a condition on stays in a region, which are found from events."""
    return find(condition, *analyze(frames, Analysis(track=False, regions=REGIONS)))


PERSON, TRUCK = ("person", 20.0, 1), ("truck", 80.0, 2)


def test_without_conditions_there_is_no_outcome() -> None:
    assert Rules(NotifyWhen(), (), lambda _: None).conclude() is None


@pytest.mark.parametrize(
    ("condition", "moments"),
    [
        ({"class": "person"}, (1.0,)),
        ({"class": "dog"}, ()),
        ({"class": "person", "min_confidence": 0.9}, (1.0,)),
        ({"class": "person", "min_confidence": 0.91}, ()),
        ({"class": "person", "region": "left"}, (1.0,)),
        ({"class": "truck", "region": "left"}, ()),
        ({"region": "trucks"}, (0.0,)),
        ({"class": "person", "min_count": 2}, (2.0,)),
        ({"min_count": 3}, (2.0,)),
        ({"min_count": 4}, ()),
        ({"region": "left", "min_count": 3}, ()),
    ],
)
def test_all_fields_hold_for_the_same_predictions(condition: dict[str, Any], moments: tuple[float, ...]) -> None:
    frames = make([[TRUCK], [TRUCK, PERSON], [TRUCK, PERSON, ("person", 30, 3)], []])
    outcome = find(condition, frames)
    assert (outcome.moments, outcome.held, outcome.times) == (moments, bool(moments), len(moments))


def test_frames_near_each_other_are_one_episode_and_the_first_three_have_their_moments() -> None:
    near = [[PERSON], [], [PERSON]]
    pause: list[list[Row]] = [[]] * (int(EPISODE_GAP_SECONDS) + 1)
    outcome = find({"class": "person"}, make([*near, *pause] * 5))
    assert outcome.times == 5
    assert outcome.moments == (0.0, 9.0, 18.0)[:MOMENTS_MAX]


def test_frames_that_follow_each_other_are_one_episode_however_rare_they_are() -> None:
    assert find({"class": "person"}, make([[PERSON]] * 4, step=60)).times == 1


def test_one_object_has_to_stay() -> None:
    long, short = ("person", 20.0, 1), ("person", 30.0, 2)
    frames = make([[long, short], [long], [long], [long, short]])
    outcome = find_stay({"region": "left", "min_dwell_seconds": 3}, frames)
    assert (outcome.held, outcome.moments) == (True, (3.0,))
    assert not find_stay({"region": "left", "min_dwell_seconds": 4}, frames).held


def test_an_object_that_leaves_starts_a_new_stay_and_one_that_is_hidden_for_a_moment_does_not() -> None:
    away = ("person", 80.0, 1)
    hidden = make([[PERSON], [PERSON], [], [], [PERSON], [PERSON]])
    assert find_stay({"region": "left", "min_dwell_seconds": 5}, hidden).held
    left = make([[PERSON], [PERSON], [away], [away], [away], [away], [away], [PERSON], [PERSON]])
    assert not find_stay({"region": "left", "min_dwell_seconds": 5}, left).held


def test_a_class_that_flickers_does_not_break_a_stay() -> None:
    """The truck is taken for a bus for longer than an object may be hidden."""
    truck, bus = ("truck", 20.0, 1), ("bus", 20.0, 1)
    frames = make([[truck]] * 8 + [[bus]] * 6 + [[truck]] * 8)
    events = [event for some in analyze([frames], Analysis(track=False, regions=REGIONS)) for event in some.events]
    assert [(event.class_name, event.dwell_seconds) for event in events if event.region == "left"] == [
        ("truck", None),
        ("truck", 21.0),
    ]
    condition = {"class": "truck", "region": "left", "min_dwell_seconds": 21}
    outcome = find_stay(condition, frames)
    assert (outcome.held, outcome.times, outcome.moments) == (True, 1, (21.0,))
    assert not find_stay({**condition, "min_dwell_seconds": 22}, frames).held
    assert not find_stay({**condition, "class": "bus"}, frames).held


def test_several_visits_at_once_and_in_turn() -> None:
    a, b, c = (("person", 20.0, number) for number in (1, 2, 3))
    stayed = {"region": "left", "min_dwell_seconds": 2}
    frames = make([[a], [a, b], [a, b], [a, b, c], [a, b, c], *[[c]] * 12, *[[]] * 6, [a], [a], [a]])
    assert find_stay({**stayed, "min_count": 2}, frames).moments == (3.0,)
    assert not find_stay({**stayed, "min_count": 3}, frames).held
    assert find_stay({**stayed, "min_tracks": 3}, frames).moments == (5.0,)
    assert not find_stay({**stayed, "min_tracks": 4}, frames).held
    assert find_stay(stayed, frames).moments == (2.0, 25.0)


def test_stays_with_a_confidence_or_hours_count_the_predictions_with_them() -> None:
    frames = make([[PERSON]] * 5)
    hours = {"between": ["20:00", "22:00"], "time_zone": "UTC"}
    clock = lambda seconds: STARTED + timedelta(seconds=seconds)  # noqa: E731
    for further in ({"min_confidence": 0.9}, hours):
        condition = {"region": "left", "min_dwell_seconds": 4, **further}
        assert find(condition, frames, clock=clock).moments == (4.0,)
        assert not find({**condition, "min_dwell_seconds": 5}, frames, clock=clock).held


def test_several_that_have_stayed_at_once() -> None:
    a, b, c = (("person", 20.0, number) for number in (1, 2, 3))
    frames = make([[a], [a, b], [a, b], [a, b, c], [c], [c]])
    assert find({"min_dwell_seconds": 2, "min_count": 2}, frames).moments == (3.0,)
    assert find({"min_dwell_seconds": 2, "min_tracks": 3}, frames).moments == (5.0,)
    assert not find({"min_dwell_seconds": 2, "min_count": 3}, frames).held


def test_different_objects_are_counted_and_it_holds_once() -> None:
    frames = make([[("person", 20.0, number // 2)] for number in range(20)])
    outcome = find({"min_tracks": 4}, frames)
    assert (outcome.times, outcome.moments) == (1, (6.0,))
    assert not find({"min_tracks": 11}, frames).held


def test_an_object_that_is_found_as_two_classes_is_one_at_once() -> None:
    twins, other = [("rock", 20.0, 1), ("paper", 20.0, 1)], ("paper", 80.0, 2)
    assert not find({"min_count": 2}, make([twins] * 5)).held
    assert not find({"min_count": 2, "region": "left"}, make([twins] * 5)).held
    assert not find({"min_count": 2, "min_dwell_seconds": 1}, make([twins] * 5)).held
    assert not find({"min_count": 2, "min_tracks": 1}, make([twins] * 5)).held
    assert find({"min_count": 2}, make([[*twins, other]])).held
    assert not find({"min_count": 3}, make([[*twins, other]])).held


def test_predictions_without_a_track_are_objects_of_their_own() -> None:
    assert find({"min_count": 2}, make([[("rock", 20.0, None), ("paper", 20.0, None)]])).held


spots = st.lists(
    st.tuples(st.sampled_from(["person", "truck"]), st.sampled_from([20.0, 80.0]), st.integers(1, 3) | st.none()),
    max_size=5,
)


@given(st.lists(spots, min_size=1, max_size=6))
def test_as_many_are_there_at_once_as_the_summary_says(places: list[list[Row]]) -> None:
    frames = make(places)
    summary = Summary([Model("hands", "1", "object-detection")])
    summary.add(frames)
    for name, entry in summary.models["hands"].classes.items():
        assert find({"class": name, "min_count": entry.peak}, frames).held
        assert not find({"class": name, "min_count": entry.peak + 1}, frames).held


def cross(seconds: float, direction: Direction, track_id: int = 1, class_name: str = "person") -> Event:
    return Event(
        model_id="hands",
        track_id=track_id,
        class_name=class_name,
        region="door",
        kind="crossing",
        direction=direction,
        time_offset=seconds,
        frame_offset=int(seconds) + 1,
        dwell_seconds=None,
        at_border=True,
        x=50,
        y=50,
    )


@pytest.mark.parametrize(
    ("condition", "times", "moments"),
    [
        ({"line": "door"}, 4, (0.5, 1.5, 2.5)),
        ({"line": "door", "direction": "out"}, 1, (1.5,)),
        ({"line": "door", "direction": "in", "class": "person"}, 2, (0.5, 2.5)),
        ({"line": "door", "direction": "in", "min_tracks": 3}, 1, (3.5,)),
        ({"line": "door", "min_tracks": 5}, 0, ()),
        ({"line": "door", "class": "truck", "min_confidence": 0.9}, 1, (3.5,)),
        ({"line": "door", "min_confidence": 0.95}, 0, ()),
    ],
)
def test_crossings_are_counted(condition: dict[str, Any], times: int, moments: tuple[float, ...]) -> None:
    events = [cross(0.5, "in"), cross(1.5, "out"), cross(2.5, "in"), cross(3.5, "in", 2, "truck")]
    frames = make([[PERSON, TRUCK]] * 5)
    outcome = find(condition, frames.with_events(events))
    assert (outcome.times, outcome.moments, outcome.held) == (times, moments, times > 0)


def test_an_event_that_comes_late_has_the_confidence_of_the_frame_that_shows_it() -> None:
    sure, unsure = make([[PERSON]], confidence=0.9), make([[PERSON]], confidence=0.2, first=1)
    late = make([[]] * 9, first=2).with_events([cross(-1.0, "in"), cross(0.5, "out")])
    outcome = find({"line": "door", "min_confidence": 0.5}, sure, unsure, late)
    assert outcome.moments == (-1.0,)


@pytest.mark.parametrize("order", [(0.9, 0.3), (0.3, 0.9)])
def test_an_object_that_is_found_as_two_classes_is_as_sure_as_the_surest(order: Sequence[float]) -> None:
    boxes = [
        {"class": f"class {number}", "x": 20, "y": 50, "width": 10, "height": 10, "confidence": confidence}
        for number, confidence in enumerate(order)
    ]
    frames = make_frames("hands", [{"image": {"width": 100, "height": 100}, "predictions": boxes}])
    crossed = frames.with_track_ids([1, 1]).with_events([cross(-1.0, "in")])
    assert find({"line": "door", "min_confidence": 0.7}, crossed).held


def test_an_object_whose_class_counts_in_other_frames_is_as_sure_as_there() -> None:
    """The frame of the crossing shows it as a class that doesn't count."""
    before, crossed = make([[PERSON]]), make([[]], first=1).with_events([cross(0.0, "in")])
    assert find({"line": "door", "min_confidence": 0.7}, before, crossed).held
    assert not find({"line": "door", "min_confidence": 0.95}, before, crossed).held


def test_an_object_that_trembles_at_the_border_has_not_left() -> None:
    """The region ends at 50, and a box of 10 by 10 has a margin of 1.5."""
    near, outside = ("person", 50.5, 1), ("person", 52.0, 1)
    assert find_stay({"region": "left", "min_dwell_seconds": 3}, make([[PERSON], [near], [near], [PERSON]])).held
    assert not find_stay(
        {"region": "left", "min_dwell_seconds": 3}, make([[PERSON], [outside], [outside], [PERSON]])
    ).held


def test_an_object_that_stands_near_the_border_has_stayed() -> None:
    """It came before the second 1, which is certain once it has been seen there 10 times."""
    outside, near, beyond = (("person", x, 1) for x in (60.0, 49.5, 50.5))
    inside = make([[outside], *[[near]] * 30])
    assert find_stay({"region": "left", "min_dwell_seconds": 9}, inside).moments == pytest.approx((9.952,), abs=0.001)
    assert find_stay({"region": "left", "min_dwell_seconds": 29}, inside).held
    assert not find_stay({"region": "left", "min_dwell_seconds": 30}, inside).held
    left = make([[PERSON], [PERSON], *[[beyond]] * 10, *[[near]] * 9])
    assert not find_stay({"region": "left", "min_dwell_seconds": 2}, left).held


def test_hours_of_the_day_by_the_video_s_clock() -> None:
    condition = {"class": "person", "between": ["22:00", "06:00"], "time_zone": "UTC"}
    frames = make([[PERSON]] * 10, step=600)  # from 21:00 on
    clock = lambda seconds: STARTED + timedelta(seconds=seconds)  # noqa: E731
    assert find(condition, frames, clock=clock).moments == (3600.0,)
    unknown = evaluate([condition], frames)
    assert (unknown.held, unknown.problem) == (None, "nothing says when the video was recorded")


def test_without_the_frame_s_size_a_place_is_unknown_and_other_conditions_are_not() -> None:
    frames = make([[PERSON]], has_size=False)
    missing = BrokenResults("The elements of hands lack the size of the picture, which regions refer to.")
    for place, problem in (
        ({"region": "left"}, "the results don't have the size of the frames"),
        ({"line": "door"}, str(missing)[:-1]),
    ):
        frames = frames.with_events((), missing)
        outcome = evaluate({"all": [place, {"class": "person"}]}, frames)
        assert [condition.held for condition in outcome.conditions] == [None, True]
        assert (outcome.held, outcome.problem) == (None, problem)
        assert evaluate({"any": [place, {"class": "person"}]}, frames).held
        assert evaluate({"all": [place, {"class": "dog"}]}, frames).held is False


@pytest.mark.parametrize(("combination", "held"), [("any", True), ("all", False)])
def test_any_or_all_have_to_hold(combination: str, held: bool) -> None:
    outcome = evaluate({combination: [{"class": "person"}, {"class": "dog"}]}, make([[PERSON]]))
    assert outcome.held is held
    assert [condition.name for condition in outcome.matched] == (["person"] if held else [])


def test_a_condition_holds_if_it_holds_for_one_of_several_models() -> None:
    outcome = find({"min_tracks": 2}, make([[PERSON]]), make([[PERSON, TRUCK]] * 2, model_id="room"))
    assert (outcome.held, outcome.times) == (True, 1)
    one_each = find({"min_tracks": 2}, make([[PERSON]]), make([[TRUCK]], model_id="room"))
    assert not one_each.held


def test_a_box_at_the_edge_of_the_frame_is_inside() -> None:
    at_the_bottom = make([[PERSON]], y=95)  # its lower edge is the frame's
    assert find({"region": "bottom"}, at_the_bottom).held
    assert find({"region": "bottom"}, make([[PERSON]], y=96)).held
    assert not find({"region": "bottom"}, make([[PERSON]], y=84)).held


def test_an_error_makes_all_of_them_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videojobs.results.rules.make_border", lambda *_: 1 / 0)
    outcome = evaluate([{"class": "person"}, {"region": "left"}], make([[PERSON]]))
    assert (outcome.held, outcome.problem) == (None, "an error (ZeroDivisionError)")


rows = st.tuples(st.sampled_from(["person", "truck"]), st.sampled_from([20.0, 80.0]), st.integers(1, 3) | st.none())
conditions = st.fixed_dictionaries(
    {"min_count": st.integers(1, 3)},
    optional={
        "class": st.sampled_from(["person", "truck"]),
        "region": st.just("left"),
        "min_dwell_seconds": st.integers(0, 3),
        "min_tracks": st.integers(1, 3),
    },
)


@given(st.lists(st.lists(rows, max_size=4), max_size=12), conditions, st.integers(1, 5))
def test_the_outcome_does_not_depend_on_how_frames_arrive(
    frames: list[list[Row]], condition: dict[str, Any], size: int
) -> None:
    pieces = [make(frames[start : start + size], first=start) for start in range(0, len(frames), size)]
    in_pieces, at_once = (analyze(some, Analysis(track=False, regions=REGIONS)) for some in (pieces, [make(frames)]))
    assert evaluate([condition], *in_pieces) == evaluate([condition], *at_once) or not frames


turns = st.tuples(st.floats(1, 99) | st.floats(48.6, 51.4), st.integers(0, 15))
"""A place, often nearer to the border than the margin, and for how many frames a person stands there."""


@given(st.lists(turns, min_size=2, max_size=6), st.sampled_from([0.2, 0.5, 1.0]))
def test_conditions_agree_with_the_events(turns: list[tuple[float, int]], step: float) -> None:
    """A person walks from place to place across the region and back. Both count the same stays and crossings."""
    places = [
        start + (end - start) * max(0, share) / 20
        for (start, stand), (end, _) in itertools.pairwise(turns)
        for share in range(-stand, 20)
    ]
    walk = [("person", place, None) for place in places]
    regions = parse_regions(
        [
            {"name": "left", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]},
            {"name": "door", "line": [[0.5, 1], [0.5, 0]]},
        ]
    )
    frames = make([[row] for row in walk], step=step)
    analyzed = list(analyze([frames], Analysis(track=True, regions=regions)))
    events = [event for some in analyzed for event in some.events]
    stays = [event.dwell_seconds or 0.0 for event in events if event.kind == "exit"]
    crossings = [event for event in events if event.kind == "crossing"]
    longest = max(stays, default=0.0)
    notify_when = [
        {"name": "crossed", "line": "door"},
        {"name": "stayed", "region": "left", "min_dwell_seconds": longest},
        {"name": "stayed longer", "region": "left", "min_dwell_seconds": longest + 0.001},
    ]
    rules = Rules(parse_notify_when(notify_when), regions, lambda _: None)
    for some in analyzed:
        rules.add(some)
    outcome = rules.conclude()
    assert outcome is not None
    crossed, stayed, stayed_longer = outcome.conditions
    assert crossed.times == len(crossings)
    assert crossed.moments == tuple(event.time_offset for event in crossings[:MOMENTS_MAX])
    assert stayed.held == bool(stays)
    assert not stayed_longer.held
