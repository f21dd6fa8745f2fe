"""Answers: short lines on a phone, whatever the names are."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.foreign_text import printable
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model
from videojobs.notices.answers import COLUMNS, SHORT_MAX_CHARACTERS, answer, answer_shortly, describe_rules, measure
from videojobs.outputs.region_summary import LineSummary, PolygonSummary
from videojobs.outputs.summary import ClassSummary, ModelSummary, Summary
from videojobs.results.rules import RuleOutcome, RulesOutcome

DOCK = PolygonSummary(entries=2, exits=2, peak=1, dwell_seconds_max=250.4)


def summarize(**models: ModelSummary) -> Summary:
    summary = Summary([Model(model_id, "1", "object-detection") for model_id in models])
    summary.models = dict(models)
    return summary


def count(frames: int = 60, failed_frames: int = 0, /, **classes: ClassSummary) -> ModelSummary:
    return ModelSummary(frames=frames, failed_frames=failed_frames, classes=classes)


def test_lines_and_regions_come_before_what_the_whole_video_has() -> None:
    model = ModelSummary(
        frames=60,
        classes={"person": ClassSummary(count=538, tracks=7, peak=3)},
        regions={
            "door": {"dog": LineSummary(crossed_out=2), "person": LineSummary(crossed_in=3, crossed_out=1)},
            "dock": {"truck": DOCK},
            "gate": {},
        },
    )
    summary = summarize(m=model)
    assert answer(summary) == [
        "door:",
        "  3 person in, 1 out",
        "  0 dog in, 2 out",
        "dock:",
        "  2 truck, at most 1 at once",
        "  the longest stay 4 min 10 s",
        "gate: nothing",
        "7 person, at most 3 at once",
    ]
    assert answer_shortly(summary, None) == "3 person in, 1 out (door), 0 dog in, 2 out (door)"


def test_without_tracks_it_says_in_how_many_frames() -> None:
    summary = summarize(
        m=count(cat=ClassSummary(frames=9, count=9, peak=1), dog=ClassSummary(frames=2, count=3, peak=2))
    )
    assert answer(summary) == ["cat: in 9 of 60 frames", "dog: in 2 of 60 frames", "  at most 2 at once"]
    assert answer_shortly(summary, None) == "cat, dog"


def test_only_the_most_frequent_classes_are_in_it() -> None:
    classes = {f"class {number}": ClassSummary(frames=1, count=100 - number, peak=1) for number in range(80)}
    lines = answer(summarize(m=ModelSummary(frames=60, classes=classes)))
    assert (lines[0], lines[-1], len(lines)) == ("class 0: in 1 of 60 frames", "and 75 other classes", 6)


def test_several_models_have_their_names() -> None:
    summary = summarize(a=count(60, 3), b=ModelSummary(frames=60, embeddings=60))
    assert answer(summary) == ["a:", "Nothing was found.", "Failed on 3 of 60 frames.", "b:", "60 embeddings"]
    assert answer_shortly(summarize(a=count()), None) == "nothing found"


def hold(name: str, times: int, *moments: float) -> RuleOutcome:
    return RuleOutcome(name=name, held=bool(times), times=times, moments=moments)


def test_conditions_that_held_have_links_to_their_moments(job: Job) -> None:
    conditions = (hold("a", 5, 0.5, 61, 3600), hold("b", 0), hold("c", 1, 2), hold("d", 2, 3, 4))
    rules = RulesOutcome(combination="any", conditions=conditions)
    lines = describe_rules(replace(job, start_offset=0.5), rules, lambda seconds: f"L{seconds:g}")
    assert lines == [
        *("notify_when held:", "a: 5 times, first at", "  0:01 L1", "  1:01 L61.5", "  1:00:00 L3600.5"),
        *("c: once", "  0:02 L2.5", "d: 2 times", "  0:03 L3.5", "  0:04 L4.5"),
    ]
    assert answer_shortly(summarize(m=count()), rules) == "a, c, d"


def test_conditions_that_are_unknown_are_named_with_the_reason(job: Job) -> None:
    unknown = RuleOutcome(name="a", held=None)
    rules = RulesOutcome(combination="all", conditions=(unknown, hold("b", 0)), problem="the summary could not be made")
    lines = describe_rules(job, rules, str)
    assert lines == [
        *("notify_when could not be evaluated:", "  a", "  The reason is: the summary could not be made."),
    ]


names = st.one_of(
    st.text(min_size=1, max_size=80),
    st.sampled_from(["安全帽" * 30, "a\nJob      job-2", "x" * 5000, "\x1b[31m" * 20, "👩‍🏭" * 40, "{}", "Straße"]),
)
numbers = st.integers(0, 9_999_999)


@given(names, names, names, numbers, st.sampled_from([0, 1, 9_999_999]))
def test_lines_fit_a_phone_and_a_subject_is_short_ascii(
    model_id: str, region: str, name: str, many: int, few: int
) -> None:
    visits = PolygonSummary(entries=many, peak=many, dwell_seconds_max=many)
    tracked = ModelSummary(
        classes={name: ClassSummary(count=many, frames=many, tracks=7, peak=many)},
        regions={
            region: {name: LineSummary(crossed_in=many, crossed_out=many)},
            f"{region}!": {name: visits},
        },
    )
    plain = ModelSummary(
        frames=many, failed_frames=few, classes={name: ClassSummary(count=many, frames=many, peak=many)}
    )
    summary = summarize(**{model_id: tracked, f"{model_id}!": plain})
    rules = RulesOutcome(
        combination="all", conditions=(hold(name, many + 1, 1.0), RuleOutcome(name=region, held=None)), problem="why"
    )
    job: Any = type("AnyJob", (), {"clock_time": lambda *_: None, "place": lambda _, seconds: seconds})()
    lines = [*answer(summary), *describe_rules(job, rules, lambda _: "")]
    for line in lines:
        assert measure(line) <= COLUMNS
        assert line == printable(line)
    assert len(lines) == 15 + (many > 1) + (few > 0)
    for short in (answer_shortly(summary, rules), answer_shortly(summary, None)):
        assert short.isascii()
        assert short.isprintable()
        assert 0 < len(short) <= SHORT_MAX_CHARACTERS


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("安全帽", 6), ("Straße", 6)])
def test_wide_characters_take_two_columns(text: str, columns: int) -> None:
    assert measure(text) == columns
