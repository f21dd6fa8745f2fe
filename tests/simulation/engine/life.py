"""One life of the engine: a seed decides who asks for what, what goes wrong, and in which order."""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import chain
from typing import Any

from tests.simulation.engine import storage
from tests.simulation.engine.faults import RARE_CALLS
from tests.simulation.engine.invariants import find_breaches
from tests.simulation.engine.machine import EXPRESS_FAULTS
from tests.simulation.engine.server import SERVER_FAULTS
from tests.simulation.engine.stack import MODEL, MODEL_ID, MODEL_VERSION, READ_FAULTS, Stack, open_stack
from tests.simulation.engine.worker_calls import CALL_FAULTS, EVENT_FAULTS
from tests.simulation.faults import INVOCATION_FAULTS, Faults, Storm
from tests.simulation.lives import Life
from tests.stand_ins.engine import digest
from tests.stand_ins.videos import VideoSpec, make_video
from videoengine.jobs import JobStatus
from videoengine.object_keys import results_key

HOUR, DAY = 3600, 86_400

LIFE_SECONDS = 6 * DAY

ALICE, BOB, CAROL = "k-alice-0123456789", "k-bob-0123456789", "k-carol-0123456789"
GROUPS: Mapping[str, str] = {ALICE: "a", BOB: "a", CAROL: "c"}
"""The keys, and who they belong to."""

URL_SECRET = "t0ken-in-a-query"
INFER_FPS = (12, 6)

STORMS = (
    ("throttled", "invoke"),
    ("service error", "invoke"),
    *((fault, f"{service}:") for fault in ("refused", "down") for service in ("s3", "dynamodb")),
    ("refused", "stepfunctions:"),
    ("lost", "dynamodb:UpdateItem"),
    ("slow", "dynamodb:UpdateItem"),
    ("lost", "dynamodb:UpdateItem by Record Success"),
    ("slow", "dynamodb:UpdateItem by Record Success"),
    ("cut", "s3:GetObject"),
    ("503", "server:"),
    ("cut", "server:"),
)


@dataclass(frozen=True)
class Poll:
    """An answer to a poll; `status_code` is 0 if there was none."""

    sent_at: float
    answered_at: float
    job_id: str
    api_key: str
    status_code: int
    body: Mapping[str, Any]
    results: bytes | None = None


@dataclass(frozen=True)
class Creation:
    """An answer to a request for a job."""

    at: float
    api_key: str
    idempotency_key: str | None
    body: str
    status_code: int
    job_id: str | None


@cache
def make_videos() -> Mapping[str, bytes]:
    """The videos that jobs are about. Only `belt` and `gate` are videos."""
    belt = make_video(VideoSpec(frames=60, texture=True))
    gate = make_video(VideoSpec(frames=48, texture=True, cuts=(7, 19), keyframe_every=8))
    return {"belt": belt, "gate": gate, "text": b"hello, this is text" * 99, "empty": b"", "cut off": belt[:1500]}


