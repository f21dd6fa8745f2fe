"""Turns at the API: slots of the shared budget, booked in a DynamoDB table by all functions."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from videojobs.api.budget import LANES, PATIENCE_SECONDS, Bookings, Lane, Limit, Slot, choose_slot, free_after
from videojobs.errors import ApiUnavailable, TurnLater
from videojobs.logs import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BOOK_AHEAD_SECONDS_MAX = 11 * 3600
"""Turns are booked at most this far ahead: an SQS message can't be delayed for more than twelve hours."""

PAUSE_SECONDS_MAX = 900
"""The longest pause, even if the API asks for more."""

BUDGET_ID = "api-budget"
"""The key of the single item in the budget's table."""

_ATTEMPTS = 50


@dataclass
class Turn:
    """Permission to send one request to the API. `Turns.take` grants it, and the request uses it.

    Attributes:
        expires_at: When it expires, in seconds since the epoch; None for never.
        clock: Returns the time, in seconds since the epoch.
        is_used: Whether a request has used it.
    """

    expires_at: float | None = None
    clock: Callable[[], float] = time.time
    is_used: bool = False

    def use(self) -> None:
        """Marks the turn as used, just before the request is sent.

        Raises:
            ApiUnavailable: The turn has expired, because the work before the request took too long.
            RuntimeError: Another request has used the turn: this is a bug.
        """
        if self.is_used:
            raise RuntimeError("a turn is valid for one request")
        self.is_used = True
        if self.expires_at is not None and self.clock() >= self.expires_at:
            problem = "The turn of a request to the Video Inference API expired before the request was sent."
            raise ApiUnavailable(problem, may_have_acted=False)


class Turns(Protocol):
    """Grants turns to requests."""

    def take(self, lane: Lane, booked_at: float | None = None, patience_seconds: float = PATIENCE_SECONDS) -> Turn:
        """Waits for a turn and returns it. Send the request at once: the turn expires within seconds.

        Args:
            booked_at: The `turn_at` of the `TurnLater` that postponed this request, if one did.
            patience_seconds: The longest wait in this function.

        Raises:
            TurnLater: The wait would be longer. The turn is booked.
        """

    def pause(self, seconds: float) -> None:
        """Grants no turn to anybody for `seconds`."""


class UnlimitedTurns:
    """Grants every turn at once."""

    def take(self, *_: Any, **__: Any) -> Turn:
        """Returns a turn that never expires."""
        return Turn()

    def pause(self, seconds: float) -> None:
        """Does nothing."""


class SharedTurns:
    """Turns under a limit that all users of the same table share. A turn takes one read and one write.

    DynamoDB's errors are raised as they are: no request is sent without a turn.
    """

    def __init__(
        self,
        table: "Table",
        limit: Limit,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._limit = limit
        self._clock = clock
        self._sleep = sleep

    def take(self, lane: Lane, booked_at: float | None = None, patience_seconds: float = PATIENCE_SECONDS) -> Turn:
        """See `Turns`. If the booked turn was missed or lies in a pause, another one is booked."""
        until = self._clock() + patience_seconds
        begins = booked_at if booked_at is not None and self._is_valid(booked_at) else self._book(lane)
        while True:
            seconds = begins - self._clock()
            if begins > until:
                raise TurnLater(self._limit.requests, begins, seconds)
            self._sleep(max(seconds, 0.0))
            # While a function waits for long, the API may ask another one for a pause.
            if seconds <= PATIENCE_SECONDS or self._is_valid(begins):
                return Turn(begins + self._limit.lateness, self._clock)
            begins = self._book(lane)

    def pause(self, seconds: float) -> None:
        """See `Turns`; for at most `PAUSE_SECONDS_MAX`. It does not shorten a longer pause."""
        until = self._clock() + min(seconds, PAUSE_SECONDS_MAX)
        try:
            self._update("paused_until", until, "attribute_not_exists(#name) OR #name < :value", {})
        except _Outdated:
            return
        except ClientError:
            logger.exception("The API's pause could not be written for the other functions.")
            return
        logger.warning("The API asks for a pause; all functions wait.", seconds=round(until - self._clock()))

    def read(self) -> Bookings:
        """Returns what is booked."""
        item: Any = self._table.get_item(Key={"id": BUDGET_ID}, ConsistentRead=True).get("Item", {})
        free_from = {lane: float(item[lane]) for lane in LANES if lane in item}
        return Bookings(free_from, float(item.get("paused_until", 0)))

    def _is_valid(self, booked_at: float) -> bool:
        return self._clock() < booked_at + self._limit.lateness and self.read().paused_until <= booked_at

    def _book(self, lane: Lane) -> float:
        for _ in range(_ATTEMPTS):
            bookings, now = self.read(), self._clock()
            slot = choose_slot(self._limit, bookings, lane, now)
            if slot.begins - now > BOOK_AHEAD_SECONDS_MAX:
                raise TurnLater(self._limit.requests, None, BOOK_AHEAD_SECONDS_MAX)
            try:
                self._mark(slot, bookings)
            except _Outdated:
                continue
            return slot.begins
        problem = "Too many functions book turns at the Video Inference API at once."
        raise ApiUnavailable(problem, may_have_acted=False)

    def _mark(self, slot: Slot, bookings: Bookings) -> None:
        """Books a slot. Raises _Outdated if another function has booked since `bookings` was read."""
        values = {":paused": bookings.paused_until}
        condition = "(attribute_not_exists(paused_until) OR paused_until = :paused) AND "
        if slot.lane in bookings.free_from:
            values[":before"] = bookings.free_from[slot.lane]
            condition += "#name = :before"
        else:
            condition += "attribute_not_exists(#name)"
        self._update(slot.lane, free_after(self._limit, slot), condition, values)

    def _update(self, name: str, value: float, condition: str, values: Mapping[str, float]) -> None:
        try:
            self._table.update_item(
                Key={"id": BUDGET_ID},
                UpdateExpression="SET #name = :value",
                ConditionExpression=condition,
                ExpressionAttributeNames={"#name": name},
                # repr gives the shortest digits that are read back as the same float.
                ExpressionAttributeValues={
                    name: Decimal(repr(seconds)) for name, seconds in {":value": value, **values}.items()
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise _Outdated from error
            raise


class _Outdated(Exception):
    """Another function has changed the item since it was read."""
