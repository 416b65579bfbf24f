"""The pages Transcribe, Live and Speak in a real browser, over real weights."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import jiwer
import pysubs2
import pytest
import webvtt

from tests.assets import clip, clip_text
from tests.console.axe import serious_findings
from tests.console.browser import NARROW, WIDE, Visit, until, visiting
from tests.console.conftest import KEY
from tests.console.hostile import HOSTILE
from tests.live.server import RunningServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Download, Page, Route

FIRST_WORDS_S = 6.0
"""Two seconds on a machine of its own; this one is shared with other tests."""

MAX_APART = 0.2
MAX_APART_BUSY = 0.6
"""Word errors of what is heard live against the text that the same recording gets by HTTP."""

MAX_WORSE = 0.1
"""More word errors than that text has."""


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def word_errors(wanted: list[str], found: list[str]) -> float:
    return float(jiwer.wer(" ".join(wanted), " ".join(found)))


def give(page: Page, path: Path) -> None:
    page.set_input_files("input[type=file]", str(path))


def transcribe(page: Page) -> None:
    page.get_by_role("button", name="Transcribe").click()
    page.wait_for_selector(".transcript")


def saved(page: Page, name: str) -> str:
    """Press a button that saves a file, and return what is in it."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    download: Download = waiting.value
    return Path(download.path()).read_text()


def shown_text(page: Page) -> str:
    return " ".join(page.locator(".paragraph p").all_text_contents())


# ------------------------------------------------------------------ transcribe


@pytest.fixture
def transcribed(visit: Visit) -> Page:
    page = visit.go("transcribe")
    give(page, clip("beckett"))
    transcribe(page)
    return page


def test_a_recording_becomes_the_text_that_the_api_gives(
    transcribed: Page, loquent: RunningServer
) -> None:
    told = loquent.post(clip("beckett"), model="whisper-base").json()
    assert words(shown_text(transcribed)) == words(told["text"])
    assert words(shown_text(transcribed)) == words(clip_text("beckett"))


def test_words_light_up_while_they_are_heard_and_a_click_goes_there(transcribed: Page) -> None:
    page = transcribed
    page.locator(".wave canvas").first.wait_for()
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_selector(".is-heard")
    page.get_by_role("button", name="Pause").click()
    last = page.locator(".word").last
    last.click()
    until(page, "document.querySelector('.word:last-child.is-heard') !== null")
    at_s = page.evaluate("document.querySelector('audio').currentTime")
    assert at_s > 5
    page.locator(".transcript").press("ArrowLeft")
    until(page, f"document.querySelector('audio').currentTime < {at_s} - 0.1")


def test_every_download_can_be_read_by_others(transcribed: Page) -> None:
    spoken = words(clip_text("beckett"))
    assert words(saved(transcribed, "txt")) == spoken
    told = json.loads(saved(transcribed, "json"))
    assert [words(each["word"]) for each in told["words"]] == [[word] for word in spoken]
    cues = pysubs2.SSAFile.from_string(saved(transcribed, "srt"), format_="srt")
    assert words(" ".join(cue.plaintext for cue in cues)) == spoken
    captions = webvtt.from_buffer(io.BytesIO(saved(transcribed, "vtt").encode()), format="vtt")
    assert words(" ".join(caption.text for caption in captions)) == spoken


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_those_of_the_api_and_the_recording_is_not_sent_again(
    transcribed: Page, loquent: RunningServer, form: str
) -> None:
    asked: list[str] = []
    transcribed.on("request", lambda request: asked.append(request.url))
    told = saved(transcribed, form)
    assert [url for url in asked if "/v1/" in url] == [f"{loquent.url}/v1/subtitles"]
    model = transcribed.get_by_label("Model").input_value()
    assert told == loquent.post(clip("beckett"), model=model, response_format=form).text


def test_a_limit_that_no_subtitle_can_keep_is_told_in_words(
    transcribed: Page, visit: Visit
) -> None:
    transcribed.get_by_text("How subtitles are cut").click()
    transcribed.get_by_label("Characters in a line").fill("900")
    transcribed.get_by_role("button", name="srt").click()
    assert "max_line_width" in transcribed.get_by_role("alert").inner_text()
    assert visit.complaints.pop().startswith("Failed to load resource")  # what Chromium writes


