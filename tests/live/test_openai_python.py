"""The official Python client, blocking and awaiting, over real weights."""

from __future__ import annotations

import asyncio
import io
import math
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import openai
import pysubs2
import pytest
import webvtt
from openai.types.audio import TranscriptionVerbose, TranslationVerbose

from tests.assets import SAMPLE_TEXT, clip, sample
from tests.live.conftest import KEY
from tests.live.server import RunningServer

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

Call: TypeAlias = Callable[..., Any]

MODEL = "whisper-1"
SERVING_MODEL = "whisper-base"
DURATION_S = 5.333
"""How long the sample is."""

SERVER_VAD = {
    "type": "server_vad",
    "prefix_padding_ms": 100,
    "silence_duration_ms": 250,
    "threshold": 0.4,
}


@pytest.fixture
async def awaiting(loquent: RunningServer) -> AsyncIterator[openai.AsyncOpenAI]:
    base_url = f"{loquent.url}/v1"
    async with openai.AsyncOpenAI(base_url=base_url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def call(client: openai.OpenAI) -> Call:
    """Return a function that uploads the sample to `transcriptions` or `translations`."""
    return lambda resource, **wanted: getattr(client.audio, resource).create(**_form(wanted))


def _form(wanted: dict[str, Any]) -> dict[str, Any]:
    return {"model": MODEL, "file": sample(), **wanted}


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


SAID = _words(SAMPLE_TEXT)


# What is said, in every format


@pytest.mark.parametrize("resource", ["transcriptions", "translations"])
def test_json_is_read_as_the_clients_own_type(call: Call, resource: str) -> None:
    answer = call(resource, response_format="json")
    assert answer.text == SAMPLE_TEXT
    assert (answer.provider, answer.model, answer.language) == ("local", SERVING_MODEL, "en")
    assert answer.object == f"audio.{resource[:-1]}"
    assert answer.created > 1_700_000_000
    assert [segment["text"].strip() for segment in answer.segments] == [SAMPLE_TEXT]


@pytest.mark.parametrize("resource", ["transcriptions", "translations"])
def test_text_is_the_bare_words_and_a_line_end(call: Call, resource: str) -> None:
    assert call(resource, response_format="text") == f"{SAMPLE_TEXT}\n"


@pytest.mark.parametrize("resource", ["transcriptions", "translations"])
@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_read_alike_by_two_parsers(call: Call, resource: str, form: str) -> None:
    answer = call(resource, response_format=form)
    cues = list(pysubs2.SSAFile.from_string(answer, format_=form))
    captions = list(webvtt.from_buffer(io.BytesIO(answer.encode()), format=form))
    assert _words(" ".join(cue.plaintext for cue in cues)) == SAID
    assert [cue.plaintext for cue in cues] == [caption.text for caption in captions]
    _check_times([(cue.start / 1000, cue.end / 1000) for cue in cues])
    written = [(caption.start, caption.end) for caption in captions]
    assert written == [(_stamp(cue.start), _stamp(cue.end)) for cue in cues]


def _stamp(time_ms: int) -> str:
    """Write a time of less than a minute as the parser of captions gives it."""
    return f"00:00:{time_ms // 1000:02}.{time_ms % 1000:03}"


def test_a_verbose_transcription_fills_every_field(call: Call) -> None:
    answer = call("transcriptions", response_format="verbose_json")
    assert isinstance(answer, TranscriptionVerbose)
    assert (answer.text, answer.language) == (SAMPLE_TEXT, "english")
    assert answer.model_extra is not None
    assert answer.model_extra["task"] == "transcribe"
    assert answer.duration == pytest.approx(DURATION_S, abs=0.001)
    assert answer.words is None
    assert answer.usage is not None
    assert answer.usage.seconds == math.ceil(DURATION_S)
    _check_segments(answer)


def test_a_verbose_translation_fills_every_field(call: Call) -> None:
    answer = call("translations", response_format="verbose_json")
    assert isinstance(answer, TranslationVerbose)
    assert (answer.text, answer.language) == (SAMPLE_TEXT, "english")
    assert answer.model_extra is not None
    assert answer.model_extra["task"] == "translate"
    assert answer.duration == pytest.approx(DURATION_S, abs=0.001)
    _check_segments(answer)


def _check_segments(answer: TranscriptionVerbose | TranslationVerbose) -> None:
    segments = answer.segments
    assert segments
    assert "".join(segment.text for segment in segments).strip() == answer.text
    assert [segment.id for segment in segments] == list(range(len(segments)))
    _check_times([(segment.start, segment.end) for segment in segments])
    for segment in segments:
        assert segment.seek <= 100 * segment.start
        assert segment.tokens
        assert segment.temperature == 0
        assert segment.avg_logprob < 0 < segment.compression_ratio
        assert 0 <= segment.no_speech_prob < 0.5


def _check_times(times: list[tuple[float, float]]) -> None:
    """Check that spans follow each other inside the sample."""
    assert times
    borders = [border for span in times for border in span]
    assert borders == sorted(borders)
    assert borders[0] >= 0
    assert borders[-1] <= DURATION_S
    assert all(start < end for start, end in times)


# Parameters


@pytest.mark.parametrize("language", ["en", "DE"])
def test_a_language_may_be_named(call: Call, language: str) -> None:
    answer = call("transcriptions", language=language)
    assert answer.language == (language.lower())
    assert _words(answer.text) == SAID


def test_the_language_is_found_where_none_is_named(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(
        model=MODEL, file=clip("taiyi-zh"), response_format="verbose_json"
    )
    assert answer.language == "chinese"
    assert re.search(r"[\u4e00-\u9fff]", answer.text)


def test_a_translation_of_chinese_is_english(client: openai.OpenAI) -> None:
    answer = client.audio.translations.create(
        model=MODEL, file=clip("taiyi-zh"), response_format="verbose_json"
    )
    assert answer.language == "english"
    assert answer.text.isascii()
    assert {"is", "the", "this", "that", "i"} & set(_words(answer.text))


def test_a_prompt_sets_the_style(call: Call) -> None:
    answer = call("translations", prompt="SOME CALL ME NATURE")
    assert "SOME CALL ME NATURE" in answer.text


def test_a_temperature_may_be_set_and_is_told(call: Call) -> None:
    answer = call("transcriptions", temperature=0.4, response_format="verbose_json")
    assert answer.segments[0].temperature >= 0.4
    assert {"call", "me", "mother"} <= set(_words(answer.text))


@pytest.mark.parametrize("asked", [["word"], ["segment"], ["word", "segment"]], ids=str)
def test_exactly_the_granularities_asked_are_given(call: Call, asked: list[str]) -> None:
    answer = call("transcriptions", response_format="verbose_json", timestamp_granularities=asked)
    assert (answer.words is not None) is ("word" in asked)
    assert (answer.segments is not None) is ("segment" in asked)
    if answer.words is not None:
        assert [word for timed in answer.words for word in _words(timed.word)] == SAID
        _check_times([(word.start, word.end) for word in answer.words])


def test_log_probabilities_spell_the_text(call: Call) -> None:
    answer = call("transcriptions", include=["logprobs"])
    _check_scores(answer.logprobs)


def _check_scores(scores: list[Any] | None) -> None:
    assert scores
    assert bytes(int(byte) for score in scores for byte in score.bytes).decode().strip() == (
        SAMPLE_TEXT
    )
    assert all(score.logprob <= 0 for score in scores)


@pytest.mark.parametrize("strategy", ["auto", SERVER_VAD, None], ids=str)
def test_a_chunking_strategy_may_be_chosen(call: Call, strategy: object) -> None:
    answer = call("transcriptions", chunking_strategy=strategy)
    assert _words(answer.text) == SAID


@pytest.mark.parametrize(
    "extreme",
    [
        {"threshold": 0.0},
        {"silence_duration_ms": 0},
        {"silence_duration_ms": 30_000},
        {"prefix_padding_ms": 0},
        {"prefix_padding_ms": 5_000},
    ],
    ids=str,
)
def test_no_strategy_that_is_accepted_loses_speech(call: Call, extreme: dict[str, Any]) -> None:
    answer = call("transcriptions", chunking_strategy={"type": "server_vad", **extreme})
    assert _words(answer.text) == SAID


def test_a_threshold_that_nothing_reaches_finds_no_speech(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(
        model=MODEL, file=sample(), chunking_strategy={"type": "server_vad", "threshold": 1.0}
    )
    assert answer.text == ""


def test_fields_of_other_routers_pass_with_their_neutral_values(call: Call) -> None:
    neutral = {
        "diarise": False,
        "preference": "balanced",
        "allowed_providers": ["local"],
        "eu_native": False,
        "allow_quantization": True,
    }
    assert call("transcriptions", extra_body=neutral).text == SAMPLE_TEXT


def test_keywords_and_languages_are_understood(client: openai.OpenAI) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model=MODEL,
        file=sample(),
        extra_body={"keywords": ["Mother Nature"], "languages": ["en"]},
    )
    assert "x-loquent-ignored" not in raw.headers
    assert "Mother Nature" in raw.parse().text


@pytest.mark.parametrize("name", ["without-an-ending", "wrong.mp3", "наше слово 语音.wav"])
def test_what_a_file_is_called_does_not_matter(client: openai.OpenAI, name: str) -> None:
    file = (name, sample().read_bytes())
    assert client.audio.transcriptions.create(model=MODEL, file=file).text == SAMPLE_TEXT


# The awaiting client


async def test_the_awaiting_client_reads_every_format_at_the_same_time(
    awaiting: openai.AsyncOpenAI,
) -> None:
    create: Any = awaiting.audio.transcriptions.create
    forms = ("json", "text", "srt", "vtt", "verbose_json")
    json_answer, text, srt, vtt, verbose, translation = await asyncio.gather(
        *(create(**_form({"response_format": form})) for form in forms),
        awaiting.audio.translations.create(model=MODEL, file=sample()),
    )
    assert json_answer.text == verbose.text == text.strip() == translation.text == SAMPLE_TEXT
    assert verbose.segments[0].tokens
    assert _words(re.sub(r"(?m)^[-\d:,. >]+$", "", srt)) == SAID
    assert vtt.startswith("WEBVTT\n")


async def test_the_awaiting_client_reads_streams(awaiting: openai.AsyncOpenAI) -> None:
    stream = await awaiting.audio.transcriptions.create(
        model=MODEL, file=sample(), stream=True, include=["logprobs"]
    )
    *deltas, done = [event async for event in stream]
    assert done.type == "transcript.text.done"
    assert done.text == SAMPLE_TEXT
    _check_scores(done.logprobs)
    assert {event.type for event in deltas} == {"transcript.text.delta"}


async def test_the_awaiting_client_raises_the_class_of_the_status(
    awaiting: openai.AsyncOpenAI,
) -> None:
    with pytest.raises(openai.BadRequestError, match="temperature must be a number from 0 to 1"):
        await awaiting.audio.transcriptions.create(model=MODEL, file=sample(), temperature=3)
    with pytest.raises(openai.NotFoundError, match="did you mean whisper-1"):
        await awaiting.audio.translations.create(model="whispr-1", file=sample())


# Streams


def test_a_stream_ends_with_all_that_it_has_told(call: Call) -> None:
    events = list(call("transcriptions", stream=True))
    *deltas, done = events
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas) == done.text == SAMPLE_TEXT
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens
    assert done.usage.output_tokens > 0


def test_a_stream_may_tell_log_probabilities(call: Call) -> None:
    events = list(call("transcriptions", stream=True, include=["logprobs"]))
    _check_scores([score for event in events[:-1] for score in event.logprobs])
    _check_scores(events[-1].logprobs)


def test_a_stream_tells_the_beginning_before_it_knows_the_end(client: openai.OpenAI) -> None:
    with client.audio.transcriptions.create(
        model=MODEL, file=clip("two-cities"), language="en", stream=True
    ) as stream:
        first = next(stream)
        *deltas, done = stream
    assert first.type == "transcript.text.delta"
    assert first.delta.startswith("It was the best of times")
    assert done.type == "transcript.text.done"
    assert len(first.delta) < len(done.text) / 2
    rest = "".join(event.delta for event in deltas if event.type == "transcript.text.delta")
    assert first.delta + rest == done.text


# Silence


@pytest.mark.parametrize("resource", ["transcriptions", "translations"])
@pytest.mark.parametrize(
    ("form", "expected"),
    [("json", ""), ("text", "\n"), ("srt", ""), ("vtt", "WEBVTT\n\n"), ("verbose_json", "")],
)
def test_a_chime_has_no_words(
    client: openai.OpenAI, resource: str, form: str, expected: str
) -> None:
    answer = getattr(client.audio, resource).create(
        model=MODEL, file=clip("chime"), response_format=form
    )
    assert (answer if isinstance(answer, str) else answer.text) == expected


def test_a_stream_of_a_chime_is_its_end_alone(client: openai.OpenAI) -> None:
    (done,) = client.audio.transcriptions.create(model=MODEL, file=clip("chime"), stream=True)
    assert done.type == "transcript.text.done"
    assert done.text == ""


# Headers, names, models


@pytest.mark.parametrize("form", ["json", "text", "vtt"])
def test_headers_say_who_served(client: openai.OpenAI, form: Any) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model=MODEL,
        file=clip("chime"),
        response_format=form,
        extra_body={"langauge": "en", "model_extensions": {"sr": 16000}},
    )
    assert raw.headers["x-loquent-model"] == SERVING_MODEL
    assert raw.headers["x-loquent-ignored"] == "langauge, model_extensions.sr"
    assert raw.headers["x-request-id"].startswith("req_")
    assert (raw.http_request.method, raw.status_code) == ("POST", 200)


