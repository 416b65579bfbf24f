"""Photographs the pages about the server for the docs: `python -m tests.console.admin_pictures`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.console.browser import browsing, visiting
from tests.console.office import furnished
from tests.console.pictures import LOOKS, TARGET

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES: Final = ("models", "routes", "usage", "pricing", "keys", "api")


def show(page: Page, name: str) -> None:
    """Bring a page into the state that is worth a picture."""
    page.wait_for_load_state("networkidle")
    if name == "routes":
        page.get_by_label("Model").fill("whisper-large-v3")
        page.get_by_text("Limits and what the answer must tell").click()
        page.get_by_label("Only providers based in the EU").check()
        page.get_by_text("Limits and what the answer must tell").click()
        page.get_by_role("button", name="Where would it go?").click()
        page.get_by_text("It would go to ovh").wait_for()
    elif name == "usage":
        page.wait_for_selector(".chart canvas")
    elif name == "api":
        page.locator("summary", has_text="/v1/pricing").first.click()
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(400)


def main() -> None:
    """Take the pictures of all pages in all looks."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        browsing() as browser,
        furnished(Path(folder)) as office,
    ):
        for look, (theme, size) in LOOKS.items():
            with visiting(browser, office.url, key=office.boss, theme=theme, size=size) as visit:
                for name in PAGES:
                    page = visit.go(name)
                    show(page, name)
                    page.screenshot(path=TARGET / f"{name}-{look}.png", animations="disabled")


if __name__ == "__main__":
    main()
