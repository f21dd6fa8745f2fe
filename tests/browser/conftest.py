"""Reports that are made for each test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.pages import ReportPage
from tests.browser.results import write_report
from tests.conftest import OpenPage

type OpenReport = Callable[..., ReportPage]


@pytest.fixture
def open_report(open_page: OpenPage, tmp_path: Path) -> OpenReport:
    """Makes a report of some results as a file, and opens it: `open_report(results, video=…, **context_options)`."""

    def open_results(results: dict[str, object], **options: object) -> ReportPage:
        video = options.pop("video", None)
        page = write_report(tmp_path, results, video)  # type: ignore[arg-type]
        return ReportPage(open_page(page.as_uri(), **options))

    return open_results
