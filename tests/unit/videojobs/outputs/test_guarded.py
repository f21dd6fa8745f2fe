"""A failing output: why it fails, what remains of it, and which errors are not its own."""

from typing import Any

import pytest

from tests.frames import make_frames
from tests.unit.videojobs.outputs.derived import KeptFiles
from videojobs.errors import BrokenResults
from videojobs.outputs.guarded import REASON_MAX_CHARACTERS, GuardedOutput
from videojobs.results.predictions import Frames

FRAMES = make_frames("m", [None])


class Files(KeptFiles):
    """Files that record what was done with them."""

    def __init__(self, outage: Exception | None = None) -> None:
        super().__init__()
        self.outage = outage
        self.ends: list[str] = []

    def complete(self) -> None:
        self.ends.append("completed")

    def discard(self) -> None:
        self.ends.append("given up")

    @property
    def locations(self) -> dict[str, str]:
        return dict.fromkeys(self.files, "s3://results/")


class Output:
    """An output that fails where a test tells it to."""

    def __init__(self, files: Any, at: str, error: Exception) -> None:
        self._at, self._error = at, error
        self.calls: list[str] = []
        files.open("a.json")
        self._reach("open")

    def add(self, _: Frames) -> None:
        self._reach("add")

    def finish(self) -> None:
        self._reach("finish")

    def _reach(self, place: str) -> None:
        self.calls.append(place)
        if self._at == place:
            raise self._error


def run(files: Files, at: str = "", error: Exception | None = None) -> tuple[GuardedOutput, list[str]]:
    """Runs an output with two batches of frames and its end; returns it, and its methods that were called."""
    calls: list[str] = []

    def open_output(files: Any) -> Output:
        output = Output(files, at, error or ValueError())
        calls.extend(output.calls)
        output.calls = calls
        return output

    guarded = GuardedOutput("csv", open_output, files)  # type: ignore[arg-type]
    for _ in range(2):
        guarded.add(FRAMES)
    guarded.finish()
    return guarded, calls


def test_an_output_without_a_fault_is_completed() -> None:
    files = Files()
    guarded, calls = run(files)
    assert (guarded.failure, guarded.locations) == (None, {"a.json": "s3://results/"})
    assert (calls, files.ends) == (["open", "add", "add", "finish"], ["completed"])


@pytest.mark.parametrize(("at", "called"), [("open", []), ("add", ["open", "add"]), ("finish", [])])
def test_an_output_that_fails_is_abandoned_and_not_called_again(at: str, called: list[str]) -> None:
    files = Files()
    guarded, calls = run(files, at, KeyError("x"))
    assert (guarded.failure, guarded.locations) == ("KeyError: 'x'", {})
    assert files.ends == ["given up"]
    assert not called or calls == called


def test_a_failure_s_reason_is_readable_and_safe_to_show() -> None:
    assert run(Files(), "add", BrokenResults("element 3 is 7"))[0].failure == "element 3 is 7"
    failure = run(Files(), "add", ValueError("\x1b[31m" + "x" * 1000))[0].failure
    assert failure
    assert failure.isprintable()
    assert failure.endswith("…")
    assert len(failure) < REASON_MAX_CHARACTERS + 10


def test_an_outage_is_raised() -> None:
    outage = ConnectionError("S3 is down.")
    with pytest.raises(ConnectionError) as raised:
        run(Files(outage), "add")
    assert raised.value is outage


def test_an_output_can_be_abandoned_for_an_outside_reason() -> None:
    files = Files()
    guarded = GuardedOutput("csv", lambda files: Output(files, "", ValueError()), files)  # type: ignore[arg-type]
    for _ in range(2):
        guarded.fail("It takes too long.")
    guarded.add(FRAMES)
    guarded.finish()
    assert (guarded.failure, guarded.locations) == ("It takes too long.", {})
    assert files.ends == ["given up"]
