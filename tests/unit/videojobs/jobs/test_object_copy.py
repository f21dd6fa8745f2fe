"""The command that corrects an object where it lies; test_existing_footage.py runs it."""

from typing import Any

import pytest

from videojobs.jobs.object_copy import COPY_MAX_BYTES, compose_corrected_command
from videojobs.jobs.uploads import Upload

BEGIN = (
    "aws s3api copy-object --bucket footage --key cam/a.mp4 --copy-source footage/cam/a.mp4 --copy-source-if-match e1"
)
STANDARD = f"{BEGIN} --storage-class STANDARD"
END = "--metadata-directive REPLACE --metadata infer-fps=2"
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1a2b"


def compose(head: dict[str, Any], key: str = "cam/a.mp4", size_bytes: int = 5) -> str:
    upload = Upload(bucket="footage", key=key, size_bytes=size_bytes, etag="e1")
    return compose_corrected_command(upload, {"infer-fps": "2"}, head)


@pytest.mark.parametrize(
    ("head", "command"),
    [
        ({}, STANDARD),
        ({"StorageClass": "ONEZONE_IA"}, f"{BEGIN} --storage-class ONEZONE_IA"),
        ({"ExpiresString": "never"}, f"{BEGIN} --expires never --storage-class STANDARD"),
        ({"CacheControl": "no-cache; max-age=60"}, f"{BEGIN} --cache-control 'no-cache; max-age=60' {STANDARD[-24:]}"),
        (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY_ARN, "BucketKeyEnabled": True},
            f"{STANDARD} --server-side-encryption aws:kms --ssekms-key-id {KEY_ARN} --bucket-key-enabled",
        ),
        # The AWS CLI would put the file's content in its place, or take it for an option, and a shell would run it.
        ({"ContentLanguage": "file:///a"}, f"""{STANDARD} --cli-input-json '{{"ContentLanguage": "file:///a"}}'"""),
        ({"ContentLanguage": "--x"}, f"""{STANDARD} --cli-input-json '{{"ContentLanguage": "--x"}}'"""),
        (
            {"ContentLanguage": "'$(x)"},
            rf"""{STANDARD} --cli-input-json '{{"ContentLanguage": "\u0027\u0024\u0028x\u0029"}}'""",
        ),
    ],
)
def test_a_command_sets_what_s3_does_not_copy(head: dict[str, Any], command: str) -> None:
    assert compose(head) == f"{command} {END}"


@pytest.mark.parametrize("key", ["it's.mp4", "file://a.mp4", "-a.mp4"])
def test_a_key_that_is_no_plain_word_is_left_to_the_person(key: str) -> None:
    words = compose({}, key).split()
    assert words[words.index("--key") + 1] == "KEY"


def test_a_video_above_copyobject_s_limit_is_copied_with_the_same_properties() -> None:
    head = {
        "ContentType": "video/mp4",
        "ContentDisposition": 'attachment; filename="a"',
        "StorageClass": "STANDARD_IA",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": KEY_ARN,
        "BucketKeyEnabled": True,
    }
    uri = "s3://footage/cam/a.mp4"
    properties = "--content-type video/mp4 --content-disposition CONTENTDISPOSITION --storage-class STANDARD_IA"
    key = f"--sse aws:kms --sse-kms-key-id {KEY_ARN}"
    assert compose(head, size_bytes=COPY_MAX_BYTES + 1) == f"aws s3 cp {uri} {uri} {properties} {key} {END}"
