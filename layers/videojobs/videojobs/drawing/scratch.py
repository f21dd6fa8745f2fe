"""Temporary folders for one invocation.

Lambda keeps the temporary folder between invocations, and an invocation that is killed (by its timeout, or because it
runs out of memory) removes nothing. So each invocation first removes what killed ones left behind.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """An empty folder in `parent`, removed when the block ends. `parent` must hold nothing else.

    The folder is locked during the block. The kernel releases the lock when the process dies, which distinguishes
    folders of killed processes from those in use by other workers on the embedded AWS.

    Example:
        with scratch_folder(Path(tempfile.gettempdir(), "scratch")) as folder:
            s3.download_file(bucket, key, str(folder / "video"))
    """
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _locked(parent):
            for left in parent.iterdir():
                with suppress(BlockingIOError), _locked(left, fcntl.LOCK_NB):
                    shutil.rmtree(left)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent)))
            stack.enter_context(_locked(folder))
        yield folder


@contextmanager
def _locked(folder: Path, flags: int = 0) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | flags)
        yield
    finally:
        os.close(descriptor)