@dataclass
class People:
    """The clients of the engine, and its operator.

    Attributes:
        videos: The name of each video, by the place that it is put to: a key, or a path at the server.
        replaced: The name of the video that took its place.
        missing: The places that no video was put to.
        deleted: The jobs whose record was deleted.
        taken: The videos that were deleted.
        uploads: The key that each upload's URL is of.
    """

    stack: Stack
    order: random.Random
    polls: list[Poll] = field(default_factory=list)
    creations: list[Creation] = field(default_factory=list)
    videos: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    broken_at: list[float] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    uploads: dict[str, str] = field(default_factory=dict)
    secrets = (ALICE, BOB, CAROL, URL_SECRET, "X-Amz-Signature")

    def plan(self) -> None:
        """Plans the life."""
        timeline, order = self.stack.timeline, self.order
        for number in range(order.choice((1, 1, 2))):
            video = order.choice(("belt",) * 5 + ("gate",) * 3 + ("text", "empty", "cut off"))
            begin = order.uniform(0, 60)
            timeline.spawn(partial(self.ask, number, ALICE, video, order.choice(INFER_FPS)), f"client {number}", begin)
        acts = (
            *(self.stop, self.redrive, self.replace, self.break_model) * 2,
            self.delete_record,
            self.delete_video,
        )
        for _ in range(order.choice((0, 0, 1, 2, 4))):
            timeline.at(timeline.now + order.choice((60, 300, 2 * HOUR)) * order.uniform(0.05, 1.5), order.choice(acts))
        deadline = self.stack.limits["deadline_seconds"]
        if order.random() < 0.3:
            timeline.at(timeline.now + order.uniform(1, 300), self.stop)
            # Mostly after the job has counted as failed.
            timeline.at(timeline.now + deadline + order.uniform(-60, 2 * HOUR), self.redrive)

    # Clients

    def ask(self, number: int, api_key: str, video: str, infer_fps: int) -> None:
        """Asks for a job, again until there is an answer, and polls it."""
        stack, order = self.stack, self.order
        content = make_videos()[video]
        is_upload = order.random() < 0.4
        url = self._upload(number, content) if is_upload else self._publish(number, content)
        if not url:
            return
        self.videos[self.uploads[url] if is_upload else url] = video
        key = f"key-{number}" if order.random() < 0.85 else None
        body = {"input_url": url, "infer_fps": infer_fps, "models": [MODEL]}
        if order.random() < 0.3:
            self._meddle(number, key, body)
        deadline = stack.limits["deadline_seconds"]
        is_late = order.random() < 0.15
        for _ in range(order.choice((1, 4, 12))):
            job_id = self._create(api_key, key, body)
            if job_id:
                self._watch(api_key, job_id)
                return
            stack.timeline.sleep(deadline - order.uniform(0, 900) if is_late else order.choice((1, 10, 60, 600, HOUR)))
            is_late = False

    def _upload(self, number: int, content: bytes) -> str | None:
        order, headers = self.order, {"Idempotency-Key": f"upload-{number}"}
        for _ in range(8):
            status, answer = self.stack.request(
                ALICE, "POST", "/video_upload_signed_url", body={"file_name": f"clip {number}.mp4"}, headers=headers
            )
            if status == 200:
                url: str = answer["signed_url"]
                self.uploads[url] = url.partition("?")[0].partition(".amazonaws.com/")[2]
                if order.random() < 0.95:
                    storage.put_object(self.uploads[url], content)
                else:
                    self.missing.add(self.uploads[url])
                return url
            self.stack.timeline.sleep(20.0)
        return None

    def _publish(self, number: int, content: bytes) -> str:
        path = f"/clip-{number}.mp4"
        self.stack.server.put(path, content)
        return f"https://videos.example.com{path}?token={URL_SECRET}"

    def _meddle(self, number: int, key: str | None, body: Mapping[str, Any]) -> None:
        """Lets others ask meanwhile: with the same key of theirs, with another body, or with the same one at once."""
        others = (
            (CAROL, key, body),
            (ALICE, key, {**body, "infer_fps": 8}),
            (BOB, key, body),
        )
        api_key, key, other = self.order.choice(others)
        self.acts[f"another request with the key of {GROUPS[api_key]}"] += 1
        delay = self.order.choice((0.0, 0.5, 30.0, 3000.0))

        def ask() -> None:
            self._create(api_key, key, other)

        self.stack.timeline.spawn(ask, f"other client {number}", delay)

    def _create(self, api_key: str, key: str | None, body: Mapping[str, Any]) -> str | None:
        headers = {"Idempotency-Key": key} if key else {}
        status, answer = self.stack.request(api_key, "POST", "/videoinfer", body=body, headers=headers)
        job_id = answer.get("job_id") if status == 200 else None
        self.creations.append(Creation(self.stack.timeline.now, api_key, key, json.dumps(body), status, job_id))
        return job_id

    def _watch(self, api_key: str, job_id: str) -> None:
        """Polls a job until it has ended and a little longer, with others who may see it or not."""
        for other, rate in ((api_key, 1.0), (BOB, 0.4), (CAROL, 0.3)):
            if self.order.random() < rate:
                self.stack.timeline.spawn(partial(self._poll_on, other, job_id), f"poller of {GROUPS[other]}", 0.1)

    def _poll_on(self, api_key: str, job_id: str) -> None:
        timeline, more = self.stack.timeline, 3
        pause = self.order.choice((1.0, 20.0, 60.0))
        until = timeline.now + 3 * self.stack.limits["deadline_seconds"]
        while more and timeline.now < until:
            poll = self.poll(api_key, job_id)
            if poll.status_code == 404 or poll.body.get("status") in (0, 2):
                more -= 1
            timeline.sleep(pause)
            pause = min(pause * 1.4, self.stack.limits["deadline_seconds"] / 12)

    def poll(self, api_key: str, job_id: str) -> Poll:
        sent_at = self.stack.timeline.now
        status_code, body = self.stack.request(api_key, "GET", "/videoinfer", {"job_id": job_id})
        results = storage.read_object(results_key(job_id)) if body.get("status") == 0 else None
        poll = Poll(sent_at, self.stack.timeline.now, job_id, api_key, status_code, body, results)
        self.polls.append(poll)
        return poll

    @staticmethod
    def group_of(api_key: str) -> str:
        return GROUPS[api_key]

    @staticmethod
    def group_of_digest(key_digest: str) -> str:
        return next(group for api_key, group in GROUPS.items() if digest(api_key) == key_digest)

    # The operator, and what else happens

    def stop(self) -> None:
        """Stops an execution in Step Functions' console, which knows nothing of jobs."""
        self._act(
            "stop", [it for it in self.stack.executions.values() if it.status == "RUNNING"], self.stack.stop_execution
        )

    def redrive(self) -> None:
        """Redrives an execution that did not succeed."""
        ended = ("FAILED", "ABORTED", "TIMED_OUT")
        self._act("redrive", [it for it in self.stack.executions.values() if it.status in ended], self.stack.redrive)

    def replace(self) -> None:
        """Replaces a video where it is, by another one."""
        gate = make_videos()["gate"]
        places = list(self.videos)

        def put(place: str) -> None:
            self.stack.tell(f"replace {place.partition('?')[0][-20:]}")
            self.replaced[place] = "gate"
            if place.startswith("https:"):
                self.stack.server.put(place.partition("?")[0].removeprefix("https://videos.example.com"), gate)
            else:
                storage.put_object(place, gate)

        self._act("replace", places, put)

    def break_model(self) -> None:
        """Uploads a model anew, so that a file of it is missing for some time."""
        key = f"{MODEL_ID}/{MODEL_VERSION}/class_names.txt"
        content = storage.read_object(key, storage.MODELS)
        if content:
            self.acts["break model"] += 1
            self.broken_at.append(self.stack.timeline.now)
            self.stack.tell("break the model")
            storage.delete_object(key, storage.MODELS)
            seconds = self.order.choice((0.5, 5.0, 60.0))
            self.stack.timeline.after(seconds, lambda: storage.put_object(key, content, storage.MODELS))

    def delete_record(self) -> None:
        """Deletes a job's record, as its expiry does."""

        def delete(job_id: str) -> None:
            self.stack.tell(f"delete the record of {job_id[:8]}")
            self.deleted.add(job_id)
            storage.delete_record(job_id)

        self._act("delete record", sorted(storage.list_records()), delete)

    def delete_video(self) -> None:
        """Deletes a video from the engine's bucket, as its expiry does."""
        videos = [it for it in storage.list_keys(storage.VIDEOS) if it.startswith("uploads/") or it.endswith("/video")]

        def delete(key: str) -> None:
            self.stack.tell(f"delete {key[-20:]}")
            self.taken.add(key)
            storage.delete_object(key)

        self._act("delete video", sorted(videos), delete)

    def _act[T](self, name: str, things: list[T], act: Callable[[T], None]) -> None:
        if things:
            self.acts[name] += 1
            act(self.order.choice(things))

    def ask_at_last(self) -> None:
        """Polls all jobs, when nothing goes wrong any more."""
        for job_id in sorted(storage.list_records()):
            for _ in range(2):
                self.poll(ALICE, job_id)
                self.poll(CAROL, job_id)
                self.stack.timeline.sleep(120.0)


