"""The page Models while a model is on its way: how far it is, and that it can be stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.cli.stalling_hub import WRITTEN_AT_ONCE_BYTES, stalling_hub
from tests.console.browser import until, visiting
from tests.console.office import Office, beside_hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("console")]

NAME = "owner/name"


def installed(office: Office) -> dict[str, bool]:
    headers = {"Authorization": f"Bearer {office.boss}"}
    listed: Any = httpx2.get(f"{office.url}/v1/catalog", headers=headers).raise_for_status().json()
    return {model["id"]: model["installed"] for model in listed["data"]}


def begin(page: Page) -> Locator:
    """Ask for the model, and return its card once it is on its way."""
    page.get_by_label("Repository").fill(NAME)
    page.get_by_label("Repository").press("Enter")
    card = page.locator(f'[data-model="{NAME}"]')
    card.get_by_role("progressbar", name=f"Pull of {NAME}").wait_for()
    return card


def test_a_pull_tells_how_far_it_is_stops_and_goes_on(browser: Browser, tmp_path: Path) -> None:
    with (
        stalling_hub() as hub,
        beside_hub(tmp_path, hub.url) as office,
        visiting(browser, office.url, key=office.boss) as visit,
    ):
        page = visit.go("models")
        card = begin(page)
        until(page, "document.querySelector('.model [aria-valuenow=\"50\"]') !== null")
        told = card.get_by_role("status").inner_text()
        assert told.startswith("Downloading · 10.5 MB of 21.0 MB")
        assert told.endswith("from hub")
        assert "model.bin" in card.inner_text()

        card.get_by_role("button", name="Stop").click()
        page.get_by_text(f"Stopped. The next pull of {NAME} goes on from here.").wait_for()
        assert card.get_by_role("progressbar").count() == 0
        assert NAME not in installed(office)

        hub.go_on.set()
        card.get_by_role("button", name=f"Pull {NAME}").click()
        page.get_by_text(f"{NAME} is installed.").wait_for()
        assert installed(office)[NAME]
        assert card.get_by_role("button", name=f"Remove {NAME}").is_visible()
        first, second = hub.starts
        assert first == 0
        assert second >= WRITTEN_AT_ONCE_BYTES
        assert visit.complaints == []


def test_a_pull_stays_on_the_page_when_the_list_comes_late(
    browser: Browser, tmp_path: Path
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with (
        stalling_hub() as hub,
        beside_hub(tmp_path, hub.url) as office,
        visiting(browser, office.url, key=office.boss) as visit,
    ):
        visit.page.route("**/v1/catalog", hold)
        card = begin(visit.go("models"))
        for route in held:
            route.continue_()
        visit.page.locator('[data-model="espeak"]').wait_for()
        assert card.get_by_role("button", name="Stop").is_visible()
