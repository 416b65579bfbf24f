"""Subtitles within limits over the wire, read by parsers that are not ours."""

from __future__ import annotations

from io import StringIO

import httpx2
import pysubs2
import pytest
import webvtt

from loquent.domain.transcript import Segment, Word
from tests.fakes.fake_transcriber import FakeTranscriber, segment
from tests.wire.conftest import KEY, LiveServer, Serve

FILE = {"file": ("a.wav", b"RIFF" + bytes(2000), "audio/wav")}
TEXT = "Ever tried, ever failed, no matter. Try again, fail again, fail better."
PATHS = ["/v1/audio/transcriptions", "/v0/audio/transcriptions", "/audio/translations"]


def _said() -> Segment:
    texts = TEXT.split()
    words = tuple(Word(text, 0.4 * at, 0.4 * at + 0.3, 0.9) for at, text in enumerate(texts))
    return Segment(
        0, 0.0, words[-1].end_s, f" {TEXT}", (), 0.0, -0.2, 1.1, 0.0, words=words
    )  # fmt: skip


@pytest.fixture
def server(serve: Serve) -> LiveServer:
    return serve(FakeTranscriber([_said()]))


def ask(server: LiveServer, path: str, **fields: str) -> httpx2.Response:
    return httpx2.post(
        server.url + path,
        data={"model": "m", **fields},
        files=FILE,
        headers={"authorization": f"Bearer {KEY}"},
    )


@pytest.mark.parametrize("path", PATHS)
def test_srt_keeps_to_its_limits(server: LiveServer, path: str) -> None:
    answer = ask(
        server, path, response_format="srt", max_line_width="14", max_line_count="1", max_cps="15"
    )
    assert answer.status_code == 200, answer.text
    events = pysubs2.SSAFile.from_string(answer.text, format_="srt")
    assert [event.text for event in events] == [
        "Ever tried,",
        "ever failed,",
        "no matter.",
        "Try again,",
        "fail again,",
        "fail better.",
    ]
    assert all(len(event.text) <= 15 * (event.end - event.start) / 1000 for event in events[:-1])
    assert "x-loquent-ignored" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
def test_vtt_tells_when_each_word_begins(server: LiveServer, path: str) -> None:
    answer = ask(server, path, response_format="vtt", highlight_words="true")
    assert answer.status_code == 200, answer.text
    captions = webvtt.from_buffer(StringIO(answer.text)).captions
    assert " ".join(caption.text.replace("\n", " ") for caption in captions) == TEXT
    assert "<c>Ever</c> <00:00:00.400><c>tried,</c>" in captions[0].raw_text
    assert server.transcriber.calls[-1].request.word_timestamps


def test_without_them_nothing_changes(server: LiveServer) -> None:
    plain = ask(server, PATHS[0], response_format="vtt")
    asked = ask(server, PATHS[0], response_format="vtt", highlight_words="false", max_cps="")
    assert plain.text == asked.text == f"WEBVTT\n\n00:00:00.000 --> 00:00:04.700\n{WRAPPED}\n"


WRAPPED = TEXT.replace(" Try", "\nTry")


@pytest.mark.parametrize(("path", "status"), [(PATHS[0], 400), (PATHS[1], 422), (PATHS[2], 400)])
def test_a_bad_value_names_its_field(server: LiveServer, path: str, status: int) -> None:
    answer = ask(server, path, response_format="srt", max_cps="fast")
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, "max_cps")
    answer = ask(server, path, response_format="json", max_line_width="30")
    assert answer.json()["error"]["param"] == "max_line_width"


def test_captions_of_speech_keep_to_limits(server: LiveServer) -> None:
    def captions(**fields: object) -> httpx2.Response:
        return httpx2.post(
            f"{server.url}/v1/audio/speech/captions",
            json={"model": "m", "input": "Hello there, general speech.", **fields},
            headers={"authorization": f"Bearer {KEY}"},
        )

    answer = captions(max_line_width=14, highlight_words=True)
    assert answer.status_code == 200, answer.text
    lines = [line for c in webvtt.from_buffer(StringIO(answer.text)).captions for line in c.lines]
    assert "<c>" in answer.text
    assert len(lines) > 1
    bad = captions(max_line_width=0)
    assert (bad.status_code, bad.json()["error"]["param"]) == (400, "max_line_width")


def cut(server: LiveServer, body: object, path: str = "/v1/subtitles") -> httpx2.Response:
    return httpx2.post(
        server.url + path, json=body, headers={"authorization": f"Bearer {KEY}"}, timeout=30
    )


