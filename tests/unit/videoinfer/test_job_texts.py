import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from videoinfer.job_texts import compose_facts, compose_note, compose_row, to_json

NOW = datetime(2026, 1, 2, 3, 5, 6, tzinfo=UTC)
MODEL = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
ITEM: dict[str, Any] = {
    "upload_id": "belt-mp4-1",
    "attempt": Decimal(2),
    "bucket": "uploads",
    "key": "belt.mp4",
    "status": "running",
    "recorded_at": "2026-01-02T03:04:05+00:00",
    "created_at": "2026-01-02T03:04:06+00:00",
    "job_id": "j1",
    "options": {"models": [MODEL], "infer_fps": Decimal("2.5"), "input_mode": "presigned"},
}


def test_a_row_shows_what_an_operator_looks_for() -> None:
    status, _, took, video, job = compose_row(ITEM, NOW)

    assert (status, took, video, job) == ("running", "1 min 0 s", "belt.mp4 (attempt 2)", "j1")


def test_the_progress_of_a_running_job_is_in_its_row_and_its_facts() -> None:
    item = {**ITEM, "progress": Decimal(42)}

    assert compose_row(item, NOW)[0] == "running 42 %"
    assert ("Progress", "42 %") in compose_facts(item, [item], NOW)
    assert ("Progress", "0 %") in compose_facts({**item, "progress": Decimal(0)}, [item], NOW)
    assert "Progress" not in dict(compose_facts(ITEM, [ITEM], NOW))


def test_a_row_of_a_running_job_fits_into_80_columns() -> None:
    started = (NOW - timedelta(hours=9, minutes=59)).isoformat()
    item = {**ITEM, "attempt": 1, "created_at": started, "job_id": "j1", "progress": Decimal(99)}
    row = compose_row({**item, "key": "line-3/2026-01-02/belt.mp4"}, NOW)

    assert len("  ".join(row)) <= 80


def test_an_upload_without_a_job_is_named_by_its_key() -> None:
    rejected = {name: ITEM[name] for name in ("upload_id", "attempt", "bucket", "key", "recorded_at")}

    assert compose_row({**rejected, "status": "rejected"}, NOW)[2:] == ("", "belt.mp4 (attempt 2)", "1")
    assert ("Attempt", "2 of 2") in compose_facts({**rejected, "status": "rejected"}, [ITEM], NOW)


def test_unanswered_calls_are_a_fact_and_a_note() -> None:
    item = {**ITEM, "error": "It failed.", "unanswered": Decimal(2), "unanswered_at": "2026-01-02T03:04:05+00:00"}
    words = "2 calls to create this job, the last at 2026-01-02 03:04:05 UTC, got no usable answer."

    assert dict(compose_facts(item, [item], NOW))["Unanswered"].startswith(words)
    assert (compose_note(item) or "").startswith(f"It failed. {words}")
    assert "Unanswered" not in dict(compose_facts(ITEM, [ITEM], NOW))
    assert compose_note(ITEM) is None
    assert compose_note({**ITEM, "failed_outputs": {"csv": "A bug.", "coco": "Another."}}) == (
        "Missing: csv: A bug.; coco: Another."
    )


def test_media_outputs_that_could_not_be_made_are_in_lists() -> None:
    failed = {
        **ITEM,
        "annotation_error": "No sound.",
        "dataset_error": "No room.",
        "dataset_location": "s3://b/old.zip",
    }
    assert compose_note(failed) == "Missing: annotated.mp4: No sound. Not made again: dataset.zip: No room."


