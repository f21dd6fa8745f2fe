"""Each operator's command with an AWS that does not answer, or only in part: it ends soon, with a message and its
status.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.config import Config
from typer.testing import CliRunner

from videoinfer import pipeline_stack
from videoinfer.main import app
from videoinfer.stack_commands import commands

COMMANDS = [
    ["jobs"],
    ["jobs", "--failed", "--json"],
    ["show", "belt.mp4"],
    ["jobs", "--watch"],
    ["wait", "belt.mp4"],
    ["open", "belt.mp4"],
    ["download", "belt.mp4"],
    ["logs", "belt.mp4"],
    ["upload", __file__],
    ["retry", "--failed"],
    ["cancel", "belt.mp4"],
    ["redeliver", "belt.mp4"],
    ["dead-letters", "--redrive"],
    ["backfill", "s3://archive/2024"],
    ["rebuild-ledger"],
    ["doctor"],
    ["verify"],
]
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": None,
    "AWS_PROFILE": None,
    "NO_PROXY": "127.0.0.1",
    "TERM": "dumb",
}
HALF_AN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<DescribeStacks"


@contextmanager
def say_and_fall_silent(words: bytes) -> Iterator[str]:
    """Yields an address that accepts connections, sends `words` to each and keeps it open, until the block ends."""
    taken = list[socket.socket]()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                taken.append(connection)
                connection.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in taken:
                connection.close()


def run(endpoint_url: str, arguments: list[str]) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env={**ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint_url})
    return result.exit_code, result.output


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the waits of an operator's commands to a fiftieth."""
    hurried = Config(connect_timeout=0.1, read_timeout=0.2, retries={"mode": "standard", "total_max_attempts": 1})
    monkeypatch.setattr(pipeline_stack, "_IMPATIENT", hurried)


def test_this_file_covers_every_command() -> None:
    names = {command.name or command.callback.__name__ for command in commands.registered_commands}  # type: ignore[union-attr]
    assert {command[0] for command in COMMANDS} == names


@pytest.mark.parametrize("words", [b"", HALF_AN_ANSWER], ids=["nothing", "half"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.usefixtures("hurry")
def test_a_command_says_that_aws_does_not_answer(command: list[str], words: bytes) -> None:
    with say_and_fall_silent(words) as url:
        exit_code, output = run(url, command)

    assert exit_code == 1
    remedy = "check the network, the region and AWS_ENDPOINT_URL, and run the command again."
    assert output == f"Error: AWS did not answer in time at {url}: {remedy}\n"


@pytest.mark.usefixtures("hurry")
def test_a_command_says_that_aws_cannot_be_reached() -> None:
    with say_and_fall_silent(b"") as url:
        pass

    exit_code, output = run(url, ["jobs"])

    assert exit_code == 1
    assert output.startswith(f"Error: AWS can't be reached at {url}: check the network, ")


def test_a_command_waits_for_less_than_a_minute() -> None:
    config: Any = pipeline_stack._IMPATIENT
    attempts = config.retries["total_max_attempts"]
    # Between two attempts, standard mode pauses for at most 2, then 4 seconds.
    assert (config.connect_timeout + config.read_timeout) * attempts + 2 + 4 < 60