def draw_faults(order: random.Random, begin: float) -> Faults:
    """Draws the faults of a life: each has its own favorites."""
    struck_calls = READ_FAULTS, SERVER_FAULTS, INVOCATION_FAULTS, EXPRESS_FAULTS, CALL_FAULTS, EVENT_FAULTS
    kinds = sorted({*chain(*struck_calls), "no answer"})
    weights = {kind: order.choice((0.0, 0.2, 1.0, 1.0, 3.0)) for kind in kinds}
    storms = []
    for _ in range(order.choice((0, 0, 0, 1, 2))):
        start, (fault, place) = begin + order.uniform(0, 300), order.choice(STORMS)
        end = start + order.choice((60, 900, 6 * HOUR))
        storms.append(Storm(start, end, fault, place, order.choice((0.5, 1.0))))
    rate, most = order.choice((0.0, 0.02, 0.05, 0.1, 0.2)), order.choice((2, 8, 25))
    faults = Faults(
        order, begin + HOUR * order.choice((0.5, 8.0, 30.0)), rate, most, weights, storms, rare_calls=RARE_CALLS
    )
    # Else few of these few calls would be struck.
    faults.favors["state machine express child"] = order.choice((0.0, 5.0, 20.0))
    faults.favors["fetch_video server:GET"] = order.choice((0.5, 3.0, 10.0))
    return faults


