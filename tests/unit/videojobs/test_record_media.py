"""record_media: an annotated video or a dataset is recorded and reported once, with its cost."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.videojobs.studio import Studio
from videojobs.drawing.video import Drawn
from videojobs.jobs.costs import MEDIA_TRANSITIONS, PRICES
from videojobs.jobs.media_outputs import DATASET
from videojobs.record_media import GIGABYTE_SECONDS_MAX, MediaAnswer
from videojobs.result_files import locate_results


@pytest.mark.slow
def test_a_second_call_sends_no_second_notice(studio: Studio) -> None:
    for _ in range(2):
        studio.annotate()
    assert len(studio.aws.notices()) == 1


@pytest.mark.slow
def test_its_cost_is_added_to_the_job_s_cost_once(studio: Studio) -> None:
    key = locate_results(studio.job.upload.key, studio.job.job_id, "summary.json")
    studio.bucket.save_json(key, {"frames": 2, "cost": {"total_usd": 0.25}})
    for _ in range(2):
        studio.annotate()
    summary = studio.bucket.read_json(key)
    cost = summary.pop("annotation_cost")
    assert summary == {"frames": 2, "cost": {"total_usd": 0.25}}
    assert cost["used"]["state_transitions"] == MEDIA_TRANSITIONS
    assert (cost["used"]["lambda_requests"], cost["used"]["s3_writes"]) == (2, 3)
    assert cost["usd"]["lambda_gigabyte_seconds"] > 0.05 * 3 * PRICES["lambda_gigabyte_seconds"].usd
    assert cost["usd"]["stored_gigabyte_months"] > 0
    assert float(studio.read_item()["cost_usd"]) == pytest.approx(0.25 + cost["total_usd"], abs=1e-6)
    [notice] = studio.aws.notices()
    assert "with the rest of the job, at us-east-1's prices of 2026-" in notice["Message"]


@pytest.mark.slow
def test_the_record_lists_it_among_the_outputs(studio: Studio) -> None:
    key = locate_results(studio.job.upload.key, studio.job.job_id, "job.json")
    record = {"frames": 2, "outputs": {"report.html": "s3://results/report.html"}}
    studio.bucket.save_json(key, record)
    for _ in range(2):
        studio.annotate()
    location = studio.read_item()["annotated_location"]
    outputs = {**record["outputs"], "annotated.mp4": location}  # type: ignore[dict-item]
    assert studio.bucket.read_json(key) == {"frames": 2, "outputs": outputs}


@pytest.mark.slow
@pytest.mark.parametrize("size_bytes", [1000, 8 * 1024**2, 20_000_000])
def test_the_counted_requests_are_those_that_are_sent(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, size_bytes: int
) -> None:
    def draw(video: Path, samples: Any, output: Path, *_: Any, **__: Any) -> Drawn:
        output.write_bytes(bytes(size_bytes))
        return Drawn(1, 0)

    sent: list[str] = []
    monkeypatch.setattr("videojobs.annotate_video.draw_video", draw)
    studio.aws.s3.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.method))
    studio.annotate()
    key = locate_results(studio.job.upload.key, studio.job.job_id, "summary.json")
    used = studio.bucket.read_json(key)["annotation_cost"]["used"]
    assert used["s3_writes"] == sum(method in ("PUT", "POST") for method in sent)


@pytest.mark.slow
@pytest.mark.parametrize("used", [-5.0, 1e12])
def test_the_usage_that_the_decoder_reports_is_limited_to_what_a_function_can_use(studio: Studio, used: float) -> None:
    studio.draw()
    assert studio.record(used)["status"] == "recorded"
    cost = studio.bucket.read_json(locate_results(studio.job.upload.key, studio.job.job_id, "summary.json"))
    assert 0 <= cost["annotation_cost"]["used"]["lambda_gigabyte_seconds"] <= GIGABYTE_SECONDS_MAX + 900


@pytest.mark.slow
def test_a_dataset_is_recorded_once_with_what_s3_has_of_it(studio: Studio) -> None:
    summary_key, record_key = (
        locate_results(studio.job.upload.key, studio.job.job_id, name) for name in ("summary.json", "job.json")
    )
    studio.bucket.save_json(summary_key, {"cost": {"total_usd": 0.25}, "annotation_cost": {"total_usd": 0.5}})
    studio.bucket.save_json(record_key, {"outputs": {"annotated.mp4": "s3://results/annotated.mp4"}})
    sent: list[str] = []
    studio.aws.s3.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.method))
    assert studio.make_dataset()["status"] == "made"
    for _ in range(2):
        assert studio.record(12.5, DATASET)["status"] == "recorded"
    written = sum(method in ("PUT", "POST") for method in sent) - 2  # the second time writes the records again
    cost = studio.bucket.read_json(summary_key)["dataset_cost"]
    assert cost["used"]["s3_writes"] == written
    assert cost["used"]["lambda_gigabyte_seconds"] >= 12.5
    files = studio.list_dataset()
    archive = studio.bucket.measure(locate_results(studio.job.upload.key, studio.job.job_id, "dataset.zip")) or 0
    stored_bytes = archive + sum(map(len, files.values()))
    assert cost["used"]["stored_gigabyte_months"] == pytest.approx(stored_bytes / 1024**3 * 30 / 30.4, abs=1e-9)
    item = studio.read_item()
    assert float(item["cost_usd"]) == pytest.approx(0.75 + cost["total_usd"], abs=1e-6)
    outputs = studio.bucket.read_json(record_key)["outputs"]
    assert outputs == {"annotated.mp4": "s3://results/annotated.mp4", "dataset.zip": item["dataset_location"]}
    assert len(studio.aws.notices()) == 1


def test_a_dataset_that_is_not_there_is_not_recorded(studio: Studio) -> None:
    answer = studio.record(output=DATASET)
    assert answer == {"status": "failed", "reason": "The dataset is not in the results bucket."}
    assert "dataset_location" not in studio.read_item()


@pytest.mark.parametrize("answer", [{"gigabyte_seconds": "much", "left_out": 0}, {"gigabyte_seconds": 1}])
def test_an_answer_of_the_decoder_that_is_none_is_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        MediaAnswer.parse(answer)
