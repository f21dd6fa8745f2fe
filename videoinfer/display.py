"""The output of the command line: steps with the time they took, progress bars, tables."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.rule import Rule
from rich.status import Status
from rich.text import Text

from videoinfer.aws_errors import describe_error
from videoinfer.errors import CommandError, WrongUsage, describe_os_error
from videoinfer.exit_codes import ExitCode
from videoinfer.notices_queue import ReceivedNotice
from videoinfer.own_command import spell_command
from videoinfer.processes import exiting_on_interrupts
from videoinfer.terminal import Console, show_blanks
from videoinfer.upload_progress import Step
from videoinfer.verbosity import log_cause
from videojobs.errors import NewerSchema
from videojobs.foreign_text import printable

_MARKS = {
    "ok": ("✓", "+", "bold green"),
    "warning": ("!", "!", "bold yellow"),
    "problem": ("✗", "x", "bold red"),
    "wrong": ("✗", "x", "bold red"),
    "unseen": ("?", "?", "bold yellow"),
}
"""The sign of a line, its replacement if the console's encoding lacks it, and its style."""


class Display:
    """Writes to a console. If it is not a terminal, steps are lines and nothing is animated.

    Only `text`, `notice` and `instructions` print the line breaks of what they are given. All others print one line
    for one text, with a line break as `\\n`, and with spaces that could look like columns as `␣`.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def task(self, doing: str, done: str) -> Iterator[None]:
        """Shows `doing` while the block runs, and `done` with the time it took if it succeeds."""
        start = time.monotonic()
        with self.working(doing):
            yield
        self.done(done, seconds=time.monotonic() - start)

    def working(self, doing: str) -> Status:
        """A context that shows `doing` below what its block prints."""
        return self._console.status(_line(doing))

    def done(self, text: str, *, seconds: float | None = None) -> None:
        took = _Layout(f"  {seconds:.1f} s" if seconds is not None else "")
        self._print_line(self._mark("ok"), text, (took, "dim"))

    def warn(self, text: str) -> None:
        self._print_line(self._mark("warning"), text)

    def finding(self, level: Literal["ok", "warning", "problem"], what: str, remedy: str | None) -> None:
        """Shows a result of a check, and what to do about it."""
        self._print_line(self._mark(level), what)
        if remedy:
            self._print_line(_Layout("    "), (spell_command(remedy), "dim"))

    def outcome(self, level: Literal["ok", "wrong", "unseen"], cells: Sequence[str], what: str) -> None:
        """Shows one row of a table: a sign, cells with the same width in every row, and a sentence.

        Spaces at the ends of a cell align it.
        """
        shown = [_pad(" " * (len(cell) - len(cell.lstrip(" "))) + _show(cell.strip(" ")), len(cell)) for cell in cells]
        self._print_line(self._mark(level), _Layout("  ".join(shown)), _Layout("  "), (what, "dim"))

    def event(self, at: str, source: str, text: str) -> None:
        """Shows a line of a log."""
        self._print_line((at, "dim"), _Layout("  "), (source, "bold"), _Layout("  "), text)

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.print(Rule(_line((text, "bold")), align="left"))

    def text(self, text: str) -> None:
        """Prints `text` without markup or line breaks, so that it can be copied."""
        self._console.print(Text(text), soft_wrap=True)

    def notice(self, notice: ReceivedNotice) -> None:
        """Shows a notice as it was delivered."""
        self.heading("The notice")
        self._print_line(_Layout("Subject  "), notice.subject)
        self.text(f"\n{notice.text}")

    def outputs(self, folder: Path, files: Sequence[str]) -> None:
        """Shows the paths of the files."""
        self.heading("Written")
        for name in files:
            self._print_line(str(folder / name))

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Shows one name and value per line."""
        names = [_show(name) for name, _ in facts]
        width = max(map(cell_len, names), default=0)
        for name, (_, value) in zip(names, facts, strict=True):
            self._print_line((_Layout(f"{_pad(name, width)}  "), "dim"), value)

    @property
    def width(self) -> int:
        """The columns of the terminal, or those that stand for one."""
        return self._console.width

    def columns(
        self, rows: Sequence[Sequence[str]], remarks: Sequence[str | None], styles: Sequence[str] | None = None
    ) -> None:
        """Shows rows, the first of which has the headings, and below each other row its remark, if any.

        Args:
            styles: That of each row's first cell, without the headings.
        """
        for line in self._compose_columns(rows, remarks, styles):
            self._console.print(line, soft_wrap=True)

    @contextmanager
    def refreshing(self) -> Iterator[Callable[..., None]]:
        """Yields a function that takes what `columns` takes, and shows it in place of what it showed before.

        Raises:
            CommandError: There is no terminal.
        """
        if not self._console.is_terminal:
            raise CommandError("This needs a terminal. `videoinfer wait` waits for a job without one.")
        with Live(console=self._console, auto_refresh=False, vertical_overflow="ellipsis") as live:
            yield lambda *shown: live.update(Group(*self._compose_columns(*shown)), refresh=True)

    def _compose_columns(
        self, rows: Sequence[Sequence[str]], remarks: Sequence[str | None], styles: Sequence[str] | None = None
    ) -> list[Text]:
        rows = [list(map(_show, row)) for row in rows]  # first, since it makes cells wider
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        heading, *others = ["  ".join(map(_pad, row, widths)).rstrip() for row in rows]
        lines = [_line((_Layout(heading), "bold"))]
        for line, remark, style in zip(others, remarks, styles or [""] * len(others), strict=True):
            cut = widths[0]
            lines.append(_line((_Layout(line[:cut]), style), _Layout(line[cut:])))
            if remark:
                # A remark is wrapped here: where the terminal does it, the rest would be below the first column.
                indent = " " * (cut + 2 if cut + 20 < self.width else 2)
                parts = Text(_show(remark), "dim").wrap(self._console, self.width - len(indent))
                lines += [Text.assemble(indent, part) for part in parts]
        return lines

    def _print_line(self, *parts: str | tuple[str, str]) -> None:
        self._console.print(_line(*parts), soft_wrap=True)

    def _mark(self, level: str) -> tuple[str, str]:
        sign, plain, style = _MARKS[level]
        return f"{sign if self._console.encoding.startswith('utf') else plain} ", style

    def instructions(self, instructions: str) -> None:
        """Shows how to use a system that is left running."""
        self.heading("Left running")
        self.text(instructions)

    @contextmanager
    def track[Item](
        self, items: Iterable[Item], doing: str, *, total: int, count: Callable[[Item], int] = lambda _: 1
    ) -> Iterator[Iterator[Item]]:
        """Passes on `items`, and shows how many have been taken and how long the rest will take.

        The bar has its own threads, so it is bound to a block and not to a generator, which might never be closed.

        Args:
            total: The sum of `count` over all items.
        """
        bar = self._make_bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        task = bar.add_task(doing, total=total)

        def take(item: Item) -> Item:
            bar.advance(task, count(item))
            return item

        with bar:
            yield map(take, items)

    @contextmanager
    def transfer(self, doing: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """Yields a function for any thread, which takes how many bytes more were sent or received."""
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with self._make_bar(*columns, TimeRemainingColumn()) as bar:
            task = bar.add_task(_show(doing), total=total_bytes)
            yield lambda count: bar.advance(task, count)

    @contextmanager
    def execution(self) -> Iterator["ExecutionDisplay"]:
        """Shows an execution while it runs."""
        known = TextColumn("{task.fields[known]}")
        with self._make_bar(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), known, TimeElapsedColumn()
        ) as bar:
            yield ExecutionDisplay(bar)

    def _make_bar(self, *columns: ProgressColumn) -> Progress:
        return Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)