def draw_calm(order: random.Random, begin: float) -> Faults:
    return Faults(order, begin, 0.0, 0, {})


@cache
def find_results(video: str, infer_fps: int) -> bytes:
    """Returns the results of one sequential run, without faults and in one segment."""
    order = random.Random(0)  # noqa: S311  a simulation
    with open_stack(order, partial(draw_calm, order), is_calm=True) as stack:
        stack.keys = write_keys()
        stack.server.put("/clip.mp4", make_videos()[video])
        body = {"input_url": "https://videos.example.com/clip.mp4", "infer_fps": infer_fps, "models": [MODEL]}

        def ask() -> None:
            stack.request(ALICE, "POST", "/videoinfer", body=body)

        stack.timeline.spawn(ask, "client")
        stack.timeline.run(stack.timeline.now + DAY)
        [job_id] = storage.list_records()
        results = storage.read_object(results_key(job_id))
    assert results, stack.story
    return results


def write_keys() -> str:
    """The secret: Alice and Bob see each other's jobs."""
    return f"{digest(ALICE)}+{digest(BOB)}, {digest(CAROL)}"


def live(seed: int, faults_max: int | None = None) -> Life:
    """Runs the life of a seed.

    Args:
        faults_max: Only so many faults strike, the first ones, and no storm comes.
    """
    expected = {(video, rate): find_results(video, rate) for video in ("belt", "gate") for rate in (*INFER_FPS, 8)}
    order = random.Random(seed)  # noqa: S311  a simulation
    with open_stack(order, partial(draw_faults, order)) as stack:
        stack.keys = write_keys()
        if faults_max is not None:
            stack.faults.most, stack.faults.storms = faults_max, ()
        stack.tell(f"seed {seed}: {dict(stack.limits)}, {stack.frame_seconds} s a frame")
        stack.tell(f"rate {stack.faults.rate}, at most {stack.faults.most} faults")
        for storm in stack.faults.storms:
            first, last = (int(it - stack.begin) // 60 for it in (storm.begin, storm.end))
            stack.tell(f"storm from minute {first} to {last}: {storm.share:.0%} of {storm.place} {storm.fault}")
        people = People(stack, order)
        people.plan()
        timeline = stack.timeline
        timeline.at(timeline.now + LIFE_SECONDS, lambda: None)
        timeline.run(timeline.now + LIFE_SECONDS)
        stack.faults.until, stack.faults.storms = 0.0, ()
        timeline.spawn(people.ask_at_last, "last polls")
        is_over = timeline.run(timeline.now + DAY)
        breaches = [*find_breaches(stack, people, expected), *([] if is_over else ["something waits for ever"])]
        ends = Counter(JobStatus(int(it["status"]["N"])).name.lower() for it in storage.list_records().values())
    return Life(seed, breaches, stack.story, stack.faults.struck, ends, people.acts, timeline.steps, stack.invocations)
