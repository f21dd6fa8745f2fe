"""One Chromium for all of these tests, and pages that are made for each."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.pages import ReportPage
from tests.browser.results import write_report

ARGUMENTS = [
    "--no-sandbox",  # CI is root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

type OpenPage = Callable[..., Page]
type OpenReport = Callable[..., ReportPage]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or one of that name on the path; without one, these tests are skipped, but not in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        message = "There is no Chromium to look at the report with: apt-get install chromium."
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a URL in a context of its own: `open_page(url, **context_options)`. An error in a script fails the test."""
    errors: list[str] = []
    contexts = []

    def open_url(url: str, **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]  # passed on as they are
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}"))
        page.goto(url)
        return page

    yield open_url
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def open_report(open_page: OpenPage, tmp_path: Path) -> OpenReport:
    """Makes the report of some results as a file, and opens it: `open_report(results, video=…, **context_options)`."""

    def open_results(results: dict[str, object], **options: object) -> ReportPage:
        video = options.pop("video", None)
        page = write_report(tmp_path, results, video)  # type: ignore[arg-type]
        return ReportPage(open_page(page.as_uri(), **options))

    return open_results
