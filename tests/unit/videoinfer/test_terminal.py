"""Only text reaches the terminal."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.unit.videoinfer.test_display import HOSTILE, NOW, read
from videoinfer.dead_letters import DeadLetter
from videoinfer.display import Display, errors_for_people
from videoinfer.errors import CommandError
from videoinfer.job_history import compose_job_history
from videoinfer.job_texts import HEADINGS, compose_facts, compose_letter_row, compose_list, compose_note, compose_row
from videoinfer.notices_queue import ReceivedNotice
from videoinfer.terminal import Console
from videoinfer.upload_progress import Step
from videojobs.jobs.states import JobState


def test_no_name_moves_the_cursor_or_sets_the_window_s_title() -> None:
    console = Console(file=io.StringIO(), width=400, force_terminal=True)
    display = Display(console)
    with display.task(HOSTILE, HOSTILE):
        pass
    display.warn(HOSTILE)
    display.finding("problem", HOSTILE, HOSTILE)
    display.heading(HOSTILE)
    display.text(HOSTILE)
    display.notice(ReceivedNotice(HOSTILE, HOSTILE, HOSTILE))
    display.outputs(Path(HOSTILE), [HOSTILE])
    display.facts([(HOSTILE, HOSTILE)])
    display.columns([[HOSTILE], [HOSTILE]], [HOSTILE])
    with display.execution() as execution:
        execution.step(Step(NOW, "Check Job", HOSTILE, 1))

    assert read(console).count("title") > 10
    assert not [mark for mark in ("\x1b]", "\x07", "\x9b", "\rd", "\u202e", "\x1b[2Jf") if mark in read(console)]


def _show_step(display: Display, text: str) -> None:
    with display.execution() as execution:
        execution.step(Step(NOW, "Check Job", text, 1))


def _show_task(display: Display, text: str) -> None:
    with display.task(text, text):
        pass


def _show_working(display: Display, text: str) -> None:
    with display.working(text), display.track([], text, total=0):
        pass
    with display.transfer(text, 0):
        pass


def _show_refreshed(display: Display, text: str) -> None:
    """Only a terminal shows it, with the lines of `columns`."""
    with pytest.raises(CommandError, match="needs a terminal"), display.refreshing() as refresh:
        refresh([[text], [text]], [text])


LINES: dict[str, tuple[int, Callable[[Display, str], None]]] = {
    "task": (1, _show_task),
    "working": (0, _show_working),
    "done": (1, lambda display, text: display.done(text)),
    "warn": (1, lambda display, text: display.warn(text)),
    "finding": (2, lambda display, text: display.finding("problem", text, text)),
    "outcome": (1, lambda display, text: display.outcome("wrong", [text, text], text)),
    "heading": (2, lambda display, text: display.heading(text)),
    "outputs": (4, lambda display, text: display.outputs(Path(text), [text, text])),
    "facts": (2, lambda display, text: display.facts([(text, text)] * 2)),
    "columns": (3, lambda display, text: display.columns([[text], [text]], [text])),
    "event": (1, lambda display, text: display.event(text, text, text)),
    "refreshing": (0, _show_refreshed),
    "execution": (1, _show_step),
    "track": (0, _show_working),
    "transfer": (0, _show_working),
}
"""How many lines each method of the display prints, whatever its arguments."""

MANY_LINES = {"text", "notice", "instructions"}
"""Methods that print the project's own text with its line breaks."""


def test_an_error_of_aws_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": "no\nJob  forged"}}, "GetItem")
    with pytest.raises(typer.Exit), errors_for_people():
        raise error
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_every_method_that_prints_is_in_one_of_the_lists() -> None:
    methods = {name for name, it in vars(Display).items() if callable(it) and not name.startswith("_")}
    assert methods == LINES.keys() | MANY_LINES


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\x0b", "\x85", "\u2028"])
def test_no_name_forges_a_line(name: str, end: str) -> None:
    count, show = LINES[name]
    console = Console(file=io.StringIO(), width=400)
    show(Display(console), f"a{end}Job      forged{end}")
    assert len(read(console).splitlines()) == count
    assert not re.search(r"(?m)^Job", read(console))