def test_a_stream_has_a_request_id_too(client: openai.OpenAI) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model=MODEL, file=clip("chime"), stream=True
    )
    with raw.parse() as stream:
        list(stream)
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.headers["x-request-id"].startswith("req_")


def test_the_request_id_of_the_caller_is_kept(client: openai.OpenAI) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model=MODEL, file=clip("chime"), extra_headers={"x-request-id": "from-the-caller"}
    )
    assert raw.headers["x-request-id"] == "from-the-caller"


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("whisper-large-v3-turbo", "duration"),
        ("gpt-4o-transcribe", "tokens"),
    ],
)
def test_other_names_of_the_model_serve(client: openai.OpenAI, name: str, usage: str) -> None:
    answer = client.audio.transcriptions.create(model=name, file=sample())
    assert answer.text == SAMPLE_TEXT
    assert answer.usage is not None
    assert answer.usage.type == usage


def test_a_model_that_does_not_translate_leaves_it_to_one_that_does(
    client: openai.OpenAI,
) -> None:
    answer = client.audio.translations.create(model="whisper-tiny.en", file=sample())
    assert answer.model_extra is not None
    assert answer.model_extra["model"] == SERVING_MODEL


def test_models_are_listed_and_shown_under_all_their_names(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {SERVING_MODEL, "whisper-1", "gpt-4o-transcribe", "whisper-tiny.en"} <= set(names)
    for name in names:
        assert client.models.retrieve(name).id == name


def test_a_recording_by_path_is_not_kept_after_the_answer(
    client: openai.OpenAI, uploads: Path
) -> None:
    client.audio.transcriptions.create(model=MODEL, file=clip("chime"))
    assert not list(uploads.glob("loquent-upload-*"))
