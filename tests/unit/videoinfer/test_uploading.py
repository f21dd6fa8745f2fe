"""`videoinfer upload`: what becomes of files, and what is refused before anything is sent."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from tests.pipeline_stacks import UPLOAD_OPTIONS, make_stack
from videoinfer import stack_commands, uploading
from videoinfer.aws_clients import AwsClients
from videoinfer.exit_codes import ExitCode
from videoinfer.main import app
from videojobs.jobs.upload_metadata import METADATA_OPTIONS

type Stack = Any


@pytest.fixture
def stack(clients: AwsClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose fields a test may set, and two files in the current folder."""
    clients.s3.create_bucket(Bucket="uploads")
    clients.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    fields: dict[str, Any] = {}
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: make_stack(clients, **fields))
    monkeypatch.chdir(tmp_path)
    for name in ("belt.mp4", "dock.mp4"):
        Path(name).write_bytes(name.encode())
    return fields


def upload(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["upload", *arguments])


def list_keys(clients: AwsClients) -> list[str]:
    return [entry["Key"] for entry in clients.s3.list_objects_v2(Bucket="uploads").get("Contents", [])]


def test_a_file_becomes_an_object_with_its_options(stack: Stack, clients: AwsClients) -> None:
    result = upload(
        "belt.mp4", "--to", "line-3/", "--infer-fps", "2", "--classes", '["människa"]', "--annotate", "true"
    )

    assert result.exit_code == 0, result.output
    head = clients.s3.head_object(Bucket="uploads", Key="line-3/belt.mp4")
    assert head["Metadata"] == {"infer-fps": "2", "classes": '["m\\u00e4nniska"]', "annotate": "true"}
    assert head["ContentType"] == "video/mp4"
    said = " ".join(result.output.split())
    assert "s3://uploads/line-3/belt.mp4 is uploaded. The API bills 2 frames of each second" in said
    assert "by hands/4" in said


def test_the_command_names_the_job_as_the_pipeline_will(stack: Stack, clients: AwsClients) -> None:
    [sent] = json.loads(upload("belt.mp4", "--json").output)

    head = clients.s3.head_object(Bucket="uploads", Key="belt.mp4")
    assert (sent["version_id"], sent["etag"]) == (head["VersionId"], head["ETag"].strip('"'))
    assert "videoinfer wait belt-mp4-" in upload("belt.mp4", "--replace").output


def test_several_files_go_into_one_folder(stack: Stack, clients: AwsClients) -> None:
    assert upload("belt.mp4", "dock.mp4", "--to", "a/").exit_code == 0
    assert upload("belt.mp4", "--to", "b/c.mp4").exit_code == 0

    assert list_keys(clients) == ["a/belt.mp4", "a/dock.mp4", "b/c.mp4"]


def test_a_large_file_is_sent_in_parts(stack: Stack, clients: AwsClients) -> None:
    Path("belt.mp4").write_bytes(bytes(9_000_000))

    assert upload("belt.mp4").exit_code == 0
    assert upload("belt.mp4").exit_code == ExitCode.ERROR
    assert clients.s3.head_object(Bucket="uploads", Key="belt.mp4")["ContentLength"] == 9_000_000


def test_an_object_is_only_replaced_on_demand(stack: Stack, clients: AwsClients) -> None:
    clients.s3.put_object(Bucket="uploads", Key="dock.mp4", Body=b"another video")

    result = upload("belt.mp4", "dock.mp4")
    assert result.exit_code == ExitCode.ERROR
    assert "s3://uploads/dock.mp4 exists, and is not replaced: give another --to, or --replace" in result.output
    assert list_keys(clients) == ["dock.mp4"]

    assert upload("dock.mp4", "--replace").exit_code == 0
    assert clients.s3.get_object(Bucket="uploads", Key="dock.mp4")["Body"].read() == b"dock.mp4"


