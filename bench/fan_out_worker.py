"""A worker of `bench.fan_out`. Its interpreter can import only what Lambda has.

    python -I -S -B bench/fan_out_worker.py CORE PACKAGE VIDEO IMPORT_PATH…

Reads a segment as JSON from each line, infers it, and prints its own CPU time, in seconds since it started.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Imports the function and loads the model like `infer_segment`, and then infers each segment."""
    core, package, video, *import_path = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    sys.path[:0] = import_path
    importlib.import_module("app")
    from videoengine import clients
    from videoengine.detections import Thresholds
    from videoengine.detector import Detector
    from videoengine.frame_inference import FrameInference
    from videoengine.segments import Segment
    from videoengine.video_file import open_video

    def fail(_: str, error: Exception) -> None:
        raise error

    clients.s3()
    inference = FrameInference({"model": (Detector(Path(package)), Thresholds(0.4, 0.3))}, fail)
    print(time.process_time(), flush=True)  # noqa: T201
    for line in sys.stdin:
        with open_video(video) as container:
            for _ in inference.infer(container, Segment.from_json(json.loads(line)).frames):
                pass
        print(time.process_time(), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
