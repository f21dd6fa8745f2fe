"""Measures the tracker at several frame rates, beside other trackers on the same detections.

    make .venv/ready .venv-tracking/ready
    .venv/bin/python -m bench.tracking [--rates 30 10 5 2 1] [--seeds 13] [--python .venv-tracking/bin/python]

Every tracker gets the same boxes, from the scenes in bench/tracking_scenes.py. TrackEval computes HOTA, AssA, DetA and
IDF1 (percent) and the identity switches, from a scene's true boxes and the boxes with a track ID. Each row is the mean
over scenes and seeds. The other trackers run with several settings, because their defaults are meant for 30 frames per
second.

The last lines are the processor time per box at 1, 10 and 100 boxes per frame.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from videoinfer.repository import ROOT

RATES = [30, 10, 5, 2, 1]


def main() -> None:
    """Runs the comparison in the other trackers' environment."""
    parser = argparse.ArgumentParser(description="Compares the tracker with others.")
    parser.add_argument("--rates", type=int, nargs="*", default=RATES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[13], help="seeds of the scenes")
    parser.add_argument(
        "--python", type=Path, default=ROOT / ".venv-tracking/bin/python", help="the other trackers' Python"
    )
    parser.add_argument("--no-speed", action="store_true", help="leave out the times")
    arguments = parser.parse_args()
    command = [arguments.python, "-m", "bench.tracking_contenders", "--rates", *map(str, arguments.rates)]
    command += ["--seeds", *map(str, arguments.seeds), *(["--no-speed"] if arguments.no_speed else [])]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "videojobs")])
    sys.exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode)


if __name__ == "__main__":
    main()
