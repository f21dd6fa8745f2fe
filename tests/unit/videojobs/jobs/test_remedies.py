"""Commands that make an upload acceptable: none of them replaces or moves a file of the owner's."""

import io
import shlex
import subprocess
import unicodedata
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videojobs.jobs.remedies import OWN_BUCKET, UploadsPlace, suggest_corrected_video, suggest_remedy, suggest_upload
from videojobs.jobs.uploads import Upload, find_fault

FOOTAGE = UploadsPlace(prefix="cameras/", is_existing=True)
PLACES = (OWN_BUCKET, FOOTAGE, UploadsPlace(prefix="cam", is_existing=True))
CODECS = {
    ".mov": {"h264", "hevc", "prores", "qtrle"},
    ".3gp": {"h264", "h263", "mpeg4"},
    ".3g2": {"h264", "h263", "mpeg4"},
    ".ts": {"h264", "hevc", "mpeg2video", "mpeg4", "vc1"},
    ".mts": {"h264"},
    ".m2ts": {"h264", "mpeg2video", "vc1"},
    ".m4v": {"h264", "hevc", "mpeg4"},
}
"""FFmpeg's names of the codecs that cameras and programs write into files of an extension."""


def make_upload(key: str, *, size_bytes: int = 1, version_id: str | None = "v1") -> Upload:
    return Upload(bucket="uploads", key=key, size_bytes=size_bytes, etag="etag", version_id=version_id)


def test_a_file_of_another_format_is_converted_beside_what_is_there() -> None:
    remedy = suggest_remedy(make_upload("line 3//my clip.mov"))
    assert remedy.splitlines() == [
        "ffmpeg -i './my clip.mov' './my clip.mov.mp4' &&",
        "  aws s3 cp './my clip.mov.mp4' 's3://uploads/line 3//my clip.mov.mp4'",
    ]


def test_a_file_in_an_existing_bucket_is_downloaded_first() -> None:
    remedy = suggest_remedy(make_upload("cameras/a.ts"), FOOTAGE)
    assert remedy.splitlines() == [
        "aws s3 cp s3://uploads/cameras/a.ts ./a.ts &&",
        "  ffmpeg -i ./a.ts -c:v copy ./a.ts.mp4 &&",
        "  aws s3 cp ./a.ts.mp4 s3://uploads/cameras/a.ts.mp4",
    ]


def test_a_key_that_is_taken_is_not_suggested() -> None:
    taken = {"cameras/a.mov.mp4", "cameras/a.mov.2.mp4"}
    remedy = suggest_remedy(make_upload("cameras/a.mov"), FOOTAGE, is_taken=taken.__contains__)
    assert remedy.endswith("aws s3 cp ./a.mov.mp4 s3://uploads/cameras/a.mov.3.mp4")


def test_if_many_keys_are_taken_a_person_chooses_one_below_the_prefix() -> None:
    remedy = suggest_remedy(make_upload("cameras/x/a.mov"), FOOTAGE, is_taken=lambda _: True)
    assert remedy.endswith(" s3://uploads/cameras/OTHER_KEY.mp4")


@pytest.mark.parametrize(
    ("key", "place", "remedy"),
    [
        ("a" * 1000 + ".avi", OWN_BUCKET, f"aws s3 mv s3://uploads/{'a' * 1000}.avi s3://uploads/SHORTER_KEY.avi"),
        ("/up.mp4", OWN_BUCKET, "aws s3 mv s3:///up.mp4 s3://uploads/OTHER_KEY.mp4"),
        (
            "cameras/../up.MP4",
            FOOTAGE,
            "aws s3 cp s3://uploads/cameras/../up.MP4 s3://uploads/cameras/OTHER_KEY.mp4",
        ),
    ],
)
def test_another_key_is_below_the_prefix_and_an_existing_bucket_keeps_the_old_one(
    key: str, place: UploadsPlace, remedy: str
) -> None:
    assert suggest_remedy(make_upload(key), place) == remedy.replace("s3:///up", "s3://uploads//up")


def test_a_suggested_command_contains_no_key_that_a_shell_could_interpret() -> None:
    remedy = suggest_remedy(make_upload("it's here/$(rm).mov"))
    assert remedy.splitlines() == ["ffmpeg -i ./VIDEO ./VIDEO.mp4 &&", "  aws s3 cp ./VIDEO.mp4 s3://uploads/KEY"]


