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
    """Makes a report of some results as a file, and opens it at its beginning, or where `at` says:
    `open_report(results, video=…, at="#t=2", **context_options)`.
    """

    def open_results(results: dict[str, object], **options: object) -> ReportPage:
        video, at = options.pop("video", None), options.pop("at", "#t=0")
        page = write_report(tmp_path, results, video)  # type: ignore[arg-type]
        return ReportPage(open_page(f"{page.as_uri()}{at}", **options))

    return open_results
