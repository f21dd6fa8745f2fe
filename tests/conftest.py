"""Shared by all tests: how a run ends, and one Chromium (a second Playwright would find the first one's event loop)."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Test durations mean nothing on a busy machine; speed is measured in bench/.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
BROWSER_TIMEOUT_MS = 30_000  # for busy machines
expect.set_options(timeout=BROWSER_TIMEOUT_MS)

type OpenPage = Callable[..., Page]


def pytest_configure() -> None:
    """Makes SIGTERM end a run like Ctrl-C, so that the servers that tests started end too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def find_chromium() -> str | None:
    """The path of an installed Chromium or Chrome, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or one of that name on the path. Without one, the tests are skipped, except in CI, where they
    fail.
    """
    path = find_chromium()
    if not path:
        message = "There is no Chromium to look at the report with: apt-get install chromium."
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a URL in a new context: `open_page(url, **context_options)`. Script errors and dialogs fail the test."""
    errors: list[str] = []
    contexts = []

    def open_url(url: str, **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]  # passed on as they are
        context.set_default_timeout(BROWSER_TIMEOUT_MS)
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
