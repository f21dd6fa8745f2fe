"""Histories that both a simulated stack and one on the embedded AWS can live through: uploads, and what the API does.

Both have the same API (`api.py`); here, the calls about a video that are struck are fixed beforehand.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import requests

from tests.simulation.api import Answer, Api, Fate, name_call, refuse, spoil
from tests.simulation.faults import Faults
from tests.simulation.invariants import find_breaches
from tests.simulation.life import DAY, Owner, Put
from tests.simulation.queues import make_s3_event
from tests.simulation.stack import UPLOADS, open_stack

_FATES: tuple[Fate, ...] = ("done", "done", "failed", "empty results", "cut results", "html results")
_METADATA: tuple[Mapping[str, str], ...] = (
    {},
    {"track": "false"},
    {"infer-fps": "fast"},
    {"notify-when": '[{"class": "Paper"}]'},
)
_FAULTS: Mapping[str, tuple[str, ...]] = {
    "POST videoinfer": ("503 with Retry-After", "500 but done", "lost", "no JSON", "no fields"),
    "GET videoinfer": ("503", "500", "unknown", "no JSON", "lost"),
    "results": ("500", "unknown", "cut"),
}

SAME_FIELDS = ("status", "unanswered", "broken_answers", "no_notice", "failed_outputs")
"""The ledger's attributes that must be the same in both."""


@dataclass
class Video:
    """An upload of a history.

    Attributes:
        faults: What strikes the first calls about it, by their names.
        is_doubled: Whether its event comes twice.
    """

    name: str
    metadata: Mapping[str, str]
    fate: Fate
    faults: Mapping[str, list[str]]
    is_doubled: bool


@dataclass(frozen=True)
class End:
    """How a video ended.

    Attributes:
        item: Those of `SAME_FIELDS` that the ledger has.
        notices: How many notices there were of each outcome.
        jobs: How many jobs the API created for it.
    """

    item: Mapping[str, Any]
    notices: Mapping[str, int]
    jobs: int


def draw_history(seed: int) -> list[Video]:
    """Draws the uploads of a history."""
    order = random.Random(seed)  # noqa: S311  a simulation
    return [
        Video(
            f"history-{seed}-{number}.mp4",
            order.choice(_METADATA),
            order.choice(_FATES),
            {name: order.sample(faults, order.choice((0, 0, 1, 2))) for name, faults in _FAULTS.items()},
            order.random() < 0.3,
        )
        for number in range(5)
    ]


@dataclass
class ScriptedApi:
    """The API of some histories.

    Attributes:
        ends: What is left to strike the calls about each video.
    """

    api: Api
    videos: list[Video]
    left: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.api.fates = {video.name: video.fate for video in self.videos}
        self.left = {(video.name, name): list(faults) for video in self.videos for name, faults in video.faults.items()}

    def answer(self, name: str, request: requests.PreparedRequest) -> Answer | BaseException:
        left = self.left.get((self._find_video(request), name))
        fault = left.pop(0) if left else ""
        return refuse(fault, name, request, 1) or spoil(self.api.handle(request), fault, name)

    def count_jobs(self, video: str) -> int:
        return sum(job.source.key.endswith(video) for job in self.api.jobs.values())

    def _find_video(self, request: requests.PreparedRequest) -> str:
        url = urlsplit(str(request.url))
        if name_call(request) == "POST videoinfer":
            return next((it.name for it in self.videos if it.name in str(request.body)), "")
        job_id = parse_qs(url.query).get("job_id", [url.path.strip("/").split("/")[0]])[0]
        job = self.api.jobs.get(job_id)
        return job.source.key.rpartition("/")[2] if job else ""


def describe_end(item: Mapping[str, Any], outcomes: list[str], jobs: int) -> End:
    kept = {name: item[name] for name in SAME_FIELDS if name in item}
    return End(kept, dict(Counter(outcomes)), jobs)


def simulate(videos: list[Video], *, knows_keys: bool) -> dict[str, End]:
    """Lets a simulated stack live through a history, and returns the ends of its videos. Raises AssertionError."""
    order = random.Random(0)  # noqa: S311  a simulation
    with open_stack(order, knows_keys=knows_keys, is_versioned=True) as stack:
        stack.faults = Faults(order, 0.0, 0.0, 0, {})
        stack.environment |= {"NOTICES": "each", "API_REQUESTS_PER_MINUTE": "0", "OUTPUTS": "csv"}
        stack.limits = [(stack.timeline.now, 0)]
        api = ScriptedApi(stack.api, videos)
        stack.call_api = api.answer  # type: ignore[method-assign]
        owner, begin = Owner(stack, order), stack.timeline.now
        for number, video in enumerate(videos, 1):
            body = video.name.encode()
            answer = stack.s3.put_object(Bucket=UPLOADS, Key=video.name, Body=body, Metadata=dict(video.metadata))
            etag, version_id, at = answer["ETag"].strip('"'), answer["VersionId"], datetime.fromtimestamp(begin, UTC)
            put = Put(video.name, version_id, f"{number:018X}", etag, body, "video", video.metadata, begin)
            owner.puts.append(put)
            event = make_s3_event(
                UPLOADS, quote_plus(video.name), len(body), etag, version_id, put.sequencer, at.isoformat()
            )
            for _ in range(1 + video.is_doubled):
                stack.uploads.send(event)
        stack.timeline.run(begin + 3 * DAY)
        items = {item["key"]: item for item in stack.tables.read("jobs")}
        breaches = [it for it in find_breaches(stack, owner) if "is rejected: " not in it]
        assert breaches == [], breaches
        return {
            video.name: describe_end(
                items[video.name],
                [it.outcome for it in stack.told if it.subject[0] == items[video.name]["upload_id"]],
                api.count_jobs(video.name),
            )
            for video in videos
        }