def test_subtitles_are_cut_as_the_person_wishes(transcribed: Page) -> None:
    transcribed.get_by_text("How subtitles are cut").click()
    transcribed.get_by_label("Characters in a line").fill("16")
    transcribed.get_by_label("Lines", exact=True).fill("1")
    cues = pysubs2.SSAFile.from_string(saved(transcribed, "srt"), format_="srt")
    lines = [line for cue in cues for line in cue.plaintext.splitlines()]
    assert len(lines) == len(cues)
    assert max(map(len, lines)) <= 16


def test_speakers_have_colours_and_take_names(visit: Visit) -> None:
    page = visit.go("transcribe")
    give(page, clip("two-speakers"))
    page.get_by_label("Tell speakers apart").check()
    page.get_by_label("How many speakers").fill("2")
    transcribe(page)
    colours = page.locator(".who").evaluate_all("all => all.map(e => getComputedStyle(e).color)")
    assert len(set(colours)) == 2
    page.get_by_label("Name of speaker A").fill("Ann <b>")
    page.get_by_label("Name of speaker A").press("Enter")
    assert page.locator(".who").first.text_content() == "Ann <b>"
    assert "Ann <b>: " in saved(page, "txt")
    assert "Ann <b>: " in saved(page, "srt")
    voices = re.findall(r"<v ([^>]+)>", saved(page, "vtt"))
    assert set(voices) == {"Ann &lt;b&gt;", "B"}


def test_a_recording_can_be_made_here(browser: Browser, loquent: RunningServer) -> None:
    with visiting(browser, loquent.url, key=KEY) as visit:
        page = visit.go("transcribe")
        page.get_by_role("button", name="Record", exact=True).click()
        page.wait_for_selector(".source-recording")
        page.wait_for_timeout(5_000)
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector(".file-line")
        transcribe(page)
        assert words(shown_text(page))
        assert visit.complaints == []


def test_what_is_no_recording_is_told_in_words(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ann, this is no sound. " * 50)
    page = visit.go("transcribe")
    give(page, tmp_path / "letter.txt")
    page.get_by_role("button", name="Transcribe").click()
    banner = page.get_by_role("alert")
    assert "unsupported_format" in (banner.text_content() or "")
    assert visit.complaints.pop().startswith("Failed to load resource")  # what Chromium writes


# ------------------------------------------------------------------------ live


def follow(page: Page) -> tuple[str, float]:
    """Let the page hear the microphone to its end.

    Returns: what it has written down, and after how many seconds the first words stood there.
    """
    page.reload()
    page.get_by_label("Language").select_option("en")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(".live-bar.is-on")
    began_s = time.monotonic()
    page.wait_for_selector(".partial:not(:empty), .final")
    first_words_s = time.monotonic() - began_s
    page.wait_for_timeout(10_000)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Keep it").wait_for()
    return saved(page, "txt"), first_words_s


def heard_at_once(page: Page, server: RunningServer) -> list[str]:
    """Return the words of the whole recording that the microphone plays."""
    model = page.get_by_label("Model").input_value()
    return words(server.post(clip("beckett"), model=model, language="en").json()["text"])


def test_speech_is_written_down_while_it_is_spoken(visit: Visit, loquent: RunningServer) -> None:
    page = visit.go("live")
    whole = heard_at_once(page, loquent)
    text, _ = follow(page)
    # Where others keep the processors busy, Chromium's microphone stutters.
    assert word_errors(whole, words(text)) <= MAX_APART_BUSY
    told = json.loads(saved(page, "json"))
    assert words(" ".join(each["text"] for each in told)) == words(text)
    assert page.locator(".late").first.text_content()


@pytest.mark.slow
def test_first_words_come_soon_and_the_text_is_as_the_apis(
    visit: Visit, loquent: RunningServer
) -> None:
    page = visit.go("live")
    whole, spoken = heard_at_once(page, loquent), words(clip_text("beckett"))
    text, first_words_s = follow(page)
    assert first_words_s < FIRST_WORDS_S
    assert word_errors(whole, words(text)) <= MAX_APART
    assert word_errors(spoken, words(text)) <= word_errors(spoken, whole) + MAX_WORSE


REFUSALS = ("NotAllowedError", "NotFoundError", "NotReadableError")


@pytest.mark.parametrize("name", REFUSALS)
def test_a_microphone_that_cannot_be_had_is_told_in_words(visit: Visit, name: str) -> None:
    visit.page.add_init_script(
        "navigator.mediaDevices.getUserMedia ="
        f" () => Promise.reject(new DOMException('no', '{name}'))"
    )
    page = visit.go("live")
    page.get_by_role("button", name="Start").click()
    assert "microphone" in (page.get_by_role("alert").text_content() or "").lower()
    page.get_by_role("button", name="Start").wait_for()


# ----------------------------------------------------------------------- speak


def test_a_text_is_spoken_and_can_be_saved(visit: Visit) -> None:
    page = visit.go("speak")
    page.get_by_label("Text").fill("Good morning. Every word of this was made here.")
    page.get_by_label("Text").press("Control+Enter")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=re.compile("^Download")).click()
    with av.open(waiting.value.path()) as sound:
        n_samples = sum(frame.samples for frame in sound.decode(audio=0))
        assert n_samples / sound.streams.audio[0].rate > 2
    facts = page.locator(".stat dd").all_text_contents()
    assert all(re.match(r"\d", fact) for fact in facts)
    assert page.evaluate("document.querySelector('.page audio').currentTime") > 0


