"""What may go wrong, and how often it did.

A fault strikes a call of a function, the start of a function, or the delivery of an event. All faults of a life come
before a certain time, so that what waits for them to pass must end.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

AWS_FAULTS = (
    "killed before",
    "killed after",
    "refused",
    "down",
    "lost",
    "repeated",
    "slow",
)
"""Of a call to AWS: the process ends before it, or after it; AWS throttles it for longer than boto3 retries, or fails;
its answer is lost for longer than boto3 retries, or so that boto3 repeats it; it takes long.
"""

API_FAULTS = (
    "killed before",
    "killed after",
    "no connection",
    "reset",
    "lost",
    "late",
    "429",
    "503",
    "503 with Retry-After",
    "500",
    "500 but done",
    "no JSON",
    "no fields",
    "unknown",
    "cut",
    "slow",
    "trickle",
)
"""Of a call to the API. `lost`, `late`, `500 but done`, `no JSON` and `no fields`: the API did what it was asked for.
`unknown`: it says that it has no such job, or no such file. `trickle`: a file takes minutes.
"""


@cache
def list_api_faults(name: str) -> tuple[str, ...]:
    """Returns the faults that change the answer to a call of the API."""
    is_file = name in ("results", "video")
    changes_nothing = {
        "unknown": not is_file and name != "GET videoinfer",  # the others are not about a job or a file
        "trickle": not is_file,
        "no JSON": is_file,
        "no fields": is_file,
        "cut": name == "video",  # the answer to a video that is sent is empty
    }
    return tuple(it for it in API_FAULTS if not changes_nothing.get(it))


INVOCATION_FAULTS = ("throttled", "service error", "caller gone", "timed out")
"""Of an invocation: Lambda refuses it, or fails; the caller loses the connection while the function goes on; it hangs
until its time is over.
"""

DELIVERY_FAULTS = ("late", "twice")

PUBLISH_FAULTS = ("refused", "lost")
"""Of the state that publishes a digest; `lost`: SNS accepted it."""

STORMS = (
    ("throttled", "invoke"),
    ("service error", "invoke"),
    *((fault, f"{service}:") for fault in ("refused", "down") for service in ("s3", "dynamodb", "sns", "events")),
    ("refused", "stepfunctions:"),
    ("lost", "dynamodb:UpdateItem"),
    ("slow", "dynamodb:"),
    *((fault, "api:") for fault in ("no connection", "reset", "late", "429", "503", "503 with Retry-After", "500")),
    ("cut", "api:results"),
    ("trickle", "api:results"),
    ("unknown", "api:GET"),
)
"""Faults that last for hours, each with how the names of the calls begin that it strikes."""

STORM_SECONDS = (600, 3600, 6 * 3600)

CLOCK_AHEAD_MAX = 1.5
"""Seconds by which clocks differ. With `CONNECT_SECONDS_MAX`, within what the budget allows (`CONNECT_SHARE`)."""

CONNECT_SECONDS_MAX = 2.0


FOCI = (
    "create_job",
    "check_job",
    "deliver_results",
    "annotate_video",
    "make_dataset",
    "record_media",
    "report_failure",
    "send_digest",
    "Publish Digest",
    "owner",
)

RARE_CALLS = frozenset(
    (
        "create_job api:GET openapi.json",
        "create_job api:POST video_upload_signed_url",
        "create_job api:video",
        "create_job dynamodb:TransactWriteItems pending-notices",
        "create_job s3:ListObjectsV2",
        "create_job stepfunctions:DescribeExecution",
        "deliver_results s3:AbortMultipartUpload",
        "deliver_results s3:ListParts",
        "record_media dynamodb:TransactWriteItems pending-notices",
        "record_media s3:AbortMultipartUpload",
        "record_media s3:CompleteMultipartUpload",
        "record_media s3:CreateMultipartUpload",
        "record_media s3:UploadPart",
        "report_failure dynamodb:TransactWriteItems pending-notices",
        "send_digest stepfunctions:GetExecutionHistory",
    )
)
"""Calls that few lives make, so that other faults hardly ever strike them."""

RARE_SHARE = 0.3
"""How many of the rare calls are struck, in a life that has faults left."""

UNLUCKY_RATE, UNLUCKY_SECONDS = 0.05, 900
"""How often faults strike after an owner has done something, and for how long."""

_FAVORS = (0.0, 0.5, 0.5, 1.0, 5.0)
_API_FAVORS = (0.0, 1.0, 5.0, 10.0)


@dataclass(frozen=True)
class Storm:
    """A fault that strikes most calls for some time."""

    begin: float
    end: float
    fault: str
    place: str
    share: float


@dataclass
class Faults:
    """The faults of one life.

    Attributes:
        until: No fault strikes from then on.
        weights: The weight of each fault; 0 for those that this life does not have.
        struck: How often each fault struck each call of each function. The fault "" counts the calls themselves.
        favors: How many times as often as others a call is struck, so that rare calls are struck too.
        unlucky_until: Until then faults are more frequent, because the owner has done something.
        most: How many faults may strike at all, besides storms.
        rare_calls: Calls that few lives make, each as function and call.
        foci: By some functions, the number of the one of their calls that is struck when it is first made: else, rare
            calls would rarely be struck.
    """

    order: random.Random
    until: float
    rate: float
    most: int
    weights: Mapping[str, float]
    storms: Sequence[Storm] = ()
    favors: dict[str, float] = field(default_factory=dict)
    foci: dict[str, int] = field(default_factory=dict)
    rare_calls: frozenset[str] = RARE_CALLS
    unlucky_until: float = 0.0
    struck: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    total: int = 0

    @classmethod
    def draw(cls, order: random.Random, begin: float) -> "Faults":
        """Draws the faults of a life: each has its own favorites."""
        kinds = sorted({*AWS_FAULTS, *API_FAULTS, *INVOCATION_FAULTS, *DELIVERY_FAULTS})
        weights = {kind: order.choice((0.0, 0.2, 1.0, 1.0, 3.0)) for kind in kinds}
        hours = order.choice((0.5, 2.0, 6.0))
        storms = []
        for _ in range(order.choice((0, 0, 0, 1, 2))):
            start, (fault, place) = begin + order.uniform(0, 4 * 3600), order.choice(STORMS)
            end = start + order.choice(STORM_SECONDS)
            storms.append(Storm(start, end, fault, place, order.choice((0.2, 0.7, 1.0))))
        rate, most = order.choice((0.0, 0.005, 0.02, 0.05, 0.1)), order.choice((3, 10, 60))
        foci = {order.choice(FOCI): order.choice((0, 0, 1, 1, 2, 3, 4, 5, 6, 8, 10, 12)) for _ in range(3)}
        return cls(order, begin + 3600 * hours, rate, most, weights, storms, foci=foci)

    def choose(self, kinds: Sequence[str], function: str, call: str, now: float) -> str:
        """Chooses what strikes a call: a fault, or nothing."""
        self.struck["", function, call] += 1
        fault = (
            self._find_storm(kinds, call, now)
            or self._find_focus(kinds, function, call)
            or self._strike_rare(kinds, f"{function} {call}")
            or self._draw_fault(kinds, f"{function} {call}", now)
        )
        if fault:
            self.struck[fault, function, call] += 1
        return fault

    def _find_storm(self, kinds: Sequence[str], call: str, now: float) -> str:
        for storm in self.storms:
            if storm.begin <= now < storm.end and storm.fault in kinds and call.startswith(storm.place):
                return storm.fault if self.order.random() < storm.share else ""
        return ""

    def _find_focus(self, kinds: Sequence[str], function: str, call: str) -> str:
        if function not in self.foci or self.total >= self.most or self.struck["", function, call] > 1:
            return ""
        self.foci[function] -= 1
        if self.foci[function] != -1:
            return ""
        self.total += 1
        return self.order.choice(kinds)

    def _strike_rare(self, kinds: Sequence[str], place: str) -> str:
        if place not in self.rare_calls or self.total >= self.most or self.order.random() >= RARE_SHARE:
            return ""
        self.total += 1
        return self.order.choice(kinds)

    def _draw_fault(self, kinds: Sequence[str], place: str, now: float) -> str:
        if place not in self.favors:
            self.favors[place] = self.order.choice(_API_FAVORS if " api:" in place else _FAVORS)
        rate = self.rate if now < self.until else 0.0
        if now < self.unlucky_until:
            rate = max(rate, UNLUCKY_RATE)
        if self.total >= self.most or self.order.random() >= rate * self.favors[place]:
            return ""
        weights = [self.weights[kind] for kind in kinds]
        if not any(weights):
            return ""
        self.total += 1
        return self.order.choices(kinds, weights)[0]


def list_faults(function: str, call: str) -> tuple[str, ...]:
    """Returns the faults that may strike a call."""
    if call == "invoke":
        # A queue calls these two; the others are called by an execution.
        return INVOCATION_FAULTS[:2] if function == "create_job" else INVOCATION_FAULTS
    if function == "Publish Digest":
        return PUBLISH_FAULTS
    if not function:
        return DELIVERY_FAULTS
    return list_api_faults(call.removeprefix("api:")) if call.startswith("api:") else AWS_FAULTS
