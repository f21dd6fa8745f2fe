"""Paid results are kept: the results file is stored first, and then each output that can be made from any elements."""

import base64
import gzip
import json
import re
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stand_ins.wire import Wire
from tests.unit.videojobs.deliveries import (
    BOX,
    DELIVERED,
    DONE,
    FOLDER,
    OUTPUTS,
    build,
    make_results,
    read_object,
    read_strictly,
)
from tests.unit.videojobs.outputs.derived import ALL, ELEMENTS, KeptFiles, make_job
from videojobs import deliver_results as delivery_module
from videojobs.delivery_progress import DEATHS_MAX, Polling
from videojobs.errors import ApiUnavailable
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model
from videojobs.outputs.guarded import GuardedOutput
from videojobs.outputs.registry import OPENERS
from videojobs.outputs.summary import Summary
from videojobs.report_failure import FailureReport
from videojobs.results.analysis import Analysis
from videojobs.results.bucket import PART_BYTES
from videojobs.results.derivation import derive

ODD_ELEMENTS = {
    "a number in place of a score": {"predictions": {"cat": 0.9}},
    "no score": {"predictions": {"cat": None}},
    "400 digits": {"predictions": [{**BOX, "confidence": 10**400}]},
    "400 digits in a vector": {"embeddings": [10**400]},
    "confidences without a sum": {"predictions": [{**BOX, "confidence": 1.7e308}] * 2},
    "half a character": {"predictions": [{**BOX, "class": "a\ud800b"}]},
    "half a character in a key": {"a\udc00b": 1, "predictions": [BOX]},
    "5,000 digits": {"predictions": [{**BOX, "class_id": f"@{'9' * 5000}@"}]},
    "a score that no number holds": {"predictions": [{**BOX, "confidence": "@1e400@"}]},
}


def spell(content: bytes) -> bytes:
    """Results with `"@1e400@"` written as 1e400, which Python can't express."""
    return re.sub(rb'"@([^"@]*)@"', rb"\1", content)


@pytest.mark.slow
@pytest.mark.parametrize("element", ODD_ELEMENTS.values(), ids=ODD_ELEMENTS)
def test_an_odd_element_costs_no_output(aws: Any, job: Job, element: Any) -> None:
    job = replace(job, options=make_job(Model("m", "1", "object-detection")).options)
    content = spell(make_results(job, [element, None, {"predictions": [BOX]}]))
    assert build(aws, DONE, (200, content)).deliver(job, Polling(1)) == DELIVERED
    assert read_object(aws, "results.json") == content
    assert read_strictly(read_object(aws, "job.json"))["failed_outputs"] == {}
    assert read_strictly(read_object(aws, "summary.json"))["frames"] == 3


def test_the_notice_and_the_report_agree_on_confidences_out_of_range(aws: Any, job: Job) -> None:
    job = replace(job, options=make_job(Model("m", "1", "object-detection")).options)
    confidences = [1e308, -0.5, 1.5, "high", 10**300, None, 0.25, 0.75]
    content = make_results(job, [{"predictions": [{**BOX, "confidence": value}]} for value in confidences])
    assert build(aws, DONE, (200, content)).deliver(job, Polling(1)) == DELIVERED
    [notice] = aws.notices()
    [line] = re.findall("Rock: 8 .*", notice["Message"])
    assert line == "Rock: 8 in 8 of 8 frames, 0:00 to 0:07, confidence 0.50"
    [page] = re.findall(b'data-name="index">([^<]+)<', read_object(aws, "report.html"))
    [rock] = json.loads(gzip.decompress(base64.b64decode(page)))["models"][0]["classes"]
    assert rock["found"] == [25, 1, 75, 1, 100, 6]
    rock = read_strictly(read_object(aws, "summary.json"))["models"]["m"]["classes"]["Rock"]
    assert (rock["count"], rock["mean_confidence"]) == (8, 0.5)


def test_a_byte_order_mark_costs_no_output(aws: Any, job: Job) -> None:
    job = replace(job, options=make_job(Model("m", "1", "object-detection")).options)
    content = b"\xef\xbb\xbf" + make_results(job, [{"predictions": [BOX]}])
    assert build(aws, DONE, (200, content)).deliver(job, Polling(1)) == DELIVERED
    assert read_object(aws, "results.json") == content
    assert read_strictly(read_object(aws, "summary.json"))["frames"] == 1


