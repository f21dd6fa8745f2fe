"""The answer of a notice and a report: sentences about what was found, and which conditions of `notify_when` held.

Class names are foreign text in any language, so they are never inflected: `3 person`.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from videojobs.jobs.ledger import Job
from videojobs.jobs.times import format_duration, format_place
from videojobs.outputs.region_summary import LineSummary, PolygonSummary
from videojobs.outputs.summary import ModelSummary, Summary
from videojobs.results.rules import RuleOutcome, RulesOutcome
from videojobs.results.sightings import ShowTime, describe_shortly, describe_sightings, show_count, show_name

CLASSES_MAX = 5
"""How many classes of a model, a region or a line an answer has: the most frequent ones."""

SHORT_MAX_CHARACTERS = 57
"""Maximum length of the answer in a subject, which has the video's name too."""

LINE_MAX_CHARACTERS = 300
"""Maximum length of the answer in an event."""

_NOTHING = "nothing found"

type Region = Mapping[str, PolygonSummary | LineSummary]
"""What happened in a polygon or at a line, by class."""


def answer(summary: Summary, show_time: ShowTime) -> list[str]:
    """Returns the sentences that say what was found, one a line: at lines, in regions, and in the whole video."""
    lines: list[str] = []
    for model_id, model in summary.models.items():
        if len(summary.models) > 1:
            lines.append(f"{show_name(model_id)}:")
        lines += _answer_model(model, show_time)
    return lines


def answer_shortly(summary: Summary, rules: RulesOutcome | None) -> str:
    """Returns an answer for a subject, in ASCII: the conditions that held, or the first things found."""
    parts = [rule.name for rule in rules.matched] if rules else []
    if not parts:
        parts = _add_failures(summary, [it for model in summary.models.values() for it in _answer_model_shortly(model)])
    return _join(list(filter(None, map(to_ascii, parts))) or ["?"], ", ", SHORT_MAX_CHARACTERS)


def answer_in_a_line(job: Job, summary: Summary, rules: RulesOutcome | None) -> str:
    """Returns an answer for an event: the conditions that held, and the first things found."""
    parts = [f"{show_name(rule.name)}: {_count_times(rule)}" for rule in rules.matched] if rules else []
    for model in summary.models.values():
        parts += _list_found(model, lambda seconds: format_place(job, seconds))
    return _join(_add_failures(summary, parts), "; ", LINE_MAX_CHARACTERS)


def describe_rules(job: Job, rules: RulesOutcome, locate: Callable[[float], str]) -> list[str]:
    """Returns the lines that say which conditions held and when, with links to those moments.

    Args:
        locate: Returns the link to a time in the player.
    """
    lines = ["notify_when held:"] if rules.matched else []
    for rule in rules.matched:
        first = ", first at" if rule.times > len(rule.moments) else ""
        lines.append(f"{show_name(rule.name)}: {_count_times(rule)}{first}")
        lines += [f"  {format_place(job, moment)} {locate(job.place(moment))}" for moment in rule.moments]
    if rules.problem:
        unknown = [show_name(rule.name) for rule in rules.conditions if rule.held is None]
        lines += ["notify_when could not be evaluated:", *(f"  {name}" for name in unknown)]
        lines.append(f"The reason is: {rules.problem}.")
    return lines


def to_ascii(text: str) -> str:
    """Returns a text on one line in ASCII: letters without their accents, other characters as `?`."""
    plain = "".join(it for it in unicodedata.normalize("NFKD", text) if not unicodedata.combining(it))
    return "".join(character if " " <= character <= "~" else "?" for character in " ".join(plain.split()))


def _answer_model(model: ModelSummary, show_time: ShowTime) -> Iterator[str]:
    yield from _answer_regions(model)
    classes = model.most_common()
    for name, entry in classes[:CLASSES_MAX]:
        yield describe_sightings(name, entry, show_time)
    if rest := classes[CLASSES_MAX:]:
        yield f"and {_count_classes(len(rest))}"
    yield from _count_embeddings(model)
    if model.is_empty:
        yield "Nothing was found."
    if model.unread_frames:
        frames = show_count(model.unread_frames, "frame has", "frames have")
        yield f"{frames} results of an unknown type, which are only in results.json."
    if model.failed_frames:
        yield f"Failed on {_count_failures(model)}."


