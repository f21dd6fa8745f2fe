"""The program `videoinfer`."""

import io
import sys

from videoinfer.processes import end_at_once_on_interrupt


def run() -> None:
    """Runs the command line. Loading it takes a second, in which Ctrl-C ends it without a traceback, too."""
    for stream in (sys.stdout, sys.stderr):
        # What a terminal's encoding lacks is spelled out; by itself, Python would end with a traceback after the work.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    end_at_once_on_interrupt()
    from videoinfer.main import app

    app(prog_name="videoinfer")


if __name__ == "__main__":
    run()
