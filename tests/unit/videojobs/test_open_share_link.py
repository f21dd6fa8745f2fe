"""A share link is answered with a redirect to one of its job's objects, or with a page."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
import requests
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from tests.stand_ins.api_gateway import make_event
from videojobs.jobs.ledger import Job
from videojobs.notices.share_links import SharedJob, ShareLinks
from videojobs.open_share_link import SharedOutputs, ShareRequest, read_request
from videojobs.result_files import locate_output

LINKS = ShareLinks("s1gn1ng-key", "https://share.example.com")
NOW = datetime.now(UTC)


class Shared:
    """One job, and requests for its outputs."""

    def __init__(self, aws: Any, job: Job) -> None:
        self.aws, self.job = aws, job
        aws.s3.create_bucket(Bucket=job.upload.bucket)
        aws.s3.put_bucket_versioning(Bucket=job.upload.bucket, VersioningConfiguration={"Status": "Enabled"})
        s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
        self.outputs = SharedOutputs(LINKS, aws.ledger, s3, aws.results_bucket)
        self.token = LINKS.make(SharedJob(job.upload.upload_id, job.attempt), NOW, 7).url.rsplit("/", 1)[1]

    def put(self, name: str, body: bytes) -> None:
        key = locate_output(self.job.upload.key, self.job.job_id, self.job.created_at, name)
        self.aws.s3.put_object(Bucket=self.aws.results_bucket, Key=key, Body=body)

    def put_video(self, body: bytes) -> str:
        """Puts the job's video, and returns its version."""
        upload = self.job.upload
        version: str = self.aws.s3.put_object(Bucket=upload.bucket, Key=upload.key, Body=body)["VersionId"]
        self.aws.ledger._table.update_item(
            Key={"upload_id": upload.upload_id, "attempt": self.job.attempt},
            UpdateExpression="SET version_id = :version",
            ExpressionAttributeValues={":version": version},
        )
        return version

    def ask(self, name: str = "", method: str = "GET", now: datetime = NOW) -> dict[str, Any]:
        return self.outputs.answer(ShareRequest(method, self.token, name), now)


@pytest.fixture
def shared(aws: Any, job: Job) -> Shared:
    aws.ledger.record(job.upload, job.attempt, status="done", job_id=job.job_id, created_at=job.created_at)
    return Shared(aws, job)


def read_location(answer: dict[str, Any]) -> str:
    """The bucket and key that a redirect leads to."""
    assert answer["statusCode"] == 302
    url = urlsplit(answer["headers"]["Location"])
    return f"{(url.hostname or '').split('.')[0]}{unquote(url.path)}"


def test_a_link_opens_the_results_until_there_is_a_report(shared: Shared) -> None:
    shared.put("results.json", b"{}")
    assert read_location(shared.ask()).endswith("/results.json")
    shared.put("report.html", b"<html>")
    assert read_location(shared.ask()).endswith("/report.html")


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/s/token", ShareRequest("GET", "token", "")),
        ("/s/token/", ShareRequest("GET", "token", "")),
        ("/s/token/video", ShareRequest("GET", "token", "video")),
        ("/s/token/report-data/0-0.json.gz", ShareRequest("GET", "token", "report-data/0-0.json.gz")),
        ("/s/", ShareRequest("GET", "", "")),
        ("/", ShareRequest("GET", "", "")),
        ("/robots.txt/token", ShareRequest("GET", "", "")),
    ],
)
def test_a_link_is_read_with_and_without_a_trailing_slash(path: str, request_: ShareRequest) -> None:
    assert read_request(make_event("GET", path)) == request_


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_a_link_allows_only_get_and_head(shared: Shared, method: str) -> None:
    answer = shared.ask(method=method)
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "GET, HEAD")


def test_a_report_gets_the_link_that_opened_it(shared: Shared) -> None:
    shared.put("report.html", b"<html>")
    fragment = urlsplit(shared.ask()["headers"]["Location"]).fragment
    assert parse_qs(fragment)["base"] == [f"https://share.example.com/s/{shared.token}"]