def _answer_regions(model: ModelSummary) -> Iterator[str]:
    for name, region in model.regions.items():
        if not region:
            yield f"{show_name(name)}: nothing"
        ranked = _rank(region)
        for class_name, facts in ranked[:CLASSES_MAX]:
            yield _describe_region(name, class_name, facts)
        if rest := ranked[CLASSES_MAX:]:
            yield f"{show_name(name)}: and {_count_classes(len(rest))}"


def _describe_region(name: str, class_name: str, facts: PolygonSummary | LineSummary) -> str:
    if isinstance(facts, LineSummary):
        return f"{show_name(class_name)} across {show_name(name)}: {facts.crossed_in:,} in, {facts.crossed_out:,} out"
    visits = show_count(facts.entries, "visit", "visits")
    peak = f"up to {facts.peak:,} at once, " if facts.peak > 1 else ""
    longest = format_duration(round(facts.dwell_seconds_max))
    return f"{show_name(class_name)} in {show_name(name)}: {visits}, {peak}longest {longest}"


def _list_found(model: ModelSummary, show_time: ShowTime) -> Iterator[str]:
    """Yields the sentences about a model's regions and classes."""
    for name, region in model.regions.items():
        yield from (_describe_region(name, *of_class) for of_class in _rank(region))
    yield from (describe_sightings(*of_class, show_time) for of_class in model.most_common())
    yield from _list_others(model)


def _answer_model_shortly(model: ModelSummary) -> Iterator[str]:
    for name, region in model.regions.items():
        for class_name, facts in _rank(region):
            if isinstance(facts, LineSummary):
                yield f"{class_name} {facts.crossed_in:,} in, {facts.crossed_out:,} out ({name})"
            else:
                yield f"{class_name} {facts.entries:,}x ({name})"
    yield from (describe_shortly(*of_class) for of_class in model.most_common())
    yield from _list_others(model)


def _list_others(model: ModelSummary) -> Iterator[str]:
    yield from _count_embeddings(model)
    if model.unread_frames:
        yield "results of an unknown type"


def _add_failures(summary: Summary, parts: Sequence[str]) -> list[str]:
    """Returns what was found, or that nothing was, and the failures of the models without a class."""
    models = summary.models.values()
    failures = [f"failed on {_count_failures(model)}" for model in models if model.failed_frames and not model.classes]
    if parts or (failures and not any(model.is_empty for model in models)):
        return [*parts, *failures]
    return [_NOTHING, *failures]


def _count_embeddings(model: ModelSummary) -> Iterator[str]:
    if model.embeddings:
        yield show_count(model.embeddings, "embedding", "embeddings")


def _count_failures(model: ModelSummary) -> str:
    return f"{model.failed_frames:,} of {show_count(model.frames, 'frame', 'frames')}"


def _count_classes(number: int) -> str:
    return show_count(number, "other class", "other classes")


def _rank(region: Region) -> Sequence[tuple[str, PolygonSummary | LineSummary]]:
    """Returns a region's classes, those with the most events first."""
    return sorted(region.items(), key=lambda item: -sum(item[1].counts.values()))


def _count_times(rule: RuleOutcome) -> str:
    if rule.times == 1:
        return "once"
    return f"{rule.times:,} times"


def _join(parts: Sequence[str], separator: str, max_characters: int) -> str:
    """Joins as many of the first parts as fit; the first one is cut."""
    text = parts[0] if len(parts[0]) <= max_characters else f"{parts[0][: max_characters - 3]}..."
    for part in parts[1:]:
        if len(text) + len(separator) + len(part) > max_characters:
            break
        text = f"{text}{separator}{part}"
    return text
