import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from videoinfer.display import Display, describe_step
from videoinfer.notices import Notice
from videoinfer.uploads import Step

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=40)


def read(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("step", "description"),
    [
        (Step(NOW, "Check Job"), "Check Job"),
        (Step(NOW, "Check Job", "running", 3), "Check Job: running (poll 3)"),
        (Step(NOW, "Deliver Results", "delivered"), "Deliver Results: delivered"),
    ],
)
def test_a_step_is_described(step: Step, description: str) -> None:
    assert describe_step(step) == description


def test_the_rounds_of_a_wait_are_shown_once(console: Console) -> None:
    with Display(console).execution() as execution:
        for poll in (1, 2, 3):
            execution.step(Step(NOW, "Wait Before Checking"))
            execution.step(Step(NOW, "Check Job", "running", poll))
        execution.step(Step(NOW, "Check Job", "done", 4))

    assert read(console).count("Wait Before Checking") == 1
    assert "Check Job: running (poll 1)" in read(console)
    assert "Check Job: done (poll 4)" in read(console)


def test_what_a_person_may_copy_is_printed_as_it_is(console: Console) -> None:
    uri = "s3://results/[bold]a very long key with spaces and more[/bold]/results.json"

    Display(console).notice(Notice("Done: clip.mp4", uri))

    assert uri in read(console)


def test_counts_are_shown_by_model_and_class(console: Console) -> None:
    Display(console).counts({"hands": {"rock": 1234, "[red]": 1}})

    assert "hands" in read(console)
    assert "1,234" in read(console)
    assert "[red]" in read(console)


def test_a_task_that_fails_is_not_reported_done(console: Console) -> None:
    with pytest.raises(RuntimeError), Display(console).task("Building", "Built"):
        raise RuntimeError

    assert "Built" not in read(console)
