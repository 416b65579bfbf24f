"""Photographs pages of the console for the docs: `python -m tests.console.pictures`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.assets import ROOT, clip
from tests.console.browser import NARROW, WIDE, Visit, browsing, until, visiting
from tests.console.conftest import KEY
from tests.live.server import serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

TARGET: Final = ROOT / "docs" / "images" / "console"

LOOKS: Final = {
    "light": ("light", WIDE),
    "dark": ("dark", WIDE),
    "narrow": ("light", NARROW),
}

_SPOKEN = """\
The first word is heard before the last one is made. Long texts are cut at clauses, so that you
never wait for a whole paragraph."""


def _transcribe(page: Page) -> None:
    page.set_input_files("input[type=file]", str(clip("two-speakers")))
    page.get_by_label("Tell speakers apart").check()
    page.get_by_role("button", name="Transcribe").click()
    page.wait_for_selector(".transcript")
    page.locator(".wave canvas").first.wait_for()
    page.locator(".word").nth(9).click()
    page.wait_for_selector(".is-heard")
    page.wait_for_timeout(500)


def _live(page: Page) -> None:
    page.get_by_label("Language").select_option("en")
    page.get_by_role("button", name="Start").click()
    # Best while there is a guess below what is settled.
    partial = "document.querySelector('.partial:not(:empty)')"
    until(page, f"document.querySelectorAll('.final').length >= ({partial} ? 2 : 4)")


def _speak(page: Page) -> None:
    page.get_by_label("Text").fill(" ".join(_SPOKEN.split()))
    page.get_by_role("button", name="Speak", exact=True).click()
    page.get_by_role("button", name="Download").wait_for()
    page.wait_for_timeout(500)


SCENES: Final[Mapping[str, Callable[[Page], None]]] = {
    "transcribe": _transcribe,
    "live": _live,
    "speak": _speak,
}


def photograph(visit: Visit, name: str, target: Path) -> None:
    """Play the scene of a page, and take its picture."""
    page = visit.go(name)
    SCENES[name](page)
    page.screenshot(path=target, animations="disabled")


def main() -> None:
    """Take the pictures of all pages, or of those that are named."""
    names = sys.argv[1:] or list(SCENES)
    TARGET.mkdir(parents=True, exist_ok=True)
    with serving(LOQUENT_API_KEY=KEY) as server:
        for name, look in product(names, LOOKS):
            theme, size = LOOKS[look]
            # A browser each: its microphone starts at the beginning of the clip.
            with (
                browsing(clip("beckett")) as browser,
                visiting(browser, server.url, key=KEY, theme=theme, size=size) as visit,
            ):
                photograph(visit, name, TARGET / f"{name}-{look}.png")


if __name__ == "__main__":
    main()
