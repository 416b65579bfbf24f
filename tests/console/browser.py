"""A real browser for the console: Chromium, driven by Playwright; skips where either lacks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)

LIMIT_MS = 60_000

WIDE = (1280, 860)
NARROW = (390, 844)


@contextmanager
def browsing(microphone: Path | None = None) -> Iterator[Browser]:
    """Open a browser until the block ends; skip the test where there is none.

    Args:
        microphone: what its microphone hears, once; a tone if None.
    """
    api = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is missing")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("Chromium is missing: install the package chromium")
    heard = [f"--use-file-for-fake-audio-capture={microphone}%noloop"] if microphone else []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *heard])
        yield browser
        browser.close()


@dataclass(frozen=True)
class Visit:
    """One person at the console.

    Attributes:
        complaints: what the browser wrote to its console as an error, and what broke.
    """

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def go(self, name: str) -> Page:
        """Show a page by its name, such as "live"."""
        self.page.goto(f"{self.url}/#/{name}")
        self.page.wait_for_selector(f".page-{name} h1")
        return self.page


@contextmanager
def visiting(
    browser: Browser,
    url: str,
    *,
    key: str | None = None,
    theme: str = "light",
    size: Sequence[int] = WIDE,
    microphone: bool = True,
) -> Iterator[Visit]:
    """Open the console in a fresh window, which has the key if one is given."""
    context: BrowserContext = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        locale="en-GB",
        accept_downloads=True,
        permissions=["microphone"] if microphone else [],
    )
    context.set_default_timeout(LIMIT_MS)
    if key is not None:
        context.add_init_script(f"sessionStorage.setItem('loquent.key', '{key}')")
    page = context.new_page()
    visit = Visit(page, url)
    page.on("console", lambda message: _note(visit, message))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    try:
        yield visit
    finally:
        context.close()


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true.

    Playwright's own way asks the page to evaluate a text again and again, which its policy forbids.
    """
    give_up_s = time.monotonic() + LIMIT_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < give_up_s, expression
        page.wait_for_timeout(50)


def _note(visit: Visit, message: ConsoleMessage) -> None:
    if message.type == "error":
        visit.complaints.append(message.text)
