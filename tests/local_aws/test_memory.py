"""Large objects pass through functions without being held in memory."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand_ins.video_inference_api import StandInApi, stand_in_api
from videoinfer.local.embedded_aws import EmbeddedAws, tool_environment
from videoinfer.repository import ROOT

MIB = 1024 * 1024
SMALL, LARGE = 8 * MIB, 256 * MIB
BUCKET = "memory"

# In a process of its own, so that its peak memory is that of the work only.
UPLOAD = """
import sys
import requests
from videojobs.api.client import VideoInferenceApi
from videojobs.api.turns import Turn
from videojobs.connections import connect_s3
url, bucket, key, size = sys.argv[1:]
api = VideoInferenceApi(url, "key", requests.Session)
body = connect_s3().get_object(Bucket=bucket, Key=key)["Body"]
api.send_video(api.create_upload_url(Turn(), key, "key"), body, int(size))
"""
DOWNLOAD = """
import sys
import requests
from videojobs.api.client import VideoInferenceApi
from videojobs.connections import connect_s3
from videojobs.jobs.options import Model
from videojobs.results.analysis import Analysis
from videojobs.results.derivation import derive
from videojobs.results.bucket import ResultsBucket
from videojobs.outputs.summary import Summary
url, bucket, key, size = sys.argv[1:]
api = VideoInferenceApi(url, "key", requests.Session)
models = [Model("hands", "4", "object-detection")]
results = ResultsBucket(connect_s3(), bucket)
pieces = results.copy_stream(api.open_results(f"{url}/results.json"), results.write(key, "application/json"))
derive(pieces, models, [Summary(models)], lambda: results.read(key), analysis=Analysis(track=True))
"""


@pytest.fixture
def api() -> Iterator[StandInApi]:
    with stand_in_api() as api:
        yield api


# Not `ru_maxrss`, which includes the memory of the parent process before the fork.
PRINT_PEAK = """
[line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(int(line.split()[1]) * 1024)
"""


def measure_peak(aws: EmbeddedAws, program: str, *arguments: str) -> int:
    """The peak memory, in bytes, of a process that runs `program`."""
    environment = {**tool_environment(aws), "PYTHONPATH": str(ROOT / "layers" / "videojobs")}
    command = [sys.executable, "-c", program + PRINT_PEAK, *arguments]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=Path.cwd())
    return int(done.stdout)


def test_uploading_takes_no_more_memory_for_a_large_video(aws: EmbeddedAws, api: StandInApi) -> None:
    aws.clients.s3.create_bucket(Bucket=BUCKET)
    peaks = []
    for size in (SMALL, LARGE):
        body = bytes(size)
        aws.clients.s3.put_object(Bucket=BUCKET, Key="video.mp4", Body=body)
        peaks.append(measure_peak(aws, UPLOAD, api.url, BUCKET, "video.mp4", str(size)))
        assert api.requests[-1][3].decode() == hashlib.sha256(body).hexdigest()
    assert peaks[1] - peaks[0] < 16 * MIB


def test_delivering_takes_no_more_memory_for_large_results(aws: EmbeddedAws, api: StandInApi) -> None:
    aws.clients.s3.create_bucket(Bucket=BUCKET)
    peaks = []
    # Both sizes exceed one part of a multipart upload, so that parts are held, and not the file.
    for frames in (250_000, 500_000):
        element = {"predictions": [{"class": "Rock", "x": 1.5, "y": 2.5, "width": 3.5, "height": 4.5}]}
        results = {"frame_offset": list(range(frames)), "time_offset": [0.0] * frames, "hands": [element] * frames}
        api.results = json.dumps(results).encode()
        peaks.append(measure_peak(aws, DOWNLOAD, api.url, BUCKET, "results.json", str(len(api.results))))
        delivered = aws.clients.s3.get_object(Bucket=BUCKET, Key="results.json")["Body"].read()
        assert delivered == api.results
    assert peaks[1] - peaks[0] < 16 * MIB
