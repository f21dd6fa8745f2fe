"""One life of a stack: a seed decides what is uploaded, what goes wrong, and what the owner does."""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal
from urllib.parse import quote_plus

from botocore.exceptions import BotoCoreError, ClientError

from tests.simulation.faults import UNLUCKY_SECONDS
from tests.simulation.invariants import find_breaches
from tests.simulation.lives import Life
from tests.simulation.queues import make_s3_event
from tests.simulation.stack import DIGEST_MACHINE, JOB_MACHINE, UPLOADS, Stack, open_stack
from tests.simulation.timeline import Killed
from videoinfer.cancelling import cancel_job
from videoinfer.errors import CommandError
from videoinfer.job_requests import plan_retry
from videojobs import connections
from videojobs.jobs.ledger import Job
from videojobs.jobs.workflow import start_redelivery

DAY = 86_400
LIFE_SECONDS = 6 * DAY

_KEYS = (
    "belt.mp4",
    "cameras/line 3/belt.mp4",
    "ü/é+&=%41 (1).MP4",
    "日本語/🎥.MP4",
    "a//b.mkv",
    'quote\'s "x" $HOME.avi',
)
_REJECTED_KEYS = ("notes.txt", "no-extension", "up/../down.mp4", "/slash.mp4", "empty.mp4")
_METADATA: tuple[Mapping[str, str], ...] = (
    {},
    {},
    {},
    {"infer-fps": "2"},
    {"annotate": "true"},
    {"dataset-frames": "every 1"},
    {"track": "false"},
    {"input-mode": "upload"},
    {"annotate": "true", "dataset-frames": "every 1"},
    {"notify-when": '[{"class": "Rock"}]'},
    {"notify-when": '[{"class": "Paper"}]'},
)
_WRONG_METADATA: tuple[Mapping[str, str], ...] = ({"infer-fps": "fast"}, {"annotate": "maybe"}, {"models": "{"})


type Kind = Literal["video", "rejected"]


@dataclass(frozen=True)
class Put:
    """An object that was uploaded."""

    key: str
    version_id: str | None
    sequencer: str
    etag: str
    body: bytes
    kind: Kind
    metadata: Mapping[str, str] = field(hash=False)
    at: float


