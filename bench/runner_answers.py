"""Runs Roboflow's own runner on the random models of the parity tests. Its predictions are the tests' reference.

    .venv/bin/python -m bench.runner_answers write FOLDER          # the model packages
    ORACLE/bin/python bench/runner_answers.py read FOLDER > tests/unit/videoengine/runner_answers.json

ORACLE is a virtual environment with `inference-models[onnx-cpu]` and the torch and torchvision that it needs. It has
gigabytes, and no other command needs it. Version 0.39.6 made the committed file.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 200, 150
CONFIDENCE, IOU_THRESHOLD = 0.4, 0.3


def main() -> None:
    """Writes the packages, or prints the runner's predictions."""
    parser = argparse.ArgumentParser(description="Makes the reference of the parity tests.")
    parser.add_argument("step", choices=["write", "read"])
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.step == "write":
        write_packages(arguments.folder)
    else:
        answers = {folder.name: ask_runner(folder) for folder in sorted(arguments.folder.iterdir())}
        lines = (f" {json.dumps(name)}: {json.dumps(found, separators=(',', ':'))}" for name, found in answers.items())
        sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


def write_packages(folder: Path) -> None:
    """Writes each model package into a folder of its name."""
    from tests.stand_ins.random_models import make_random_packages

    for name, files in make_random_packages().items():
        package = folder / name
        package.mkdir(parents=True)
        for file, content in files.items():
            (package / file).write_bytes(content)


def ask_runner(package: Path) -> dict[str, Any]:
    """The runner's predictions of one package for a black picture. Boxes are corners in pixels."""
    import numpy as np
    import torch
    from inference_models import AutoModel

    model = AutoModel.from_pretrained(
        str(package), device=torch.device("cpu"), onnx_execution_providers=["CPUExecutionProvider"]
    )
    picture = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    result = model(picture, confidence=CONFIDENCE, iou_threshold=IOU_THRESHOLD)
    if "multi" in package.name:
        labels = result[0]
        return {"confidences": round_all(labels.confidence), "predicted": sorted(labels.class_ids.tolist())}
    if "classification" in package.name:
        return {"confidences": round_all(result.confidence[0]), "top": int(result.class_id[0])}
    points, boxes = (result[0][0], result[1][0]) if isinstance(result, tuple) else (None, result[0])
    answer = {
        "xyxy": boxes.xyxy.tolist(),
        "confidence": round_all(boxes.confidence),
        "class_id": boxes.class_id.tolist(),
    }
    if points is not None:
        answer["keypoints"] = [
            [[int(x), int(y), round(confidence, 4)] for (x, y), confidence in zip(xy, confidences, strict=True)]
            for xy, confidences in zip(points.xy.tolist(), points.confidence.tolist(), strict=True)
        ]
    if "segmentation" in package.name:
        answer["outlines"] = [trace_largest_part(mask.numpy().astype(np.uint8)) for mask in boxes.mask]
    return answer


def round_all(confidences: Any) -> list[float]:
    return [round(confidence, 4) for confidence in confidences.tolist()]


def trace_largest_part(mask: Any) -> list[list[int]]:
    """The outline of a mask's largest part, traced by OpenCV, as points (x, y) in pixels."""
    import cv2

    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline: list[list[int]] = max(contours, key=cv2.contourArea)[:, 0].tolist() if contours else []
    return outline


if __name__ == "__main__":
    main()