def test_a_voice_can_be_found_and_tried(visit: Visit) -> None:
    page = visit.go("speak")
    page.get_by_label("Language").select_option("de")
    assert set(page.locator(".voice-model").all_text_contents()) == {"espeak"}
    page.get_by_label("Filter voices").fill("nothing is called that")
    assert "No voice" in page.locator(".voice-list").inner_text()
    page.get_by_label("Filter voices").fill("")
    with page.expect_response("**/v1/audio/speech") as answered:
        page.get_by_role("button", name="Hear de", exact=True).click()
    assert "Guten Morgen" in (answered.value.request.post_data or "")


# ----------------------------------------------------------------- all of them


def test_who_has_no_key_is_asked_for_one_and_goes_on(
    browser: Browser, loquent: RunningServer
) -> None:
    with visiting(browser, loquent.url) as visit:
        visit.page.goto(loquent.url)
        dialog = visit.page.get_by_role("dialog")
        dialog.get_by_label("API key").fill("wrong")
        dialog.get_by_label("API key").press("Enter")
        visit.page.get_by_role("button", name="Try again").click()
        dialog.get_by_label("API key").fill(KEY)
        dialog.get_by_label("API key").press("Enter")
        visit.page.get_by_text("Drop a recording here").wait_for()
        kept = visit.page.evaluate("[localStorage.length, sessionStorage.length]")
    assert kept == [0, 1]


def answer(route: Route, body: Any) -> None:
    route.fulfill(status=200, content_type="application/json", body=json.dumps(body))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("transcribe", "No model here can transcribe yet"),
        ("live", "No model here can follow speech yet"),
        ("speak", "No voice is installed yet"),
    ],
)
def test_an_empty_server_says_what_to_do(visit: Visit, name: str, title: str) -> None:
    nothing: dict[str, Any] = {"data": [], "voices": [], "aliases": {}}
    visit.page.route("**/v1/models?*", lambda route: answer(route, nothing))
    visit.page.route("**/v1/audio/voices", lambda route: answer(route, nothing))
    page = visit.go(name)
    page.get_by_text(title).wait_for()
    assert "loquent models pull" in page.locator(".empty").inner_text()


