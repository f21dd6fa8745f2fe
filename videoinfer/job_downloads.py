"""Downloads a job's outputs. A download that was interrupted continues with the files that are not there yet."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from botocore.exceptions import ClientError

from videoinfer.errors import CommandError
from videoinfer.ledger_view import Item
from videoinfer.output_file import translating_errors
from videoinfer.output_folder import OutputFolder
from videojobs.jobs.media_outputs import MEDIA_OUTPUTS
from videojobs.result_files import RECORD_FILE, REPORT_FILE, RESULTS_FILE, SUMMARY_FILE
from videojobs.s3_errors import is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_OF_THE_LINK = (REPORT_FILE, "report-data/")
"""The page loads its data and the video from its link, so it shows nothing as a file."""


@dataclass(frozen=True, kw_only=True)
class JobFile:
    """One of a job's files in the results bucket, at this moment."""

    name: str
    bucket: str
    key: str
    size_bytes: int
    modified_at: float

    def is_at(self, path: Path) -> bool:
        """Whether `download_files` has already put this very file there: it gives files the time of their object."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return False
        return (status.st_size, status.st_mtime) == (self.size_bytes, self.modified_at)


def find_files(s3: S3Client, item: Item) -> Iterator[JobFile | str]:
    """Yields the job's files, or the name of one that is no longer in the bucket. The report is left out."""
    results = item["results_location"]
    beside = {name: f"{results.removesuffix(RESULTS_FILE)}{name}" for name in (SUMMARY_FILE, RECORD_FILE)}
    media = {it.file_name: item[it.location] for it in MEDIA_OUTPUTS if it.location in item}
    for name, uri in {RESULTS_FILE: results, **beside, **item.get("outputs", {}), **media}.items():
        if name.startswith(_OF_THE_LINK):
            continue
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            head = s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if not is_missing(error):
                raise
            yield name
        else:
            yield JobFile(
                name=name,
                bucket=bucket,
                key=key,
                size_bytes=head["ContentLength"],
                modified_at=head["LastModified"].timestamp(),
            )


def download_files(
    s3: S3Client, files: Sequence[JobFile], folder: OutputFolder, advance: Callable[[int], None]
) -> None:
    """Puts the files into the unfinished folder, each only when it is complete, and removes others from there.

    Args:
        advance: Gets the number of bytes after each part.

    Raises:
        CommandError: The connection breaks again and again, or a file can't be written.
    """
    names = {file.name for file in files}
    with translating_errors(folder.path):
        for path in folder.unfinished.iterdir():
            if path.name not in names:
                path.unlink()  # a part that a killed download has left
        _check_room(folder, sum(file.size_bytes for file in files if not file.is_at(folder.unfinished / file.name)))
        for file in files:
            path = folder.unfinished / file.name
            if file.is_at(path):
                advance(file.size_bytes)
                continue
            try:
                s3.download_file(file.bucket, file.key, str(path), Callback=advance)
            except Boto3Error as error:
                again = "Run the command again: it continues where it stopped."
                raise CommandError(f"{file.name}: the connection to S3 broke off. {again}") from error
            os.utime(path, (file.modified_at, file.modified_at))


def _check_room(folder: OutputFolder, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder.unfinished).free
    if needed_bytes > free_bytes:
        sizes = f"the files have {needed_bytes / 1e6:,.0f} MB, and {free_bytes / 1e6:,.0f} MB are free there"
        raise CommandError(f"{folder.path} can't be written: {sizes}.")