def test_data_that_one_output_cannot_express_costs_only_that_output_and_is_reported(aws: Any, job: Job) -> None:
    job = replace(job, options=make_job(Model("m", "1", "object-detection")).options)
    content = make_results(job, [{"predictions": [BOX]}] * 2, [0, 1e306])
    assert build(aws, DONE, (200, content)).deliver(job, Polling(1)) == DELIVERED
    record = read_strictly(read_object(aws, "job.json"))
    assert list(record["failed_outputs"]) == ["webvtt"]
    assert "detections.vtt" not in record["outputs"]
    assert {"coco.json", "report.html", "detections.parquet", "frames.parquet", "detections.csv.gz"} == set(
        record["outputs"]
    )
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], list(item["failed_outputs"])) == ("done", ["webvtt"])
    [notice] = aws.notices()
    assert (
        "The results are stored, but these outputs are missing:\n  webvtt: The results break the contract in"
        in notice["Message"]
    )
    assert "element 1 of time_offset: 1e+306 is not a valid time of a video" in " ".join(notice["Message"].split())
    assert "0:00 to (invalid time)" in notice["Message"]
    assert f"videoinfer redeliver {job.job_id}" in notice["Message"]


def test_times_that_do_not_ascend_are_reported(aws: Any, job: Job) -> None:
    job = replace(job, options=make_job(Model("m", "1", "object-detection")).options)
    content = make_results(job, [{"predictions": [BOX]}] * 3, [0.2, 0.4, 0.2])
    assert build(aws, DONE, (200, content)).deliver(job, Polling(1)) == DELIVERED
    failed = read_strictly(read_object(aws, "job.json"))["failed_outputs"]
    words = "The results break the contract in element 2 of time_offset: 0.2 follows a later time."
    assert failed == {"webvtt": words}


def test_results_that_no_output_can_be_made_of_are_still_delivered(aws: Any, job: Job) -> None:
    job = replace(job, options=make_job(Model("m", "1", "object-detection")).options)
    content = make_results(job, [{"predictions": 7}])
    assert build(aws, DONE, (200, content)).deliver(job, Polling(1)) == DELIVERED
    assert read_object(aws, "results.json") == content
    record = read_strictly(read_object(aws, "job.json"))
    assert set(record["failed_outputs"]) == {"summary", *OUTPUTS} - {"report"}
    assert "in element 0 of m: predictions is 7" in record["failed_outputs"]["csv"]
    [notice] = aws.notices()
    assert "Frames: could not be counted" in notice["Message"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{}", "The results lack the lists frame_offset, time_offset, m. They begin with: {} "),
        (b'{"error": "Out of memory"}', 'They begin with: {"error": "Out of memory"} '),
        (b'{"frame_offset": [], "time_offset": []}', "The results lack the list m."),
        (b'{"frame_offset": [], "time_offset": [], "m": {}}', "The results lack the list m."),
        (b'{"frame_offset": 0, "time_offset": [], "m": []}', "The results lack the list frame_offset."),
        (b"[]", "The results are not JSON: '{' is missing"),
        (b"", "They begin with: (nothing)"),
        (b"<html>rf_s3cr3t" + b"x" * 1000, "They begin with: <html>[redacted]xxx"),
    ],
)
def test_results_without_the_contract_s_lists_fail_and_their_beginning_is_shown(
    aws: Any, job: Job, content: bytes, reason: str
) -> None:
    job = replace(job, options=make_job(Model("m", "1", "object-detection")).options)
    for outcome in (
        build(aws, DONE, (200, content)).deliver(job, Polling(1)),
        build(aws, DONE, (200, content)).deliver(job, Polling(1), redelivery="again"),
    ):
        assert outcome["status"] == "failed"
        assert reason in outcome["reason"]
        assert len(outcome["reason"]) < 2000
    assert read_object(aws, "results.json") == content
    FailureReport(aws.ledger, aws.sender).report(job, "failed", outcome["reason"])
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "failed"


def test_a_long_name_in_broken_results_does_not_lengthen_the_reason(aws: Any, job: Job) -> None:
    content = b'{"' + b"k" * 1_000_000 + b'": [1,'
    outcome = build(aws, DONE, (200, content)).deliver(job, Polling(1))
    assert len(outcome["reason"]) < 2000


