"""Which URLs are of objects in the engine's own S3. boto3 signs those that the pipeline sends."""

import functools
from typing import Any, Literal

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from videoengine.destinations import WebAddress
from videoengine.own_objects import OwnObject, find_own_object
from videojobs.connections import connect_s3

REGIONS = "us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"
EU = "https://s3.eu-central-1.amazonaws.com"
KEYS = "a.mp4", "a b+c/ü %2F?#&=.mp4", "видео//x.mp4", "~!*'()$,;:@.mp4"


type Style = Literal["virtual", "path"]


@functools.cache
def make_client(region: str, *, style: Style = "virtual", dualstack: bool = False, signature: str = "s3v4") -> Any:
    """A client whose signed URLs have a form of S3's."""
    config = Config(s3={"addressing_style": style}, use_dualstack_endpoint=dualstack, signature_version=signature)
    return boto3.client(
        "s3", region_name=region, config=config, aws_access_key_id="a", aws_secret_access_key="b", aws_session_token="c"
    )


def find(url: str, region: str = "eu-central-1") -> OwnObject | None:
    """Finds as an engine in this region does."""
    return find_own_object(WebAddress.parse(url), make_client(region).meta.endpoint_url, region)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "form", [{}, {"style": "path"}, {"dualstack": True}, {"style": "path", "dualstack": True}, {"signature": "s3"}]
)
def test_signed_urls_of_the_own_region_are_recognized(form: dict[str, Any], region: str, key: str) -> None:
    client = make_client(region, **form)
    for version in ({}, {"VersionId": "3/L4k.q_-"}):
        location = {"Bucket": "my-uploads", "Key": key, **version}
        url = client.generate_presigned_url("get_object", Params=location)
        assert find(url, region) == OwnObject("my-uploads", key, version.get("VersionId"))


def test_the_urls_of_the_pipeline_are_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    connect_s3.cache_clear()
    location = {"Bucket": "my-uploads", "Key": "a b.mp4", "VersionId": "v1"}
    url = connect_s3().generate_presigned_url("get_object", Params=location, ExpiresIn=60)
    connect_s3.cache_clear()
    assert find(url) == OwnObject("my-uploads", "a b.mp4", "v1")


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1, max_size=50))
def test_a_key_is_read_as_it_was_signed_or_not_at_all(key: str) -> None:
    client = make_client("eu-central-1")
    url = client.generate_presigned_url("get_object", Params={"Bucket": "my-uploads", "Key": key})
    found = find(url)
    # urllib3 requests another path for segments of dots, and that one's object is meant then.
    assert found is None or found.key == key or "." in key


@pytest.mark.parametrize(
    "url",
    [
        "http://my-uploads.s3.eu-central-1.amazonaws.com/a.mp4",  # anyone could answer
        "https://my-uploads.s3.eu-central-1.amazonaws.com:8443/a.mp4",
        "https://my-uploads.s3.eu-west-1.amazonaws.com/a.mp4",
        "https://my-uploads.s3.amazonaws.com/a.mp4",
        "https://my-uploads.s3.eu-central-1.amazonaws.com.cn/a.mp4",
        "https://my-uploads.s3.eu-central-1.amazonaws.com.example.com/a.mp4",
        "https://my-uploads-s3.eu-central-1.amazonaws.com/a.mp4",
        "https://my-uploads.s3-eu-central-1.amazonaws.com/a.mp4",
        "https://my-uploads.s3-accelerate.amazonaws.com/a.mp4",
        "https://point-123456789012.s3-accesspoint.eu-central-1.amazonaws.com/a.mp4",
        "https://my-uploads.s3-website.eu-central-1.amazonaws.com/a.mp4",
        "https://s3.eu-central-1.amazonaws.com/",
        "https://s3.eu-central-1.amazonaws.com/my-uploads",
        "https://s3.eu-central-1.amazonaws.com/my-uploads/",
        "https://s3.eu-central-1.amazonaws.com//a.mp4",
        "https://s3.eu-central-1.amazonaws.com/My_Uploads/a.mp4",
        "https://my-uploads.s3.eu-central-1.amazonaws.com/",
        "https://my-uploads.s3.eu-central-1.amazonaws.com/a+b.mp4",
        "https://my-uploads.s3.eu-central-1.amazonaws.com/%FF.mp4",
        "https://my-uploads.s3.eu-central-1.amazonaws.com/a.mp4?acl",
        "https://my-uploads.s3.eu-central-1.amazonaws.com/a.mp4?partNumber=1",
        "https://my-uploads.s3.eu-central-1.amazonaws.com/a.mp4?versionId=1&versionId=2",
        "https://my-uploads.s3.eu-central-1.amazonaws.com/a.mp4?versionId",
        "https://videos.example.com/my-uploads.s3.eu-central-1.amazonaws.com/a.mp4",
    ],
)
def test_other_urls_are_not(url: str) -> None:
    assert find(url) is None


@pytest.mark.parametrize(
    ("arns", "is_in"),
    [
        ("", False),
        ("arn:aws:s3:::my-uploads/*", True),
        ("arn:aws:s3:::other/*,arn:aws-cn:s3:::my-uploads/cameras/*", True),
        ("arn:aws:s3:::my-uploads/cameras/1*", True),
        ("arn:aws:s3:::my-uploads/cameras/2*", False),
        ("arn:aws:s3:::my-upload/*", False),
        ("arn:aws:s3:::my/*", False),
    ],
)
def test_only_objects_of_allowed_buckets_are_copied(arns: str, is_in: bool) -> None:
    assert OwnObject("my-uploads", "cameras/1.mp4").is_in(arns) is is_in