def test_an_object_that_appears_meanwhile_is_not_replaced(
    stack: Stack, clients: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a person who may not read, S3 says nothing of the object before it is written."""
    clients.s3.put_object(Bucket="uploads", Key="belt.mp4", Body=b"another video")

    def deny(**_: str) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": ""}}, "HeadObject")

    monkeypatch.setattr(clients.s3, "head_object", deny)
    result = upload("belt.mp4")

    assert result.exit_code == ExitCode.ERROR
    assert "exists, and is not replaced" in result.output
    assert clients.s3.get_object(Bucket="uploads", Key="belt.mp4")["Body"].read() == b"another video"


@pytest.mark.usefixtures("stack")
def test_programs_get_what_was_uploaded_before_an_error(clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each upload is a job that is billed."""
    monkeypatch.setattr(stack_commands, "check_keys", lambda *_: None)
    clients.s3.put_object(Bucket="uploads", Key="dock.mp4", Body=b"another video")

    result = upload("belt.mp4", "dock.mp4", "--json")

    assert result.exit_code == ExitCode.ERROR
    assert [it["key"] for it in json.loads(result.stdout)] == ["belt.mp4"]
    assert "exists, and is not replaced" in result.stderr


def test_uploads_go_below_the_prefix_of_an_existing_bucket(stack: Stack, clients: AwsClients) -> None:
    stack["uploads_prefix"] = "cameras/"

    assert upload("belt.mp4").exit_code == 0
    assert list_keys(clients) == ["cameras/belt.mp4"]
    result = upload("belt.mp4", "--to", "elsewhere/")
    assert result.exit_code == ExitCode.ERROR
    assert "only uploads below cameras/ (UploadsPrefix): give --to cameras/" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no.mp4"], "The file no.mp4 does not exist."),
        (["folder.mp4"], "folder.mp4 is a folder: give a file in it."),
        (["pipe.mp4"], "pipe.mp4 is not a file."),
        (["empty.mp4"], "empty.mp4 is empty (0 bytes)"),
        (["notes.txt"], "does not take files that end in .txt"),
        (["notes.ts"], "the stack ignores such files (UploadExtensions is mp4,mkv)."),
        (["belt.mp4", "dock.mp4", "--to", "a.mp4"], "a.mp4 is the key of one video"),
        (["belt.mp4", "./belt.mp4"], "Several files would get the key belt.mp4"),
        (["belt.mp4", "--to", "../a.mp4"], "has . or .. as a part"),
        (["belt.mp4", "--to", "s3://uploads/line-3/"], "give the key alone: what follows the bucket's name"),
        (["belt.mp4", "--infer-fps", "121"], "infer_fps: 121 is not between 1 and 120."),
        (["belt.mp4", "--regions", "[oops"], "--regions: not valid JSON"),
        (["belt.mp4", "--classes", "människa"], "S3 takes only ASCII."),
        (["belt.mp4", "--classes", "x" * 2048], "The options have 2,055 bytes, and S3 takes 2,048"),
        (["belt.mp4", "--input-mode", "upload"], "too large for the input mode upload"),
        (["s\udce4tt.mp4"], "is not valid UTF-8"),
    ],
)
def test_what_would_not_become_a_job_is_refused(
    stack: Stack, clients: AwsClients, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    stack["upload_options"] = UPLOAD_OPTIONS
    if arguments == ["notes.ts"]:
        stack["upload_extensions"] = "mp4,mkv"
    monkeypatch.setattr(uploading, "SENT_VIDEO_MAX_BYTES", 3)
    Path("folder.mp4").mkdir()
    os.mkfifo("pipe.mp4")
    for name, text in {"empty.mp4": "", "notes.txt": "text", "notes.ts": "text", "s\udce4tt.mp4": "x"}.items():
        Path(name).write_text(text)

    result = upload(*([] if "--to" in arguments else ["dock.mp4"]), *arguments)

    assert result.exit_code == ExitCode.ERROR, result.output
    assert words in " ".join(result.output.split())
    assert list_keys(clients) == []


def test_every_option_of_an_upload_has_a_flag() -> None:
    flags = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["upload", "-h"]).output.split()
    assert {f"--{name}" for name in METADATA_OPTIONS} <= set(flags)


def test_a_stack_with_invalid_routes_is_not_given_videos(stack: Stack) -> None:
    stack["upload_options"] = replace(UPLOAD_OPTIONS, prefix_routes="[]")

    result = upload("belt.mp4")

    assert result.exit_code == ExitCode.ERROR
    assert "The stack rejects uploads." in result.output
    assert "Correct PrefixRoutes: sam deploy --guided" in result.output