class StrictFiles(KeptFiles):
    """Files in memory, with `OutputFiles`' rules."""

    outage = None

    def complete(self) -> None:
        self.discard()

    def discard(self) -> None:
        while self.exits:
            self.exits.pop()()

    @property
    def locations(self) -> dict[str, str]:
        return dict.fromkeys(self.files, "s3://results/")


numbers: Any = st.sampled_from(
    [0, -1, 1.5, 10**400, -(10**400), 2**63, 1e306, 1.7e308, -1.7e308, None, "7", True, [], {}]  # noqa: RUF005
    + ["@1e400@", "@-1E+400@", f"@{'9' * 5000}@", f"@{'9' * 400}.5@"]
)
names: Any = st.sampled_from(["cat", "", "\x1b", "a\nb", "a\ud800b", "\udc00\ud83d\ude00", "x" * 3000, None, 7, []])
leaves = numbers | names
boxes = st.dictionaries(st.sampled_from([*BOX, "points", "keypoints", "tracker_id", "face", "yaw", "extra"]), leaves)
hostile = st.recursive(
    leaves | boxes,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "predictions",
                    "top",
                    "confidence",
                    "predicted_classes",
                    "embeddings",
                    "image",
                    "time",
                    "cat",
                    "\udfff",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(
    kind=st.sampled_from(list(ELEMENTS)),
    elements=st.lists(hostile | st.builds(lambda found: {"predictions": found}, st.lists(boxes)), max_size=3),
    time=numbers.filter(lambda value: isinstance(value, int | float) and abs(value) < 1e308),
)
def test_no_element_stops_a_delivery_and_all_json_is_strict(kind: str, elements: list[Any], time: float) -> None:
    for output in derive_guarded(kind, elements, time):
        assert output.failure or output.locations or output.name == "summary"
        # Errors about elements are worded for people.
        assert not output.failure or output.failure.startswith("The results break the contract"), output.failure


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(elements=st.lists(hostile | st.builds(lambda found: {"predictions": found}, st.lists(boxes)), max_size=3))
def test_no_element_of_an_unknown_type_costs_an_output(elements: list[Any]) -> None:
    assert [output.failure for output in derive_guarded("depth-estimation", elements, 1.5)] == [None] * (1 + len(ALL))


def derive_guarded(kind: str, elements: list[Any], time: float) -> list[GuardedOutput]:
    job = make_job(Model("m", "1", kind))
    content = spell(make_results(job, elements, [time] * len(elements)))
    summary = Summary(job.options.models)
    files = {name: StrictFiles() for name in ("summary", *ALL)}
    guarded = [GuardedOutput("summary", lambda _: summary, files["summary"])]  # type: ignore[arg-type]
    guarded += [GuardedOutput(name, partial(OPENERS[name], job), files[name]) for name in ALL]  # type: ignore[arg-type]
    derive(iter([content]), job.options.models, guarded, lambda: iter([content]), analysis=Analysis(track=True))
    if not guarded[0].failure:
        json.dumps(summary.models["m"].to_dict(), allow_nan=False)
    if "coco.json" in files["coco"].files and not guarded[3].failure:
        read_strictly(files["coco"].read("coco.json"))
    return guarded


def test_an_output_with_a_bug_costs_that_output(aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("division by zero\nfor \x1b[31m good")

    monkeypatch.setattr(delivery_module, "OPENERS", {**OPENERS, "csv": fail})
    assert build(aws, DONE, (200, make_results(job, [None]))).deliver(job, Polling(1)) == DELIVERED
    record = read_strictly(read_object(aws, "job.json"))
    assert record["failed_outputs"] == {"csv": "ZeroDivisionError: division by zero\\nfor \\u001b[31m good"}

    monkeypatch.undo()
    assert build(aws).deliver(job, Polling(1), redelivery="again") == DELIVERED
    assert read_strictly(read_object(aws, "job.json"))["failed_outputs"] == {}
    assert "failed_outputs" not in aws.ledger.read(job.upload, job.attempt)


def test_an_outage_of_s3_is_not_a_failure_of_an_output(aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    put = aws.s3.put_object

    def refuse(**request: Any) -> Any:
        if request["Key"].endswith(("coco.json", ".parquet")):
            response = {"Error": {"Code": "503"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
            raise ClientError(response, "PutObject")  # type: ignore[arg-type]
        return put(**request)

    monkeypatch.setattr(aws.s3, "put_object", refuse)
    content = make_results(job, [None])
    with pytest.raises(ClientError):
        build(aws, DONE, (200, content)).deliver(job, Polling(1))
    assert read_object(aws, "results.json") == content
    monkeypatch.undo()
    without_the_api = build(aws)
    assert without_the_api.deliver(job, Polling(1)) == DELIVERED
    assert read_strictly(read_object(aws, "job.json"))["failed_outputs"] == {}
    assert len(aws.notices()) == 1


def test_a_denied_write_costs_only_that_output(aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    put = aws.s3.put_object

    def refuse(**request: Any) -> Any:
        if request["Key"].startswith("tables/"):
            response = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(response, "PutObject")  # type: ignore[arg-type]
        return put(**request)

    monkeypatch.setattr(aws.s3, "put_object", refuse)
    assert build(aws, DONE, (200, make_results(job, [None]))).deliver(job, Polling(1)) == DELIVERED
    assert list(read_strictly(read_object(aws, "job.json"))["failed_outputs"]) == ["parquet"]


def read_all(aws: Any) -> dict[str, bytes]:
    """Every object, without what depends on when and how it was delivered."""
    listed = aws.s3.list_objects_v2(Bucket=aws.results_bucket)["Contents"]
    keys = [entry["Key"] for entry in listed if not entry["Key"].endswith(("job.json", "summary.json"))]
    return {key: aws.s3.get_object(Bucket=aws.results_bucket, Key=key)["Body"].read() for key in keys}


def make_large(job: Job) -> bytes:
    """Makes results of several parts."""
    element = {"predictions": [{**BOX, "class": f"class {number}", "note": "x" * 3000} for number in range(20)]}
    return make_results(job, [element] * 200)


class Clock:
    """Shows 900 seconds left for a number of readings, and then 1."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def __call__(self) -> float:
        self.looks -= 1
        return 900.0 if self.looks >= 0 else 1.0


def serve(content: bytes, start: int = 0) -> Any:
    """The answer of a storage that supports range requests."""
    headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
    return (206 if start else 200, content[start:], headers)


def deliver_step_by_step(aws: Any, job: Job) -> int:
    """Delivers stored results with one output per invocation; returns the number of invocations."""
    invocations = 1
    while (outcome := build(aws).deliver(job, Polling(1)))["status"] == "continuing":
        invocations += 1
        assert invocations < 20
    assert outcome == DELIVERED
    return invocations


@pytest.mark.slow
def test_results_delivered_in_several_invocations_are_the_same(aws: Any, job: Job) -> None:
    """The results are stored piece by piece, each after the stored parts; then come the outputs, one by one."""
    content = make_large(job)
    assert len(content) > 2 * PART_BYTES
    assert build(aws, DONE, serve(content), seconds_left=Clock(30)).deliver(job, Polling(1))["status"] == "continuing"
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.results_bucket)

    wire = Wire(DONE, serve(content, PART_BYTES))
    assert build(aws, wire=wire).deliver(job, Polling(1))["status"] == "continuing"
    assert wire.requests[1].headers["Range"] == f"bytes={PART_BYTES}-"
    assert read_object(aws, "results.json") == content
    assert deliver_step_by_step(aws, job) == 6
    assert "delivery" not in aws.ledger.read(job.upload, job.attempt)
    assert len(aws.notices()) == 1
    in_steps, summary = read_all(aws), read_strictly(read_object(aws, "summary.json"))
    assert summary["cost"]["used"]["lambda_requests"] == 1 + 2 + 7

    for key in in_steps:
        if "results.json" not in key:
            aws.s3.delete_object(Bucket=aws.results_bucket, Key=key)
    assert build(aws).deliver(job, Polling(1), redelivery="again") == DELIVERED
    assert read_all(aws) == in_steps
    assert read_strictly(read_object(aws, "summary.json")) == summary


@pytest.mark.slow
@pytest.mark.parametrize("knows_ranges", [True, False])
def test_an_interrupted_download_continues_where_it_stopped(aws: Any, job: Job, *, knows_ranges: bool) -> None:
    content = make_large(job)
    cut_short = (200, content[: PART_BYTES + 1000], {"Content-Length": str(len(content))})
    with pytest.raises(ApiUnavailable, match="broke off"):
        build(aws, DONE, cut_short).deliver(job, Polling(1))
    rest = serve(content, PART_BYTES) if knows_ranges else serve(content)
    assert build(aws, DONE, rest).deliver(job, Polling(1)) == DELIVERED
    assert read_object(aws, "results.json") == content
    assert read_strictly(read_object(aws, "job.json"))["failed_outputs"] == {}


@pytest.mark.slow
def test_parts_that_s3_has_removed_are_sent_again(aws: Any, job: Job) -> None:
    content = make_large(job)
    build(aws, DONE, serve(content), seconds_left=Clock(30)).deliver(job, Polling(1))
    [upload] = aws.s3.list_multipart_uploads(Bucket=aws.results_bucket)["Uploads"]
    place = {"Bucket": aws.results_bucket, "Key": upload["Key"]}
    aws.s3.abort_multipart_upload(**place, UploadId=upload["UploadId"])
    assert build(aws, DONE, serve(content)).deliver(job, Polling(1))["status"] == "continuing"
    assert read_object(aws, "results.json") == content


@pytest.mark.slow
def test_a_range_other_than_the_requested_one_is_refused(aws: Any, job: Job) -> None:
    content = make_large(job)
    build(aws, DONE, serve(content), seconds_left=Clock(30)).deliver(job, Polling(1))
    other = (206, content[7:], {"Content-Range": f"bytes 7-{len(content) - 1}/{len(content)}"})
    with pytest.raises(ApiUnavailable, match="another part"):
        build(aws, DONE, other).deliver(job, Polling(1))


@pytest.mark.slow
def test_results_that_end_with_their_last_stored_part_are_complete(aws: Any, job: Job) -> None:
    content = make_large(job)
    content = content[:-1].ljust(3 * PART_BYTES - 1) + b"}"
    assert build(aws, DONE, serve(content), seconds_left=Clock(59)).deliver(job, Polling(1))["status"] == "continuing"
    end = (416, b"", {"Content-Range": f"bytes */{len(content)}"})
    assert build(aws, DONE, end).deliver(job, Polling(1))["status"] == "continuing"
    assert read_object(aws, "results.json") == content


def test_results_that_arrive_too_slowly_are_retried_later(aws: Any, job: Job) -> None:
    with pytest.raises(ApiUnavailable, match="too slowly"):
        build(aws, DONE, serve(make_large(job)), seconds_left=Clock(5)).deliver(job, Polling(1))


def test_an_output_that_kills_the_function_is_left_out_in_the_end(
    aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function ends like this when it runs out of memory or crashes: first with all outputs, then with that one
    alone.
    """

    class Death(BaseException):
        """An error that no code handles."""

    def die(*_: Any) -> None:
        raise Death

    monkeypatch.setattr(delivery_module, "OPENERS", {**OPENERS, "coco": die})
    content = make_results(job, [None])
    with pytest.raises(Death):
        build(aws, DONE, serve(content)).deliver(job, Polling(1))
    deaths, outcome = 1, {"status": "continuing"}
    while outcome["status"] == "continuing":
        try:
            outcome = dict(build(aws, DONE, serve(content)).deliver(job, Polling(1)))
        except Death:
            deaths += 1
            assert read_object(aws, "results.json") == content
    assert outcome == DELIVERED
    assert deaths == 1 + 1 + DEATHS_MAX
    record = read_strictly(read_object(aws, "job.json"))
    assert record["failed_outputs"] == {
        "coco": "The function crashed while making it: it needs too much memory or time."
    }
    assert {"detections.vtt", "report.html", "detections.parquet"} <= set(record["outputs"])


@pytest.mark.slow
def test_an_output_that_takes_too_long_costs_that_output(aws: Any, job: Job) -> None:
    content = make_large(job)
    aws.s3.put_object(Bucket=aws.results_bucket, Key=f"{FOLDER}/results.json", Body=content)
    outcomes = [
        build(aws, seconds_left=Clock(20)).deliver(job, Polling(1)),  # all outputs at once
        build(aws).deliver(job, Polling(1)),  # the summary
        build(aws, seconds_left=Clock(20)).deliver(job, Polling(1)),  # Parquet
    ]
    assert [outcome["status"] for outcome in outcomes] == ["continuing"] * 3
    deliver_step_by_step(aws, job)
    failed = read_strictly(read_object(aws, "job.json"))["failed_outputs"]
    assert failed == {"parquet": "It needs more time than the function's time limit."}
