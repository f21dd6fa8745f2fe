from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from tests.digest_story import World, make_notice, open_world

EXECUTION, OTHER = "arn:a", "arn:b"


@pytest.fixture
def world() -> Iterator[World]:
    with open_world() as world:
        world.pending.begin(EXECUTION, 0, datetime.now(UTC))
        world.pending.begin(OTHER, 0, datetime.now(UTC))
        yield world


def test_a_notice_that_is_added_again_is_pending_once(world: World) -> None:
    notice, upload = make_notice(0)
    notice = replace(notice, moment=75, next_step="aws s3 cp …")
    ids = {world.pending.add(notice, upload, 1) for _ in range(2)}
    [pending] = world.pending.read()
    assert {pending.id} == ids
    assert (pending.outcome, pending.video, pending.is_problem) == ("failed", upload.uri, True)
    assert (pending.moment, pending.next_step) == (75, "aws s3 cp …")


def test_attempts_outcomes_and_redeliveries_have_notices_of_their_own(world: World) -> None:
    notice, upload = make_notice(1)
    world.pending.add(notice, upload, 1)
    world.pending.add(notice, upload, 2)
    world.pending.add(notice, upload, 1, "redelivery")
    world.pending.add(replace(notice, outcome="annotated"), upload, 1)
    assert len(list(world.pending.read())) == 4


def test_a_notice_that_was_told_is_not_added_again(world: World) -> None:
    notice, upload = make_notice(1)
    world.pending.add(notice, upload, 1)
    world.pending.claim(list(world.pending.read()), EXECUTION, 0)
    world.pending.conclude(list(world.pending.read()), datetime.now(UTC))
    assert list(world.pending.read()) == []
    world.pending.add(notice, upload, 1)
    assert list(world.pending.read()) == []


def test_only_what_was_told_expires(world: World) -> None:
    for number in range(2):
        world.pending.add(*make_notice(number), 1)
    first, _ = world.pending.read()
    world.pending.claim([first], EXECUTION, 0)
    world.pending.conclude([replace(first, claimed_by=EXECUTION)], datetime.now(UTC))
    items = world.pending._table.scan()["Items"]
    assert {item["state"] for item in items if "expires_at" in item} == {"told", "tries"}
    assert {item["state"] for item in items if "expires_at" not in item} == {"pending"}


def test_a_notice_that_another_execution_has_claimed_meanwhile_is_not_claimed(world: World) -> None:
    world.pending.add(*make_notice(1), 1)
    read = list(world.pending.read())
    world.pending.claim(read, EXECUTION, 0)
    with pytest.raises(ClientError, match="TransactionCanceled"):
        world.pending.claim(read, OTHER, 0)
    world.pending.claim(list(world.pending.read()), OTHER, 0)
    assert [notice.claimed_by for notice in world.pending.read()] == [OTHER]
    with pytest.raises(ClientError, match="TransactionCanceled"):
        world.pending.conclude([replace(read[0], claimed_by=EXECUTION)], datetime.now(UTC))


def test_a_notice_that_could_not_be_added_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": "TransactionConflict"}],
    }

    def refuse(**_: object) -> None:
        raise ClientError(answer, "TransactWriteItems")  # type: ignore[arg-type]

    monkeypatch.setattr(world.pending._table.meta.client, "transact_write_items", refuse)
    with pytest.raises(ClientError):
        world.pending.add(*make_notice(1), 1)
