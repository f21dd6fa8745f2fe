"""The functions that decode a video get a job's files, or a reason why they can't."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.videojobs.studio import SAMPLE_VIDEO, Studio
from videojobs.drawing.job_files import VIDEO_MAX_BYTES, JobFiles, download_job_files
from videojobs.errors import VideoNotDrawable
from videojobs.jobs.media_outputs import ANNOTATION, DATASET, MEDIA_OUTPUTS, MediaOutput
from videojobs.result_files import RESULTS_FILE, locate_results


def download(studio: Studio, output: MediaOutput = DATASET) -> JobFiles:
    with download_job_files(studio.aws.s3, studio.aws.results_bucket, studio.job, output) as files:
        assert files.video.read_bytes() == SAMPLE_VIDEO.read_bytes()
        assert b"frame_offset" in files.results.read_bytes()
        assert {*files.folder.iterdir()} == {files.video, files.results}
    return files


@pytest.mark.parametrize("output", MEDIA_OUTPUTS, ids=lambda output: output.name)
def test_the_files_of_a_job_are_there_and_then_removed(studio: Studio, output: MediaOutput) -> None:
    studio.put_video(studio.job, b"another video since")
    files = download(studio, output)
    assert not files.folder.exists()
    assert files.folder.parent == Path(tempfile.gettempdir(), output.name)


@pytest.mark.parametrize(
    ("output", "words"),
    [(ANNOTATION, "Videos above 6 GiB get no annotated video."), (DATASET, "Videos above 6 GiB get no dataset.")],
    ids=["annotation", "dataset"],
)
def test_a_video_that_is_too_large_is_given_as_the_reason(studio: Studio, output: MediaOutput, words: str) -> None:
    studio.job = replace(studio.job, upload=replace(studio.job.upload, size_bytes=VIDEO_MAX_BYTES + 1))
    with pytest.raises(VideoNotDrawable, match=words):
        download(studio, output)


def test_a_video_that_is_replaced_at_the_last_moment_is_not_downloaded(studio: Studio) -> None:
    """The bucket has no versioning, so S3 has to check in the very request that gets the bytes."""
    s3, key = studio.aws.s3, studio.job.upload.key
    s3.create_bucket(Bucket="footage")
    etag = s3.put_object(Bucket="footage", Key=key, Body=SAMPLE_VIDEO.read_bytes())["ETag"].strip('"')
    upload = replace(studio.job.upload, bucket="footage", version_id=None, etag=etag)
    studio.job = replace(studio.job, upload=upload)
    download(studio)

    def replace_video(**_: object) -> None:
        s3.meta.events.unregister("before-send.s3.GetObject", replace_video)
        s3.put_object(Bucket="footage", Key=key, Body=b"another video")

    s3.meta.events.register_first("before-send.s3.GetObject", replace_video)
    with pytest.raises(VideoNotDrawable, match=r"Another file has replaced the video\."):
        download(studio)


def test_missing_files_are_given_as_the_reason(studio: Studio) -> None:
    key = locate_results(studio.job.upload.key, studio.job.job_id, RESULTS_FILE)
    studio.aws.s3.delete_object(Bucket=studio.aws.results_bucket, Key=key)
    with pytest.raises(VideoNotDrawable, match=r"There are no results\."):
        download(studio)
    studio.aws.s3.delete_object(**studio.job.upload.location)
    with pytest.raises(VideoNotDrawable, match=r"The video has been deleted, or access to it is denied\."):
        download(studio)
