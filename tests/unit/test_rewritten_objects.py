"""One key of a bucket without versioning is written several times; `create_job`'s handler gets the events as they come.

The last content of the key has a job that somebody waits for, and no write has two.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.existing_bucket_story import FAULTS, Fault, World, Write, open_world, read_items
from videojobs import connections
from videojobs.jobs.states import OPEN_STATES
from videojobs.jobs.uploads import FIRST_ATTEMPT, JobRequest, Upload

type Step = tuple[str, Any, Fault | None]

A, B = ("write", b"A", None), ("write", b"BB", None)
FINISH, BACKFILL = ("finish", None, None), ("backfill", None, None)
CANCEL, RETRY = ("cancel", None, None), ("retry", None, None)


def deliver(index: int, fault: Fault | None = None) -> Step:
    return ("deliver", index, fault)


STEPS = st.lists(
    st.one_of(
        st.sampled_from((A, A, B, B, FINISH, BACKFILL, CANCEL, RETRY)),
        st.builds(deliver, st.integers(0, 5), st.sampled_from((None, *FAULTS))),
        st.tuples(st.just("repeat"), st.integers(0, 5), st.none()),
    ),
    max_size=16,
)


@dataclass
class Key:
    """A key of the bucket.

    Attributes:
        messages: Those in the uploads queue.
        retries: How many attempts a person has requested.
    """

    world: World
    name: str
    writes: list[Write] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    retries: int = 0

    def take(self, step: Step) -> None:
        name, value, fault = step
        match name:
            case "write":
                self.world.put(self.name, value)
                self.writes.append(self.world.writes[-1])
                self.messages.append(self.writes[-1].compose_event())
            case "deliver" if self.messages:
                message = self.messages.pop(value % len(self.messages))
                if not self.world.try_to_deliver(message, fault):
                    assert fault, f"The function does not accept {message}"
                    self.messages.append(message)
            case "repeat" if self.writes:
                self.messages.append(self.writes[value % len(self.writes)].compose_event())
            case "finish" | "cancel":
                self.end_jobs(name)
            case "backfill" | "retry" if self.writes:
                self.request_job(self.list_items(self.writes[-1].upload), name)

    def end_jobs(self, name: str) -> None:
        ends = {"finished_at": self.world.now.isoformat(), "error": "Cancelled." if name == "cancel" else None}
        for item in self.list_items():
            if item["status"] in OPEN_STATES and (name == "cancel" or "execution_arn" in item):
                self.record(item, status="cancelled" if name == "cancel" else "done", **ends)

    def request_job(self, items: list[dict[str, Any]], name: str) -> None:
        """Does as the commands do: `backfill` if there is no attempt, `retry` if the last one has failed."""
        if name == "backfill" and not items:
            request = JobRequest(self.writes[-1].upload, FIRST_ATTEMPT)
        elif name == "retry" and items and items[-1]["status"] in ("rejected", "cancelled"):
            request = JobRequest(Upload.from_item(items[-1]), int(items[-1]["attempt"]) + 1)
            self.retries += 1
        else:
            return
        self.messages.append({"job_requests": [request.to_dict()]})

    def record(self, item: Any, **values: Any) -> None:
        connections.open_ledger("jobs").record(Upload.from_item(item), int(item["attempt"]), **values)

    def list_items(self, upload: Upload | None = None) -> list[dict[str, Any]]:
        uploads = {upload.upload_id} if upload else {it.upload.upload_id for it in self.writes}
        return [it for upload_id in uploads for it in read_items(upload_id)]

    def check(self) -> None:
        self.world.deliver(self.messages)
        for item in self.list_items():
            # Of a job that has an execution, others report the end.
            assert "execution_arn" in item or "notice_id" in item, f"nobody waits for {item}"
        for write in self.writes:
            items = self.list_items(write.upload)
            assert sum(it.get("sequencer") == write.sequencer for it in items) <= 1 + self.retries, (
                f"a write has two: {items}"
            )
            same = [it for it in self.writes if it.upload.etag == write.upload.etag]
            assert len(items) <= len(same) + self.retries, f"more attempts than writes: {items}"
        if self.writes:
            self.check_last(self.writes[-1])

    def check_last(self, last: Write) -> None:
        items = self.list_items(last.upload)
        written_at = last.written_at.isoformat()
        # An attempt without a sequencer is the backfill's.
        own = [it for it in items if it.get("sequencer") == last.sequencer or written_at <= it["recorded_at"]]
        assert any("execution_arn" in it or it["status"] == "cancelled" for it in own), (
            f"no job for the last write: {items}"
        )


@pytest.mark.slow
def test_the_last_content_of_a_key_has_a_job_and_no_write_has_two() -> None:
    with open_world(is_versioned=False) as (world, _):

        @settings(max_examples=40, deadline=None)
        @given(STEPS)
        @example([A, deliver(0), FINISH, A, deliver(0, "turn")])
        @example([A, deliver(0), A, deliver(0, "recorded")])
        @example([A, B, deliver(0), deliver(0), A])
        @example([A, B, deliver(0), deliver(0), A, BACKFILL])
        def check(steps: list[Step]) -> None:
            key = Key(world, f"key-{len(world.api.jobs)}-{len(world.writes)}-{world.events}.mp4")
            for step in steps:
                key.take(step)
            key.check()

        check()
