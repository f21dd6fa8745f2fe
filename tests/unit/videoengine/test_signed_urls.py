"""Signed URLs: what clients read in them, what their signature covers, and how the engine recognizes them."""

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from videoengine.object_keys import upload_key
from videoengine.signed_urls import UPLOAD_EXPIRES_SECONDS, find_upload_key, sign_results, sign_upload

KEY = upload_key("0b6ae1b1-2f60-4b07-a56f-7c8a34b1a2ad", "a b+c%ü.mp4")


@pytest.fixture(params=["eu-central-1", "us-east-1"])
def s3(request: pytest.FixtureRequest) -> Any:
    config = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    return boto3.client("s3", region_name=request.param, config=config)


def sign_again(url: str, region: str) -> str:
    """The signature that S3 computes for a URL that it receives."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items() if name != "X-Amz-Signature"}
    request = AWSRequest("PUT", f"{parts.scheme}://{parts.netloc}{parts.path}", params=query)
    request.headers["host"] = parts.netloc
    request.context.update(timestamp=query["X-Amz-Date"], signing={"region": region})
    auth = S3SigV4QueryAuth(Credentials("testing", "testing"), "s3", region)
    canonical = auth.canonical_request(request)
    return str(auth.signature(auth.string_to_sign(request, canonical), request))


def test_the_official_client_finds_the_expiry(s3: Any) -> None:
    url = sign_upload(s3, "videos", KEY)
    assert url.split("&X-Goog-Expires")[1].startswith(f"={UPLOAD_EXPIRES_SECONDS}")


def test_the_signature_covers_what_was_added(s3: Any) -> None:
    url = sign_upload(s3, "videos", KEY)
    [signature] = parse_qs(urlsplit(url).query)["X-Amz-Signature"]
    assert sign_again(url, s3.meta.region_name) == signature
    assert sign_again(url.replace("X-Goog-Expires=3600", "X-Goog-Expires=3601"), s3.meta.region_name) != signature


def test_other_requests_are_not_changed(s3: Any) -> None:
    sign_upload(s3, "videos", KEY)
    params = {"Bucket": "videos", "Key": KEY}
    assert "X-Goog" not in s3.generate_presigned_url("put_object", Params=params)
    assert "X-Goog" not in sign_results(s3, "videos", "jobs/a/results.json")


def test_urls_of_buckets_outside_virginia_name_their_region(s3: Any) -> None:
    host = urlsplit(sign_upload(s3, "videos", KEY)).hostname
    region = "" if s3.meta.region_name == "us-east-1" else f".{s3.meta.region_name}"
    assert host == f"videos.s3{region}.amazonaws.com"


def test_an_upload_url_is_recognized_with_and_without_its_query(s3: Any) -> None:
    url = sign_upload(s3, "videos", KEY)
    assert find_upload_key(s3, "videos", url) == KEY
    assert find_upload_key(s3, "videos", url.partition("?")[0]) == KEY


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/uploads/1f0c/a.mp4",
        "https://other.s3.amazonaws.com/uploads/1f0c/a.mp4",
        "https://videos.s3.amazonaws.com/jobs/1f0c/results.json",
        "https://videos.s3.amazonaws.com.example.com/uploads/1f0c/a.mp4",
    ],
)
def test_other_urls_are_not_recognized(url: str, s3: Any) -> None:
    assert find_upload_key(s3, "videos", url) is None


def test_a_key_survives_signing_and_parsing(s3: Any) -> None:
    url = sign_upload(s3, "videos", KEY)
    assert quote(KEY) in url
