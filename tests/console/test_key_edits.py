"""The page Keys where a key is changed: what is sent, what is refused, and where the focus goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.console.axe import serious_findings
from tests.console.browser import NARROW, until, visiting
from tests.console.office import Office
from tests.live.server import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Request

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("console")]

FOLD = "Models, providers, limits and a budget"
BOUNDS = {
    "models": ["whisper-1"],
    "limits": {"requests_per_minute": 60, "concurrent_requests": 3},
    "budget": {"period": "week", "hard": "12.50", "soft": "10"},
    "expires_at": "2099-12-31",
}


class Desk:
    """Somebody who may do all, in the browser and beside it."""

    def __init__(self, page: Page, office: Office) -> None:
        self.page = page
        self.url = office.url
        self._headers = {"Authorization": f"Bearer {office.boss}"}
        self.sent: list[Any] = []
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.method == "PATCH":
            self.sent.append(json.loads(request.post_data or ""))

    def api(self, method: str, path: str, body: Any = None) -> Any:
        answer = httpx2.request(
            method, f"{self.url}/v1/admin/keys{path}", json=body, headers=self._headers
        )
        return answer.raise_for_status().json()

    def key(self, name: str) -> dict[str, Any]:
        (found,) = [key for key in self.api("GET", "")["data"] if key["name"] == name]
        return dict(found)

    def row(self, name: str) -> Locator:
        return self.page.locator("tbody tr").filter(has_text=name)

    def edit(self, name: str) -> Locator:
        """Open the dialog on a key, and unfold it."""
        self.page.get_by_role("button", name=f"Edit {name}", exact=True).click()
        dialog = self.page.get_by_role("dialog", name=f"Edit {name}")
        if dialog.locator("details[open]").count() == 0:
            dialog.get_by_text(FOLD).click()
        return dialog

    def save(self) -> None:
        """Press the button, and wait for what comes of it."""
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("button", name="Save").click()
        until(self.page, "!document.querySelector('dialog button[type=submit]:disabled')")


@pytest.fixture
def desk(browser: Browser, office: Office) -> Iterator[Desk]:
    """Whatever the browser complains of but refusals fails the test."""
    with visiting(browser, office.url, key=office.boss) as visit:
        desk = Desk(visit.page, office)
        yield desk
        for key in desk.api("GET", "")["data"]:
            if key["name"].startswith("edit-") and key["state"] != "revoked":
                desk.api("DELETE", f"/{key['id']}")
    refusals = "Failed to load resource"  # what Chromium writes of every 400
    assert [each for each in visit.complaints if not each.startswith(refusals)] == []


def begin(desk: Desk, name: str, **fields: Any) -> None:
    desk.api("POST", "", {"name": name, **fields})
    desk.page.goto(f"{desk.url}/#/keys")
    desk.row(name).wait_for()


def test_what_is_changed_is_sent_and_what_others_change_meanwhile_stays(desk: Desk) -> None:
    begin(desk, "edit-kiosk", **BOUNDS)
    dialog = desk.edit("edit-kiosk")
    assert dialog.get_by_label("Name").input_value() == "edit-kiosk"
    assert dialog.get_by_label("Only these models").input_value() == "whisper-1"
    assert dialog.get_by_label("Requests a minute").input_value() == "60"
    assert dialog.get_by_label("Nothing beyond").input_value() == "12.5"
    assert dialog.get_by_label("Period").input_value() == "week"
    assert dialog.get_by_label("Ends on").input_value() == "2099-12-31"
    path = f"/{desk.key('edit-kiosk')['id']}"
    desk.api("PATCH", path, {"limits": {"concurrent_requests": 7}})
    dialog.get_by_label("Name").fill("edit-lobby")
    dialog.get_by_label("usage: read").check()
    dialog.get_by_label("Usage and keys of").select_option("organisation")
    dialog.get_by_label("Ends on").fill("")
    dialog.get_by_label("Only these models").fill("")
    dialog.get_by_label("Only these providers").fill("local, groq")
    dialog.get_by_label("Only providers based in the EU").check()
    dialog.get_by_label("No quantised weights").check()
    dialog.get_by_label("Requests a minute").fill("")
    dialog.get_by_label("Live sessions").fill("2")
    dialog.get_by_label("Warn beyond").fill("")
    desk.save()
    desk.page.get_by_text("edit-lobby is changed.").wait_for()
    assert desk.sent == [
        {
            "name": "edit-lobby",
            "scopes": ["inference", "usage"],
            "reach": "organisation",
            "expires_at": None,
            "models": None,
            "allowed_providers": ["local", "groq"],
            "eu_native": True,
            "allow_quantization": False,
            "budget": {"period": "week", "hard": "12.5", "soft": None},
            "limits": {"requests_per_minute": None, "concurrent_sessions": 2},
        }
    ]
    now = desk.key("edit-lobby")
    assert now["limits"]["concurrent_requests"] == 7
    assert (now["limits"]["requests_per_minute"], now["models"]) == (None, None)
    assert (now["budget"]["hard"], now["budget"]["soft"]) == ("12.500000", None)
    assert (now["expires_at"], now["reach"]) == (None, "organisation")
    told = desk.row("edit-lobby").inner_text()
    assert "only in the EU" in told
    assert "2 live sessions at the same time" in told


def test_what_is_left_as_it_is_is_not_sent(desk: Desk) -> None:
    begin(desk, "edit-still", **BOUNDS)
    desk.edit("edit-still")
    desk.save()
    desk.page.get_by_role("dialog").wait_for(state="detached")
    assert desk.sent == []


def test_a_budget_can_be_taken_away(desk: Desk) -> None:
    begin(desk, "edit-rich", **BOUNDS)
    dialog = desk.edit("edit-rich")
    for label in ("Nothing beyond", "Warn beyond"):
        dialog.get_by_label(label).fill("")
    desk.save()
    desk.page.get_by_text("edit-rich is changed.").wait_for()
    assert desk.sent == [{"budget": None}]
    assert desk.key("edit-rich")["budget"] is None


@pytest.mark.parametrize(
    ("label", "value", "words"),
    [
        ("Warn beyond", "99", "would never warn"),
        ("Nothing beyond", "a lot", "write an amount"),
        ("Ends on", "2020-01-01", "lies in the past"),
        ("Only these models", "x" * 300, "at most 200 characters"),
        ("Seconds of audio a minute", "9" * 12, "less than or equal to"),
    ],
)
def test_what_is_refused_is_told_in_words_where_it_stands(
    desk: Desk, label: str, value: str, words: str
) -> None:
    begin(desk, "edit-wrong", **BOUNDS)
    dialog = desk.edit("edit-wrong")
    before = dialog.get_by_label(label).input_value()
    dialog.get_by_label(label).fill(value)
    dialog.get_by_text(FOLD).click()  # folded up
    desk.save()
    assert words in dialog.get_by_role("alert").inner_text()
    at = dialog.get_by_label(label)
    assert at.get_attribute("aria-invalid") == "true"
    assert at.evaluate("node => node === document.activeElement")
    assert at.is_visible()
    at.fill(before)
    assert at.get_attribute("aria-invalid") is None
    desk.save()
    dialog.wait_for(state="detached")


def test_a_key_that_is_good_for_nothing_is_refused(desk: Desk) -> None:
    begin(desk, "edit-idle")
    dialog = desk.edit("edit-idle")
    dialog.get_by_label("inference: transcribe").uncheck()
    desk.save()
    assert "a key without any is good for nothing" in dialog.get_by_role("alert").inner_text()
    assert dialog.get_by_label("inference: transcribe").evaluate(
        "e => e === document.activeElement"
    )
    assert desk.key("edit-idle")["scopes"] == ["inference"]


def test_what_no_limit_can_be_is_shown_even_where_it_is_folded_away(desk: Desk) -> None:
    begin(desk, "edit-nought")
    dialog = desk.edit("edit-nought")
    dialog.get_by_label("Requests a minute").fill("0")
    dialog.get_by_text(FOLD).click()
    desk.save()
    assert dialog.get_by_label("Requests a minute").is_visible()
    assert desk.sent == []


def test_nobody_gives_more_than_they_have(browser: Browser, desk: Desk) -> None:
    begin(desk, "edit-child")
    foreman = desk.api("POST", "", {"name": "edit-foreman", "scopes": ["inference", "admin"]})
    with visiting(browser, desk.url, key=foreman["key"]) as visit:
        page = visit.go("keys")
        page.get_by_role("button", name="Edit edit-child").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Usage and keys of").select_option("server")
        dialog.get_by_role("button", name="Save").click()
        assert "Nobody gives more than they have" in dialog.get_by_role("alert").inner_text()
        dialog.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Edit edit-foreman").click()
        dialog.get_by_label("Name").fill("king")
        dialog.get_by_label("Name").press("Enter")
        assert "A key cannot change itself" in dialog.get_by_role("alert").inner_text()


def test_a_key_is_edited_without_a_mouse(desk: Desk) -> None:
    begin(desk, "edit-keys")
    page = desk.page
    page.get_by_label("Search keys").fill("edit-k")
    page.get_by_role("button", name="Edit edit-keys").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert _focused(page) == "Edit edit-keys"
    page.keyboard.press("Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type("edit-kept")
    page.keyboard.press("Enter")
    page.get_by_text("edit-kept is changed.").wait_for()
    until(page, "document.activeElement.getAttribute('aria-label') === 'Edit edit-kept'")
    assert page.get_by_label("Search keys").input_value() == "edit-k"
    assert page.locator("tbody tr").count() == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert _focused(page) == "Revoke edit-kept"
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").press("Enter")
    page.get_by_text("edit-kept is revoked.").wait_for()
    until(page, "document.activeElement.getAttribute('role') === 'tab'")


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))


def test_a_key_that_has_expired_can_be_given_another_end(desk: Desk) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    desk.api("POST", "", {"name": "edit-old", "expires_at": soon.isoformat()})
    wait_for(lambda: desk.key("edit-old")["state"] == "expired", limit_s=10)
    desk.page.goto(f"{desk.url}/#/keys")
    desk.page.get_by_label("Show those that have ended").check()
    dialog = desk.edit("edit-old")
    dialog.get_by_label("Ends on").fill("2099-01-01")
    desk.save()
    desk.page.get_by_text("edit-old is changed.").wait_for()
    now = desk.key("edit-old")
    assert (now["state"], now["expires_at"][:10]) == ("open", "2099-01-01")
    assert desk.page.get_by_label("Show those that have ended").is_checked()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_dialog(
    browser: Browser, office: Office, theme: str
) -> None:
    with visiting(browser, office.url, key=office.boss, theme=theme, size=NARROW) as visit:
        page = visit.go("keys")
        page.get_by_role("button", name="Edit kiosk").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Warn beyond").fill("99")
        dialog.get_by_role("button", name="Save").click()
        dialog.get_by_role("alert").wait_for()
        assert serious_findings(page) == []
        assert dialog.evaluate("node => node.scrollWidth <= node.clientWidth")