class _Layout(str):
    """Text of a line with its spaces as they are: gaps between columns, and cells that `_show` has returned."""

    __slots__ = ()


STEPS = {
    "Check Job": "The API is working on the video",
    "Deliver Results": "Writing the outputs and sending the notice",
    "Annotate Video": "Drawing the annotated video",
    "Record Annotation": "Recording the annotated video",
    "Report Missing Annotation": "Reporting that there is no annotated video",
    "Make Dataset": "Making the dataset",
    "Record Dataset": "Recording the dataset",
    "Report Missing Dataset": "Reporting that there is no dataset",
    "Report Failure": "Reporting why there are no results",
}
"""What the tasks of the state machine do. Its other states take no time that a person would notice."""


class ExecutionDisplay:
    """Shows a line for every new step, and a bar below them."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("Waiting for the job", total=None, known="")
        self._shown: set[str] = set()

    def step(self, step: Step) -> None:
        """Shows what the execution does."""
        if description := describe_step(step):
            self.news(step.at, description)

    def news(self, at: datetime, text: str) -> None:
        """Shows a line, each text once."""
        if text not in self._shown:
            self._shown.add(text)
            self._bar.update(self._task, description=_show(text))
            time_of_day = at.astimezone().strftime("%H:%M:%S")
            self._bar.console.print(_line((_Layout(f"  {time_of_day}  "), "dim"), text), soft_wrap=True)

    def progress(self, percent: int | None) -> None:
        """Shows how much of the job the API has done; without a percentage, the bar moves to and fro."""
        [task] = self._bar.tasks
        task.total = None if percent is None else 100  # `update` can't make a total unknown again
        known = "" if percent is None else f"{percent} %"
        self._bar.update(self._task, completed=percent or 0, known=known, refresh=True)


def _line(*parts: str | tuple[str, str]) -> Text:
    """One line of texts, some of them with a style, as `_show` shows them."""
    return Text.assemble(*(_show(part) if isinstance(part, str) else (_show(part[0]), part[1]) for part in parts))


def _show(text: str) -> str:
    """A text that forges neither a line nor, where a terminal wraps it, a row: line breaks and blanks are visible."""
    return printable(text) if isinstance(text, _Layout) else show_blanks(printable(text))


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell))


def describe_step(step: Step) -> str | None:
    """`The API is working on the video: done`, or None for a state that does nothing."""
    doing = STEPS.get(step.state)
    return f"{doing}: {step.outcome}" if doing and step.outcome not in (None, "running") else doing


@contextmanager
def errors_for_people(interrupted: str = "Nothing is left running.") -> Iterator[None]:
    """Ends the command with a sentence instead of a traceback if the block fails in an expected way.

    Args:
        interrupted: What to say after Ctrl-C.

    SIGTERM and SIGHUP end it as Ctrl-C does, so that nothing unfinished is left. If the reader of the output is gone,
    as after `| head`, typer ends the command without a message.
    """
    try:
        with exiting_on_interrupts():
            yield
    except BrokenPipeError:
        raise
    except (CommandError, NewerSchema, BotoCoreError, ClientError, OSError) as error:
        Console(stderr=True).print(Text.assemble(("Error: ", "bold red"), _describe(error)), soft_wrap=True)
        log_cause(error)
        raise typer.Exit(ExitCode.USAGE if isinstance(error, WrongUsage) else ExitCode.ERROR) from error
    except SystemExit:
        _show_cursor()
        raise
    except (KeyboardInterrupt, RuntimeError) as interrupt:
        # Ctrl-C between a lock's release and the wait for it makes `threading.Condition` fail as it is left.
        if isinstance(interrupt, RuntimeError) and not isinstance(interrupt.__context__, KeyboardInterrupt):
            raise
        _show_cursor()
        Console(stderr=True).print(f"Interrupted. {interrupted}", soft_wrap=True)
        raise typer.Exit(code=ExitCode.INTERRUPTED) from interrupt


def _show_cursor() -> None:
    """Shows the cursor again, in case an interrupt came just after an animated line has hidden it."""
    for stderr in (False, True):
        Console(stderr=stderr).show_cursor()


def _describe(error: CommandError | NewerSchema | BotoCoreError | ClientError | OSError) -> str:
    """Line breaks are those of our own errors alone: a log's end has some."""
    if isinstance(error, BotoCoreError | ClientError):
        return printable(describe_error(error))
    if isinstance(error, NewerSchema):
        return f"{error} Use the videoinfer of that release."
    return printable(describe_os_error(error)) if isinstance(error, OSError) else str(error)
