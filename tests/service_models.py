"""Reads AWS's service models once for all of a test process's boto3 sessions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import boto3
import botocore.session
from botocore.loaders import Loader


class SharedLoader(Loader):
    """Reads them once, because each session of its own takes a tenth of a second."""

    def __init__(self) -> None:
        super().__init__()
        self._folders = [*super().search_paths, str(Path(boto3.__file__).parent / "data")]

    @property
    def search_paths(self) -> list[str]:
        """Returns a copy, because each boto3 session appends its folder."""
        return list(self._folders)


@contextmanager
def share_service_models() -> Iterator[None]:
    """Gives all sessions that are created during the block the same loader."""
    loader = SharedLoader()
    with patch.object(botocore.session, "create_loader", lambda _search_path: loader):
        yield
