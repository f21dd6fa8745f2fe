"""Which models there are in the models bucket."""

from typing import TYPE_CHECKING

from videoengine.errors import ModelPackageInvalid, NotFound
from videoengine.logs import logger
from videoengine.model_packages import ModelPackage
from videoengine.model_store import describe_package
from videoengine.projects import ModelVersion, order_by_version

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def list_versions(s3: "S3Client", bucket: str, model_id: str = "") -> dict[str, list[ModelVersion]]:
    """Lists the versions of all models, or of one, whether they can be run or not.

    Returns:
        For each model id, its versions, the newest last.
    """
    updated: dict[tuple[str, str], int] = {}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{model_id}/" if model_id else "")
    for entry in (entry for page in pages for entry in page.get("Contents", [])):
        # Other objects in the bucket are not part of a package.
        match entry["Key"].split("/"):
            case [name, number, file] if file:
                written_at = int(entry["LastModified"].timestamp())
                updated[name, number] = max(written_at, updated.get((name, number), 0))
    models: dict[str, list[ModelVersion]] = {}
    for version in order_by_version(ModelVersion(*names, written_at) for names, written_at in updated.items()):
        models.setdefault(version.model_id, []).append(version)
    return models


def describe_versions(s3: "S3Client", bucket: str, model_id: str) -> list[tuple[ModelVersion, ModelPackage]]:
    """The versions of a model that this engine can run, the newest last.

    Raises:
        NotFound: there is none. If the model has other versions, the message says why the newest can't be run.
    """
    reason = ""
    described = []
    for version in list_versions(s3, bucket, model_id).get(model_id, []):
        try:
            if package := describe_package(s3, bucket, version.package_name):
                described.append((version, package))
        except ModelPackageInvalid as error:
            reason = f": version {version.version} can't be run: {error}"
    if not described:
        raise NotFound(f"Project {model_id} not found{reason}")
    return described


def describe_version(s3: "S3Client", bucket: str, package_name: str) -> ModelPackage:
    """One version of a model.

    Args:
        package_name: `<model_id>/<model_version>`.

    Raises:
        NotFound: there is no such version, or this engine can't run it; the message says why.
    """
    try:
        package = describe_package(s3, bucket, package_name)
    except ModelPackageInvalid as error:
        raise NotFound(f"Model {package_name} not found: it can't be run: {error}") from error
    if package is None:
        raise NotFound(f"Model {package_name} not found")
    return package


def describe_newest(s3: "S3Client", bucket: str) -> list[tuple[ModelVersion, ModelPackage]]:
    """The newest version of each model, without models whose newest version this engine can't run."""
    described = []
    for versions in list_versions(s3, bucket).values():
        try:
            if package := describe_package(s3, bucket, versions[-1].package_name):
                described.append((versions[-1], package))
        except ModelPackageInvalid as error:
            logger.warning("Left out of the workspace", model=versions[-1].package_name, reason=str(error))
    return described