class Owner:
    """Uploads, deletes, cancels, retries, redelivers, redrives, rotates keys and changes parameters."""

    def __init__(self, stack: Stack, order: random.Random) -> None:
        self.stack = stack
        self.order = order
        self.puts: list[Put] = []
        self.deleted: set[str] = set()
        self.cancelled: set[tuple[str, int]] = set()
        self.stopped: set[str] = set()
        self.retried: set[str] = set()
        self.redelivered: set[str] = set()
        self.acts: Counter[str] = Counter()

    def plan(self) -> None:
        """Plans the life."""
        timeline, order = self.stack.timeline, self.order
        begin = timeline.now
        moments = [begin + order.uniform(0, 4 * 3600) for _ in range(order.choice((1, 1, 1, 2)))]
        for moment in moments:
            for _ in range(order.choice((1, 1, 2, 3, 6))):
                timeline.at(moment + order.uniform(0, 5), self.upload)
        acts = (
            *(self.cancel, self.cancel, self.retry, self.redeliver, self.redeliver),
            *(self.delete, self.rotate, self.revoke, self.change, self.stop),
        )
        for _ in range(order.choice((0, 0, 1, 3, 6))):
            act = order.choice(acts)
            # Soon after an upload, when most happens, or any time; jobs that have ended are there later.
            moment = order.choice(moments) + order.expovariate(1 / 30)
            if act in (self.retry, self.redeliver) or order.random() < 0.5:
                moment = begin + order.uniform(1, 8 * 3600)
            timeline.at(moment, partial(self._begin, act))
        minutes = 60 * order.choice((15, 60))
        for number in range(1, int(2 * LIFE_SECONDS / minutes)):
            timeline.at(begin + number * minutes, partial(self._send_digest, number))

    def _begin(self, act: Callable[[], None]) -> None:
        name = act.__name__
        self.acts[name] += 1
        if self.stack.faults.rate:
            self.stack.faults.unlucky_until = self.stack.timeline.now + UNLUCKY_SECONDS

        def try_once() -> None:
            try:
                act()
            except (ClientError, BotoCoreError, CommandError, Killed) as error:
                self.stack.tell(f"{name}: {error}")

        self.stack.timeline.spawn(try_once, f"owner {name}")

    def _send_digest(self, number: int) -> None:
        # Without pending notices an execution changes nothing, so most of them are left out.
        if any(it["state"] == "pending" for it in self.stack.tables.view("pending-notices")):
            self.stack.start_execution(DIGEST_MACHINE, f"digest-{number}", "{}")

    def upload(self) -> None:
        """Uploads a video, or something else."""
        order, stack = self.order, self.stack
        is_wrong = order.random() < 0.1
        key, metadata, body = order.choice(_KEYS), order.choice(_METADATA), f"video {len(self.puts)}".encode()
        if is_wrong and order.random() < 0.5:
            metadata = order.choice(_WRONG_METADATA)
        elif is_wrong:
            key = order.choice(_REJECTED_KEYS)
            body = b"" if key == "empty.mp4" else body
        elif not stack.is_versioned and self.puts and order.random() < 0.3:
            again = order.choice(self.puts)  # the same bytes to the same key
            if again.kind == "video":
                key, body = again.key, again.body
        answer = stack.s3.put_object(Bucket=UPLOADS, Key=key, Body=body, Metadata=dict(metadata))
        etag, version_id = answer["ETag"].strip('"'), answer.get("VersionId")
        number = len(self.puts) + 1
        put = Put(
            key,
            version_id,
            f"{number:018X}",
            etag,
            body,
            "rejected" if is_wrong else "video",
            metadata,
            stack.timeline.now,
        )
        self.puts.append(put)
        stack.tell(f"upload {number} of {key!r} {dict(metadata) or ''}")
        at = datetime.fromtimestamp(stack.timeline.now, UTC).isoformat(timespec="milliseconds")
        event = make_s3_event(
            UPLOADS, quote_plus(key, safe="/"), len(body), etag, version_id, put.sequencer, at.replace("+00:00", "Z")
        )
        stack.deliver(lambda: stack.uploads.send(event), "S3 event")

    def delete(self) -> None:
        """Deletes the newest version of a key, as a person does: with a delete marker."""
        if self.puts:
            key = self.order.choice(self.puts).key
            self.deleted.add(key)
            self.stack.tell(f"delete {key!r}")
            self.stack.s3.delete_object(Bucket=UPLOADS, Key=key)

    def cancel(self) -> None:
        """Cancels a job."""
        if item := self._pick(lambda it: it["status"] not in ("done", "failed", "overdue", "rejected")):
            job = item["upload_id"], int(item["attempt"])
            self.stack.tell(f"cancel {job}")
            self.cancelled.add(job)
            cancel_job(connections.connect_sfn(), JOB_MACHINE, connections.open_ledger("jobs"), item)

    def retry(self) -> None:
        """Retries a job that failed."""
        if item := self._pick(lambda it: it["status"] in ("failed", "overdue", "rejected", "cancelled")):
            latest = max(
                (it for it in self.stack.tables.read("jobs") if it["upload_id"] == item["upload_id"]),
                key=lambda it: it["attempt"],
            )
            plan = plan_retry(latest)
            if plan.request:
                self.retried.add(item["upload_id"])
                self.stack.tell(f"retry {item['upload_id']} as {plan.request.attempt}")
                self.stack.uploads.send(json.dumps({"job_requests": [plan.request.to_dict()]}))

    def redeliver(self) -> None:
        """Redelivers the results of a job that has ended."""
        if item := self._pick(lambda it: it["status"] in ("done", "failed", "overdue", "cancelled") and "job_id" in it):
            job = Job.from_item(item)
            self.stack.tell(f"redeliver {job.execution_name}")
            self.redelivered.add(job.execution_name)
            now = datetime.fromtimestamp(self.stack.timeline.now, UTC)
            start_redelivery(connections.connect_sfn(), JOB_MACHINE, job, polls=int(item.get("polls", 0)), now=now)

    def rotate(self) -> None:
        """Rotates the API's key: the old one works for ten more minutes, longer than functions keep it."""
        old = self.stack.secrets["api-key"]
        new = f"k3y-of-the-workspace-{self.acts['rotate']}"
        self.stack.api.keys.add(new)
        self.stack.secrets["api-key"] = new
        self.stack.tell("rotate the API's key")
        self.stack.timeline.after(600, lambda: self.stack.api.keys.discard(old))

    def revoke(self) -> None:
        """Lets the API refuse its key for half an hour, as after a bill that was not paid."""
        keys, self.stack.api.keys = self.stack.api.keys, set()
        self.stack.tell("the API refuses all keys")
        self.stack.timeline.after(1800, lambda: self.stack.api.keys.update(keys))

    def change(self) -> None:
        """Changes parameters: functions start anew, with other variables."""
        name, values = self.order.choice(
            (
                ("DEFAULT_INFER_FPS", ("1", "5", "10")),
                ("OUTPUTS", ("csv", "webvtt")),
                ("POLL_SECONDS", ("120", "900")),
                ("DEADLINE_HOURS", ("12.0", "24.0")),
                ("NOTICES", ("each", "digest", "problems")),
                ("API_REQUESTS_PER_MINUTE", ("0", "3", "12", "60")),
            )
        )
        self.stack.environment = {**self.stack.environment, name: self.order.choice(values)}
        self.stack.note_limit()
        self.stack.tell(f"change {name} to {self.stack.environment[name]}")

    def stop(self) -> None:
        """Stops an execution in Step Functions' console, which knows nothing of the pipeline."""
        running = [it for it in self.stack.executions.values() if it.status == "RUNNING" and ":video-job:" in it.arn]
        if running:
            execution = self.order.choice(running)
            self.stopped.add(execution.name)
            self.stack.tell(f"stop {execution.name}")
            self.stack.stop_execution(execution.arn)

    def redrive(self) -> bool:
        """Sends dead letters again."""
        found = self.stack.uploads.redrive() + self.stack.ends.redrive()
        if found:
            self.acts["redrive"] += 1
            self.stack.tell(f"redrive {found} dead letters")
        return bool(found)

    def _pick(self, is_wanted: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any] | None:
        items = list(filter(is_wanted, self.stack.tables.read("jobs")))
        items.sort(key=lambda it: (it["upload_id"], it["attempt"]))
        return self.order.choice(items) if items else None


