"""Describes models as Roboflow's platform does: a workspace of projects, one project for each model and its versions.

The official client requests these before it sends a video, and fails if an entry is missing. Entries about data sets,
such as images and splits, are empty, because the engine has only models. On the platform, a version has trainings, and
each of them has models; here a version has one training with one model, both of which have the model package's name.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from videoengine.model_packages import ModelPackage

_MODEL_TYPE_ENDS = {
    "instance-segmentation": "-seg",
    "keypoint-detection": "-pose",
    "classification": "-cls",
}
"""By inference type, how a model type ends. The client takes models of all other types for object detectors:
https://github.com/roboflow/roboflow-python/blob/main/roboflow/util/model_processor.py (`task_of_model_type`).
"""


@dataclass(frozen=True)
class ModelVersion:
    """A model package in the models bucket.

    Attributes:
        updated_at: when the last of its files was written, in seconds since the epoch.
    """

    model_id: str
    version: str
    updated_at: int

    @property
    def package_name(self) -> str:
        """The model package's folder in the models bucket."""
        return f"{self.model_id}/{self.version}"


def describe_workspace(workspace: str, newest: Iterable[tuple[ModelVersion, ModelPackage]]) -> dict[str, Any]:
    """The response for a workspace, from the newest version of each model."""
    projects = [_describe_project(workspace, [version], package) for version, package in newest]
    return {"workspace": {"name": workspace, "url": workspace, "members": [], "projects": projects}}


def describe_project(workspace: str, versions: Sequence[tuple[ModelVersion, ModelPackage]]) -> dict[str, Any]:
    """The response for one model, from its versions: the newest last, and at least one."""
    return {
        "workspace": {"name": workspace, "url": workspace, "members": []},
        "project": _describe_project(workspace, [version for version, _ in versions], versions[-1][1]),
        "versions": [_describe_version(workspace, version, package) for version, package in reversed(versions)],
    }


def describe_trainings(package_name: str, package: ModelPackage) -> dict[str, Any]:
    """The response for the trainings of a version."""
    return {"trainings": [{"id": package_name, **_describe_training(package_name, package)}]}


def describe_training(package_name: str, package: ModelPackage) -> dict[str, Any]:
    """The response for one training, with its models."""
    training = _describe_training(package_name, package)
    return {"trainingId": package_name, **training, "models": [{"modelId": package_name}]}


def order_by_version(versions: Iterable[ModelVersion]) -> list[ModelVersion]:
    """Sorts versions, the newest last: 10 comes after 9. Versions that are not numbers come first, sorted by name."""
    return sorted(versions, key=lambda entry: (int(entry.version) if entry.version.isdecimal() else -1, entry.version))


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


def _describe_training(package_name: str, package: ModelPackage) -> dict[str, Any]:
    model_type = f"{package.architecture}{_MODEL_TYPE_ENDS.get(package.task_type, '')}"
    return {"status": "finished", "modelType": model_type, "modelIds": [package_name]}
