"""The pages about the server in a real browser: models, routes, keys, usage, prices, the API."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.console.axe import serious_findings
from tests.console.browser import NARROW, WIDE, Visit, visiting
from tests.console.hostile import HOSTILE
from tests.console.office import AWAY, HERE, Office, open_house

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("console")]

PAGES = ("models", "routes", "usage", "pricing", "keys", "api")
ADMIN_COMMAND = "loquent keys create --name console --scope inference --scope usage --scope admin"


@pytest.fixture
def visit(browser: Browser, office: Office) -> Iterator[Visit]:
    """Return somebody who may do all; whatever the browser complains of fails the test."""
    with visiting(browser, office.url, key=office.boss) as visit:
        yield visit
    assert visit.complaints == []


def ask(office: Office, path: str, **query: Any) -> Any:
    headers = {"Authorization": f"Bearer {office.boss}"}
    return httpx2.get(office.url + path, params=query, headers=headers).raise_for_status().json()


def model_card(page: Page, model: str) -> Locator:
    return page.locator(f'[data-model="{model}"]')


def rows(page: Page) -> Locator:
    return page.locator("tbody tr")


def test_a_model_is_pulled_found_and_removed(visit: Visit, office: Office) -> None:
    page = visit.go("models")
    page.get_by_label("Repository").fill(AWAY)
    page.get_by_label("Repository").press("Enter")
    page.get_by_text(f"{AWAY} is installed.").wait_for()
    listed = {model["id"]: model["installed"] for model in ask(office, "/v1/catalog")["data"]}
    assert listed[AWAY] is True
    page.get_by_label("Search models").fill("away")
    assert model_card(page, HERE).count() == 0
    page.get_by_role("button", name=f"Remove {AWAY}").click()
    dialog = page.get_by_role("dialog")
    assert "3.0 MB" in dialog.inner_text()
    dialog.get_by_role("button", name="Remove").click()
    page.get_by_text(f"{AWAY} is removed.").wait_for()
    assert AWAY not in {model["id"] for model in ask(office, "/v1/catalog")["data"]}


def test_models_are_filtered_by_what_they_do_and_where(visit: Visit) -> None:
    page = visit.go("models")
    model_card(page, "espeak").wait_for()
    page.get_by_label("Ability").select_option("diarization")
    assert page.locator(".model h2").all_text_contents() == ["pyannote-campplus"]
    page.get_by_label("Ability").select_option("")
    page.get_by_label("Where", exact=True).select_option("remote")
    shown = page.locator(".model h2").all_text_contents()
    assert shown == ["whisper-large-v3", "whisper-large-v3-turbo"]
    page.get_by_label("Where", exact=True).select_option("loaded")
    assert page.locator(".model h2").all_text_contents() == ["espeak"]
    assert "Memory" in model_card(page, "espeak").inner_text()
    page.get_by_label("Language").select_option("yue")
    page.get_by_label("Where", exact=True).select_option("missing")
    page.get_by_label("Ability").select_option("speech")
    page.get_by_text("No model fits").wait_for()


def test_details_tell_where_a_model_is_served_and_its_limits(visit: Visit) -> None:
    page = visit.go("models")
    card = model_card(page, "whisper-large-v3")
    card.get_by_text("Details").click()
    assert "groq/whisper-large-v3" in card.inner_text()
    assert "files of" in card.inner_text()


def test_what_cannot_be_unloaded_or_pulled_is_told_in_words(visit: Visit) -> None:
    page = visit.go("models")
    page.get_by_role("button", name="Unload espeak").click()
    assert "`default_model`" in model_card(page, "espeak").get_by_role("alert").inner_text()
    page.get_by_role("button", name="Pull whisper-small").click()
    told = model_card(page, "whisper-small").get_by_role("alert").inner_text()
    assert "not asked, because offline mode is on" in told
    assert visit.complaints.pop().startswith("Failed to load resource")  # the 400 of the first


def test_a_key_that_may_not_is_told_which_may(browser: Browser, office: Office) -> None:
    with visiting(browser, office.url, key=office.clerk) as visit:
        page = visit.go("models")
        page.get_by_role("button", name=f"Remove {HERE}").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        told = model_card(page, HERE)
        assert (
            "the scope 'admin', and yours has 'inference'" in told.get_by_role("alert").inner_text()
        )
        assert ADMIN_COMMAND in told.inner_text()
        page = visit.go("usage")
        assert "the scope 'usage'" in page.get_by_role("alert").inner_text()
        assert ADMIN_COMMAND in page.inner_text("main")
        page = visit.go("keys")
        page.get_by_text("Keys are managed with a key").wait_for()
        assert ADMIN_COMMAND in page.inner_text("main")


def test_a_route_is_explained(visit: Visit, office: Office) -> None:
    page = visit.go("routes")
    page.get_by_label("Model").fill("whisper-large-v3")
    page.get_by_label("Preference").select_option("cost")
    page.get_by_label("Seconds of audio").fill("600")
    page.get_by_text("Limits and what the answer must tell").click()
    page.get_by_label("Only providers based in the EU").check()
    with page.expect_response("**/v1/route") as answered:
        page.get_by_role("button", name="Where would it go?").click()
    told = answered.value.json()
    assert answered.value.request.post_data_json == {
        "model": "whisper-large-v3",
        "capability": "transcription",
        "preference": "cost",
        "audio_seconds": 600,
        "eu_native": True,
    }
    page.get_by_text(f"It would go to {told['choice']}").wait_for()
    texts = rows(page).all_inner_texts()
    assert [each["endpoint"] in text for each, text in zip(told["candidates"], texts, strict=True)]
    assert told["choice"] == "ovh/whisper-large-v3"
    assert "first choice" in texts[0]
    assert "it is not known to be based in the EU" in texts[1]


def test_a_name_that_nobody_has_is_told_with_the_nearest(visit: Visit) -> None:
    page = visit.go("routes")
    page.get_by_label("Model").fill("whisper-larg-v3")
    page.get_by_label("Model").press("Enter")
    assert "did you mean" in page.get_by_role("alert").inner_text()
    assert visit.complaints.pop().startswith("Failed to load resource")


def test_a_key_is_made_bound_rotated_and_revoked(visit: Visit, office: Office) -> None:
    page = visit.go("keys")
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("lobby")
    dialog.get_by_text("Models, providers, limits and a budget").click()
    dialog.get_by_label("Only these models").fill("whisper-1, espeak")
    dialog.get_by_label("Requests a minute").fill("60")
    dialog.get_by_label("Nothing beyond").fill("5")
    dialog.get_by_label("Warn beyond").fill("9")
    dialog.get_by_role("button", name="Make the key").click()
    assert "would never warn" in dialog.get_by_role("alert").inner_text()
    visit.complaints.clear()  # what Chromium writes of every 400
    dialog.get_by_label("Warn beyond").fill("4")
    dialog.get_by_role("button", name="Make the key").click()
    first = page.get_by_label("Key lobby").input_value()
    headers = {"Authorization": f"Bearer {first}"}
    assert httpx2.get(f"{office.url}/v1/models", headers=headers).status_code == 200
    page.get_by_role("button", name="I have kept it").click()
    row = rows(page).filter(has_text="lobby")
    row.wait_for()
    assert "60 requests a minute" in row.inner_text()
    assert "US$0.00 of US$5.00 a month" in row.inner_text()
    (made,) = [key for key in ask(office, "/v1/admin/keys")["data"] if key["name"] == "lobby"]
    assert made["models"] == ["espeak", "whisper-1"]
    assert Decimal(made["budget"]["soft"]) == 4

    row.get_by_role("button", name="Rotate").click()
    page.get_by_role("dialog").get_by_label("The present secret still opens").select_option("0")
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    second = page.get_by_label("Key lobby").input_value()
    assert second.split("_")[1] == first.split("_")[1]
    assert second != first
    page.get_by_role("button", name="I have kept it").click()
    assert httpx2.get(f"{office.url}/v1/models", headers=headers).status_code == 401

    rows(page).filter(has_text="lobby").get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("lobby is revoked.").wait_for()
    rows(page).filter(has_text="lobby").wait_for(state="detached")
    page.get_by_label("Show those that have ended").check()
    assert "revoked" in rows(page).filter(has_text="lobby").inner_text()
    page.get_by_role("tab", name="Audit").click()
    rows(page).first.wait_for()
    assert "key revoke" in rows(page).first.inner_text()


def test_no_secret_is_left_where_the_page_shows_what_it_did(visit: Visit) -> None:
    page = visit.go("keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_role("dialog").get_by_label("Name").fill("passing")
    page.get_by_role("dialog").get_by_role("button", name="Make the key").click()
    secret = page.get_by_label("Key passing").input_value()
    page.get_by_role("button", name="I have kept it").click()
    rows(page).filter(has_text="passing").wait_for()
    assert secret not in page.content()
    page.goto(page.url.replace("keys", "api"))
    page.get_by_text("Reference").wait_for()
    assert secret not in page.content()
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert secret not in stored


def test_projects_are_made_and_closed(visit: Visit, office: Office) -> None:
    page = visit.go("keys")
    page.get_by_role("tab", name=re.compile("Projects")).click()
    page.get_by_role("button", name="New project").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("hall")
    dialog.get_by_label("Days to keep personal data").fill("30")
    dialog.get_by_role("button", name="Make the project").click()
    row = rows(page).filter(has_text="hall")
    row.wait_for()
    assert "kept 30 days" in row.inner_text()
    row.get_by_role("button", name="Erase").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    page.get_by_text("Erased from 0 rows.").wait_for()
    rows(page).filter(has_text="hall").get_by_role("button", name="Close").click()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_text("hall is closed.").wait_for()
    (made,) = [each for each in ask(office, "/v1/admin/projects")["data"] if each["name"] == "hall"]
    assert made["closed_at"] is not None


def test_a_server_without_keys_says_how_to_make_the_first(browser: Browser, tmp_path: Path) -> None:
    with open_house(tmp_path) as url, visiting(browser, url) as visit:
        page = visit.go("keys")
        page.get_by_text("Keys are managed with a key").wait_for()
        assert ADMIN_COMMAND in page.inner_text("main")
        page = visit.go("usage")
        page.get_by_text("Nothing was used in these days").wait_for()
        page = visit.go("models")
        page.get_by_role("button", name="Pull whisper-small").click()
        model_card(page, "whisper-small").get_by_text(ADMIN_COMMAND).wait_for()


def test_usage_is_what_the_api_sums_up(visit: Visit, office: Office) -> None:
    page = visit.go("usage")
    page.wait_for_selector(".chart canvas")
    first = page.get_by_label("First day").input_value()
    total = ask(office, "/v1/usage", since=first, group_by="model")["total"]
    figures = page.locator(".stat dd").all_text_contents()
    assert figures[:2] == [str(total["requests"]), str(total["failed"])]
    by_model = rows(page).all_inner_texts()
    assert len(by_model) == 3
    page.get_by_label("Split").select_option("key")
    rows(page).filter(has_text="boss (").wait_for()
    assert "kiosk (" in page.locator(".legend").inner_text()
    page.get_by_label("Chart").select_option("price")
    page.get_by_text("Price a day").wait_for()
    assert len(_colours_in_chart(page)) > 2
    page.locator(".u-over").hover(position={"x": 300, "y": 100})
    assert re.match(r"\d{4}-\d\d-\d\d\n", page.locator(".chart-tip").inner_text())


def _colours_in_chart(page: Page) -> set[str]:
    """Return the colours of a column of the chart that every stack is seen in."""
    page.wait_for_selector(".chart canvas")
    found: list[str] = page.evaluate(
        """() => {
          const canvas = document.querySelector(".chart canvas");
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
          const seen = {};
          for (let at = 0; at < data.length; at += 4) {
            if (data[at + 3] < 255) continue;
            const colour = data.slice(at, at + 3).join();
            seen[colour] = (seen[colour] ?? 0) + 1;
          }
          return Object.keys(seen).filter((colour) => seen[colour] > 300);
        }"""
    )
    return set(found)


def test_usage_can_be_saved_for_a_spreadsheet(visit: Visit) -> None:
    page = visit.go("usage")
    page.wait_for_selector(".chart canvas")
    n_shown = int(page.locator(".stat dd").first.inner_text())
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Requests as CSV").click()
    with Path(waiting.value.path()).open(newline="") as file:
        assert len(list(csv.DictReader(file))) == n_shown
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Sums as CSV").click()
    with Path(waiting.value.path()).open(newline="") as file:
        sums = list(csv.DictReader(file))
    assert sum(int(row["requests"]) for row in sums) == n_shown
    assert {"day", "model"} <= set(sums[0])


def test_days_can_be_chosen(visit: Visit) -> None:
    page = visit.go("usage")
    page.wait_for_selector(".chart canvas")
    page.get_by_label("Time").select_option("own")
    page.get_by_label("First day").fill("2020-01-01")
    page.get_by_label("Last day").fill("2020-01-31")
    page.get_by_text("Nothing was used in these days").wait_for()
    with page.expect_console_message(lambda _: len(visit.complaints) == 2):  # two lists are asked
        page.get_by_label("Last day").fill("2019-01-31")
    assert "Both days are included" in page.get_by_role("alert").inner_text()
    visit.complaints.clear()  # what Chromium writes of every 400


def test_prices_are_those_of_the_api_brought_to_one_measure(visit: Visit, office: Office) -> None:
    page = visit.go("pricing")
    rows(page).first.wait_for()
    told = ask(office, "/v1/pricing", feature="speech_to_text")["data"]
    assert len(rows(page).all()) == len({line["endpoint"] for line in told})
    assert "free" in rows(page).first.inner_text()
    page.get_by_label("Search models").fill("ovh/whisper-large-v3-turbo")
    assert "US$0.050609" in rows(page).first.inner_text()
    page.get_by_label("How much of it").fill("100")
    assert "US$5.06" in rows(page).first.inner_text()
    page.get_by_label("Search models").fill("")
    page.get_by_label("Only providers based in the EU").check()
    assert all("ovh" in text for text in rows(page).all_inner_texts())
    page.get_by_label("Only providers based in the EU").uncheck()
    head = page.get_by_role("button", name="Compared: an hour")
    head.click()
    head.click()
    assert "ovh" in rows(page).first.inner_text()
    page.get_by_role("tab", name=re.compile("Text to speech")).click()
    assert "espeak" in page.inner_text("main")


def test_every_operation_is_in_the_reference(visit: Visit, office: Office) -> None:
    page = visit.go("api")
    page.get_by_text("operations").wait_for()
    document = ask(office, "/openapi.json")
    wanted = [
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        if path.startswith("/v1/")
        for method in item
    ]
    drawn = page.locator(".page-api > div:last-child .fold > summary .row-tight")
    shown = [text.replace("\n", " ") for text in drawn.all_inner_texts()]
    assert sorted(shown) == sorted(wanted)


def test_an_operation_tells_its_fields_answers_and_examples(visit: Visit) -> None:
    page = visit.go("api")
    page.get_by_label("Search operations").fill("/v1/audio/transcriptions")
    page.locator("summary", has_text="/v1/audio/transcriptions").click()
    body = page.locator(".fold[open]").first
    body.get_by_text("response_format", exact=True).wait_for()
    assert "429" in body.inner_text()
    assert "-F file=@talk.mp3" in body.locator("pre").inner_text()
    body.get_by_role("tab", name="Python").click()
    assert 'open("talk.mp3", "rb")' in body.locator("pre").inner_text()
    body.get_by_role("tab", name="Node").click()
    assert "openAsBlob" in body.locator("pre").inner_text()


def test_what_a_page_just_did_can_be_copied(visit: Visit, office: Office) -> None:
    page = visit.go("pricing")
    rows(page).first.wait_for()
    page.get_by_role("link", name="API").click()
    page.locator("summary", has_text="/v1/pricing").first.click()
    told = page.locator("pre").first.inner_text()
    assert f"{office.url}/v1/pricing" in told
    assert "$LOQUENT_API_KEY" in told
    assert office.boss not in page.content()


def _hostile_answers(page: Page) -> None:
    """Answer in the place of the server, with hostile texts wherever a text can be."""
    terms = {
        "models": list(HOSTILE), "allowed_providers": list(HOSTILE), "eu_native": False,
        "allow_quantization": True, "budget": None,
        "limits": dict.fromkeys(
            ("requests_per_minute", "audio_seconds_per_minute", "characters_per_minute",
             "concurrent_requests", "concurrent_sessions")
        ),
    }  # fmt: skip
    keys = [
        {**terms, "id": t, "name": t, "project_id": t, "parent_id": t, "scopes": [t], "reach": t,
         "state": "open", "created_at": "2026-01-01", "expires_at": None, "revoked_at": None,
         "rotating_until": None}
        for t in HOSTILE
    ]  # fmt: skip
    place = {
        "region": "x", "eu_native": True, "quantization": "x", "max_file_bytes": None,
        "max_audio_seconds": None, "file_types": list(HOSTILE), "details": list(HOSTILE),
    }  # fmt: skip
    models = [
        {"id": t, "served_by": t, "owned_by": t, "license": t, "quantization": t, "loaded": False,
         "languages": [t], "capabilities": [t], "endpoints": [{**place, "id": t, "provider": t}]}
        for t in HOSTILE
    ]  # fmt: skip
    usage = [
        {"group": {"day": "2026-01-01", "model": t}, "requests": 1, "failed": 0, "audio_ms": 1,
         "characters": 0, "price": "0", "currency": "USD"}
        for t in HOSTILE
    ]  # fmt: skip
    total = {**usage[0], "requests": len(usage)}
    answers = {
        "**/v1/admin/keys": {"data": keys},
        "**/v1/models": {"data": models},
        "**/v1/catalog": {"data": []},
        "**/v1/usage?*": {"data": usage, "total": total},
    }
    for address, body in answers.items():
        page.route(address, _answering(body))


def _answering(body: Any) -> Callable[[Route], None]:
    def answer(route: Route) -> None:
        route.fulfill(status=200, content_type="application/json", body=json.dumps(body))

    return answer


def test_hostile_names_stay_texts(visit: Visit) -> None:
    _hostile_answers(visit.page)
    page = visit.go("models")
    page.locator(".model").first.wait_for()
    assert sorted(page.locator(".model h2").all_text_contents()) == sorted(HOSTILE)
    page.locator(".model summary").first.click()
    page = visit.go("keys")
    rows(page).first.wait_for()
    assert page.locator("tbody .strong").all_text_contents() == list(HOSTILE)
    page = visit.go("usage")
    rows(page).first.wait_for()
    assert rows(page).locator("td:first-child").all_text_contents() == list(HOSTILE)
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, office: Office, theme: str) -> None:
    with visiting(browser, office.url, key=office.boss, theme=theme) as visit:
        for name in PAGES:
            page = visit.go(name)
            page.wait_for_load_state("networkidle")
            _unfold(page, name)
            assert serious_findings(page) == [], name


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_nothing_is_wider_than_the_window(
    browser: Browser, office: Office, size: tuple[int, int]
) -> None:
    with visiting(browser, office.url, key=office.boss, size=size) as visit:
        for name in PAGES:
            page = visit.go(name)
            page.wait_for_load_state("networkidle")
            _unfold(page, name)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0], name


def test_a_key_can_be_made_without_a_mouse(visit: Visit) -> None:
    page = visit.go("keys")
    page.get_by_role("button", name="New key").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    page.get_by_label("Key by keyboard").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("tab", name=re.compile("Keys")).focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name=re.compile("Projects")).get_attribute("aria-selected")


def test_the_menu_stays_in_view_on_a_long_page(visit: Visit) -> None:
    page = visit.go("api")
    page.get_by_text("operations").wait_for()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert page.evaluate("scrollY") > WIDE[1]
    top = page.evaluate("document.querySelector('.sidebar').getBoundingClientRect().top")
    assert abs(top) < 1


def _unfold(page: Page, name: str) -> None:
    """Show what is worth looking at on a page and is folded away."""
    if name == "models":
        model_card(page, "whisper-large-v3").locator("summary").click()
    elif name == "api":
        page.locator("summary", has_text="/v1/audio/transcriptions").first.click()
    elif name == "routes":
        page.get_by_text("It would go to").wait_for()
    elif name == "usage":
        page.wait_for_selector(".chart canvas")
