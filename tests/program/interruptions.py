"""Interrupts local commands at ten moments, and prints what they leave: `python -m tests.program.interruptions`.

Each run replaces an output that exists. Whatever ends the command, that output is whole afterwards: the old one, or the
new one. No process and no temporary file is left. `kill -9` leaves an unfinished output, which a later run removes.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.terminals import PATH
from tests.waiting import wait_until
from videoinfer.exit_codes import ExitCode
from videoinfer.local.outputs import OUTPUT_FILES
from videoinfer.repository import SAMPLE_MODEL, SAMPLE_VIDEO

MOMENTS = 10
ENDS = {"Ctrl-C": signal.SIGINT, "kill": signal.SIGTERM, "kill -9": signal.SIGKILL}
OLD = b"the output of an earlier run\n"
ENDINGS = {".json": b"}", ".html": b"</html>\n", ".mp4": b"", ".png": b"IEND\xaeB`\x82", ".txt": b"\n"}
"""How complete files of a kind end."""


@dataclass(frozen=True)
class Interrupted:
    """What an interrupted command left.

    Attributes:
        status: Its exit code, or the negative number of the signal that killed it.
        surprises: What should not be: damaged outputs, temporary files, processes, tracebacks.
    """

    command: str
    end: str
    seconds: float
    status: int
    surprises: Sequence[str]


def compose(command: str, results: Path, output: Path) -> list[str | Path]:
    """The arguments of a command that writes into the folder `output`."""
    commands: dict[str, list[str | Path]] = {
        "infer": ["infer", SAMPLE_VIDEO, "--model", SAMPLE_MODEL, "--output", output / "results.json"],
        "report": ["report", results, SAMPLE_VIDEO, "--output", output / "report.html"],
        "annotate": ["annotate", results, SAMPLE_VIDEO, "--output", output / "annotated.mp4"],
        "demo": ["demo", "--output", output],
    }
    return commands[command]


def list_outputs(command: str, output: Path) -> list[Path]:
    if command == "demo":
        return [output / name for name in OUTPUT_FILES]
    return [Path(compose(command, output, output)[-1])]


def start(arguments: Sequence[str | Path], temporary: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "videoinfer", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": PATH, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def make_results(folder: Path) -> Path:
    """Infers the sample, for the commands that read results."""
    with start(compose("infer", folder, folder), folder) as process:
        process.communicate()
    return folder / "results.json"


def measure(command: str, results: Path) -> float:
    """Seconds that the command takes undisturbed."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        with start(compose(command, results, Path(folder)), Path(folder)) as process:
            process.communicate()
        return time.monotonic() - started


def interrupt(command: str, results: Path, end: str, seconds: float) -> Interrupted:
    """Starts the command, ends it after some seconds, and looks at what is left."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        output, temporary = Path(folder, "out"), Path(folder, "temporary")
        for place in (output, temporary):
            place.mkdir()
        outputs = list_outputs(command, output)
        for path in outputs:
            path.write_bytes(OLD)
        with start(compose(command, results, output), temporary) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, ENDS[end])
            text = process.communicate()[0].decode(errors="replace")
        surprises = list(_look(command, outputs, temporary, end, process.returncode, text))
        return Interrupted(command, end, seconds, process.returncode, surprises)


def _look(command: str, outputs: Sequence[Path], temporary: Path, end: str, status: int, text: str) -> Iterator[str]:
    if status not in (ExitCode.OK, 128 + ENDS[end], -ENDS[end]):
        yield f"exit code {status}"
    if "Traceback" in text:
        yield "a traceback"
    for path in outputs:
        content = path.read_bytes() if path.exists() else b""
        if content != OLD and not content.endswith(ENDINGS[path.suffix]):
            yield f"{path.name} is damaged"
    try:
        wait_until(lambda: not list_processes(temporary), timeout_seconds=5)
    except AssertionError:
        yield f"processes: {list_processes(temporary)}"
    yield from (f"left: {path.name}" for path in temporary.iterdir())
    if end != "kill -9":
        yield from (f"left: {path.name}" for path in outputs[0].parent.iterdir() if path not in outputs)


def list_processes(folder: Path) -> list[str]:
    """The commands of the processes whose environment mentions a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if bytes(folder) in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found


def main(commands: Sequence[str]) -> None:
    """Prints a row for each run."""
    surprises = 0
    with tempfile.TemporaryDirectory() as folder:
        results = make_results(Path(folder))
        for command in commands or ("infer", "annotate", "report", "demo"):
            measure(command, results)  # the first demo builds
            whole = measure(command, results)
            sys.stdout.write(f"{command} takes {whole:.1f} s\n")
            for end in ENDS:
                for moment in range(1, MOMENTS + 1):
                    run = interrupt(command, results, end, whole * moment / (MOMENTS + 0.5))
                    surprises += bool(run.surprises)
                    row = f"{run.command:<9} {run.end:<8} {run.seconds:6.2f} s  exit {run.status:>4}  "
                    sys.stdout.write(row + (", ".join(run.surprises) or "nothing left, nothing destroyed") + "\n")
                    sys.stdout.flush()
    sys.exit(bool(surprises))


if __name__ == "__main__":
    main(sys.argv[1:])
