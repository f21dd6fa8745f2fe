"""The facts in a report's header: those that are known."""

from datetime import UTC, datetime

from videojobs.report.facts import list_facts

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def test_known_facts_have_a_label_and_a_text() -> None:
    facts = list_facts({"bottles": "3"}, 1200, recorded_at=NOON, inferred_at=NOON, api_cost_usd=0.0125)
    assert dict(facts) == {
        "Recorded": "2026-03-14 12:00:00 +00:00",
        "Inferred": "2026-03-14 12:00 UTC",
        "Model": "bottles version 3",
        "Sampled frames": "1,200",
        "Cost": "$0.0125 for the inference",
    }


def test_unknown_facts_are_left_out() -> None:
    assert list_facts({"bottles": None, "caps": "1"}, None) == [("Models", "bottles, caps version 1")]
