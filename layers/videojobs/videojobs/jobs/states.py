"""The states of a job, and which may follow which. The ledger enforces these tables on every write of a state."""

from collections.abc import Mapping
from typing import Literal, get_args

JobState = Literal["sending", "creating", "waiting", "running", "done", "failed", "overdue", "rejected", "cancelled"]
"""`sending` is recorded before a video is sent to the API; `creating` before the job is created there, so that a job
whose answer is lost leaves a trace; `waiting` if the API can't be asked now; `cancelled` by a person, before the
execution is stopped.
"""

ENDED_STATES: frozenset[JobState] = frozenset(("done", "failed", "overdue", "rejected", "cancelled"))
"""Final states, unless a person tries again."""

OPEN_STATES: frozenset[JobState] = frozenset(get_args(JobState)) - ENDED_STATES

_UNCREATED_STATES: frozenset[JobState] = OPEN_STATES - {"running"}

type Changes = Mapping[JobState, frozenset[JobState]]
"""By a job's new state, the states that it may follow. A job without a state may change to any."""

CHANGES: Changes = {
    "sending": _UNCREATED_STATES,
    "waiting": _UNCREATED_STATES,
    "creating": _UNCREATED_STATES,
    "running": OPEN_STATES,
    "done": OPEN_STATES | {"done"},
    "failed": OPEN_STATES | {"failed"},
    "overdue": OPEN_STATES | {"overdue"},
    "rejected": _UNCREATED_STATES | {"rejected"},
    "cancelled": OPEN_STATES | {"cancelled"},
}
"""What the functions and `videoinfer cancel` may do. A state may follow itself if boto3 may send a write twice."""

REDELIVERY: Changes = {"done": frozenset(get_args(JobState)) - {"rejected"}}
"""What `videoinfer redeliver` may do: a job that ended in another state becomes `done`."""
