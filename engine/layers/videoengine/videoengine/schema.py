"""What one release writes and another one reads: the records of jobs, and what their executions pass on.

A running execution keeps its definition of the state machine, but calls the functions of the current release. So each
release works with what the releases before and after it write:

- Fields are only added. A reader has a default for a field that the release before does not write, and ignores fields
  that it does not know.
- A definition works with the answers of the release before.

This leaves the version as it is. Raise it if the release before would do harm by ignoring what is new. It then refuses
what it would misread, and its callers try again.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

SCHEMA_VERSION = 1
"""What this release writes and reads. Without a `schema_version`, it is 1: the first release wrote none."""


class NewerSchema(Exception):
    """A newer release wrote it, and this one would misread it."""


def check_version(version: int | str) -> None:
    """Raises NewerSchema if this release would misread what was written with this version."""
    if int(version) > SCHEMA_VERSION:
        raise NewerSchema(f"Written by a newer release (schema {version}; this release knows {SCHEMA_VERSION})")


def select_known(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dataclass that `data` has, without those that a newer release added."""
    return {field.name: data[field.name] for field in fields(kind) if field.name in data}
