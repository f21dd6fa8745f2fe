"""Measures the memory and the time of making a dataset of all sampled frames, for a short video and a long one.

    .venv/bin/python -m bench.dataset [--minutes 20]

The short video has one minute of 640 by 360, and the long one repeats it. Both have 20 boxes on each of five sampled
frames a second. S3 is a stand-in that discards what it gets, so the time is that of decoding and writing.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.memory import GOP_SIZE, HEIGHT, INFER_FPS, RATE, SECONDS, WIDTH, repeat_video
from bench.moving_pictures import write_video
from videojobs.jobs.costs import Meter
from videojobs.jobs.dataset_frames import DatasetFrames
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model, Options
from videojobs.jobs.uploads import Upload
from videojobs.make_dataset import DatasetMaking

MODEL = Model("model", "1", "object-detection")
BOXES = 20


class DiscardingS3:
    """Has the video and the results on this machine, and counts the objects that are put."""

    def __init__(self, video: Path, results: Path) -> None:
        self.files = {"uploads": video, "results": results}
        self.objects = 0

    def download_file(self, bucket: str, _key: str, path: str, **_: Any) -> None:
        shutil.copyfile(self.files[bucket], path)

    def put_object(self, **_: Any) -> None:
        self.objects += 1

    def create_multipart_upload(self, **_: Any) -> dict[str, str]:
        return {"UploadId": "1"}

    def upload_part(self, **_: Any) -> dict[str, str]:
        return {"ETag": "1"}

    def complete_multipart_upload(self, **_: Any) -> None:
        self.objects += 1


def write_results(path: Path, frames: int) -> None:
    """Writes results whose boxes move, so that each picture has other labels."""
    box = {"width": 30, "height": 20, "confidence": 0.8, "class": "car", "class_id": 0}
    numbers = range(frames)
    with path.open("w") as file:
        step = RATE // INFER_FPS
        offsets: dict[str, list[float]] = {"frame_offset": [step * number for number in numbers]}
        offsets["time_offset"] = [number / INFER_FPS for number in numbers]
        file.write(json.dumps(offsets)[:-1] + f', "{MODEL.model_id}": [')
        for number in numbers:
            boxes = [
                {**box, "x": 20 + (37 * index + number) % 600, "y": 20 + 16 * index, "tracker_id": index}
                for index in range(BOXES)
            ]
            file.write(("," if number else "") + json.dumps({"predictions": boxes}))
        file.write("]}")


def make(video: Path, results: Path) -> None:
    """Makes the dataset in this process, and prints the objects, the seconds and the peak memory in KiB."""
    s3: Any = DiscardingS3(video, results)
    options = Options((MODEL,), INFER_FPS, "presigned", dataset_frames=DatasetFrames("all"))
    upload = Upload(bucket="uploads", key="a.mp4", size_bytes=video.stat().st_size, etag="e", version_id=None)
    time_text = "2026-11-29T00:00:00+00:00"
    job = Job(upload=upload, attempt=1, job_id="j", options=options, created_at=time_text, deadline_at=time_text)
    started_at = time.monotonic()
    answer = DatasetMaking(s3, "results", Meter(3008), lambda: 900.0).make(job)
    seconds = time.monotonic() - started_at
    if answer["status"] != "made":
        raise SystemExit(str(answer["reason"]))
    # VmHWM is this process's own peak. getrusage would also count the process that started it.
    peak = next(line for line in io.StringIO(Path("/proc/self/status").read_text()) if line.startswith("VmHWM"))
    print(s3.objects, seconds, peak.split()[1])  # noqa: T201


def measure(video: Path, results: Path) -> tuple[int, float, float]:
    """Makes the dataset in a new process. Returns the objects, the seconds and the peak memory in MiB."""
    command = [sys.executable, "-m", "bench.dataset", "--make", str(video), str(results)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    objects, seconds, peak = done.stdout.splitlines()[-1].split()
    return int(objects), float(seconds), int(peak) / 1024


def main() -> None:
    """Measures both videos, and prints a line for each."""
    parser = argparse.ArgumentParser(description="Measures the memory and the time of making a dataset.")
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--make", nargs=2, type=Path, metavar=("VIDEO", "RESULTS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        make(*given.make)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short, results = folder / "short.mp4", folder / "results.json"
        write_video(short, WIDTH, HEIGHT, RATE, GOP_SIZE, SECONDS)
        for minutes in (1, given.minutes):
            video = folder / f"{minutes}.mp4"
            repeat_video(short, video, minutes)
            write_results(results, minutes * SECONDS * INFER_FPS)
            objects, seconds, peak = measure(video, results)
            print(f"{minutes:>3} min: {objects:6,} objects, {seconds:6.1f} s, peak {peak:6.1f} MiB")  # noqa: T201


if __name__ == "__main__":
    main()