@pytest.mark.parametrize(
    ("query", "view"),
    [
        ("t=75", {"t": ["75"]}),
        ("t=1.5084", None),  # as in the results
        ("t=14.201&class=car&class=a%26base%3Dx&confidence=60", None),
        ("t=-1&confidence=1e2&class=&base=x&files=y", {}),
        (f"t={'9' * 11}", {}),
        (f"class={'x' * 300}", None),
        ("class=%01", {}),
        ("&".join([*["class=x"] * 300, "t=5", "confidence=60"]), {"t": ["5"], "confidence": ["60"]}),
        ("", {}),
    ],
)
def test_a_link_opens_the_report_with_a_view(shared: Shared, query: str, view: dict[str, list[str]] | None) -> None:
    """A browser drops the fragment of a link whose redirect has one (RFC 9110, 10.2.2), so the view is in the query."""
    shared.put("report.html", b"<html>")
    event = {**make_event("GET", f"/s/{shared.token}"), "rawQueryString": query}
    answer = shared.outputs.answer(read_request(event), NOW)
    fragment = parse_qs(urlsplit(answer["headers"]["Location"]).fragment)
    assert fragment.pop("base") == [f"https://share.example.com/s/{shared.token}"]
    assert fragment == (parse_qs(query) if view is None else view)


def test_a_report_gets_the_names_of_the_files_that_are_there(shared: Shared) -> None:
    for name in (
        "report.html",
        "results.json",
        "coco.json",
        "job.json",
        "report-data/0-0.json.gz",
        "dataset/coco.json",
    ):
        shared.put(name, b"content")
    fragment = urlsplit(shared.ask()["headers"]["Location"]).fragment
    assert parse_qs(fragment)["files"] == ["coco.json,results.json"]


def test_a_file_can_be_shown_or_saved(shared: Shared) -> None:
    shared.put("results.json", b"{}")
    for query, disposition in [("download", "attachment"), ("", None)]:
        event = {**make_event("GET", f"/s/{shared.token}/results.json"), "rawQueryString": query}
        url = shared.outputs.answer(read_request(event), NOW)["headers"]["Location"]
        assert requests.get(url, timeout=5).headers.get("Content-Disposition") == disposition


@pytest.mark.parametrize(
    "name", ["results.json", "detections.csv.gz", "detections.parquet", "report-data/0-12.json.gz"]
)
def test_everyone_with_the_link_can_read_an_output(shared: Shared, name: str) -> None:
    shared.put(name, b"content")
    answer = shared.ask(name)
    assert requests.get(answer["headers"]["Location"], timeout=5).content == b"content"
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert answer["headers"]["Referrer-Policy"] == "no-referrer"
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"


def test_a_redirect_s_target_is_short_lived_and_signed_for_the_method(shared: Shared) -> None:
    shared.put("results.json", b"{}")
    get, head = (urlsplit(shared.ask(method=method)["headers"]["Location"]) for method in ("GET", "HEAD"))
    assert parse_qs(get.query)["X-Amz-Expires"] == ["900"]
    assert parse_qs(get.query)["X-Amz-Signature"] != parse_qs(head.query)["X-Amz-Signature"]


def test_the_video_is_the_version_that_was_analyzed(shared: Shared) -> None:
    shared.put_video(b"first")
    shared.aws.s3.put_object(Bucket=shared.job.upload.bucket, Key=shared.job.upload.key, Body=b"second")
    video = requests.get(shared.ask("video")["headers"]["Location"], timeout=5)
    assert video.content == b"first"
    assert video.headers["Content-Type"] == "video/mp4"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "../job-2/results.json",
        "..",
        "report-data/../results.json",
        "report-data/report-data/0-0.json",
        "/results.json",
        "results.json/",
        "results.json\n",
        ".json",
        "secrets/key.json",
        "results.exe",
        "no-such.json",
    ],
)
def test_a_link_opens_only_the_job_s_outputs(shared: Shared, name: str) -> None:
    shared.put("results.json", b"{}")
    assert shared.ask(name)["statusCode"] == 404


