"""The engine's answers to the hostile inputs, through its real handlers, as a caller sees them."""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from moto.s3 import models

from tests.hostile.addresses import NAMES, HostileAddress
from tests.hostile.bodies import HostileBody
from tests.hostile.servers import HOST, PART_BYTES, HostileServer, run_server
from tests.stand_ins.api_gateway import make_event
from tests.stand_ins.engine import API_KEY, MODEL, EngineInProcess
from tests.stand_ins.internet import PUBLIC_ADDRESS, Internet, answer_with, redirect_to, run_internet
from tests.stand_ins.videos import VideoSpec, make_video
from videoengine import parallel_fetch, video_fetch, video_server

DONE = "job: done"
PUBLIC_URL = f"https://{HOST}/"
_TRIED_ONCE = video_server._RETRIES.new(total=0)


def answer_body(engine: EngineInProcess, hostile: HostileBody) -> str:
    """Returns the status code and error of a request with this body."""
    event = make_event("POST", "/videoinfer", [("api_key", API_KEY)], body=hostile.content)
    answer = engine.invoke("serve_api", event)
    return f"{answer['statusCode']} {json.loads(answer['body'])['error']}"


def answer_address(engine: EngineInProcess, hostile: HostileAddress) -> str:
    """Returns the status code and error of a request for a video at this address, or the error of its job."""
    with _run_strange_internet() as internet:
        answer = _run_job(engine, hostile.url)
        assert internet.connections == []
    return answer


def answer_redirect(engine: EngineInProcess, hostile: HostileAddress) -> str:
    """Returns the error of a job whose valid address redirects to this one."""
    with _run_strange_internet() as internet:
        internet.answers.append(redirect_to(hostile.url))
        answer = _run_job(engine, PUBLIC_URL)
        assert [connection.address for connection in internet.connections] == [PUBLIC_ADDRESS]
    return answer


def answer_rebinding(engine: EngineInProcess, *, redirected: bool) -> str:
    """Returns the end of a job whose video's host first resolves to a public address, and then to loopback."""
    with run_internet() as internet:
        internet.names["rebinding.example"] = [[PUBLIC_ADDRESS], ["127.0.0.1"]]
        internet.answers.append(redirect_to("/b.mp4") if redirected else answer_with(make_video(VideoSpec())))
        answer = _run_job(engine, "https://rebinding.example/a.mp4")
        assert [connection.address for connection in internet.connections] == [PUBLIC_ADDRESS]
    return answer


def answer_server(engine: EngineInProcess, hostile: HostileServer) -> str:
    """Returns the error of a job whose video is on this server, or `DONE`."""
    allowing = replace(engine, environment={**engine.environment, "ALLOWED_RANGES": "127.0.0.1/32"})
    internet = Internet({HOST: [["127.0.0.1"]]})
    with (
        tempfile.TemporaryDirectory() as folder,
        run_server(hostile, Path(folder)) as url,
        patch.dict(os.environ, {"SSL_CERT_FILE": f"{folder}/ca.pem"}),
        patch.object(socket, "getaddrinfo", internet.resolve),
        patch.object(parallel_fetch, "PART_BYTES", PART_BYTES),
        patch.object(models, "S3_UPLOAD_PART_MIN_SIZE", PART_BYTES),
        patch.object(video_fetch, "FETCH_SECONDS", hostile.fetch_seconds),
        patch.multiple(video_server, READ_SECONDS=hostile.read_seconds, _RETRIES=_TRIED_ONCE),
    ):
        return _run_job(allowing, url)


@contextmanager
def _run_strange_internet() -> Iterator[Internet]:
    with run_internet() as internet:
        internet.names |= {name: [list(addresses) for addresses in answers] for name, answers in NAMES.items()}
        yield internet


def _run_job(engine: EngineInProcess, url: str) -> str:
    job = {"input_url": url, "infer_fps": 5, "models": [MODEL]}
    status, created = engine.request("POST", "/videoinfer", {"api_key": API_KEY}, job)
    if status != 200:
        return f"{status} {created['error']}"
    job_id = created["job_id"]
    engine.run_job(job_id)
    _, state = engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": job_id})
    assert engine.find_job(job_id).input_url is None  # it may hold a secret
    assert "secret" not in str(state.get("error"))
    return f"job: {state['error']}" if "error" in state else DONE
