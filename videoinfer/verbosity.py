"""`--verbose`, an option of every command: requests to AWS and the causes of errors, on the standard error output."""

import inspect
import logging
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import boto3
import typer
from typer.core import TyperGroup

from videojobs.foreign_text import printable

_LOGGER = logging.getLogger(__name__)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # `sys.stderr` is looked up each time: progress bars replace it, so that lines appear above them.
        sys.stderr.write("\n".join(map(printable, self.format(record).split("\n"))) + "\n")


def _turn_on(is_wanted: bool) -> None:
    if is_wanted:
        handler = _Lines()
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s"))
        _LOGGER.handlers = [handler]
        _LOGGER.setLevel(logging.DEBUG)
        _LOGGER.propagate = False  # the root logger writes JSON


Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        help="Print requests to AWS, and the traceback of an error, to the standard error output.",
        callback=_turn_on,
        is_eager=True,
        expose_value=False,
    ),
]


class VerboseGroup(TyperGroup):
    """Each of its commands has its option `--verbose`, too, and help whose paragraphs the terminal's width breaks."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for command in self.commands.values():
            command.params += [option for option in self.params if option.name == "verbose"]
            # Typer joins only the lines of the first paragraph.
            paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
            command.help = "\n\n".join(it.replace("\n", " ") for it in paragraphs)


def log_requests(session: boto3.Session) -> None:
    """Logs each request of the session's clients: operation, status and request id, but no content and no headers."""
    session.events.register("after-call", _log_answer, unique_id="videoinfer-answers")
    session.events.register("after-call-error", _log_failure, unique_id="videoinfer-failures")


def log_cause(error: BaseException) -> None:
    """Logs the traceback of an error that people see as a sentence."""
    _LOGGER.debug("The error's traceback:", exc_info=error)


def _log_answer(*, event_name: str, parsed: Mapping[str, Any], **_: object) -> None:
    answer, code = parsed.get("ResponseMetadata", {}), parsed.get("Error", {}).get("Code", "")
    status = f"{answer.get('HTTPStatusCode')} {code}".rstrip()
    _log(event_name, f"{status}, {answer.get('RetryAttempts', 0)} retries, request {answer.get('RequestId')}")


def _log_failure(*, event_name: str, exception: Exception, **_: object) -> None:
    _log(event_name, type(exception).__name__)


def _log(event_name: str, outcome: str) -> None:
    _, service, operation = event_name.split(".")
    _LOGGER.debug(f"{service} {operation}: {outcome}")
