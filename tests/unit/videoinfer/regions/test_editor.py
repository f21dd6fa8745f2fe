"""The server behind the page that draws regions."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket
import requests
from PIL import Image

from tests.serving import serve
from videoinfer.regions.editor import BODY_MAX_BYTES, Editor, compose_policy, make_server, read_page
from videoinfer.regions.picture import StillFrame

JSON = {"Content-Type": "application/json"}
DOOR = {"name": "door", "line": [[0.2, 0.8], [0.7, 0.8]]}


@pytest.fixture
def url() -> Iterator[str]:
    pytest_socket.enable_socket()
    still = StillFrame(Image.new("RGB", (64, 36), "red"), 1.5)
    server = make_server(Editor("t0ken", still, (), Path("belt.mp4")))
    with serve(server):
        yield server.url


def post(url: str, body: bytes | str) -> requests.Response:
    return requests.post(url + "check", data=body, headers=JSON, timeout=10)


def test_the_page_loads_only_from_its_server(url: str) -> None:
    assert url.startswith("http://127.0.0.1:")
    answer = requests.get(url, timeout=10)
    assert answer.content == read_page()
    assert answer.headers["Content-Security-Policy"] == compose_policy(read_page().decode())
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    assert requests.get(url + "frame.png", timeout=10).content.startswith(b"\x89PNG")
    start = requests.get(url + "start.json", timeout=10).json()
    assert start == {"video": "belt.mp4", "seconds": 1.5, "width": 64, "height": 36, "regions": []}


def test_the_page_names_no_other_host() -> None:
    text = read_page().decode().replace("http://www.w3.org/2000/svg", "")
    assert "://" not in text


@pytest.mark.parametrize("path", ["", "wrong/", "t0ken", "t0ke/start.json", "wrong/frame.png", "t0ken/../editor.py"])
def test_nothing_is_answered_without_the_token(url: str, path: str) -> None:
    base = url.removesuffix("t0ken/")
    assert requests.get(base + path, timeout=10).status_code == 404
    assert requests.post(base + "wrong/check", data="[]", headers=JSON, timeout=10).status_code == 404


def test_regions_are_answered_with_their_forms(url: str) -> None:
    answer = post(url, json.dumps([DOOR])).json()
    assert answer["regions"] == [DOOR]
    assert set(answer) == {"regions", "json", "upload", "routes", "warnings"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"[", "regions: not valid JSON"),
        (b"\xff", "regions: not valid UTF-8."),
        (b"{}", "regions: a list of polygons and lines is needed."),
        (b'[{"name": "x", "line": [[0, 0], [0, 0]]}]', "regions: 'x': a line has two different points."),
        (b"[NaN]", "regions: not valid JSON"),
        (b"[" * 5000, "regions: not valid JSON"),
    ],
)
def test_invalid_regions_are_answered_with_the_parser_s_message(url: str, body: bytes, error: str) -> None:
    answer = post(url, body).json()
    assert list(answer) == ["error"]
    assert answer["error"].startswith(error)


def test_only_json_of_a_page_s_size_is_read(url: str) -> None:
    assert post(url, b" " * (BODY_MAX_BYTES + 1)).status_code == 413
    assert requests.post(url + "check", data="[]", timeout=10).status_code == 404  # a form of another site can send it


@pytest.mark.slow
def test_ctrl_c_ends_the_command_without_an_error(video: Path) -> None:
    pytest_socket.enable_socket()
    command = [sys.executable, "-m", "videoinfer", "regions", str(video), "--edit"]
    # A process that is started in the background inherits an ignored SIGINT.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"})
    finally:
        signal.signal(signal.SIGINT, previous)
    with process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        assert requests.get(url + "start.json", timeout=10).json()["video"] == "gray.mp4"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert output.endswith("The page is closed.\n")
