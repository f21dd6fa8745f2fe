"""How far a results file agrees with reference predictions of the same video.

    .venv/bin/python -m bench.parity out/results.json reference.json

The reference holds predictions by frame index:
{"frames": {"0": [{"x", "y", "width", "height", "confidence", "class"}]}}.
A box is found when the results have one of its class with an IoU of at least 0.9 and a confidence within 0.05.
"""

import argparse
import json
from pathlib import Path

from tests.boxes import count_matches

IOU, CONFIDENCE = 0.9, 0.05


def main() -> None:
    """Compares, and prints one line."""
    parser = argparse.ArgumentParser(description="Compares results with reference predictions.")
    parser.add_argument("results", type=Path)
    parser.add_argument("reference", type=Path)
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text())
    reference = json.loads(arguments.reference.read_text())["frames"]
    [model_id] = results.keys() - {"frame_offset", "time_offset"}
    frames = expected = found = matched = 0
    for frame_offset, element in zip(results["frame_offset"], results[model_id], strict=True):
        boxes, predictions = reference[str(frame_offset)], element["predictions"]
        frames, expected, found = frames + 1, expected + len(boxes), found + len(predictions)
        matched += count_matches(boxes, predictions, iou=IOU, confidence=CONFIDENCE)
    print(  # noqa: T201
        f"{frames} frames, {expected} reference boxes: {matched / expected:.1%} found, "
        f"{(found - matched) / found:.1%} of {found} boxes extra"
    )


if __name__ == "__main__":
    main()
