import io
import json
import re
from datetime import UTC, datetime

import pytest
import typer

from tests.templates import read_definition
from videoinfer.display import STEPS, Display, describe_step, errors_for_people
from videoinfer.errors import CommandError
from videoinfer.job_texts import to_json
from videoinfer.notices_queue import ReceivedNotice
from videoinfer.terminal import Console
from videoinfer.upload_progress import Step
from videojobs.errors import NewerSchema

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOSTILE = "a\x1b]0;title\x07b\x9b31mc\rd\u202ee\x1b[2Jf"


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=40)


def read(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("step", "description"),
    [
        (Step(NOW, "Wait Before Checking"), None),
        (Step(NOW, "Check Job"), "The API is working on the video"),
        (Step(NOW, "Check Job", "running", 3), "The API is working on the video"),
        (Step(NOW, "Check Job", "failed", 3), "The API is working on the video: failed"),
        (Step(NOW, "Deliver Results", "delivered"), "Writing the outputs and sending the notice: delivered"),
    ],
)
def test_a_step_is_described_in_words(step: Step, description: str | None) -> None:
    assert describe_step(step) == description


def test_every_task_has_words() -> None:
    states = read_definition("pipeline")["States"]
    assert {name for name, state in states.items() if state["Type"] == "Task"} == STEPS.keys()


def test_repeated_polls_are_shown_once(console: Console) -> None:
    with Display(console).execution() as execution:
        for poll in (1, 2, 3):
            execution.step(Step(NOW, "Wait Before Checking"))
            execution.step(Step(NOW, "Check Job", "running", poll))
        execution.step(Step(NOW, "Check Job", "done", 4))

    assert re.findall("The API is working on the video.*", read(console)) == [
        "The API is working on the video",
        "The API is working on the video: done",
    ]


def test_the_bar_of_an_execution_shows_the_progress_while_it_is_known() -> None:
    terminal = Console(file=io.StringIO(), width=80, force_terminal=True)
    shown = []
    with Display(terminal).execution() as execution:
        for number, percent in enumerate((None, 0, 42, 100, None)):
            before = len(read(terminal))
            execution.progress(percent)
            execution.step(Step(NOW, "Check Job", f"outcome {number}"))  # draws the bar again
            shown.append(re.findall(r"\d+ %", read(terminal)[before:])[-1:])
    assert shown == [[], ["0 %"], ["42 %"], ["100 %"], []]


def test_text_to_copy_is_printed_unchanged(console: Console) -> None:
    uri = "s3://results/[bold]a very long key with spaces and more[/bold]/results.json"

    Display(console).notice(ReceivedNotice("clip.mp4: Rock", uri, "done"))

    assert uri in read(console)


def test_a_task_that_fails_is_not_reported_done(console: Console) -> None:
    with pytest.raises(RuntimeError), Display(console).task("Building", "Built"):
        raise RuntimeError

    assert "Built" not in read(console)


def test_a_progress_bar_advances_by_each_item_s_count(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    advances: list[int] = []
    monkeypatch.setattr("videoinfer.display.Progress.advance", lambda _bar, _task, steps: advances.append(steps))
    with Display(console).track([[1, 2], [3]], "Reading", total=3, count=len) as tracked:
        assert list(tracked) == [[1, 2], [3]]
    assert advances == [2, 1]


def test_an_error_s_text_is_shown_without_markup(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), errors_for_people():
        raise CommandError(HOSTILE)
    assert "a\\u001b]0;title" in capsys.readouterr().err.replace("\n", "")


def test_an_older_command_names_the_release_to_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), errors_for_people():
        raise NewerSchema(2, 1)
    assert "(schema 2; this release knows 1). Use the videoinfer of that release." in " ".join(
        capsys.readouterr().err.split()
    )


def test_json_output_has_the_same_value_on_a_terminal(console: Console) -> None:
    Display(console).text(to_json({"key": HOSTILE, "lines": "a\nb\ufeff"}))
    assert json.loads(read(console)) == {"key": HOSTILE, "lines": "a\nb\ufeff"}


def make_lock_error() -> RuntimeError:
    """The error that `threading.Condition.wait` raises if Ctrl-C comes while it has released its lock."""
    error = RuntimeError("release unlocked lock")
    error.__context__ = KeyboardInterrupt()
    return error


@pytest.mark.parametrize(
    "interrupt",
    [SystemExit(143), KeyboardInterrupt(), make_lock_error()],
    ids=["SIGTERM", "Ctrl-C", "Ctrl-C while a thread waits"],
)
def test_the_cursor_is_shown_after_an_interrupt_at_any_time(
    interrupt: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[bool] = []
    monkeypatch.setattr("rich.console.Console.show_cursor", lambda _, show=True: shown.append(show))
    with pytest.raises((SystemExit, typer.Exit)), errors_for_people():
        raise interrupt
    assert shown[-1]


def test_a_bug_does_not_count_as_an_interrupt() -> None:
    with pytest.raises(RuntimeError, match="a bug"), errors_for_people():
        raise RuntimeError("a bug")


def test_spaces_that_align_a_cell_are_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    Display(Console()).outcome("ok", ["job  ", "    2.7 s"], "done")
    assert "job        2.7 s  done" in capsys.readouterr().out
