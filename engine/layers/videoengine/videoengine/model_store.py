"""Model packages in the models bucket: `<model_id>/<model_version>/` and the package's files."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import DESCRIPTION_FILES, REQUIRED_FILES, WEIGHTS, ModelPackage, parse_package

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FILES = (WEIGHTS, *DESCRIPTION_FILES)


def describe_package(s3: "S3Client", bucket: str, package_name: str) -> ModelPackage | None:
    """What a package says about itself; None where there is no such package.

    Args:
        package_name: `<model_id>/<model_version>`.

    Raises:
        ModelPackageInvalid: it can't be run.
    """
    etags = _list_etags(s3, bucket, package_name)
    if not etags:
        return None
    _check_complete(package_name, etags)
    return parse_package(
        {
            name: s3.get_object(Bucket=bucket, Key=f"{package_name}/{name}")["Body"].read()
            for name in DESCRIPTION_FILES
            if name in etags
        }
    )


def download_package(s3: "S3Client", bucket: str, package_name: str, cache: Path) -> Path:
    """The folder under `cache` with the package's files, downloaded unless they are there already.

    A package that changed in the bucket has another folder: nobody runs yesterday's weights with today's class names.

    Raises:
        ModelPackageInvalid: files are missing.
    """
    etags = _list_etags(s3, bucket, package_name)
    _check_complete(package_name, etags)
    present = [name for name in FILES if name in etags]
    revision = hashlib.sha256("".join(name + etags[name] for name in present).encode()).hexdigest()[:16]
    folder = cache / package_name / revision
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(len(FILES)) as threads:
        # boto3 downloads to a temporary name and renames, so a file that is there is whole.
        downloads = [
            threads.submit(s3.download_file, bucket, f"{package_name}/{name}", str(folder / name))
            for name in present
            if not (folder / name).exists()
        ]
    for download in downloads:
        download.result()
    return folder


def _list_etags(s3: "S3Client", bucket: str, package_name: str) -> dict[str, str]:
    prefix = f"{package_name}/"
    listing = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {entry["Key"].removeprefix(prefix): entry["ETag"] for entry in listing}


def _check_complete(package_name: str, etags: dict[str, str]) -> None:
    if missing := [name for name in REQUIRED_FILES if name not in etags]:
        raise ModelPackageInvalid(f"{package_name} has no {' and no '.join(missing)}")