BLANKS = " \u00a0\u2003\u3000\u2800\u3164"
"""Characters that look like a space."""


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_no_name_forges_a_column(name: str, blank: str) -> None:
    _, show = LINES[name]
    console = Console(file=io.StringIO(), width=400)
    show(Display(console), f"a{blank * 39}done      2026-11-28")
    assert not re.search(rf"[{BLANKS}]done|done[{BLANKS}]", read(console))


def make_item(key: str, **changes: Any) -> dict[str, Any]:
    times = dict.fromkeys(("recorded_at", "created_at"), NOW.isoformat())
    return {"key": key, "attempt": 1, "status": "done", "job_id": "j" * 36, "upload_id": "u", **times, **changes}


FORGED = f"a{' ' * 39}done      2026-11-28 21:00:00  3 s   payroll.mp4   job-9"


@pytest.mark.parametrize("key", [FORGED, FORGED.replace(" ", "\u3000"), FORGED * 8, "安" * 256, "\x1b" * 770])
def test_no_key_forges_a_row_by_wrapping_or_widens_the_others(key: str) -> None:
    console = Console(file=io.StringIO(), width=80)
    items = [make_item("belt.mp4"), make_item(key), make_item("c.mp4", error=f"infer_fps: {FORGED!r} is no number.")]
    rows = [compose_row(item, NOW) for item in items]
    Display(console).columns([HEADINGS, *rows], [compose_note(item) for item in items])
    heading, *lines = read(console).splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["done"] * 3
    assert len(lines) > 4  # the note is wrapped
    assert max(map(cell_len, (heading, *lines))) <= 80
    assert "payroll.mp4   job-9" not in read(console)


@pytest.mark.parametrize("state", get_args(JobState))
def test_states_have_colors_in_a_terminal_unless_they_are_unwanted(state: JobState) -> None:
    shown = {}
    for no_color in (False, True):
        console = Console(file=io.StringIO(), width=80, force_terminal=True, no_color=no_color, color_system="standard")
        Display(console).columns(*compose_list([make_item("belt.mp4", status=state)], NOW, 80))
        shown[no_color] = read(console).splitlines()[1]
    assert re.match(rf"\x1b\[\d+m{state}", shown[False])
    assert re.findall(r"\x1b\[3\d", shown[True]) == []


foreign: Any = st.text(st.sampled_from(["a", " ", "\n", "\r", "\x1b", "\x85", "\u2028", "\u202e"]), min_size=1)


@pytest.mark.slow
@given(foreign, foreign, foreign)
def test_no_text_of_a_job_forges_a_line(key: str, name: str, reason: str) -> None:
    model = {"model_id": name, "model_version": name, "inference_type": name, "inference_params": {name: name}}
    item = {
        **dict.fromkeys(("job_id", "upload_id", "version_id", "execution_arn", "results_location"), name),
        "bucket": key,
        "key": key,
        "attempt": 1,
        "status": "waiting",
        "error": reason,
        "recorded_at": NOW.isoformat(),
        "created_at": NOW.isoformat(),
        "updated_at": NOW.isoformat(),
        "options": {
            "models": [model],
            "infer_fps": 5,
            "input_mode": name,
            "classes": [name],
            "min_confidence": {name: 1},
            "regions": [{"name": name, "line": []}],
            "notify_when": {"any": [{"name": name}, {"class": name}]},
        },
        "outputs": {name: name},
        "annotated_location": name,
        "annotation_error": reason,
        "counts": {name: {name: 1}},
        "failed_outputs": {name: reason},
    }
    console = Console(file=io.StringIO(), width=9000)  # so that no remark is wrapped
    display = Display(console)
    facts = compose_facts(item, [item], NOW)
    moments = compose_job_history(item, [Step(NOW, "Check Job", reason, 1)])
    letter = DeadLetter(
        message_id=key, receipt_handle="", body="", sent_at=NOW, requests=(), why=reason, is_usable=False
    )
    display.facts(facts)
    display.facts([("then", moment.what) for moment in moments])
    display.columns([["A"] * 5, compose_row(item, NOW)], [compose_note(item)])
    display.columns([["A"] * 2, compose_letter_row(letter)], [letter.why])
    display.finding("problem", reason, reason)
    assert len(read(console).splitlines()) == len(facts) + len(moments) + 3 + 3 + 2
