"""Uploads whose notices go into digests, while the function that sends them dies at each of its calls.

`python -m tests.digest_story` runs it with 1,000 uploads and prints what was told; then with all of them in one digest,
and with single notices (`tests.single_notices`). AWS is moto; the state machine's own
definition runs on `tests.stand_ins.state_machine`, which also provides the histories of executions:
https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
"""

import importlib.util
import itertools
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from unittest.mock import patch

import boto3
from botocore.client import BaseClient
from moto import mock_aws

from tests.cheap_transactions import open_cheap_transactions
from tests.lambda_runtime import invoke
from tests.single_notices import Killed, run_deliveries
from tests.stand_ins.state_machine import StateMachine
from tests.templates import ROOT, read_definition
from videojobs import connections
from videojobs.jobs.uploads import Upload
from videojobs.logs import logger
from videojobs.notices.found import Found
from videojobs.notices.notices import Notice, Outcome
from videojobs.notices.pending_notices import PendingNotices, describe_pending
from videojobs.notices.sender import Mode

TABLE = "pending-notices"
ENVIRONMENT = {
    "PENDING_NOTICES_TABLE": TABLE,
    "SHARE_KEY_SECRET": "share-key",
    "SHARE_LINK_DAYS": "7",
    "SHARE_URL": "https://share.example.com",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
MATCH_EVERY = 27
"""Of 1,000 uploads, 37 have a condition that held (if the first of each 27 does, beginning with the 14th)."""

FAIL_EVERY = 50

SINGLE_MODES: tuple[Mode, ...] = ("each", "problems")

AT_ONCE = 105
"""More notices than one transaction takes."""

DEATH_EVERY = 10
"""A digest of all uploads has many calls, of which the function dies at so many: each death takes a run of its own."""


class InvocationFailed(Exception):
    """How Step Functions sees a function that died."""


class ExecutionAborted(Exception):
    """A person stops the execution."""


@dataclass(frozen=True)
class Death:
    """When the function dies in an execution.

    Attributes:
        call: The number of its call to AWS in the execution, beginning with 0.
        after: Whether the call takes effect.
        for_good: Whether it dies at every call from then on, until the execution gives up.
    """

    call: int
    after: bool
    for_good: bool = False


@dataclass
class World:
    """The pending notices, the executions, and the mails.

    Attributes:
        expected: The IDs of all notices that were added.
        mails: The digests that SNS accepted.
        histories: The events of each execution.
        calls: The names of the calls of the current execution.
    """

    app: ModuleType
    pending: PendingNotices
    expected: dict[str, str] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    histories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    death: Death | None = None
    is_in_function: bool = False
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, count: int) -> None:
        """Adds the notices of some uploads. Functions call twice, as after a crash."""
        for _ in range(count):
            number = len(self.expected)
            notice, upload = make_notice(number)
            for _ in range(2):
                self.expected[upload.key] = self.pending.add(notice, upload, 1)

    def fill(self, count: int) -> None:
        """Puts pending notices into the table, as `add` does, but faster."""
        with self.pending._table.batch_writer() as batch:
            for number in range(count):
                notice, upload = make_notice(number)
                pending = describe_pending(notice, upload, 1)
                self.expected[upload.key] = pending.id
                batch.put_item(pending.to_item())

    def add_again(self) -> None:
        """Functions that died before they recorded it add every notice again."""
        for number in range(len(self.expected)):
            self.pending.add(*make_notice(number), 1)

    def execute(self, death: Death | None = None, spoil: Callable[[str], None] | None = None) -> str:
        """Runs an execution and returns its status.

        Args:
            death: When the function dies.
            spoil: Called with the name of each state before it; it may raise to end the execution there.
        """
        arn = f"arn:aws:states:us-east-1:123456789012:execution:digest:{len(self.histories)}"
        self.calls, self.death = [], death

        def publish(parameters: Any) -> dict[str, str]:
            self.mails.append(parameters["Message"])
            return {"MessageId": str(len(self.mails))}

        definition = read_definition("digest")
        machine = StateMachine(definition, self._invoke, None, publish, arn)
        self.histories[arn] = machine.history
        data: Any = {}
        name: str | None = definition["StartAt"]
        status = "Succeeded"
        try:
            while name:
                if spoil:
                    spoil(name)
                data, name = machine.run_state(name, data)
        except ExecutionAborted:
            status = "Aborted"
        except Exception:
            status = "Failed"
        machine.history.append({"type": f"Execution{status}"})
        self.statuses[status] += 1
        self.death = None
        return status

    def _invoke(self, function: str, event: Any) -> Any:
        assert function == "send_digest"
        self.is_in_function = True
        try:
            return invoke(self.app.handler, event)
        except Killed:
            raise InvocationFailed from None
        finally:
            self.is_in_function = False

    def watch(self, make: Callable[[Any], Any], operation: str, parameters: Any) -> Any:
        """Makes a call of the function, and lets it die."""
        if not self.is_in_function:
            return make(parameters)
        number = len(self.calls)
        self.calls.append(operation)
        dies = self.death and (number == self.death.call or (self.death.for_good and number > self.death.call))
        if dies and self.death and not self.death.after:
            raise Killed
        if operation == "GetExecutionHistory":
            assert parameters["includeExecutionData"] is False
            answer: Any = {"events": self.histories[parameters["executionArn"]]}
        else:
            answer = make(parameters)
        if dies:
            raise Killed
        return answer

    def count_told(self) -> Counter[str]:
        """How many mails tell each upload by name."""
        return Counter(key for mail in self.mails for key in re.findall(r"s3://uploads/(\S+)", mail))

    def count_in_heads(self) -> int:
        """How many notices the mails say that they are about."""
        return sum(int(mail.split(" ", 1)[0].replace(",", "")) for mail in self.mails)


