"""Model packages in the models bucket, in folders `<model_id>/<model_version>/`, and their copies on disk."""

import hashlib
import os
import shutil
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from videoengine.errors import ModelPackageInvalid, explain_model
from videoengine.logs import logger
from videoengine.model_packages import DESCRIPTION_FILES, REQUIRED_FILES, WEIGHTS, ModelPackage, parse_package
from videoengine.onnx_file import find_external_files
from videoengine.scratch import scratch_folder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FILES = (WEIGHTS, *DESCRIPTION_FILES)

_SPARE_BYTES = 8 * 2**20
"""Disk space that stays free, because files take whole blocks and folders need space too."""


def describe_package(s3: "S3Client", bucket: str, package_name: str) -> ModelPackage | None:
    """Reads a package's description from the bucket.

    Args:
        package_name: `<model_id>/<model_version>`.

    Returns:
        The package with its size, but without its weights; None if the bucket has no such package.

    Raises:
        ModelPackageInvalid: a file is missing or broken, or this engine can't run the package.
    """
    listing = _list_objects(s3, bucket, package_name)
    if not listing:
        return None
    _check_complete(package_name, listing)
    package = parse_package(
        {
            name: s3.get_object(Bucket=bucket, Key=f"{package_name}/{name}")["Body"].read()
            for name in DESCRIPTION_FILES
            if name in listing
        }
    )
    # Weights may be in files of their own, whose names only the network knows.
    return replace(package, size_bytes=sum(file.size_bytes for file in listing.values()))


class ModelStore:
    """A cache of model packages on the function's disk.

    Packages stay on the disk for later jobs. When space is short, the least recently used ones are evicted, but none of
    the current job.
    """

    def __init__(self, s3: "S3Client", bucket: str, folder: Path) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._packages = folder / "packages"
        self._scratch = folder / "scratch"

    def fetch(self, package_names: Iterable[str]) -> dict[str, Path]:
        """Downloads the packages of one job that are not on the disk yet.

        A package that changed in the bucket gets a new folder, so old weights never run with new class names. A folder
        appears only when it is complete.

        Args:
            package_names: each `<model_id>/<model_version>`.

        Returns:
            The folder of each package, by name.

        Raises:
            ModelPackageInvalid: files are missing, or the job's packages together don't fit on the disk.
        """
        listings = {}
        for name in package_names:
            with explain_model(name):
                listings[name] = _list_objects(self._s3, self._bucket, name)
                _check_complete(name, listings[name])
        folders = {name: self._packages / name / _name_revision(listing) for name, listing in listings.items()}
        for name, folder in folders.items():
            if not folder.exists():
                with explain_model(name), scratch_folder(self._scratch) as scratch:
                    self._download(name, listings[name], scratch, keep=folders.values())
                    _move(scratch / "package", folder)
            now = time.time_ns()  # the file system's own clock ticks too slowly to tell two uses apart
            os.utime(folder, ns=(now, now))
        return folders

    def _download(self, name: str, listing: "Listing", scratch: Path, keep: Collection[Path]) -> None:
        folder = scratch / "package"
        folder.mkdir()

        def download(files: Iterable[str]) -> None:
            present = [file for file in files if file in listing]
            self._make_room(sum(listing[file].size_bytes for file in present), scratch, keep)
            with ThreadPoolExecutor(len(FILES)) as threads:
                ended = threads.map(
                    lambda file: self._s3.download_file(self._bucket, f"{name}/{file}", str(folder / file)), present
                )
            list(ended)  # raises the first exception of a download

        download(FILES)
        download(file for file in find_external_files(folder / WEIGHTS) if "/" not in file)

    def _make_room(self, size_bytes: int, scratch: Path, keep: Collection[Path]) -> None:
        idle = sorted(set(self._packages.glob("*/*/*")).difference(keep), key=lambda folder: folder.stat().st_mtime_ns)
        while (free := shutil.disk_usage(scratch).free) < size_bytes + _SPARE_BYTES:
            if not idle:
                raise ModelPackageInvalid(
                    f"its {_megabytes(size_bytes)} don't fit on the disk beside the job's other models: only "
                    f"{_megabytes(free)} are free"
                )
            evicted = idle.pop(0)
            logger.info("Model evicted from the disk", model="/".join(evicted.parts[-3:-1]))
            # Renaming is atomic, so a visible folder is always complete.
            evicted.rename(scratch / "evicted")
            shutil.rmtree(scratch / "evicted")


def _move(downloaded: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        downloaded.rename(folder)
    except OSError:
        # Workers on the embedded AWS may share a disk, and another worker may have been faster.
        if not folder.exists():
            raise


@dataclass(frozen=True)
class StoredFile:
    """A file of a package in the bucket."""

    etag: str
    size_bytes: int


type Listing = dict[str, StoredFile]
"""The files of a package, by name."""


def _name_revision(listing: Listing) -> str:
    content = "".join(name + file.etag for name, file in sorted(listing.items()))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _list_objects(s3: "S3Client", bucket: str, package_name: str) -> Listing:
    prefix = f"{package_name}/"
    listing = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {entry["Key"].removeprefix(prefix): StoredFile(entry["ETag"], entry["Size"]) for entry in listing}


def _check_complete(package_name: str, listing: Listing) -> None:
    if missing := [name for name in REQUIRED_FILES if name not in listing]:
        raise ModelPackageInvalid(f"{package_name} has no {' and no '.join(missing)}")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB"
