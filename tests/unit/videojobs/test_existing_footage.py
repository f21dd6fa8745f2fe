"""Uploads in a bucket of the owner's: remedies leave everything there as it is."""

import itertools
import json
import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore import xform_name
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import count_examples
from tests.unit.videojobs.jobs.test_commands import read_metadata
from tests.unit.videojobs.test_create_job import SETTINGS, build
from tests.unit.videojobs.test_create_job import upload as make_upload
from videojobs.api.accepted_videos import HOSTED_API_URL
from videojobs.errors import BrokenAnswer
from videojobs.jobs.upload_metadata import METADATA_OPTIONS
from videojobs.jobs.uploads import JobRequest, Upload

numbers = itertools.count()
S3_MODEL = boto3.client("s3", region_name="us-east-1").meta.service_model
FOOTAGE = replace(
    SETTINGS, existing_bucket="true", uploads_prefix="cam/", upload_extensions="*", api_url=HOSTED_API_URL
)


@pytest.fixture
def footage(aws: Any) -> Any:
    aws.s3.create_bucket(Bucket="footage")
    return aws


def put(aws: Any, key: str = "cam/a.mp4", **parameters: Any) -> Upload:
    etag = aws.s3.put_object(Bucket="footage", Key=key, Body=b"video", **parameters)["ETag"].strip('"')
    return Upload(bucket="footage", key=key, size_bytes=5, etag=etag)


def reject(aws: Any, upload: Upload, *answers: Any) -> str:
    """Returns the notice of the rejection."""
    creator, _ = build(aws, *answers, settings=FOOTAGE)
    assert creator.create_job(JobRequest(upload, 1))["status"] == "rejected"
    [notice] = aws.notices()
    message: str = notice["Message"]
    return message


def find_command(notice: str) -> str:
    [command] = re.findall(r"(?m)^  (aws s3api .+)$", notice)
    return str(command)


def test_a_converted_video_gets_a_key_that_no_other_has(footage: Any) -> None:
    put(footage, "cam/a.mp4")
    put(footage, "cam/a.mov.mp4")
    notice = reject(footage, put(footage, "cam/a.mov"))
    assert " &&\n  aws s3 cp ./a.mov.mp4 s3://footage/cam/a.mov.2.mp4\n" in notice


@pytest.mark.parametrize("answers", [[(401, {"error": "no"})], [*[(200, b"?")] * 3, ()]])
def test_a_retry_is_the_remedy_if_nothing_about_the_object_is_wrong(footage: Any, answers: list[Any]) -> None:
    upload = put(footage)
    *first, last = answers
    creator, _ = build(footage, *first, settings=FOOTAGE)
    for _ in first:
        with pytest.raises(BrokenAnswer):
            creator.create_job(JobRequest(upload, 1))
    notice = reject(footage, upload, last)
    assert f"\n  videoinfer retry {upload.upload_id}\n" in notice
    assert "aws s3" not in notice


def read_copy(command: str) -> dict[str, Any]:
    """Reads `aws s3api copy-object` as a shell and the AWS CLI do: as CopyObject's parameters in botocore."""
    *words, last = shlex.split(command)
    assert words[:3] == ["aws", "s3api", "copy-object"]
    members: Any = vars(S3_MODEL)["_service_description"]["shapes"]["CopyObjectRequest"]["members"]
    names = {f"--{xform_name(name, '-')}": name for name in members}
    read: dict[str, Any] = {}
    rest = iter([*words[3:], last])
    for word in rest:
        if word == "--bucket-key-enabled":
            read["BucketKeyEnabled"] = True
        elif word == "--cli-input-json":
            read |= json.loads(next(rest))
        elif word == "--metadata":
            read["Metadata"] = read_metadata(f"'{next(rest)}'")
        else:
            read[names[word]] = next(rest)
    assert read.keys() <= members.keys()
    return read


OWNERS_METADATA = [
    {"camera-id": "7"},
    {"owner": "bob", "camera-name": "North Gate"},
    {"timestamp": "2026-11-29T01:00:00Z", "model": "DS-2CD2"},
    {"device-model": "x", "uploaded-by": "x", "original-filename": "x.mp4", "user-id": "77", "owner-id": "7"},
    {"recorded": "2026-11-29", "recorded-by": "x", "annotated": "yes", "region": "EU", "class": "b", "truck": "3"},
]


