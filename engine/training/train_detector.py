"""Trains the detector of rock, paper and scissors on drawn hands, and writes its model package.

python -m engine.training.train_detector --package engine/models/rock-paper-scissors-presentation/4
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from engine.training.detector import STRIDE, Detector, cell_centers, detection_loss
from engine.training.hand_poses import CLASS_NAMES
from engine.training.training_set import HEIGHT, WIDTH, TrainingSet, load_or_draw, vary

INPUT_SIZE = 320
OPSET = 17
BATCH_SIZE = 32
PEAK_LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.02


def train(pictures: TrainingSet, epochs: int, seed: int) -> Detector:
    """Trains a detector. Its weights are an average over the last few hundred steps."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Detector(len(CLASS_NAMES))
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.2 times as fast on a CPU
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.995), use_buffers=True)  # type: ignore[no-untyped-call]
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = epochs * (len(pictures) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, total_steps=steps, pct_start=0.15)
    centers = cell_centers(HEIGHT // STRIDE, WIDTH // STRIDE)
    started, losses = time.monotonic(), list[float]()
    for step, batch in enumerate(_batches(pictures, epochs, rng)):
        images = torch.from_numpy(batch.images).permute(0, 3, 1, 2).float() / 255
        boxes, logits = model.predict(images)
        loss = detection_loss(boxes, logits, torch.from_numpy(batch.boxes), torch.from_numpy(batch.class_ids), centers)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        averaged.update_parameters(model)
        losses.append(loss.item())
        if step % 50 == 49:
            print(
                f"step {step + 1}/{steps}: loss {np.mean(losses[-50:]):.3f}, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    return cast(Detector, averaged.module).eval()


def write_package(model: Detector, package: Path) -> None:
    """Writes the package: weights.onnx, class_names.txt, inference_config.json, model_config.json."""
    package.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        (torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE),),
        package / "weights.onnx",
        input_names=["images"],
        output_names=["output0"],
        opset_version=OPSET,
        dynamo=False,  # the newer exporter starts at opset 18
    )
    network_input = {
        "training_input_size": {"height": INPUT_SIZE, "width": INPUT_SIZE},
        "dynamic_spatial_size_supported": False,
        "color_mode": "rgb",
        "resize_mode": "letterbox",
        "padding_value": 114,
        "input_channels": 3,
        "scaling_factor": 255,
    }
    inference = {
        "network_input": network_input,
        "forward_pass": {"static_batch_size": 1},
        "post_processing": {"type": "nms", "fused": False},
    }
    configuration = {"model_architecture": "yolov8", "task_type": "object-detection", "backend_type": "onnx"}
    (package / "class_names.txt").write_text("".join(f"{name}\n" for name in CLASS_NAMES))
    (package / "inference_config.json").write_text(json.dumps(inference, indent=2) + "\n")
    (package / "model_config.json").write_text(json.dumps(configuration, indent=2) + "\n")


def _batches(pictures: TrainingSet, epochs: int, rng: np.random.Generator) -> Iterator[TrainingSet]:
    for _ in range(epochs):
        order = rng.permutation(len(pictures))
        for start in range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE):
            chosen = np.sort(order[start : start + BATCH_SIZE])
            yield vary(TrainingSet(pictures.images[chosen], pictures.boxes[chosen], pictures.class_ids[chosen]), rng)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the detector and writes its model package.")
    parser.add_argument("--package", type=Path, required=True, help="folder of the model package")
    parser.add_argument("--pictures", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--cache", type=Path, default=Path(".build/training/pictures.npz"), help="cache file for the drawn pictures"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pictures = load_or_draw(arguments.cache, arguments.pictures, arguments.seed, arguments.threads)
    write_package(train(pictures, arguments.epochs, arguments.seed), arguments.package)


if __name__ == "__main__":
    main()
