"""What the fields of a form mean, and what is said about those that cannot be honoured."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.api.forms import FormRules, TranscriptionCall, parse_transcription, parse_translation
from loquent.domain.endpoints import Detail, Preference, RoutingLimits
from loquent.domain.errors import InvalidRequestError, LoquentError, UnsupportedOptionError
from loquent.domain.request import SpeechDetection, TranscriptionRequest
from loquent.domain.transcript import Task
from loquent.render import Granularity, ResponseFormat

OPENAI = FormRules()
V0 = FormRules(default_format=ResponseFormat.VERBOSE_JSON, always_segments=True)
STRICT = FormRules(unknown_fields="strict")
MODEL = ("model", "whisper-1")
STRATEGY = "chunking_strategy"
SEGMENT, WORD = Granularity.SEGMENT, Granularity.WORD

Parser = Callable[[list[tuple[str, str]], FormRules], TranscriptionCall]
BOTH: list[Parser] = [parse_transcription, parse_translation]

KNOWN = [
    "model", "language", "languages", "languages[]", "keywords[]", "prompt", "response_format",
    "temperature", "include[]", "timestamp_granularities[]", "stream", "chunking_strategy",
    "chunking_strategy[type]", "chunking_strategy[threshold]", "known_speaker_names[]", "diarise",
    "known_speaker_references[]", "num_speakers", "min_speakers", "max_speakers", "channels",
    "preference", "allowed_providers", "eu_native", "allow_quantization", "model_extensions",
    "model_extensions[sr]",
]  # fmt: skip
NAMES = st.sampled_from(KNOWN) | st.text(max_size=20)
VALUES = st.text(max_size=40) | st.sampled_from(
    ["null", "true", "word", "json", "srt", "auto", "{}", "[]", "server_vad", "0.5", "nan", "1e999"]
)


def transcription(*fields: tuple[str, str], rules: FormRules = OPENAI) -> TranscriptionCall:
    return parse_transcription([MODEL, *fields], rules)


def translation(*fields: tuple[str, str], rules: FormRules = OPENAI) -> TranscriptionCall:
    return parse_translation([MODEL, *fields], rules)


def test_a_model_alone_is_a_call_with_the_defaults_of_the_api() -> None:
    assert transcription() == TranscriptionCall(
        request=TranscriptionRequest(model="whisper-1"),
        format=ResponseFormat.JSON,
        granularities=frozenset({SEGMENT}),
        stream=False,
        logprobs=False,
        ignored=(),
    )


def test_a_full_call_is_understood() -> None:
    call = transcription(
        ("language", "FR"),
        ("prompt", "Bonjour"),
        ("temperature", "0.8"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[threshold]", "0.4"),
        ("chunking_strategy[prefix_padding_ms]", "100"),
        ("chunking_strategy[silence_duration_ms]", "200"),
    )
    assert call.request == TranscriptionRequest(
        model="whisper-1",
        language="fr",
        prompt="Bonjour",
        temperature=0.8,
        word_timestamps=True,
        detection=SpeechDetection(0.4, 100, 200),
        needs=frozenset({Detail.SEGMENTS, Detail.WORDS}),
    )
    assert call.granularities == {WORD}


@pytest.mark.parametrize("parse", BOTH)
@pytest.mark.parametrize("fields", [[], [("model", "")], [("model", "null")]])
def test_a_call_without_a_model_is_refused(parse: Parser, fields: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequestError, match="must provide a model parameter") as caught:
        parse(fields, OPENAI)
    assert caught.value.param == "model"


@pytest.mark.parametrize("parse", BOTH)
def test_neutral_values_of_absent_features_pass(parse: Parser) -> None:
    fields = [
        MODEL,
        ("diarise", "False"),
        ("diarize", "0"),
        ("preference", "balanced"),
        ("allowed_providers", "null"),
        ("eu_native", "false"),
        ("allow_quantization", "true"),
        ("known_speaker_names[]", ""),
        ("num_speakers", "null"),
        ("channels", "mixed"),
        ("chunking_strategy", "auto"),
        ("stream", "false"),
    ]
    assert parse(fields, STRICT) == parse([MODEL], STRICT)


@pytest.mark.parametrize("parse", BOTH)
def test_what_a_caller_allows_and_prefers_becomes_limits(parse: Parser) -> None:
    fields = [
        MODEL,
        ("preference", "cost"),
        ("allowed_providers[]", "ovh"),
        ("eu_native", "true"),
        ("allow_quantization", "false"),
    ]
    assert parse(fields, STRICT).request.limits == RoutingLimits(
        Preference.COST, frozenset({"ovh"}), eu_native=True, allow_quantization=False
    )


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ([], set()),
        ([("response_format", "text")], set()),
        ([("response_format", "srt")], {Detail.SEGMENTS}),
        ([("response_format", "vtt")], {Detail.SEGMENTS}),
        ([("response_format", "verbose_json")], {Detail.SEGMENTS}),
        (
            [("response_format", "verbose_json"), ("timestamp_granularities[]", "word")],
            {Detail.SEGMENTS, Detail.WORDS},
        ),
        ([("response_format", "diarized_json")], {Detail.SEGMENTS}),
        ([("stream", "true")], {Detail.STREAM}),
    ],
)
def test_the_form_of_the_answer_says_what_whoever_serves_must_tell(
    fields: list[tuple[str, str]], needs: set[Detail]
) -> None:
    assert transcription(*fields).request.needs == needs


@pytest.mark.parametrize("parse", BOTH)
def test_fields_that_some_endpoint_has_are_handed_on_and_others_listed(parse: Parser) -> None:
    rules = FormRules(extensions=frozenset({"smart_format", "tier"}))
    fields = [("smart_format", "true"), ("model_extensions[tier]", "base"), ("topics", "1")]
    call = parse([MODEL, *fields], rules)
    assert call.request.extras == {"smart_format": "true", "tier": "base"}
    assert call.ignored == ("topics",)


def test_a_preference_that_does_not_exist_is_refused_listing_those_that_do() -> None:
    with pytest.raises(InvalidRequestError, match="speed, cost, balanced") as caught:
        transcription(("preference", "fastest"))
    assert caught.value.param == "preference"
    assert caught.value.code is None


def test_a_language_is_checked() -> None:
    with pytest.raises(UnsupportedOptionError, match="Did you mean 'en'"):
        transcription(("language", "en-US"))


def test_one_entry_of_languages_is_the_language() -> None:
    call = transcription(("languages[]", "de"))
    assert (call.request.language, call.ignored) == ("de", ())


def test_several_languages_cannot_narrow_detection_and_are_listed() -> None:
    call = transcription(("languages[]", "de"), ("languages[]", "fr"))
    assert (call.request.language, call.ignored) == (None, ("languages",))


def test_language_and_languages_must_agree() -> None:
    assert transcription(("language", "de"), ("languages", "DE")).request.language == "de"
    with pytest.raises(InvalidRequestError, match="disagree"):
        transcription(("language", "de"), ("languages[]", "fr"))


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        ([("keywords[]", "Loquent"), ("keywords[]", "Zürich, ZH")], "Loquent, Zürich, ZH."),
        ([("prompt", "Ships."), ("keywords", "bow,stern")], "Ships. bow, stern."),
        ([("prompt", "null")], ""),
    ],
)
def test_keywords_end_the_prompt(fields: list[tuple[str, str]], prompt: str) -> None:
    assert transcription(*fields).request.prompt == prompt


@pytest.mark.parametrize("value", ["1.5", "-1", "nan", "warm"])
def test_a_temperature_outside_its_range_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequestError, match="from 0 to 1") as caught:
        transcription(("temperature", value))
    assert caught.value.param == "temperature"


def test_granularities_need_verbose_json() -> None:
    with pytest.raises(UnsupportedOptionError, match="verbose_json") as caught:
        transcription(("timestamp_granularities[]", "word"))
    assert caught.value.param == "timestamp_granularities"


def test_a_stream_may_end_with_the_times_of_words() -> None:
    call = transcription(("stream", "true"), ("timestamp_granularities[]", "word"))
    assert call.granularities == {Granularity.WORD}
    assert call.request.word_timestamps
    assert transcription(("stream", "true")).granularities == frozenset()


def test_a_dialect_that_always_shows_segments_adds_them_to_words() -> None:
    call = transcription(("timestamp_granularities", '["word"]'), rules=V0)
    assert call.format is ResponseFormat.VERBOSE_JSON
    assert call.granularities == {WORD, SEGMENT}


def test_a_dialect_that_always_shows_segments_ignores_granularities_that_do_not_fit() -> None:
    fields = [("timestamp_granularities", "word"), ("response_format", "text")]
    call = transcription(*fields, rules=V0)
    assert call.ignored == ("timestamp_granularities",)
    assert not call.request.word_timestamps


def test_a_granularity_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="word, segment"):
        transcription(("timestamp_granularities[]", "letter"), ("response_format", "verbose_json"))


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_ask_for_word_times_to_be_cut_at(form: str) -> None:
    assert transcription(("response_format", form)).request.word_timestamps


def test_logprobs_come_with_json_and_with_streams() -> None:
    for fields in ([], [("stream", "true"), ("response_format", "text")]):
        call = transcription(("include[]", "logprobs"), *fields)
        assert call.logprobs
        assert call.request.token_scores


@pytest.mark.parametrize("form", ["verbose_json", "srt", "text"])
def test_logprobs_with_other_formats_are_refused(form: str) -> None:
    with pytest.raises(UnsupportedOptionError, match="response_format=json") as caught:
        transcription(("include[]", "logprobs"), ("response_format", form))
    assert (caught.value.param, caught.value.code) == ("include", "unsupported_value")


@pytest.mark.parametrize("form", ["json", "text", "diarized_json"])
def test_json_and_text_can_be_streamed(form: str) -> None:
    assert transcription(("stream", "True"), ("response_format", form)).stream


@pytest.mark.parametrize("form", ["srt", "vtt", "verbose_json"])
def test_other_formats_cannot_be_streamed(form: str) -> None:
    with pytest.raises(UnsupportedOptionError, match="json, text or diarized_json") as caught:
        transcription(("stream", "true"), ("response_format", form))
    assert caught.value.param == "stream"


def test_a_stream_without_a_format_is_json_in_every_dialect() -> None:
    assert transcription(("stream", "true"), rules=V0).format is ResponseFormat.JSON


@pytest.mark.parametrize(
    "fields",
    [
        [(STRATEGY, '{"type": "server_vad", "silence_duration_ms": 700.0}')],
        [(f"{STRATEGY}[type]", "server_vad"), (f"{STRATEGY}[silence_duration_ms]", "700")],
    ],
)
def test_detection_fields_left_out_keep_their_defaults(fields: list[tuple[str, str]]) -> None:
    expected = SpeechDetection(silence_duration_ms=700)
    assert transcription(*fields).request.detection == expected


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('{"type": "server_vad", "pad": 1}', "'pad'.*prefix_padding_ms"),
        ('{"type": "semantic_vad"}', "'auto'"),
        ('{"threshold": 0.5}', "server_vad"),
        ('{"type": "server_vad", "threshold": 1.5}', "from 0 to 1"),
        ('{"type": "server_vad", "threshold": NaN}', "from 0 to 1"),
        ('{"type": "server_vad", "silence_duration_ms": -1}', "from 0 to 30000"),
        ('{"type": "server_vad", "prefix_padding_ms": 1.5}', "whole number"),
        ("server_vad", "JSON object"),
    ],
)
def test_a_strategy_that_is_not_understood_is_refused(value: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        transcription(("chunking_strategy", value))
    assert caught.value.param is not None
    assert caught.value.param.startswith("chunking_strategy")


@pytest.mark.parametrize("parse", BOTH)
def test_unknown_fields_are_listed(parse: Parser) -> None:
    fields = [MODEL, ("vad_filter", "1"), ("model_extensions[sr]", "16000"), ("model[]", "x")]
    assert parse(fields, OPENAI).ignored == ("vad_filter", "model[]", "model_extensions.sr")


@pytest.mark.parametrize("parse", BOTH)
def test_strict_rules_refuse_unknown_fields_naming_the_nearest(parse: Parser) -> None:
    fields = [MODEL, ("temprature", "0"), ("model_extensions", '{"sr": 1}')]
    with pytest.raises(
        InvalidRequestError, match=r"'temprature' \(did you mean 'temperature'\?\)"
    ) as caught:
        parse(fields, STRICT)
    assert caught.value.param == "temprature"


def test_names_of_ignored_fields_are_safe_in_a_header() -> None:
    call = transcription(("a\r\nx-evil: é, b", "1"), ("n" * 500, "1"))
    assert call.ignored == ("a??x-evil?????b", "n" * 64)


def test_a_translation_is_a_task_of_its_own() -> None:
    call = translation(("prompt", "loudly"), ("temperature", "0.8"), ("response_format", "srt"))
    expected = TranscriptionRequest(
        "whisper-1",
        Task.TRANSLATE,
        prompt="loudly",
        temperature=0.8,
        needs=frozenset({Detail.SEGMENTS}),
    )
    assert call.request == expected
    assert call.format is ResponseFormat.SRT


def test_what_a_translation_does_not_know_is_listed() -> None:
    call = translation(
        ("language", "de"), ("timestamp_granularities[]", "word"), ("include[]", "logprobs")
    )
    assert call.ignored == ("language", "timestamp_granularities", "include")
    assert call.request.language is None


def test_the_default_granularity_of_a_translation_is_not_listed() -> None:
    assert translation(("timestamp_granularities[]", "segment")).ignored == ()


def test_a_translation_is_not_streamed() -> None:
    with pytest.raises(UnsupportedOptionError, match="not streamed") as caught:
        translation(("stream", "true"))
    assert caught.value.param == "stream"


def test_a_translation_has_no_diarized_form() -> None:
    with pytest.raises(InvalidRequestError, match="json, text, srt, verbose_json, vtt"):
        translation(("response_format", "diarized_json"))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.sampled_from([OPENAI, V0, STRICT]))
def test_any_fields_give_a_call_or_a_refusal(
    fields: list[tuple[str, str]], rules: FormRules
) -> None:
    for parse in BOTH:
        try:
            outcome = parse([MODEL, *fields], rules).request.model
        except LoquentError as refusal:
            outcome = refusal.message
        assert outcome