@pytest.mark.slow
@pytest.mark.parametrize("metadata", OWNERS_METADATA)
def test_metadata_of_other_programs_is_ignored(footage: Any, metadata: dict[str, str]) -> None:
    creator, _ = build(footage, (200, {"job_id": "j1"}), settings=FOOTAGE)
    assert creator.create_job(JobRequest(put(footage, Metadata=metadata), 1))["status"] == "running"


@pytest.mark.parametrize("metadata", OWNERS_METADATA)
def test_in_the_stack_s_bucket_every_other_name_is_rejected(aws: Any, metadata: dict[str, str]) -> None:
    upload, name = make_upload(aws, "a.mp4", b"video", **metadata), next(iter(metadata))
    answer = build(aws)[0].create_job(JobRequest(upload, 1))
    assert answer["status"] == "rejected"
    assert f"{name}: there is no such option" in answer["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["infer-fsp", "Infer_Fps2", "confidance", "modelid", "clases", "tarck", "anotate"])
def test_an_obvious_misspelling_of_an_option_is_rejected(footage: Any, name: str) -> None:
    assert f"{name.lower()}: there is no such option; did you mean " in reject(
        footage, put(footage, Metadata={name: "2"})
    )


KEPT = {
    "StorageClass": "GLACIER_IR",
    "ContentType": "video/mp4; codecs=avc1",
    "CacheControl": "max-age=60",
    "ContentDisposition": 'attachment; filename="it\'s.mp4"',
    "ContentEncoding": "identity",
    "ContentLanguage": "de",
    "WebsiteRedirectLocation": "file:///etc/passwd",
}
PROPERTIES = (*KEPT, "Expires", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")


def compare(aws: Any, upload: Upload, command: str) -> set[str]:
    """Runs a command and returns the names in the metadata that it changed, and those of other properties."""
    before = aws.s3.head_object(Bucket=upload.bucket, Key=upload.key)
    tags = aws.s3.get_object_tagging(Bucket=upload.bucket, Key=upload.key)["TagSet"]
    parameters = read_copy(command)
    assert parameters["CopySourceIfMatch"] == upload.etag
    aws.s3.copy_object(**parameters)
    after = aws.s3.head_object(Bucket=upload.bucket, Key=upload.key)
    assert aws.s3.get_object_tagging(Bucket=upload.bucket, Key=upload.key)["TagSet"] == tags
    was, now = before["Metadata"], after["Metadata"]
    changed = {name for name in PROPERTIES if before.get(name) != after.get(name)}
    return changed | {name for name in {**was, **now} if was.get(name) != now.get(name)}


def test_a_corrected_command_keeps_everything_but_the_option(footage: Any) -> None:
    metadata = {"infer-fsp": "2", "owner-id": "7", "camera-name": 'it\'s $(North) "Gate"', "annotate": "true", "x": ""}
    upload = put(footage, Metadata=metadata, Tagging="site=north", Expires=datetime(2027, 1, 1, tzinfo=UTC), **KEPT)
    notice = reject(footage, upload)
    command = find_command(notice)
    assert compare(footage, upload, command.strip()) == {"infer-fsp", "infer-fps"}
    assert footage.s3.head_object(Bucket="footage", Key=upload.key)["Metadata"]["infer-fps"] == "2"
    assert not {"$", "&", "|", "`"} & set(command)
    assert "file:" not in command.partition("--cli-input-json")[0]


foreign_names = st.sampled_from(["camera-id", "owner-id", "model", "mtime", "x_y", "recorded-by", "a.b"])
option_values = st.sampled_from(["2", "true", "fast", "", "[", '[{"class": "a"}]', "cam_%Y", "person, truck", "; rm"])
option_names = st.sampled_from([*METADATA_OPTIONS, "infer-fsp", "confidance", "infer_fps", "anotate"])
printable_values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)


@pytest.mark.slow
@given(
    st.dictionaries(foreign_names, printable_values, max_size=3),
    st.dictionaries(option_names, option_values, min_size=1, max_size=3),
)
@settings(max_examples=count_examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_command_changes_only_what_the_reason_names(
    footage: Any, others: dict[str, str], options: dict[str, str]
) -> None:
    upload = put(footage, f"cam/{next(numbers)}.mp4", Metadata=others | options, StorageClass="ONEZONE_IA")
    creator, _ = build(footage, (200, {"job_id": "j1"}), settings=FOOTAGE)
    answer = creator.create_job(JobRequest(upload, 1))
    if answer["status"] == "running":
        return
    command = find_command(footage.notices()[-1]["Message"])
    changed = compare(footage, upload, command)
    assert not changed & others.keys()
    assert all(name in answer["reason"] or name.replace("-", "_") in answer["reason"] for name in changed), changed
