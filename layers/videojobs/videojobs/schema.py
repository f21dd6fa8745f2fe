"""What one release writes and another one reads: inputs of executions, items of the ledger, and messages.

A running execution keeps its state machine's definition, but calls the functions of the current release, and messages
and items outlive their release. So each release works with what the releases before and after it write:

- Fields are only added. A reader has a default for a field that the release before does not write, and ignores fields
  that it does not know.
- A definition demands of a function's answer only what the release before answers.

This leaves the version as it is. Raise it if the release before would do harm by ignoring what is new. It then refuses
what it would misread: the message or the step is tried again until the newer release is back.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from videojobs.errors import NewerSchema

SCHEMA_VERSION = 1
"""What this release writes and reads. Without a `schema_version`, it is 1: the first release wrote none."""


def check_version(data: Mapping[str, Any]) -> None:
    """Raises NewerSchema if this release would misread `data`."""
    version = int(data.get("schema_version", 1))
    if version > SCHEMA_VERSION:
        raise NewerSchema(version, SCHEMA_VERSION)


def select_known(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of a dataclass that `data` has, without those that a newer release added."""
    return {field.name: data[field.name] for field in fields(kind) if field.name in data}