@given(name=st.text(alphabet="ab./%2e\\\n-_:json", max_size=30).map(lambda text: f"{text}.json"))
def test_no_name_leads_out_of_the_job_s_folder(name: str) -> None:
    outputs = SharedOutputs(LINKS, None, None, "results")  # type: ignore[arg-type]
    location = outputs._locate({"key": "k", "job_id": "j", "created_at": "2026"}, name)
    if location:
        assert location["Key"].removeprefix("results/k/j/").removeprefix("report-data/").count("/") == 0
        assert ".." not in location["Key"]


def test_a_name_too_long_for_a_key_is_no_output() -> None:
    """S3 answers keys above 1,024 bytes with 400, on which the function would fail."""
    outputs = SharedOutputs(LINKS, None, None, "results")  # type: ignore[arg-type]
    assert outputs._locate({"key": "k", "job_id": "j", "created_at": "2026"}, f"{'x' * 1100}.json") is None


def test_an_expired_link_is_refused_with_a_page_that_says_what_to_do(shared: Shared) -> None:
    answer = shared.ask(now=NOW + timedelta(days=8))
    assert answer["statusCode"] == 403
    assert answer["headers"]["Content-Type"].startswith("text/html")
    assert "expired" in answer["body"]
    assert "videoinfer open" in answer["body"]
    assert "Location" not in answer["headers"]


def test_a_tampered_link_is_refused(shared: Shared) -> None:
    shared.token = shared.token[:-2]
    answer = shared.ask()
    assert answer["statusCode"] == 403
    assert "all of it" in answer["body"]


def test_a_deleted_output_is_answered_with_a_page(shared: Shared) -> None:
    upload = shared.job.upload
    version = shared.put_video(b"video")
    shared.aws.s3.delete_object(Bucket=upload.bucket, Key=upload.key, VersionId=version)
    assert "The video has been deleted" in shared.ask("video")["body"]
    assert "no results" in shared.ask()["body"]
    assert "&lt;" in shared.ask("<script>")["body"]


def test_without_versioning_a_link_opens_only_the_video_that_was_inferred(shared: Shared) -> None:
    s3, upload = shared.aws.s3, shared.job.upload
    s3.create_bucket(Bucket="footage")
    etag = s3.put_object(Bucket="footage", Key=upload.key, Body=b"video")["ETag"].strip('"')
    shared.aws.ledger._table.update_item(
        Key={"upload_id": upload.upload_id, "attempt": shared.job.attempt},
        UpdateExpression="SET #bucket = :bucket, etag = :etag REMOVE version_id",
        ExpressionAttributeNames={"#bucket": "bucket"},
        ExpressionAttributeValues={":bucket": "footage", ":etag": etag},
    )
    assert read_location(shared.ask("video")) == f"footage/{upload.key}"
    s3.put_object(Bucket="footage", Key=upload.key, Body=b"another video")
    answer = shared.ask("video")
    assert answer["statusCode"] == 404
    assert "deleted or replaced" in answer["body"]


def test_a_video_that_may_not_be_read_because_it_is_gone_is_answered_with_a_page(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role of an existing bucket may list a prefix only, so S3 may answer 403 for a missing object."""
    s3 = shared.outputs.s3

    def refuse(**_: Any) -> Any:
        raise s3.exceptions.ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    monkeypatch.setattr(s3, "head_object", refuse)
    assert shared.ask("video")["statusCode"] == 404
    shared.put_video(b"video")
    with pytest.raises(s3.exceptions.ClientError):
        shared.ask("video")


def test_a_job_that_is_no_longer_known_is_answered_with_a_page(aws: Any, job: Job) -> None:
    assert Shared(aws, job).ask()["statusCode"] == 404