keys = st.tuples(st.text(st.sampled_from("ab./é ")), st.sampled_from(["", ".", ".mp4", ".mov", "/.mov", ".AVI"]))


@settings(deadline=None)
@given(st.text(max_size=20), st.sampled_from(["", ".", ".mp4", ".mov", "/.mov"]), st.sampled_from(PLACES))
def test_there_is_a_suggestion_for_every_key(key: str, ending: str, place: UploadsPlace) -> None:
    remedy = suggest_remedy(make_upload(key + ending), place).replace(" &&\n", "\n")
    assert all(c.isalnum() or c in "'\n ./:+@-_" or unicodedata.category(c)[0] == "M" for c in remedy)


@settings(deadline=None)
@given(keys, st.sampled_from(PLACES), st.sampled_from([0, 1]), st.sets(st.sampled_from(["a.mov.mp4", "a.mp4"])))
def test_no_suggestion_replaces_a_video_or_leaves_the_prefix(
    parts: tuple[str, str], place: UploadsPlace, size_bytes: int, others: set[str]
) -> None:
    upload = make_upload(f"{place.prefix}{''.join(parts)}", size_bytes=size_bytes)
    there = {upload.key, *(f"{place.prefix}{name}" for name in others)}
    remedy = suggest_remedy(upload, place, is_taken=there.__contains__)
    *first, last = remedy.splitlines()
    assert all(line.endswith(" &&") for line in first)
    assert not (place.is_existing and " mv " in remedy)
    target = shlex.split(last)[-1].removeprefix("s3://uploads/")
    if target == "KEY":
        return
    assert target.startswith(place.prefix)
    assert find_fault(make_upload(target)) is None
    is_reuploaded = target == upload.key and (size_bytes == 0 or find_fault(upload) is None)
    assert target not in there or is_reuploaded


@pytest.mark.parametrize("name", ["Belt.MP4", "belt.avi"])
def test_the_suggestion_for_an_empty_file_keeps_its_name(name: str) -> None:
    empty = make_upload(f"cameras/{name}", size_bytes=0)
    expected = f"aws s3 cp ./{name} s3://uploads/cameras/{name}"
    assert suggest_remedy(empty, FOOTAGE) == suggest_upload(empty) == expected


def test_the_suggestion_for_a_file_without_extension_adds_one() -> None:
    assert suggest_remedy(make_upload("cameras/belt")) == "aws s3 cp ./belt.mp4 s3://uploads/cameras/belt.mp4"
    converted = suggest_remedy(make_upload("cameras/belt"), FOOTAGE)
    assert "ffmpeg -i ./belt ./belt.mp4 &&" in converted


def test_a_corrected_video_replaces_only_one_of_which_the_bucket_keeps_the_version() -> None:
    versioned, other = make_upload("cam/a.mp4"), make_upload("cam/a.mp4", version_id=None)
    assert suggest_corrected_video(versioned) == "aws s3 cp ./a.mp4 s3://uploads/cam/a.mp4"
    assert suggest_corrected_video(other) == "aws s3 cp ./a.mp4 s3://uploads/cam/a.corrected.mp4"


@pytest.mark.parametrize("extension", CODECS)
def test_pictures_are_copied_from_formats_all_of_whose_codecs_mp4_takes(extension: str) -> None:
    with av.open(io.BytesIO(), "w", format="mp4") as mp4:
        fits = CODECS[extension] <= mp4.supported_codecs
    assert (" -c:v copy " in suggest_remedy(make_upload(f"a{extension}"))) == fits


def test_a_failed_step_ends_the_suggested_commands(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, status in (("aws", 0), ("ffmpeg", 1)):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> calls\nexit {status}\n')
        program.chmod(0o755)
    remedy = suggest_remedy(make_upload("cameras/a.mov"), FOOTAGE)
    subprocess.run(["/bin/sh", "-c", remedy], cwd=tmp_path, env={"PATH": str(programs)}, check=False)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["aws", "ffmpeg"]
    assert all(first != second for first, second in pairwise(calls))
