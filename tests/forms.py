"""Compares what two releases write: events, items of tables, and answers of functions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "unit" / "forms_before.json"

EXTENDED = ("annotation", "check", "dataset", "delivery", "job", "options", "state", "upload")
"""Objects to which a later release may add fields. The others are maps of names that are data."""


def read_forms(application: str) -> dict[str, Any]:
    """What the release before wrote, by step."""
    forms: dict[str, Any] = json.loads(FILE.read_text())[application]
    return forms


def find_removed(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """Yields the path of each field that is no longer there, or has another type."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name, value in before.items():
            if name not in now:
                yield f"{path}/{name}"
            else:
                yield from find_removed(value, now[name], f"{path}/{name}")
    elif isinstance(before, list) and isinstance(now, list):
        for index, (one, other) in enumerate(zip(before, now, strict=False)):
            yield from find_removed(one, other, f"{path}/{index}")
    elif before is not None and now is not None and _name_type(before) != _name_type(now):
        yield f"{path}: {_name_type(now)}, not {_name_type(before)}"


def add_fields(form: Any) -> Any:
    """Adds a field to each object that a later release may extend."""
    if isinstance(form, list):
        return [add_fields(entry) for entry in form]
    if not isinstance(form, dict):
        return form
    extended = {name: add_fields(value) if name in EXTENDED else value for name, value in form.items()}
    return {**extended, "added_later": {"by": "a later release"}}


def _name_type(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
