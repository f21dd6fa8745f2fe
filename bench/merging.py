"""Measures merging an hour's results, by the number of requests at once (`bench/job_steps.py`).

.venv/bin/python -m bench.merging [--milliseconds 30] [--repeats 3]
"""

import argparse
import sys
from statistics import median

from bench.job_steps import merge_results, store_parts
from bench.loopback_aws import run_loopback_aws

SEGMENTS, FRAMES = 528, 18_000
AT_ONCE = (8, 16, 22, 32, 54, 96)


def main() -> None:
    """Merges with each number of requests in turn, and prints a line for each."""
    parser = argparse.ArgumentParser(description="Measures merging an hour's results.")
    parser.add_argument("--milliseconds", type=int, default=30, help="until S3 answers")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    seconds: dict[int, list[float]] = {at_once: [] for at_once in AT_ONCE}
    with run_loopback_aws(arguments.milliseconds) as aws:
        store_parts(aws, "hour", SEGMENTS, FRAMES)
        for _ in range(arguments.repeats):
            for at_once, runs in seconds.items():
                runs.append(aws.run(merge_results, "hour", SEGMENTS, at_once).seconds)
    for at_once, runs in seconds.items():
        sys.stdout.write(f"{at_once} requests at once: {median(runs):.2f} s\n")


if __name__ == "__main__":
    main()
