"""A dataset's files become objects and one ZIP file, completely or not at all."""

import io
import threading
import time
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from videojobs.dataset.objects import _WAITING_MAX, DatasetObjects
from videojobs.results.bucket import PART_BYTES, ResultsBucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER, ZIP = "results/a b.mp4/job-1/dataset/", "results/a b.mp4/job-1/dataset.zip"


class Stop(Exception):
    pass


@pytest.fixture
def s3(aws: Any) -> "S3Client":
    """A client of this test's own, so that others don't get its handlers."""
    return boto3.client("s3")


@pytest.fixture
def bucket(aws: Any, s3: "S3Client") -> ResultsBucket:
    return ResultsBucket(s3, aws.results_bucket)


def open_sink(bucket: ResultsBucket, watch: Any = lambda: None) -> DatasetObjects:
    return DatasetObjects(bucket, FOLDER, ZIP, watch)


def read_objects(aws: Any) -> dict[str, bytes]:
    found = aws.s3.list_objects_v2(Bucket=aws.results_bucket).get("Contents", [])
    keys = [entry["Key"] for entry in found]
    return {key: aws.s3.get_object(Bucket=aws.results_bucket, Key=key)["Body"].read() for key in keys}


@pytest.mark.slow
def test_each_file_is_an_object_and_in_the_zip_file(aws: Any, bucket: ResultsBucket) -> None:
    files: dict[str, bytes] = {f"images/train/{number:08}.jpg": bytes([number]) * 1000 for number in range(40)}
    texts = {"data.yaml": b"names: [car]\n", "labels/train/00000000.txt": b""}
    with open_sink(bucket) as sink:
        for name, content in {**files, **texts}.items():
            sink.write(name, content)
        sink.write("annotations/instances_train.json", io.BytesIO(b"[" + b"0," * 4_000_000 + b"0]"))
    objects = read_objects(aws)
    archive = zipfile.ZipFile(io.BytesIO(objects.pop(ZIP)))
    assert archive.testzip() is None
    assert {FOLDER + name: archive.read(name) for name in archive.namelist()} == objects
    assert objects.keys() >= {FOLDER + name for name in {**files, **texts}}
    infos = {info.filename: info for info in archive.infolist()}
    assert {infos[name].compress_type for name in files} == {zipfile.ZIP_STORED}
    assert infos["annotations/instances_train.json"].compress_size < 100_000
    assert len(objects[f"{FOLDER}annotations/instances_train.json"]) > PART_BYTES
    head = aws.s3.head_object(Bucket=aws.results_bucket, Key=f"{FOLDER}images/train/00000000.jpg")
    assert head["ContentType"] == "image/jpeg"


def test_label_studio_gets_the_uri_of_an_object(aws: Any, bucket: ResultsBucket) -> None:
    assert open_sink(bucket).locate("images/train/1.jpg") == f"s3://{aws.results_bucket}/{FOLDER}images/train/1.jpg"


@pytest.mark.slow
@pytest.mark.parametrize("size", [1000, 2 * PART_BYTES])
def test_an_error_leaves_no_zip_file_and_no_open_upload(aws: Any, bucket: ResultsBucket, size: int) -> None:
    def work() -> None:
        with open_sink(bucket) as sink:
            sink.write("images/train/1.jpg", bytes(size))
            raise Stop

    with pytest.raises(Stop):
        work()
    assert ZIP not in read_objects(aws)
    assert "Uploads" not in aws.s3.list_multipart_uploads(Bucket=aws.results_bucket)


def test_what_watches_the_time_ends_the_work(aws: Any, bucket: ResultsBucket) -> None:
    def watch() -> None:
        raise Stop

    with pytest.raises(Stop), open_sink(bucket, watch) as sink:
        sink.write("data.yaml", b"")
    assert read_objects(aws) == {}


def test_an_object_that_cannot_be_put_fails_the_dataset(aws: Any, s3: "S3Client", bucket: ResultsBucket) -> None:
    def refuse(params: Any, **_: Any) -> None:
        if params["url_path"].endswith("/3.jpg"):
            raise Stop

    s3.meta.events.register("before-call.s3.PutObject", refuse)
    written: list[int] = []

    def work() -> None:
        with open_sink(bucket) as sink:
            for number in range(1000):
                sink.write(f"images/train/{number}.jpg", b"jpg")
                written.append(number)

    with pytest.raises(Stop):
        work()
    assert len(written) < 1000
    assert ZIP not in read_objects(aws)


def test_the_last_object_that_cannot_be_put_fails_the_dataset(s3: "S3Client", bucket: ResultsBucket) -> None:
    def refuse(**_: Any) -> None:
        raise Stop

    s3.meta.events.register("before-call.s3.PutObject", refuse)
    with pytest.raises(Stop), open_sink(bucket) as sink:
        sink.write("data.yaml", b"")


@pytest.mark.slow
def test_few_files_wait_in_memory(s3: "S3Client", bucket: ResultsBucket) -> None:
    release, written = threading.Event(), list[int]()

    def hold(**_: Any) -> None:
        assert release.wait(30)

    def work() -> None:
        with open_sink(bucket) as sink:
            for number in range(10 * _WAITING_MAX):
                sink.write(f"images/train/{number}.jpg", b"jpg")
                written.append(number)

    s3.meta.events.register("before-call.s3.PutObject", hold)
    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 30
    while len(written) < _WAITING_MAX and time.monotonic() < deadline:
        time.sleep(0.01)
    thread.join(0.2)
    waiting = len(written)
    release.set()
    thread.join(60)
    assert waiting == _WAITING_MAX
    assert len(written) == 10 * _WAITING_MAX
