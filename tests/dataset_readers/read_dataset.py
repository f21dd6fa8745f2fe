"""Reads a dataset with a tool that people use, and prints as JSON what the tool counts. Runs in the tool's environment.

It must not import the project, which these environments lack.
"""

import contextlib
import importlib.metadata
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

COCO_FILE = "annotations/instances_train.json"


def read_pycocotools(folder: Path) -> dict[str, Any]:
    from pycocotools.coco import COCO

    coco = COCO(str(folder / COCO_FILE))
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    found = coco.loadAnns(coco.getAnnIds())
    masks = sum(bool(one["segmentation"]) and coco.annToMask(one).any() for one in found)
    images = [
        image for image in coco.loadImgs(coco.getImgIds()) if (folder / "images/train" / image["file_name"]).exists()
    ]
    return {
        **count(
            len(images),
            (names[one["category_id"]] for one in found),
            ((one["category_id"], one.get("track_id")) for one in found),
        ),
        "masks": int(masks),
        "keypoints": sum(one.get("num_keypoints", 0) for one in found),
    }


def read_datumaro(folder: Path, kind: str) -> dict[str, Any]:
    import datumaro

    dataset = datumaro.Dataset.import_from(str(folder), kind)
    categories = dataset.categories()[datumaro.AnnotationType.label]
    images = 0
    names: list[str] = []
    tracks: list[tuple[int, Any]] = []
    for item in dataset:
        # CVAT's file names no pictures: they are those of the task.
        images += kind == "cvat" or item.media.data is not None
        shown = [one for one in item.annotations if not one.attributes.get("outside")]
        # The points of a skeleton are annotations of its track, and so are the outline and the box of one in COCO.
        parts = "track_id" if kind == "cvat" else None
        objects = {one.attributes.get(parts, one.id or -number): one for number, one in enumerate(shown)}
        names += [categories[one.label].name for one in objects.values()]
        # A prediction without a track is a track of CVAT too. Datumaro reads no attributes of skeletons.
        name = "track_id" if any(one.type.name == "points" for one in shown) else "track"
        tracks += [(one.label, one.attributes.get(name)) for one in objects.values()]
    return count(images, names, tracks)


def read_fiftyone(folder: Path, kind: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"HOME": home, "FIFTYONE_DO_NOT_TRACK": "1"}
        from fiftyone.utils.coco import COCODetectionDatasetImporter
        from fiftyone.utils.yolo import YOLOv5DatasetImporter

        importer = (
            COCODetectionDatasetImporter(
                data_path=str(folder / "images/train"), labels_path=str(folder / COCO_FILE), label_types=["detections"]
            )
            if kind == "coco"
            else YOLOv5DatasetImporter(dataset_dir=str(folder), yaml_path="data.yaml", split="train")
        )
        with importer:
            found = [label for _, _, label in importer]
    return count(len(found), [one.label for label in found if label for one in label.detections])


def read_supervision(folder: Path, kind: str) -> dict[str, Any]:
    import supervision

    pictures = str(folder / "images/train")
    if kind == "coco":
        dataset = supervision.DetectionDataset.from_coco(pictures, str(folder / COCO_FILE))
    else:
        dataset = supervision.DetectionDataset.from_yolo(
            pictures, str(folder / "labels/train"), str(folder / "data.yaml")
        )
    images = 0
    names: list[str] = []
    for _, picture, detections in dataset:
        images += picture is not None
        names += [dataset.classes[number] for number in detections.class_id]
    return count(images, names)


def read_ultralytics(folder: Path) -> dict[str, Any]:
    from ultralytics.data import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(folder / "data.yaml"), autodownload=False)
    keypoints = data.get("kpt_shape")
    is_outlined = any(len(line.split()) > 5 for path in (folder / "labels/train").iterdir() for line in path.open())
    task = "pose" if keypoints else "segment" if is_outlined else "detect"
    dataset = YOLODataset(str(folder / "images/train"), data=data, task=task, augment=False)
    names = [data["names"][int(number)] for label in dataset.labels for number in label["cls"].ravel()]
    result = count(len(dataset.labels), names)
    result["masks"] = sum(len(label["segments"]) for label in dataset.labels)
    result["keypoints"] = sum(int((label["keypoints"][..., 2] > 0).sum()) for label in dataset.labels if keypoints)
    return result


