"""The program `videoinfer`."""

import io
import os
import signal
import sys


def run() -> None:
    """Runs the command line. Loading it takes a second, in which Ctrl-C ends it without a traceback, too."""
    # Who starts a program in the background may have it ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end_at_once)
    for stream in (sys.stdout, sys.stderr):
        # What a terminal's encoding lacks is spelled out; by itself, Python would end with a traceback after the work.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    from videoinfer.main import app

    app(prog_name="videoinfer")


def _end_at_once(number: int, _frame: object) -> None:
    """There is nothing to clean up yet, and a module that is being loaded may make another error of an exception."""
    os.write(2, b"Interrupted.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    run()
