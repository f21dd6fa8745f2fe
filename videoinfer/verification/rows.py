"""The output of `verify`: the rows of its table, its last line, and its JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from videoinfer.verification.verdicts import CheckOutcome

_CHECK_WIDTH, _NUMBER_WIDTH = 18, 9

HEADING = f"  {'CHECK':<{_CHECK_WIDTH}}  {'TIME':>{_NUMBER_WIDTH}}  {'COST':>{_NUMBER_WIDTH}}  WHAT"


def compose_cells(outcome: CheckOutcome) -> tuple[str, str, str]:
    """The cells of a row under `HEADING`, except the last one."""
    cost = f"${outcome.cost_usd:.5f}" if outcome.cost_usd is not None else ""
    return (
        f"{outcome.check:<{_CHECK_WIDTH}}",
        f"{outcome.seconds:>{_NUMBER_WIDTH - 2}.1f} s",
        f"{cost:>{_NUMBER_WIDTH}}",
    )


def compose_total(outcomes: Sequence[CheckOutcome]) -> str:
    """The last line, such as `22 ok, 2 not seen, 0 wrong, in 90 s; $0.0010 on AWS …`."""
    counts = Counter(outcome.level for outcome in outcomes)
    return (
        f"\n{counts['ok']} ok, {counts['unseen']} not seen, {counts['wrong']} wrong, "
        f"in {sum(outcome.seconds for outcome in outcomes):.0f} s; "
        f"${_add_costs(outcomes):.4f} on AWS, without what the API bills."
    )


def compose_report(outcomes: Sequence[CheckOutcome]) -> dict[str, Any]:
    """The outcomes as JSON, for programs."""
    return {
        "passed": all(outcome.level != "wrong" for outcome in outcomes),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
        "cost_usd": round(_add_costs(outcomes), 6),
        "checks": [asdict(outcome) for outcome in outcomes],
    }


def _add_costs(outcomes: Sequence[CheckOutcome]) -> float:
    return sum(outcome.cost_usd for outcome in outcomes if outcome.cost_usd is not None)
