"""Answers: sentences about what was found, whatever the names are."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.foreign_text import printable
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model
from videojobs.jobs.times import format_clock
from videojobs.outputs.answers import (
    LINE_MAX_CHARACTERS,
    SHORT_MAX_CHARACTERS,
    Region,
    answer,
    answer_in_a_line,
    answer_shortly,
    describe_rules,
)
from videojobs.outputs.region_summary import LineSummary, PolygonSummary
from videojobs.outputs.summary import ClassSummary, ModelSummary, Summary
from videojobs.results.rules import RuleOutcome, RulesOutcome

DOCK = PolygonSummary(entries=4, exits=4, peak=2, dwell_seconds_max=250.4)


def summarize(**models: ModelSummary) -> Summary:
    summary = Summary([Model(model_id, "1", "object-detection") for model_id in models])
    summary.models = dict(models)
    return summary


def count(frames: int = 60, failed_frames: int = 0, /, **classes: ClassSummary) -> ModelSummary:
    return ModelSummary(frames=frames, failed_frames=failed_frames, classes=classes)


def test_lines_and_regions_come_before_what_the_whole_video_has() -> None:
    model = ModelSummary(
        frames=60,
        classes={"person": ClassSummary(count=538, frames=60, tracks=7, peak=3, last_seen_seconds=39)},
        regions={
            "door": {"dog": LineSummary(crossed_out=2), "person": LineSummary(crossed_in=3, crossed_out=1)},
            "dock": {"truck": DOCK, "van": PolygonSummary(entries=1, peak=1, dwell_seconds_max=3)},
            "gate": {},
        },
    )
    summary = summarize(m=model)
    assert answer(summary, format_clock) == [
        "person across door: 3 in, 1 out",
        "dog across door: 0 in, 2 out",
        "truck in dock: 4 visits, up to 2 at once, longest 4 min 10 s",
        "van in dock: 1 visit, longest 3 s",
        "gate: nothing",
        "person: 7 visits, up to 3 at once, 0:00 to 0:39",
    ]
    assert answer_shortly(summary, None) == "person 3 in, 1 out (door), dog 0 in, 2 out (door)"


def test_a_subject_has_what_is_at_once_and_how_often() -> None:
    classes = {
        "bottle": ClassSummary(frames=9, count=27, peak=3, tracks=3),
        "person": ClassSummary(frames=9, count=9, peak=1, tracks=7),
        "Größe…": ClassSummary(frames=1, count=1, peak=1),
    }
    assert answer_shortly(summarize(m=count(**classes)), None) == "bottle 3 at once, person 7x, Gro?e..."


def test_only_the_most_frequent_classes_are_in_it() -> None:
    classes = {f"class {number}": ClassSummary(frames=1, count=100 - number, peak=1) for number in range(80)}
    lines = answer(summarize(m=ModelSummary(frames=60, classes=classes)), format_clock)
    assert (lines[0], lines[-1], len(lines)) == ("class 0: at 0:00", "and 75 other classes", 6)


def test_several_models_have_their_names() -> None:
    summary = summarize(a=count(60, 3), b=ModelSummary(frames=60, embeddings=60))
    lines = answer(summary, format_clock)
    assert lines == ["a:", "Nothing was found.", "Failed on 3 of 60 frames.", "b:", "60 embeddings"]
    assert answer_shortly(summarize(a=count()), None) == "nothing found"


def test_one_thing_is_told_in_the_singular() -> None:
    classes = {f"class {number}": ClassSummary(frames=1, count=9 - number, peak=1) for number in range(6)}
    places: Region = {name: PolygonSummary(entries=1, dwell_seconds_max=1) for name in classes}
    model = ModelSummary(frames=1, classes=classes, embeddings=1, unread_frames=1, failed_frames=1)
    lines = answer(summarize(m=replace(model, regions={"dock": dict(places)})), format_clock)
    assert (lines[5], *lines[-4:]) == (
        "dock: and 1 other class",
        "and 1 other class",
        "1 embedding",
        "1 frame has results of an unknown type, which are only in results.json.",
        "Failed on 1 of 1 frame.",
    )


@pytest.mark.parametrize(
    ("model", "lines", "short"),
    [
        (count(60, 3), ["Nothing was found.", "Failed on 3 of 60 frames."], "nothing found, failed on 3 of 60 frames"),
        (count(60, 60), ["Failed on 60 of 60 frames."], "failed on 60 of 60 frames"),
        (ModelSummary(frames=60, embeddings=60), ["60 embeddings"], "60 embeddings"),
        (
            ModelSummary(frames=9, unread_frames=9),
            ["9 frames have results of an unknown type, which are only in results.json."],
            "results of an unknown type",
        ),
    ],
    ids=["some frames failed", "all frames failed", "embeddings", "unread"],
)
def test_nothing_was_found_only_where_a_model_looked_for_classes(
    job: Job, model: ModelSummary, lines: list[str], short: str
) -> None:
    summary = summarize(m=model)
    assert answer(summary, format_clock) == lines
    assert answer_shortly(summary, None) == short
    assert answer_in_a_line(job, summary, None) == short.replace(", ", "; ")


def test_a_model_that_failed_is_told_beside_what_another_found() -> None:
    summary = summarize(a=count(60, 60), b=count(60, 3, cat=ClassSummary(frames=1, count=1, peak=1)))
    assert answer_shortly(summary, None) == "cat, failed on 60 of 60 frames"


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
        *("notify_when could not be evaluated:", "  a", "The reason is: the summary could not be made."),
    ]


names = st.one_of(
    st.text(min_size=1, max_size=80),
    st.sampled_from(["安全帽" * 30, "a\nJob: job-2", "x" * 5000, "\x1b[31m" * 20, "👩‍🏭" * 40, "{}", "Straße"]),
)
numbers = st.integers(0, 9_999_999)


@given(names, names, names, numbers, st.sampled_from([0, 1, 9_999_999]))
def test_no_name_forges_a_line_and_a_subject_is_short_ascii(
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
    lines = [*answer(summary, format_clock), *describe_rules(job, rules, lambda _: "")]
    for line in [*lines, answer_in_a_line(job, summary, rules)]:
        assert line == printable(line)
        assert len(line.splitlines()) <= 1
    assert len(lines) == 12 + (few > 0)
    assert len(answer_in_a_line(job, summary, rules)) <= LINE_MAX_CHARACTERS
    for short in (answer_shortly(summary, rules), answer_shortly(summary, None)):
        assert short.isascii()
        assert short.isprintable()
        assert 0 < len(short) <= SHORT_MAX_CHARACTERS
