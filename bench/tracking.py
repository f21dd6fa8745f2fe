"""Measures the tracker at several frame rates, beside other trackers on the same detections.

    make .venv/ready .venv-tracking/ready
    .venv/bin/python -m bench.tracking [--drawn] [--rates 30 10 5 2 1] [--seeds 13]

Every tracker gets the same boxes, from the scenes in bench/tracking_scenes.py: simulated detections or, with --drawn,
those of the shipped model on clips of hands, which bench/tracking_drawn.py draws. TrackEval computes HOTA, AssA, DetA
and IDF1 (percent) and the identity switches, from a scene's true boxes and the boxes with a track ID. Each row is the
mean over scenes and seeds. The other trackers run with several settings, because their defaults are meant for 30 frames
per second.

The last lines are the processor time per box at 1, 10 and 100 boxes per frame.

    .venv/bin/python -m bench.tracking --delivery [--megabytes 20 200 2000] [--objects 1 10 100] [--rounds 5]

measures instead what tracking and two regions add to a delivery, beside supervision's ByteTrack in the same delivery.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from bench.tracking_delivery import WAYS, measure_deliveries
from bench.tracking_drawn import draw_scenes
from videoinfer.repository import ROOT

RATES = [30, 10, 5, 2, 1]

CLIPS = ROOT / ".build" / "tracking"
"""The drawn clips, their true boxes and the model's results. They are used again while they are there."""


def main() -> None:
    """Runs the comparison in the other trackers' environment."""
    parser = argparse.ArgumentParser(description="Compares the tracker with others.")
    parser.add_argument("--rates", type=int, nargs="*", default=RATES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[13], help="seeds of the scenes")
    parser.add_argument(
        "--python", type=Path, default=ROOT / ".venv-tracking/bin/python", help="the other trackers' Python"
    )
    parser.add_argument("--drawn", action="store_true", help="drawn clips and the shipped model's detections")
    parser.add_argument("--no-speed", action="store_true", help="leave out the times")
    parser.add_argument("--delivery", action="store_true", help="measure deliveries")
    parser.add_argument("--megabytes", type=float, nargs="+", default=[20, 200])
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    arguments = parser.parse_args()
    if arguments.delivery:
        [packages] = arguments.python.parent.parent.glob("lib/python3*/site-packages")
        measure_deliveries(
            arguments.megabytes, arguments.objects, arguments.rounds, packages=packages, ways=arguments.ways
        )
        return
    command = [arguments.python, "-m", "bench.tracking_contenders", "--rates", *map(str, arguments.rates)]
    command += ["--seeds", *map(str, arguments.seeds), *(["--no-speed"] if arguments.no_speed else [])]
    if arguments.drawn:
        draw_scenes(CLIPS, arguments.seeds)
        command += ["--drawn", CLIPS]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "videojobs")])
    sys.exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode)


if __name__ == "__main__":
    main()
