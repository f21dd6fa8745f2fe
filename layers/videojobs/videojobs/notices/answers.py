"""The beginning of a notice about results: what was found, and which conditions of `notify_when` held.

Lines have at most 48 columns, for phones; only links are longer. Class names are foreign text in any language, so they
are never inflected: `7 person`.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from videojobs.foreign_text import printable
from videojobs.jobs.ledger import Job
from videojobs.notices.times import format_duration, format_place
from videojobs.outputs.region_summary import LineSummary, PolygonSummary
from videojobs.outputs.summary import ClassSummary, ModelSummary, Summary
from videojobs.results.rules import RuleOutcome, RulesOutcome

COLUMNS = 48

CLASSES_MAX = 5
"""How many classes of a model, a region or a line an answer has: the most frequent ones."""

SHORT_MAX_CHARACTERS = 50
"""Maximum length of the answer in a subject."""

LINE_MAX_CHARACTERS = 300
"""Maximum length of the answer in an event."""

_NOTHING = "nothing found"

type Region = Mapping[str, PolygonSummary | LineSummary]
"""What happened in a polygon or at a line, by class."""


def answer(summary: Summary) -> list[str]:
    """Returns the lines that say what was found: at lines, in regions, and in the whole video."""
    lines: list[str] = []
    for model_id, model in summary.models.items():
        if len(summary.models) > 1:
            lines.append(_fit(model_id, "{}:"))
        lines += _answer_model(model)
    return lines


def answer_shortly(summary: Summary, rules: RulesOutcome | None) -> str:
    """Returns an answer for a subject, in ASCII: the conditions that held, or the first things found."""
    parts = [rule.name for rule in rules.matched] if rules else []
    if not parts:
        parts = list(_list_found(summary)) or [_NOTHING]
    return _join(list(filter(None, map(_to_ascii, parts))) or ["?"], SHORT_MAX_CHARACTERS)


def answer_in_a_line(summary: Summary, rules: RulesOutcome | None) -> str:
    """Returns an answer for an event: the conditions that held, and the first things found."""
    held = [f"{rule.name}: {_count_times(rule)}" for rule in rules.matched] if rules else []
    parts = [*held, *_list_found(summary)] or [_NOTHING]
    return _join([printable(" ".join(part.split())) for part in parts], LINE_MAX_CHARACTERS)


def _list_found(summary: Summary) -> Iterator[str]:
    return (part for model in summary.models.values() for part in _answer_model_shortly(model))


def describe_rules(job: Job, rules: RulesOutcome, locate: Callable[[float], str]) -> list[str]:
    """Returns the lines that say which conditions held and when, with links to those moments.

    Args:
        locate: Returns the link to a time in the player.
    """
    lines = ["notify_when held:"] if rules.matched else []
    for rule in rules.matched:
        first = ", first at" if rule.times > len(rule.moments) else ""
        lines.append(_fit(rule.name, f"{{}}: {_count_times(rule)}{first}"))
        lines += [f"  {format_place(job, moment)} {locate(job.place(moment))}" for moment in rule.moments]
    if rules.problem:
        unknown = [rule for rule in rules.conditions if rule.held is None]
        lines += ["notify_when could not be evaluated:", *(_fit(rule.name, "  {}") for rule in unknown)]
        lines += [f"  {line}" for line in _wrap(f"The reason is: {rules.problem}.")]
    return lines


def _answer_model(model: ModelSummary) -> Iterator[str]:
    for name, region in model.regions.items():
        yield _fit(name, "{}:" if region else "{}: nothing")
        yield from _answer_region(region)
    classes = model.most_common()
    for name, entry in classes[:CLASSES_MAX]:
        yield from _answer_class(name, entry, model)
    if rest := classes[CLASSES_MAX:]:
        yield f"and {len(rest):,} other classes"
    if model.embeddings:
        yield f"{model.embeddings:,} embeddings"
    elif not classes and not model.unread_frames:
        yield "Nothing was found."
    if model.unread_frames:
        yield f"{model.unread_frames:,} frames have results of an unknown type,"
        yield "which are only in results.json."
    if model.failed_frames:
        yield f"Failed on {model.failed_frames:,} of {model.frames:,} frames."


def _answer_region(region: Region) -> Iterator[str]:
    ranked = _rank(region)
    for name, facts in ranked[:CLASSES_MAX]:
        if isinstance(facts, LineSummary):
            yield _fit(name, f"  {facts.crossed_in:,} {{}} in, {facts.crossed_out:,} out")
            continue
        yield _fit(name, f"  {facts.entries:,} {{}}, at most {facts.peak:,} at once")
        yield f"  the longest stay {format_duration(round(facts.dwell_seconds_max))}"
    if rest := ranked[CLASSES_MAX:]:
        yield f"  and {len(rest):,} other classes"


def _answer_class(name: str, entry: ClassSummary, model: ModelSummary) -> Iterator[str]:
    if entry.tracks:
        yield _fit(name, f"{entry.tracks:,} {{}}, at most {entry.peak:,} at once")
        return
    yield _fit(name, f"{{}}: in {entry.frames:,} of {model.frames:,} frames")
    if entry.peak > 1:
        yield f"  at most {entry.peak:,} at once"


def _answer_model_shortly(model: ModelSummary) -> Iterator[str]:
    for name, region in model.regions.items():
        for class_name, facts in _rank(region):
            if isinstance(facts, LineSummary):
                yield f"{facts.crossed_in:,} {class_name} in, {facts.crossed_out:,} out ({name})"
            else:
                yield f"{facts.entries:,} {class_name} ({name})"
    for class_name, entry in model.most_common():
        yield f"{entry.tracks:,} {class_name}" if entry.tracks else class_name
    if model.unread_frames:
        yield "results of an unknown type"


def _rank(region: Region) -> Sequence[tuple[str, PolygonSummary | LineSummary]]:
    """Returns a region's classes, those with the most events first."""
    return sorted(region.items(), key=lambda item: -sum(item[1].counts.values()))


def _count_times(rule: RuleOutcome) -> str:
    if rule.times == 1:
        return "once"
    return f"{rule.times:,} times"


def _join(parts: Sequence[str], max_characters: int) -> str:
    """Joins as many of the first parts as fit; the first one is cut."""
    text = parts[0] if len(parts[0]) <= max_characters else f"{parts[0][: max_characters - 3]}..."
    for part in parts[1:]:
        if len(text) + len(part) + 2 > max_characters:
            break
        text = f"{text}, {part}"
    return text


def _to_ascii(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in " ".join(text.split()))


def _fit(name: str, template: str) -> str:
    """Returns the line that `template` makes of a name, which is cut to the columns that are left."""
    shown = printable(" ".join(name.split()), COLUMNS)
    left = max(4, COLUMNS - measure(template.format("")))
    if measure(shown) > left:
        while measure(shown) > left - 1:
            shown = shown[:-1]
        shown += "…"
    return template.format(shown)


def measure(text: str) -> int:
    """Returns how many columns a text takes: Chinese, Japanese and Korean characters, and emoji, take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _wrap(text: str) -> Iterator[str]:
    """Yields a text of our own in lines that leave room for an indentation."""
    line = ""
    for word in text.split():
        if line and len(line) + len(word) + 1 > COLUMNS - 2:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line