def read_label_studio(folder: Path) -> dict[str, Any]:
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    config = (folder / "label-studio/config.xml").read_text()
    tasks = json.loads((folder / "label-studio/tasks.json").read_text())
    interface = LabelInterface(config)
    interface.validate()
    for task in tasks:
        assert interface.validate_task({"data": task["data"]}), task
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction), prediction
    # A person who accepts a prediction makes an annotation of it.
    accepted = [{**task, "id": number, "annotations": task["predictions"]} for number, task in enumerate(tasks)]
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch, "tasks.json"), Path(scratch, "coco")
        source.write_text(json.dumps(accepted))
        converter = Converter(config, str(folder), download_resources=False)
        converter.convert_to_coco(str(source), str(target / "coco"), is_dir=False)
        converter.convert_to_yolo(str(source), str(target / "yolo"), is_dir=False)
        coco = json.loads((target / "coco" / "result.json").read_text())
        lines = [line for path in (target / "yolo" / "labels").iterdir() for line in path.read_text().splitlines()]
    names = {category["id"]: category["name"] for category in coco["categories"]}
    # Its COCO has all key points of a picture in one more annotation; its YOLO has them object by object.
    found = [names[one["category_id"]] for one in coco["annotations"] if "keypoints" not in one]
    has_keypoints = "<KeyPointLabels" in config
    visible = sum(line.split()[7::3].count("2") for line in lines) if has_keypoints else 0
    regions = [region for task in tasks for prediction in task["predictions"] for region in prediction["result"]]
    objects = [region for region in regions if "parentID" not in region]
    tracks = [(label_of(region), *region.get("meta", {"text": [None]})["text"]) for region in objects]
    choices = [label_of(region) for region in regions if region["type"] == "choices"]
    masks = sum(bool(one["segmentation"]) for one in coco["annotations"] if "keypoints" not in one)
    result = count(len(coco["images"]), [*found, *choices], tracks)
    return {**result, "masks": masks, "keypoints": visible}


def label_of(region: dict[str, Any]) -> str:
    [label] = region["value"][region["type"]]
    return str(label)


def read_roboflow(folder: Path) -> dict[str, Any]:
    from roboflow.util.folderparser import parsefolder

    images = 0
    names: list[str] = []
    for image in parsefolder(str(folder))["images"]:
        images += 1
        annotation = image.get("annotationfile")
        if annotation and annotation.get("rawText"):
            coco = json.loads(annotation["rawText"])
            classes = {category["id"]: category["name"] for category in coco["categories"]}
            # An image without annotations gets one of a category that does not exist, for Roboflow's server.
            names += [classes[one["category_id"]] for one in coco["annotations"] if one["category_id"] in classes]
        elif annotation:
            lines = (folder / annotation["file"].lstrip("/")).read_text().splitlines()
            names += [str(annotation["labelmap"][int(line.split()[0])]) for line in lines]
    return count(images, names)


def count(images: int, names: Iterable[str], tracks: Iterable[tuple[Any, Any]] = ()) -> dict[str, Any]:
    return {
        "images": images,
        "labels": dict(sorted(Counter(names).items())),
        "tracks": len({track for track in tracks if track[1] is not None}),
    }


READERS: dict[str, tuple[str, Callable[[Path], dict[str, Any]]]] = {
    "pycocotools coco": ("pycocotools", read_pycocotools),
    "datumaro coco": ("datumaro", lambda folder: read_datumaro(folder, "coco")),
    "datumaro yolo": ("datumaro", lambda folder: read_datumaro(folder, "yolo")),
    "datumaro cvat": ("datumaro", lambda folder: read_datumaro(folder / "cvat", "cvat")),
    "supervision coco": ("supervision", lambda folder: read_supervision(folder, "coco")),
    "supervision yolo": ("supervision", lambda folder: read_supervision(folder, "yolo")),
    "ultralytics yolo": ("ultralytics", read_ultralytics),
    "fiftyone coco": ("fiftyone", lambda folder: read_fiftyone(folder, "coco")),
    "fiftyone yolo": ("fiftyone", lambda folder: read_fiftyone(folder, "yolo")),
    "label-studio-sdk label-studio": ("label-studio-sdk", read_label_studio),
    "roboflow coco": ("roboflow", read_roboflow),
    "roboflow yolo": ("roboflow", read_roboflow),
}

"""By name, which is that of the tool and the format: the tool's package, and the reader."""

if __name__ == "__main__":
    package, read = READERS[sys.argv[1]]
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        result = read(Path(sys.argv[2]))
    print(json.dumps({"version": importlib.metadata.version(package), **result}))
