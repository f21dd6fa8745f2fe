"""Isolates outputs: data that one output can't process, or a bug in it, affects neither the others nor the results."""

from collections.abc import Callable, Mapping
from typing import Any

from videojobs.errors import BrokenResults
from videojobs.foreign_text import printable
from videojobs.logs import logger
from videojobs.outputs.files import OutputFiles
from videojobs.results.derivation import Output
from videojobs.results.predictions import Frames

REASON_MAX_CHARACTERS = 300


class GuardedOutput:
    """Passes frames to an output until it fails; then its files are discarded, and `failure` says why.

    An outage of S3 does not count as the output's failure. It is raised, so that the whole delivery is retried.

    Attributes:
        failure: Why the output could not be made, or None.
        locations: The URIs of its files, by name, once it is finished.
    """

    def __init__(self, name: str, open_output: Callable[[OutputFiles], Output], files: OutputFiles) -> None:
        self.name = name
        self.failure: str | None = None
        self.locations: Mapping[str, str] = {}
        self.files = files
        self._output: Output | None = None
        self._try(self._open, open_output)

    def add(self, frames: Frames) -> None:
        if self._output is not None:
            self._try(self._output.add, frames)

    def finish(self) -> None:
        if self._output is not None:
            self._try(self._complete, self._output)

    def fail(self, reason: str) -> None:
        """Discards the output because of an error outside of it."""
        if self._output is not None:
            self._output = None
            self.files.discard()
        self.failure = printable(reason, REASON_MAX_CHARACTERS)

    def _open(self, open_output: Callable[[OutputFiles], Output]) -> None:
        self._output = open_output(self.files)

    def _complete(self, output: Output) -> None:
        output.finish()
        self.files.complete()
        self.locations, self._output = self.files.locations, None

    def _try(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception as error:
            self._output = None
            self.files.discard()
            if outage := self.files.outage:
                raise outage from error
            self.failure = printable(describe(error), REASON_MAX_CHARACTERS)
            is_known = isinstance(error, BrokenResults)
            logger.warning("An output can't be made.", output=self.name, reason=self.failure, exc_info=not is_known)


def describe(error: Exception) -> str:
    """Describes an error for a person who may report it."""
    return str(error) if isinstance(error, BrokenResults) else f"{type(error).__name__}: {error}"
