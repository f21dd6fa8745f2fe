"""The states of a job, and which may follow which. Every write of a state to the ledger is held to these tables."""

from collections.abc import Mapping
from typing import Literal, get_args

JobState = Literal["sending", "creating", "waiting", "running", "done", "failed", "overdue", "rejected", "cancelled"]
"""`sending` is written before a video is sent to the API; `creating` before the API is asked, so that a job whose
answer was lost leaves a trace; `waiting` when it can't be asked now; `cancelled` by a person, before the execution is
stopped.
"""

ENDED_STATES: frozenset[JobState] = frozenset(("done", "failed", "overdue", "rejected", "cancelled"))
"""Those that nothing follows, unless a person tries again."""

OPEN_STATES: frozenset[JobState] = frozenset(get_args(JobState)) - ENDED_STATES

_UNCREATED_STATES: frozenset[JobState] = OPEN_STATES - {"running"}

type Changes = Mapping[JobState, frozenset[JobState]]
"""By the state that is written: those that it may follow. A job without a state may come to any."""

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
"""What the functions and `videoinfer cancel` may do. A state may follow itself, for boto3 may send a write twice."""

REDELIVERY: Changes = {"done": frozenset(get_args(JobState)) - {"rejected"}}
"""What `videoinfer redeliver` may do: a person wants the results of a job that has come to whatever end."""