def live(seed: int, faults_max: int | None = None) -> Life:
    """Runs the life of a seed.

    Args:
        faults_max: Only so many faults strike, the first ones, and no storm comes.
    """
    order = random.Random(seed)  # noqa: S311  a simulation
    with open_stack(order, knows_keys=order.random() < 0.5, is_versioned=order.random() < 0.7) as stack:
        if faults_max is not None:
            stack.faults.most, stack.faults.storms = faults_max, ()
        bucket = "versioned" if stack.is_versioned else "unversioned"
        api = "knows keys" if stack.api.knows_keys else "knows no keys"
        stack.tell(f"seed {seed}: {bucket} bucket, an API that {api}, {stack.environment['NOTICES']}")
        stack.tell(f"rate {stack.faults.rate}, at most {stack.faults.most} faults")
        for storm in stack.faults.storms:
            first, last = (int(it - stack.api_begin) // 60 for it in (storm.begin, storm.end))
            stack.tell(f"storm from minute {first} to {last}: {storm.share:.0%} of {storm.place} {storm.fault}")
        owner = Owner(stack, order)
        owner.plan()
        end = stack.timeline.now + LIFE_SECONDS
        stack.timeline.run(end)
        while owner.redrive() and stack.timeline.now < end + LIFE_SECONDS:
            stack.timeline.run(stack.timeline.now + 2 * DAY)
        breaches = find_breaches(stack, owner)
        ends = Counter(it["status"] for it in stack.tables.read("jobs"))
    steps, invocations = stack.timeline.steps, stack.invocations
    return Life(seed, breaches, stack.story, stack.faults.struck, ends, owner.acts, steps, invocations)
