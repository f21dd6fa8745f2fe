"""The program `videoinfer`."""

import codecs
import io
import os
import signal
import sys

_ASCII = {"…": "...", "␣": "_"}


def run() -> None:
    """Runs the command line. Loading takes a second; Ctrl-C ends it without a traceback during that time, too."""
    codecs.register_error("videoinfer", _replace)
    # A program that is started in the background may have to ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end_at_once)
    for stream in (sys.stdout, sys.stderr):
        # Replace characters that the encoding lacks. By default, Python would fail with a traceback after the work.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="videoinfer")
    from videoinfer.errors import describe_output_failure
    from videoinfer.main import app

    try:
        app(prog_name="videoinfer")
    except OSError as error:  # from --help and --version, whose output typer writes
        sys.exit(f"Error: {describe_output_failure(error)}")


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Our own signs have a likeness in ASCII; other characters are escaped."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_ASCII.get(it) or it.encode("ascii", "backslashreplace").decode() for it in text), error.end


def _end_at_once(number: int, _frame: object) -> None:
    """Exits without an exception, which a module that is being loaded may replace. Nothing needs cleanup yet."""
    os.write(2, b"Interrupted.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    run()
