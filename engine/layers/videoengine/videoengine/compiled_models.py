"""Compiled models that a warm function keeps in memory."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from videoengine.detector import Detector
from videoengine.errors import ModelPackageInvalid, explain_model
from videoengine.logs import logger
from videoengine.precision import Precision

_COMPILED_MIN, _COMPILED_MAX = 2, 5
"""Memory of a compiled model as a multiple of its files' size: 2.0 in single precision, 4.7 in half precision."""

_WORKING_BYTES = 2**30
"""Memory that stays free for decoding, intermediate results of networks, and detections."""


class CompiledModels:
    """A cache of compiled models for later jobs. When memory is short, the least recently used models are evicted."""

    def __init__(self) -> None:
        # The least recently used model comes first.
        self._kept: dict[tuple[Path, Precision], Detector] = {}

    def load(self, folders: Mapping[str, Path], precision: Precision, memory_bytes: int) -> dict[str, Detector]:
        """Compiles the models of one job, or takes them from the cache.

        Args:
            folders: the folder of each model package, by the package's name.
            memory_bytes: the function's memory size.

        Returns:
            A detector for each package name.

        Raises:
            ModelPackageInvalid: a model can't be run, or the models don't fit in memory together.
        """
        _refuse_too_large(folders.values(), memory_bytes)
        keys = {name: (folder, precision) for name, folder in folders.items()}
        of_this_job = {key: self._kept.pop(key) for key in keys.values() if key in self._kept}
        missing = [folder for folder, _ in keys.values() if (folder, precision) not in of_this_job]
        self._make_room(sum(map(_measure, missing)), memory_bytes)
        self._kept |= of_this_job
        for name, key in keys.items():
            if key not in self._kept:
                with explain_model(name):
                    self._kept[key] = Detector(*key)
        return {name: self._kept[key] for name, key in keys.items()}

    def _make_room(self, new_bytes: int, memory_bytes: int) -> None:
        """Evicts models until there is room to compile files of `new_bytes`."""
        needed = _COMPILED_MAX * new_bytes + _WORKING_BYTES
        while self._kept and read_resident_bytes() + needed > memory_bytes:
            folder, _ = oldest = next(iter(self._kept))
            logger.info("Model evicted from memory", model="/".join(folder.parts[-3:-1]))
            del self._kept[oldest]


def _refuse_too_large(folders: Iterable[Path], memory_bytes: int) -> None:
    needed = _COMPILED_MIN * sum(map(_measure, folders))
    if needed > memory_bytes:
        raise ModelPackageInvalid(
            f"The job's models take at least {needed / 1e6:.0f} MB of memory together, "
            f"and the function has {memory_bytes / 1e6:.0f} MB"
        )


def read_resident_bytes() -> int:
    """The resident memory of this process."""
    _, pages, *_ = Path("/proc/self/statm").read_text().split()
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _measure(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
