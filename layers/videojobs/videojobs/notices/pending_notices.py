"""The notices that wait for a digest: a DynamoDB table, in which each notice is told exactly once.

An item is under `pending` until its digest is sent, and then under `told`, for as long as a function may still repeat
its call and add the same notice again. All changes of state are transactions.

Step Functions may retry a step whose first call still runs. So an execution's latest try is under `tries`, and earlier
tries can claim nothing any more: they would claim notices that are not in the digest of the latest one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from videojobs.jobs.ledger import format_time
from videojobs.jobs.uploads import Upload
from videojobs.notices.notices import Notice, Outcome
from videojobs.schema import select_known

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

FIRST = "first"
"""The name of the delivery that follows a job; redeliveries have other names."""

TOLD_DAYS = 30
"""How long a notice is remembered after its digest: longer than the uploads queue keeps a message (14 days), and longer
than an execution may last (2 days).
"""

ACTIONS_MAX = 100
"""The most actions in one transaction.
Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""


@dataclass(frozen=True, kw_only=True)
class PendingNotice:
    """A notice that waits for a digest.

    Attributes:
        id: The same if a function adds the same notice again.
        recorded_at: When it was added; ISO 8601, UTC.
        claimed_by: The ARN of the execution that sends it; None if there is none yet.
    """

    id: str
    upload_id: str
    attempt: int
    recorded_at: str
    outcome: Outcome
    video: str
    brief: str
    rules: tuple[str, ...]
    is_problem: bool
    moment: int | None = None
    next_step: str = ""
    claimed_by: str | None = None

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> Self:
        """Reads an item of the table."""
        values = select_known(cls, item)
        values |= {name: int(values[name]) for name in ("attempt", "moment") if values.get(name) is not None}
        return cls(**{**values, "rules": tuple(item["rules"])})

    def to_item(self) -> dict[str, Any]:
        """Returns the item of a notice that is not claimed."""
        values = {**asdict(self), "rules": list(self.rules), "state": "pending"}
        return {name: value for name, value in values.items() if name != "claimed_by"}


def describe_pending(notice: Notice, upload: Upload, attempt: int, redelivery: str | None = None) -> PendingNotice:
    """Returns a notice as it is kept. Its ID has the upload, the attempt, the delivery and the outcome."""
    return PendingNotice(
        id=f"{upload.upload_id}/{attempt}/{redelivery or FIRST}/{notice.outcome}",
        upload_id=upload.upload_id,
        attempt=attempt,
        recorded_at=format_time(datetime.now(UTC)),
        outcome=notice.outcome,
        video=notice.video,
        brief=notice.brief,
        rules=notice.found.rules,
        is_problem=notice.is_problem,
        moment=notice.moment,
        next_step=notice.next_step,
    )


class PendingNotices:
    """The table of pending notices. Only this class writes to it."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def add(self, notice: Notice, upload: Upload, attempt: int, redelivery: str | None = None) -> str:
        """Adds a notice, unless it is already pending or told, and returns its ID."""
        pending = describe_pending(notice, upload, attempt, redelivery)
        is_new = "attribute_not_exists(id)"
        told = {"Key": {"state": "told", "id": pending.id}, "ConditionExpression": is_new}
        try:
            self._transact(
                [{"ConditionCheck": told}, {"Put": {"Item": pending.to_item(), "ConditionExpression": is_new}}]
            )
        except ClientError as error:
            if not _is_refused_by_condition(error):
                raise
        return pending.id

    def read(self) -> Iterator[PendingNotice]:
        """Yields every pending notice, by consistent reads."""
        start: dict[str, Any] = {}
        while True:
            page = self._table.query(
                KeyConditionExpression="#state = :pending",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":pending": "pending"},
                ConsistentRead=True,
                **start,
            )
            yield from map(PendingNotice.from_item, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def begin(self, execution: str, tries: int, now: datetime) -> None:
        """Begins an execution's try, before it reads the notices.

        Args:
            tries: How many tries came before it.

        Raises:
            ClientError: The same or a later try has begun.
        """
        self._table.put_item(
            Item={"state": "tries", "id": execution, "tries": tries, "expires_at": _find_expiry(now)},
            ConditionExpression="attribute_not_exists(id) OR tries < :tries",
            ExpressionAttributeValues={":tries": tries},
        )

    def claim(self, notices: Sequence[PendingNotice], execution: str, tries: int) -> None:
        """Claims notices, as they were read, for an execution's latest try.

        Raises:
            ClientError: A later try has begun, or another execution has claimed some of them meanwhile. Earlier ones
                may be claimed.
        """
        latest = {
            "Key": {"state": "tries", "id": execution},
            "ConditionExpression": "tries = :tries",
            "ExpressionAttributeValues": {":tries": tries},
        }
        for some in batched(notices, ACTIONS_MAX - 1, strict=False):
            claims = [{"Update": _compose_claim(notice, execution)} for notice in some]
            self._transact([{"ConditionCheck": latest}, *claims])

    def conclude(self, notices: Sequence[PendingNotice], now: datetime) -> None:
        """Records that notices, as they were read, were told.

        Raises:
            ClientError: Another call has done that meanwhile for some of them. Earlier ones may be concluded.
        """
        expires_at = _find_expiry(now)
        for some in batched(notices, ACTIONS_MAX // 2, strict=False):
            actions: list[dict[str, Any]] = []
            for notice in some:
                delete = {
                    "Key": {"state": "pending", "id": notice.id},
                    "ConditionExpression": "claimed_by = :execution",
                    "ExpressionAttributeValues": {":execution": notice.claimed_by},
                }
                told = {"state": "told", "id": notice.id, "told_at": format_time(now), "expires_at": expires_at}
                actions += [{"Delete": delete}, {"Put": {"Item": told}}]
            self._transact(actions)

    def _transact(self, actions: Sequence[dict[str, Any]]) -> None:
        named = [{kind: {"TableName": self._table.name, **it} for kind, it in action.items()} for action in actions]
        self._table.meta.client.transact_write_items(TransactItems=named)  # type: ignore[arg-type]


def _compose_claim(notice: PendingNotice, execution: str) -> dict[str, Any]:
    """Returns the update of a notice whose claim has not changed since it was read."""
    unchanged = "claimed_by = :before" if notice.claimed_by else "attribute_not_exists(claimed_by)"
    before = {":before": notice.claimed_by} if notice.claimed_by else {}
    return {
        "Key": {"state": "pending", "id": notice.id},
        "UpdateExpression": "SET claimed_by = :execution",
        "ConditionExpression": f"attribute_exists(id) AND {unchanged}",
        "ExpressionAttributeValues": {":execution": execution, **before},
    }


def _find_expiry(now: datetime) -> int:
    return int((now + timedelta(days=TOLD_DAYS)).timestamp())


def _is_refused_by_condition(error: ClientError) -> bool:
    """Whether only conditions refused a transaction, and not, for example, a transaction at the same time."""
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
    return "ConditionalCheckFailed" in reasons and reasons <= {"ConditionalCheckFailed", "None"}