def _hostile_answers(page: Page) -> None:
    """Answer in the place of the server, with hostile texts wherever a text can be."""
    models = [
        {
            "id": text, "served_by": text, "loaded": True, "endpoints": [], "languages": [text],
            "capabilities": ["transcription", "translation", "realtime"],
        }
        for text in HOSTILE
    ]  # fmt: skip
    voices = [
        {"id": t, "name": t, "model": t, "language": t, "gender": t, "sample_text": t}
        for t in HOSTILE
    ]
    done = {
        "type": "transcript.text.done",
        "text": " ".join(HOSTILE),
        "words": [],
        "segments": [
            {"text": text, "start": at, "end": at + 0.1, "speaker": text}
            for at, text in enumerate(HOSTILE)
        ],
    }
    deltas = [{"type": "transcript.text.delta", "delta": text} for text in HOSTILE]
    events = "".join(f"data: {json.dumps(event)}\n\n" for event in [*deltas, done])
    page.route("**/v1/models?*", lambda route: answer(route, {"data": models}))
    page.route("**/v1/audio/voices", lambda route: answer(route, {"voices": voices}))
    page.route(
        "**/v1/audio/transcriptions",
        lambda route: route.fulfill(content_type="text/event-stream", body=events),
    )


def test_hostile_texts_stay_texts(visit: Visit, tmp_path: Path) -> None:
    assert len(set(HOSTILE)) >= 50
    _hostile_answers(visit.page)
    page = visit.go("transcribe")
    models = page.get_by_label("Model").locator("option").all_text_contents()
    assert sorted(models) == sorted(HOSTILE)
    recording = tmp_path / "<img src=x onerror=window.hacked=1>.wav"
    recording.write_bytes(clip("beckett").read_bytes())
    give(page, recording)
    transcribe(page)
    assert page.locator(".word").all_text_contents() == list(HOSTILE)
    assert page.locator(".who").all_text_contents() == list(HOSTILE)
    assert page.locator(".legend input").count() == len(HOSTILE)
    for name in ("live", "speak"):
        visit.go(name)
    page.get_by_label("Language").select_option("")
    assert sorted(page.locator(".voice-name").all_text_contents()) == sorted(HOSTILE)
    assert page.evaluate("window.hacked") is None


def test_nobody_else_is_asked_for_anything(visit: Visit) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    for name in ("transcribe", "live", "speak"):
        visit.go(name)
    assert asked
    assert [url for url in asked if not url.startswith((visit.url, "blob:"))] == []


def test_the_first_paint_comes_soon(visit: Visit) -> None:
    visit.go("transcribe")
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    assert visit.page.evaluate(paint) < 1_500  # half a second on a machine of its own


@pytest.fixture(params=["light", "dark"])
def themed(
    request: pytest.FixtureRequest, browser: Browser, loquent: RunningServer
) -> Iterator[Visit]:
    with visiting(browser, loquent.url, key=KEY, theme=request.param) as visit:
        yield visit


@pytest.mark.parametrize("name", ["transcribe", "live", "speak"])
def test_axe_finds_nothing_serious(themed: Visit, name: str) -> None:
    page = themed.go(name)
    assert serious_findings(page) == []


def test_axe_finds_nothing_serious_in_a_transcript(themed: Visit) -> None:
    page = themed.go("transcribe")
    give(page, clip("two-speakers"))
    page.get_by_label("Tell speakers apart").check()
    transcribe(page)
    page.get_by_text("More options").click()
    page.get_by_text("How subtitles are cut").click()
    assert serious_findings(page) == []
    page.get_by_role("button", name=re.compile("API key")).click()
    assert serious_findings(page) == []


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_nothing_is_wider_than_the_window(
    browser: Browser, loquent: RunningServer, size: tuple[int, int]
) -> None:
    with visiting(browser, loquent.url, key=KEY, size=size) as visit:
        for name in ("transcribe", "live", "speak"):
            visit.go(name)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_menu_of_a_narrow_window_opens_and_closes(
    browser: Browser, loquent: RunningServer
) -> None:
    with visiting(browser, loquent.url, key=KEY, size=NARROW) as visit:
        page = visit.go("transcribe")
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("link", name="Speak").click()
        page.wait_for_selector(".page-speak h1")
        page.get_by_role("button", name="Menu").click()
        page.keyboard.press("Escape")
        page.wait_for_selector(".sidebar", state="hidden")


def test_the_page_can_be_worked_without_a_mouse(visit: Visit) -> None:
    page = visit.go("transcribe")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(node => node.labels?.[0]?.innerText || node.innerText)(document.activeElement)"
            )
        )
    assert reached[:2] == ["Choose a file", "Record"]
    assert {"Model", "Task", "Language"} <= set(reached)