def is_match(number: int) -> bool:
    """Whether the condition of an upload holds."""
    return number % MATCH_EVERY == MATCH_EVERY // 2


def make_notice(number: int) -> tuple[Notice, Upload]:
    """The notice of an upload: most are done, some have failed, and in some a condition held."""
    upload = Upload(
        bucket="uploads", key=f"{number:05}.mp4", size_bytes=1, etag=f"{number:032x}", version_id=str(number)
    )
    outcome: Outcome = "failed" if number % FAIL_EVERY == 0 else "done"
    rules = ("door at night",) if is_match(number) else ()
    notice = Notice(
        outcome=outcome,
        subject=f"{outcome}: {upload.key}",
        message="",
        brief="It failed." if outcome == "failed" else "538 person, 12 car",
        video=upload.uri,
        found=Found(rules=rules),
    )
    return notice, upload


@contextmanager
def open_world() -> Iterator[World]:
    """Opens a world without notices."""
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]
    with mock_aws(), patch.dict(os.environ, ENVIRONMENT):
        boto3.client("secretsmanager").create_secret(Name="share-key", SecretString="s1gn1ng-key")
        table = boto3.resource("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "state", "AttributeType": "S"},
                {"AttributeName": "id", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "state", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
        )
        world = World(load_app(), PendingNotices(table))

        def make(client: Any, operation: str, parameters: Any) -> Any:
            return world.watch(lambda it: make_call(client, operation, it), operation, parameters)

        for opened in (connections.connect_sfn, connections.open_pending_notices, connections._open_table):
            opened.cache_clear()
        with patch.object(BaseClient, "_make_api_call", make), open_cheap_transactions():
            yield world


def load_app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("send_digest_app", ROOT / "functions" / "send_digest" / "app.py")
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    return app


def refuse_publishing(name: str) -> None:
    if name == "Publish Digest":
        raise RuntimeError("KMS refuses")


def list_aborts() -> Iterator[Callable[[str], None]]:
    """Persons who stop an execution before each of its states."""
    for name in read_definition("digest")["States"]:

        def abort(entered: str, name: str = name) -> None:
            if entered == name:
                raise ExecutionAborted

        yield abort


def run_waves(world: World, size: int) -> None:
    """Before each execution, adds `size` notices. The function dies at each of its calls, before and after it, once or
    for good; executions are aborted before each state, and SNS refuses mails.
    """
    world.add(size)
    world.execute()
    # After an execution that failed, one has a further call, which reads the failed one's history.
    calls = len(world.calls) + 1
    for call, after, for_good in itertools.product(range(calls), (False, True), (False, True)):
        world.add(size)
        world.execute(Death(call, after, for_good))
    for spoil in (*list_aborts(), refuse_publishing):
        world.add(size)
        world.execute(spoil=spoil)
    # An execution takes over from one that failed, and fails itself, at each of its calls.
    for call in range(calls):
        world.add(size)
        world.execute(spoil=refuse_publishing)
        world.execute(Death(call, after=True, for_good=True))
    world.add_again()
    world.execute()
    world.add_again()
    world.execute()


def run_at_once(count: int, death: Death | None) -> tuple[World, int]:
    """Sends `count` pending notices in one digest, with one death. Returns the world, and how many calls were made."""
    with open_world() as world:
        world.fill(count)
        world.execute(death)
        calls = len(world.calls)
        world.execute()
        check(world)
    return world, calls


def check(world: World) -> None:
    """Fails unless each notice is in exactly one digest."""
    told = world.count_told()
    assert max(told.values()) == 1, "told twice"
    assert world.count_in_heads() == len(world.expected), "lost, or told twice"
    with_rules = [key for number, key in enumerate(world.expected) if make_notice(number)[0].found.rules]
    assert [key for key in with_rules if told[key] != 1] == [], "a notice with a condition that held is missing"
    if not any("did not fit" in mail for mail in world.mails):
        assert told.keys() == world.expected.keys(), "lost"
    assert list(world.pending.read()) == []


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    logger.setLevel("CRITICAL")
    with open_world() as world:
        run_waves(world, 1)
        waves = len(world.expected)
    size = -(-count // waves)
    with open_world() as world:
        run_waves(world, size)
        check(world)
        report(world)
    _, calls = run_at_once(AT_ONCE, None)
    for call, after in itertools.product(range(calls), (False, True)):
        run_at_once(AT_ONCE, Death(call, after))
    tell(f"{AT_ONCE} notices at once, {2 * calls} deaths, one in each run: each notice in exactly one digest")
    _, calls = run_at_once(count, None)
    deaths = range(0, calls, DEATH_EVERY)
    for call in deaths:
        run_at_once(count, Death(call, after=True))
    tell(f"{count:,} notices in one digest, {len(deaths)} deaths, one in each run: each notice in exactly one")
    for mode in SINGLE_MODES:
        mails = run_deliveries(mode, count, is_match).mails
        tell(f"{count:,} uploads with notify_when and Notices={mode}, each delivery dies once: {len(mails)} mails")


def tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def report(world: World) -> None:
    matched = sum(bool(make_notice(number)[0].found.rules) for number in range(len(world.expected)))
    statuses = ", ".join(f"{count} {status.lower()}" for status, count in world.statuses.items())
    tell(
        f"{len(world.expected):,} uploads, {matched} with a condition that held; "
        f"{len(world.histories)} executions ({statuses}); {len(world.mails)} digests; each notice in exactly one"
    )


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