@pytest.mark.parametrize("form", ["srt", "vtt"])
@pytest.mark.parametrize("limits", [{}, {"max_line_width": 14, "max_line_count": 1, "max_cps": 15}])
def test_an_answer_that_comes_back_is_cut_as_its_recording(
    server: LiveServer, form: str, limits: dict[str, int]
) -> None:
    fields = {name: str(value) for name, value in limits.items()}
    wanted = ask(server, PATHS[0], response_format=form, **fields)
    told = httpx2.post(
        f"{server.url}/v1/audio/transcriptions",
        data={
            "model": "m",
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word", "segment"],
        },
        files=FILE,
        headers={"authorization": f"Bearer {KEY}"},
    ).json()
    n_heard = len(server.transcriber.calls)
    answer = cut(server, {"transcript": told, "response_format": form, **limits})
    assert (answer.status_code, answer.text) == (200, wanted.text)
    assert answer.headers["content-type"] == wanted.headers["content-type"]
    assert len(server.transcriber.calls) == n_heard


def test_who_is_named_in_an_answer_that_comes_back_is_named_in_its_cues(server: LiveServer) -> None:
    told = {"segments": [{"text": "Hi.", "start": 0, "end": 1, "speaker": "Ann <b>"}]}
    srt = cut(server, {"transcript": told, "response_format": "srt"}).text
    assert srt == "1\n00:00:00,000 --> 00:00:01,000\nAnn <b>: Hi.\n"
    vtt = cut(server, {"transcript": told}).text
    assert vtt == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v Ann &lt;b&gt;>Hi.\n"


ONE = {"text": "Hi.", "start": 0, "end": 1}
SAID = {"segments": [ONE]}
ODD_BODIES = [
    ({}, "transcript"),
    ({"transcript": "Hi."}, "transcript"),
    ({"transcript": {"text": "Hi."}}, "transcript"),
    ({"transcript": {"segments": [{"text": "Hi."}]}}, "transcript.segments.0.start"),
    ({"transcript": {"segments": [{**ONE, "end": "1"}]}}, "transcript.segments.0.end"),
    ({"transcript": {"segments": [{**ONE, "text": None}]}}, "transcript.segments.0.text"),
    ({"transcript": {"segments": [{**ONE, "end": 10**400}]}}, "transcript.segments.0.end"),
    ({"transcript": {"words": [ONE]}}, "transcript.words.0.word"),
    ({"transcript": SAID, "response_format": "ass"}, "response_format"),
    ({"transcript": SAID, "max_line_width": 0}, "max_line_width"),
    ({"transcript": SAID, "max_line_width": "32"}, "max_line_width"),
    ({"transcript": SAID, "width": 32}, "width"),
    ({"transcript": SAID, "min_cue_duration": 9}, "min_cue_duration"),
    ({"transcript": SAID, "highlight_words": True}, "highlight_words"),
]


@pytest.mark.parametrize(("path", "status"), [("/v1/subtitles", 400), ("/v0/subtitles", 422)])
@pytest.mark.parametrize(("body", "param"), ODD_BODIES)
def test_what_is_no_transcript_names_its_field(
    server: LiveServer, path: str, status: int, body: object, param: str
) -> None:
    answer = cut(server, body, path)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


def test_times_that_are_no_numbers_are_refused_and_odd_ones_mended(server: LiveServer) -> None:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    raw = '{"transcript": {"segments": [{"text": "Hi.", "start": NaN, "end": 1}]}}'
    answer = httpx2.post(f"{server.url}/v1/subtitles", content=raw, headers=headers)
    assert answer.json()["error"]["param"] == "transcript.segments.0.start"
    for start, end in ((-5, -9), (1e300, 0), (0, 0)):
        told = {"segments": [{"text": "Hi \x00-->there.", "start": start, "end": end}]}
        for limits in ({}, {"max_line_width": 20}):
            answer = cut(server, {"transcript": told, "response_format": "srt", **limits})
            (event,) = pysubs2.SSAFile.from_string(answer.text, format_="srt")
            assert event.start < event.end


def test_a_transcript_beyond_any_talk_is_refused(server: LiveServer) -> None:
    told = {"segments": [{**ONE, "text": "x" * 600_000}]}
    answer = cut(server, {"transcript": told, "max_cps": 17})
    assert answer.json()["error"]["code"] == "input_too_long"
    answer = cut(server, {"transcript": {**SAID, "more": "x" * (8 * 1024 * 1024)}})
    assert answer.status_code == 413


def test_segments_without_word_times_are_cut_all_the_same(serve: Serve) -> None:
    server = serve(FakeTranscriber([segment(" Hello there."), segment(" General speech.", 1)]))
    answer = ask(server, PATHS[0], response_format="srt", max_line_width="8", max_line_count="1")
    events = pysubs2.SSAFile.from_string(answer.text, format_="srt")
    assert [event.text for event in events] == ["Hello", "there.", "General", "speech."]
