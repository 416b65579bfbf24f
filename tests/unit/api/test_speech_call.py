"""Any JSON object is a speech call or is refused in words that name a field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loquent.api.speech_call import (
    MAX_INSTRUCTIONS,
    MAX_NAME,
    CaptionFormat,
    SpeechCall,
    SpeechRules,
    StreamFormat,
    parse_captions,
    parse_speech,
)
from loquent.codec.encoding.formats import SpeechFormat
from loquent.domain.errors import (
    InputTooLongError,
    InvalidRequestError,
    LoquentError,
    UnsupportedOptionError,
)
from loquent.domain.speech import SpeechRequest

RULES = SpeechRules(max_characters=100)
STRICT = SpeechRules(max_characters=100, is_strict=True)
BODY: Mapping[str, Any] = {"model": "tts-1", "input": "hello"}

Parse: TypeAlias = Callable[[Mapping[str, Any], SpeechRules], SpeechCall]
PARSERS = pytest.mark.parametrize("parse", [parse_speech, parse_captions])

_HUGE = 2**1024
"""The first whole number that no float comes near."""

_STRINGS = st.text(max_size=20) | st.sampled_from(
    ["mp3", "srt", "sse", "word", "en", "en-GB", "pcm", "\ud800", "x" * 300]
)
_NUMBERS = (
    st.integers(min_value=-(10**300), max_value=10**300)
    | st.floats()
    | st.sampled_from([0, 1, 4.0, 8000, 24_000, 48_000])
)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_STRINGS, inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    [
        "model",
        "input",
        "voice",
        "instructions",
        "speed",
        "language",
        "sample_rate",
        "response_format",
        "stream_format",
        "timestamps",
        "model_extensions",
    ]
)
_EXTENSIONS = st.dictionaries(st.sampled_from(["sr", "language", "pitch"]) | _STRINGS, _JSON)
_BODIES = st.dictionaries(_FIELDS | _STRINGS, _JSON, max_size=6)
_NEARLY_RIGHT = st.builds(
    lambda wishes, extensions: {**BODY, **wishes, "model_extensions": extensions},
    _BODIES,
    _EXTENSIONS,
)


@PARSERS
@given(_BODIES | _NEARLY_RIGHT, st.booleans())
@example({}, False)
@example({**BODY, "model_extensions": {"\ud800": "\ud800"}, "\ud800": 1}, False)
@example({**BODY, "model_extensions": {"pitch": float("nan")}}, False)
def test_any_object_is_a_call_or_is_refused(
    parse: Parse, body: dict[str, Any], is_strict: bool
) -> None:
    answer = _answer(parse, json.loads(json.dumps(body)), STRICT if is_strict else RULES)
    if isinstance(answer, LoquentError):
        assert answer.param is not None
        assert answer.message.startswith(answer.param)
        return
    assert answer.request.model == body["model"]
    assert answer.request.text == body["input"]
    assert 0.25 <= answer.request.speed <= 4
    assert all(isinstance(value, float) for value in answer.request.settings.values())
    assert not is_strict or set(answer.ignored).isdisjoint(body.keys() - {"instructions"})


def _answer(parse: Parse, body: dict[str, Any], rules: SpeechRules) -> SpeechCall | LoquentError:
    try:
        return parse(body, rules)
    except LoquentError as refusal:
        return refusal


@PARSERS
def test_a_whole_number_beyond_floats_is_refused_or_ignored(parse: Parse) -> None:
    body = {**BODY, "model_extensions": {"pitch": _HUGE}}
    assert _answer(parse, body, RULES)


def test_the_two_required_fields_make_a_whole_call() -> None:
    assert parse_speech(BODY, RULES) == SpeechCall(SpeechRequest("tts-1", "hello"))


@PARSERS
def test_a_null_is_as_good_as_nothing(parse: Parse) -> None:
    names = ("voice", "instructions", "speed", "language", "sample_rate", "response_format")
    more = ("stream_format", "timestamps", "model_extensions")
    nulls = dict.fromkeys((*names, *more))
    assert parse({**BODY, **nulls}, STRICT) == parse(BODY, STRICT)


def test_every_field_is_read() -> None:
    body = {
        **BODY,
        "voice": {"id": "buzz"},
        "speed": 2,
        "language": "en-GB",
        "sample_rate": 16_000,
        "response_format": "flac",
        "stream_format": "sse",
        "timestamps": "word",
        "model_extensions": {"pitch": 3},
    }
    request = SpeechRequest("tts-1", "hello", "buzz", 2.0, "en-GB", {"pitch": 3.0}, word_times=True)
    assert parse_speech(body, STRICT) == SpeechCall(
        request, SpeechFormat.FLAC, StreamFormat.SSE, sample_rate_hz=16_000
    )


@pytest.mark.parametrize("form", list(SpeechFormat))
def test_every_format_can_be_asked_for(form: SpeechFormat) -> None:
    assert parse_speech({**BODY, "response_format": form.value}, RULES).format is form


@pytest.mark.parametrize("form", list(CaptionFormat))
def test_captions_have_formats_of_their_own_and_always_times(form: CaptionFormat) -> None:
    call = parse_captions({**BODY, "response_format": form.value}, RULES)
    assert call.caption_format is form
    assert call.request.word_times


@pytest.mark.parametrize(("parse", "form"), [(parse_speech, "vtt"), (parse_captions, "wav")])
def test_a_format_of_the_other_kind_is_refused(parse: Parse, form: str) -> None:
    with pytest.raises(UnsupportedOptionError) as raised:
        parse({**BODY, "response_format": form}, RULES)
    assert raised.value.param == "response_format"


@pytest.mark.parametrize(
    ("fields", "language"),
    [
        ({}, None),
        ({"language": "zh"}, "zh"),
        ({"model_extensions": {"language": "zh"}}, "zh"),
        ({"language": "en-GB", "model_extensions": {"language": "zh"}}, "zh"),
    ],
)
def test_a_language_is_read_under_each_of_its_names(
    fields: dict[str, Any], language: str | None
) -> None:
    call = parse_speech({**BODY, **fields}, RULES)
    assert (call.request.language, call.ignored) == (language, ())


@pytest.mark.parametrize("language", ["", "not a language", "x" * 10_000])
def test_a_language_is_checked_under_each_of_its_names(language: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_speech({**BODY, "model_extensions": {"language": language}}, RULES)


@pytest.mark.parametrize(("n_characters", "is_fit"), [(100, True), (101, False)])
@pytest.mark.parametrize("letter", ["x", "ä", "😀"])
def test_the_limit_counts_characters_not_bytes(
    n_characters: int, is_fit: bool, letter: str
) -> None:
    answer = _answer(parse_speech, {**BODY, "input": letter * n_characters}, RULES)
    assert isinstance(answer, SpeechCall if is_fit else InputTooLongError)


def test_without_a_limit_a_book_is_taken() -> None:
    body = {**BODY, "input": "x" * 1_000_000}
    assert len(parse_speech(body, SpeechRules(max_characters=0)).request.text) == 1_000_000


@pytest.mark.parametrize(
    ("name", "longest"),
    [("model", MAX_NAME), ("voice", MAX_NAME), ("instructions", MAX_INSTRUCTIONS)],
)
def test_names_and_instructions_have_limits(name: str, longest: int) -> None:
    assert parse_speech({**BODY, name: "x" * longest}, RULES)
    with pytest.raises(InvalidRequestError) as raised:
        parse_speech({**BODY, name: "x" * (longest + 1)}, RULES)
    assert raised.value.param == name


@PARSERS
@given(st.text(min_size=1, max_size=400))
def test_an_unknown_field_is_listed_or_refused_in_few_words(parse: Parse, name: str) -> None:
    body = {**BODY, f"_{name}": 1}
    assert parse(body, RULES).ignored == (f"_{name}",)
    with pytest.raises(InvalidRequestError) as raised:
        parse(body, STRICT)
    assert raised.value.param == f"_{name}"[:MAX_NAME]
    assert len(raised.value.message) < MAX_NAME + 50


def test_extensions_are_settings_where_they_are_numbers_and_listed_where_not() -> None:
    extensions = {"a": 1, "b": 2.5, "c": "loud", "d": True, "e": [1], "f": None, "sr": 8000}
    call = parse_speech({**BODY, "model_extensions": extensions}, RULES)
    assert call.request.settings == {"a": 1.0, "b": 2.5}
    assert call.ignored == tuple(f"model_extensions.{name}" for name in "cdef")


def test_what_means_nothing_to_captions_is_told() -> None:
    fields = {"sample_rate": 8000, "stream_format": "sse", "timestamps": "word"}
    call = parse_captions({**BODY, **fields, "model_extensions": {"sr": 8000}}, RULES)
    assert set(call.ignored) == {*fields, "model_extensions.sr"}


@pytest.mark.parametrize(("stream_format", "ignored"), [("audio", ("timestamps",)), ("sse", ())])
def test_word_times_without_events_are_told_to_be_lost(
    stream_format: str, ignored: tuple[str, ...]
) -> None:
    fields = {"timestamps": "word", "stream_format": stream_format}
    assert parse_speech({**BODY, **fields}, RULES).ignored == ignored
