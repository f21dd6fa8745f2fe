"""Models as Roboflow's platform shows them: a workspace of projects, a project for each model, with its versions.

The official client asks for these before it sends a video, and refuses to go on where an entry is missing. What the
platform knows of a dataset, such as its images and splits, is empty here: an engine has models alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from videoengine.model_packages import ModelPackage


@dataclass(frozen=True)
class ModelVersion:
    """A model package in the models bucket.

    Attributes:
        updated_at: seconds since the epoch; when the last of its files was written.
    """

    model_id: str
    version: str
    updated_at: int

    @property
    def package_name(self) -> str:
        """The model package's folder in the models bucket."""
        return f"{self.model_id}/{self.version}"


def describe_workspace(workspace: str, newest: Iterable[tuple[ModelVersion, ModelPackage]]) -> dict[str, Any]:
    """The answer about a workspace, by each model's newest version."""
    projects = [_describe_project(workspace, [version], package) for version, package in newest]
    return {"workspace": {"name": workspace, "url": workspace, "members": [], "projects": projects}}


def describe_project(workspace: str, versions: Sequence[tuple[ModelVersion, ModelPackage]]) -> dict[str, Any]:
    """The answer about one model, by its versions, of which there is at least one, the newest last."""
    return {
        "workspace": {"name": workspace, "url": workspace, "members": []},
        "project": _describe_project(workspace, [version for version, _ in versions], versions[-1][1]),
        "versions": [_describe_version(workspace, version, package) for version, package in reversed(versions)],
    }


def order_by_version(versions: Iterable[ModelVersion]) -> list[ModelVersion]:
    """The newest last: 10 comes after 9, and names that are no numbers come first, in their own order."""
    return sorted(versions, key=lambda entry: (_version_number(entry.version), entry.version))


def _version_number(version: str) -> int:
    return int(version) if version.isdecimal() else -1


def _describe_project(workspace: str, versions: Sequence[ModelVersion], newest: ModelPackage) -> dict[str, Any]:
    model_id = versions[0].model_id
    return {
        "id": f"{workspace}/{model_id}",
        "name": model_id,
        "type": newest.task_type,
        "created": min(version.updated_at for version in versions),
        "updated": max(version.updated_at for version in versions),
        "images": 0,
        "unannotated": 0,
        "annotation": model_id,
        "public": False,
        "splits": {},
        "classes": dict.fromkeys(newest.class_names, 0),
        "colors": {},
    }


def _describe_version(workspace: str, version: ModelVersion, package: ModelPackage) -> dict[str, Any]:
    return {
        "id": f"{workspace}/{version.package_name}",
        "name": version.version,
        "created": version.updated_at,
        "images": 0,
        "splits": {},
        "preprocessing": {},
        "augmentation": {},
        "exports": [],
        "model": {"id": version.package_name, "type": package.architecture},
    }