def test_options_that_are_set_are_facts() -> None:
    yard = {"class": "person", "region": "yard", "min_dwell_seconds": Decimal(600)}
    options = {
        **ITEM["options"],
        "classes": ["person", "truck"],
        "min_confidence": {"truck": Decimal("0.3"), "*": Decimal("0.5")},
        "regions": [{"name": "yard", "polygon": [[0, 0], [1, 0], [1, 1]]}, {"name": "door", "line": [[0, 0], [1, 1]]}],
        "notify_when": {"any": [{"name": "night visit", "min_count": Decimal(1)}, yard]},
    }
    item = {**ITEM, "options": options, "video_recorded_at": "2026-11-28T22:00:00+01:00"}
    facts = dict(compose_facts(item, [item], NOW))
    assert facts["Classes"] == "person, truck"
    assert facts["Confidence"] == "at least 0.3 for truck, 0.5 for others"
    assert facts["Regions"] == "yard (polygon), door (line)"
    assert facts["Notify when"] == "any of: night visit; person in yard, for 600 s"
    assert facts["Recorded"] == "2026-11-28 22:00:00 +01:00"
    for_all = {**item, "options": {**options, "min_confidence": {"*": Decimal("0.5")}, "notify_when": {"all": [yard]}}}
    facts = dict(compose_facts(for_all, [for_all], NOW))
    assert (facts["Confidence"], facts["Notify when"]) == ("at least 0.5", "person in yard, for 600 s")
    assert (
        not {"Classes", "Confidence", "Regions", "Notify when", "Recorded"}
        & dict(compose_facts(ITEM, [ITEM], NOW)).keys()
    )


def test_a_job_without_a_notice_says_why() -> None:
    item = {**ITEM, "notice_id": "not sent", "no_notice": "notify_when did not hold"}
    assert dict(compose_facts(item, [item], NOW))["Notice"] == "none: notify_when did not hold"
    assert compose_note(item) == "no notice: notify_when did not hold"


def test_facts_name_models_and_frames() -> None:
    facts = dict(compose_facts({**ITEM, "counts": {"hands": {"Rock": Decimal(1234)}}}, [ITEM], NOW))

    assert facts["Model"] == "hands/4 (object-detection)"
    assert facts["Frames"] == "2.5 a second"
    assert facts["Found"] == "1,234 Rock"


def test_show_tells_what_job_json_and_the_notices_tell() -> None:
    model = {**MODEL, "inference_params": {"confidence": Decimal("0.25"), "iou": None}}
    item = {
        **ITEM,
        "status": "done",
        "options": {**ITEM["options"], "models": [model], "dataset_frames": "every 10"},
        "frames": Decimal(1234),
        "cost_usd": Decimal("0.00064"),
        "results_location": "s3://results/results/belt.mp4/j1/results.json",
        "outputs": {
            "detections.parquet": "s3://results/tables/detections/day=2026-01-02/j1.parquet",
            "report.html": "s3://results/results/belt.mp4/j1/report.html",
        },
        "failed_outputs": {"csv": "A bug."},
        "annotated_location": "s3://results/results/belt.mp4/j1/annotated.mp4",
        "dataset_location": "s3://results/results/belt.mp4/j1/dataset.zip",
    }
    facts = compose_facts(item, [ITEM], NOW)
    for fact in (
        ("Model", "hands/4 (object-detection, confidence 0.25, iou null)"),
        ("Frames", "1,234 (2.5 a second)"),
        ("Input mode", "presigned"),
        ("Dataset of", "every 10"),
        ("Cost", "$0.0006 on AWS"),
        ("Missing", "csv: A bug."),
    ):
        assert fact in facts
    assert [uri.rpartition("/")[2] for name, uri in facts if name == "Output"] == [
        "j1.parquet",
        "report.html",
        "annotated.mp4",
        "dataset.zip",
    ]
    failed = compose_facts({**ITEM, "annotation_error": "No sound.", "dataset_error": "No room."}, [ITEM], NOW)
    assert ("Missing", "annotated.mp4: No sound.") in failed
    assert ("Missing", "dataset.zip: No room.") in failed


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        ({"cost_usd": "0.00064"}, "$0.0006 on AWS"),
        ({"cost_usd": "0.0321", "api_cost_usd": "0.03"}, "$0.0321 on AWS, $0.0300 of it for the inference"),
        ({"api_cost_usd": "0.03"}, "$0.0300 for the inference"),
        ({}, None),
    ],
)
def test_show_tells_what_the_inference_cost_also_of_a_failed_job(costs: dict[str, str], told: str | None) -> None:
    item = {**ITEM, **{name: Decimal(usd) for name, usd in costs.items()}}
    assert dict(compose_facts(item, [item], NOW)).get("Cost") == told


def test_json_output_has_numbers_and_times() -> None:
    assert json.loads(to_json({"polls": Decimal(3), "infer_fps": Decimal("2.5"), "at": NOW})) == {
        "polls": 3,
        "infer_fps": 2.5,
        "at": "2026-01-02T03:05:06+00:00",
    }
