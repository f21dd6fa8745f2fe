"""Nothing but text reaches the terminal."""

import io
from pathlib import Path

from tests.unit.videoinfer.test_display import HOSTILE, NOW, read
from videoinfer.display import Display
from videoinfer.notices_queue import ReceivedNotice
from videoinfer.terminal import Console
from videoinfer.upload_progress import Step


def test_no_name_moves_the_cursor_or_names_the_window() -> None:
    console = Console(file=io.StringIO(), width=400, force_terminal=True)
    display = Display(console)
    with display.task(HOSTILE, HOSTILE):
        pass
    display.warn(HOSTILE)
    display.finding("problem", HOSTILE, HOSTILE)
    display.heading(HOSTILE)
    display.text(HOSTILE)
    display.notice(ReceivedNotice(HOSTILE, HOSTILE))
    display.counts({HOSTILE: {HOSTILE: 1}})
    display.outputs(Path(HOSTILE), [HOSTILE])
    display.facts([(HOSTILE, HOSTILE)])
    display.columns([[HOSTILE], [HOSTILE]], [HOSTILE])
    with display.execution() as execution:
        execution.step(Step(NOW, HOSTILE, HOSTILE, 1))

    assert read(console).count("title") > 10
    assert not [mark for mark in ("\x1b]", "\x07", "\x9b", "\rd", "\u202e", "\x1b[2Jf") if mark in read(console)]
