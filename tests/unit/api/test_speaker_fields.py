"""What the fields about speakers mean, and what is said about those that cannot be honoured."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from loquent.api.diarization import DiarizationCall, parse_diarization
from loquent.api.forms import FormRules, TranscriptionCall, parse_transcription, parse_translation
from loquent.api.options import ApiOptions
from loquent.api.parts import UploadLimits
from loquent.api.speaker_fields import NamedVoice
from loquent.domain.audio import AudioSource
from loquent.domain.errors import InvalidRequestError
from loquent.domain.speakers import Channels, DiarizationRequest, KnownSpeaker, SpeakerSearch
from loquent.render import DiarizationFormat, ResponseFormat

MODEL = ("model", "whisper-1")
ON = ("diarise", "true")
URL = "data:audio/wav;base64,UklGRg=="
VOICES = [
    ("known_speaker_names[]", "Ann"),
    ("known_speaker_names[]", "Ben, Jr."),
    ("known_speaker_references[]", URL),
    ("known_speaker_references[]", f"{URL}x"),
]

Field = tuple[str, str]
Parser = Callable[[list[Field], FormRules], TranscriptionCall]
BOTH: list[Parser] = [parse_transcription, parse_translation]
both = pytest.mark.parametrize("parse", BOTH)


def call_of(*fields: Field, parse: Parser = parse_transcription) -> TranscriptionCall:
    return parse([MODEL, *fields], FormRules())


def search_of(*fields: Field, parse: Parser = parse_transcription) -> SpeakerSearch | None:
    return call_of(*fields, parse=parse).request.speakers


def diarization(*fields: Field, options: ApiOptions | None = None) -> DiarizationCall:
    return parse_diarization(fields, options or ApiOptions())


@both
@pytest.mark.parametrize("name", ["diarise", "diarize"])
@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_either_spelling_switches_speakers_on(parse: Parser, name: str, value: str) -> None:
    assert search_of((name, value), parse=parse) == SpeakerSearch()


@both
def test_speakers_are_off_unless_asked_for(parse: Parser) -> None:
    assert search_of(parse=parse) is None
    assert search_of(("diarise", "false"), ("diarize", "0"), parse=parse) is None


def test_one_true_is_enough() -> None:
    assert search_of(("diarise", "false"), ("diarize", "true")) == SpeakerSearch()


def test_diarized_json_asks_for_speakers() -> None:
    call = call_of(("response_format", "diarized_json"), ("diarise", "false"))
    assert call.format is ResponseFormat.DIARIZED_JSON
    assert call.request.speakers == SpeakerSearch()


@both
def test_a_model_may_be_named_after_speakers(parse: Parser) -> None:
    named = [("model", "gpt-4o-transcribe-diarize"), ("num_speakers", "2")]
    assert parse(named, FormRules()).request.speakers == SpeakerSearch(2)
    assert parse([("model", "diarize")], FormRules()).request.speakers is None


def test_what_openai_refuses_beside_speakers_is_honoured() -> None:
    call = parse_transcription(
        [
            ("model", "gpt-4o-transcribe-diarize"),
            ("prompt", "Dear all,"),
            ("include[]", "logprobs"),
            ("chunking_strategy", "auto"),
        ],
        FormRules(),
    )
    assert (call.request.prompt, call.logprobs) == ("Dear all,", True)
    words = call_of(ON, ("response_format", "verbose_json"), ("timestamp_granularities[]", "word"))
    assert words.request.word_timestamps


@both
@pytest.mark.parametrize(
    ("fields", "search"),
    [
        ([("num_speakers", "3")], SpeakerSearch(3)),
        ([("num_speakers", "3.0"), ("min_speakers", "2")], SpeakerSearch(3)),
        ([("num_speakers", "3"), ("min_speakers", "3"), ("max_speakers", "3")], SpeakerSearch(3)),
        ([("min_speakers", "2")], SpeakerSearch(min_speakers=2)),
        (
            [("min_speakers", "2"), ("max_speakers", "50")],
            SpeakerSearch(min_speakers=2, max_speakers=50),
        ),
        ([("channels", "Separate")], SpeakerSearch(channels=Channels.SEPARATE)),
        ([("channels", "mixed")], SpeakerSearch()),
    ],
)
def test_numbers_and_channels_are_understood(
    parse: Parser, fields: list[Field], search: SpeakerSearch
) -> None:
    assert search_of(ON, *fields, parse=parse) == search
    assert diarization(*fields).request.search == search


BAD: list[tuple[list[Field], str, str]] = [
    ([("num_speakers", "0")], "from 1 to 50", "num_speakers"),
    ([("num_speakers", "51")], "from 1 to 50", "num_speakers"),
    ([("min_speakers", "2.5")], "whole number, not 2.5", "min_speakers"),
    ([("max_speakers", "many")], "'many'", "max_speakers"),
    ([("min_speakers", "3"), ("max_speakers", "2")], "more than max_speakers=2", "min_speakers"),
    ([("num_speakers", "2"), ("min_speakers", "3")], "min_speakers=3", "num_speakers"),
    ([("num_speakers", "3"), ("max_speakers", "2")], "max_speakers=2", "num_speakers"),
    ([("channels", "stereo")], "mixed, separate", "channels"),
    ([("channels", "separate"), ("num_speakers", "2")], "each channel for one", "num_speakers"),
    ([("channels", "separate"), *VOICES], "each channel for one", "known_speaker_names"),
    (VOICES[:3], r"2 entries and known_speaker_references\[\] has 1", "known_speaker_references"),
    (VOICES[1:], r"1 entries and known_speaker_references\[\] has 2", "known_speaker_names"),
    (VOICES[:1], r"1 entries and known_speaker_references\[\] has 0", "known_speaker_references"),
    ([*VOICES[1:], ("known_speaker_names[]", " ")], "empty ones not", "known_speaker_names"),
    (
        [*VOICES[1:], ("known_speaker_names[]", "Ben, Jr.")],
        "'Ben, Jr.' twice",
        "known_speaker_names",
    ),
    ([*VOICES[1:], ("known_speaker_names[]", "x" * 65)], "64 characters", "known_speaker_names"),
    (
        [(name.replace("[]", f"[{n}]"), f"{value}{n}") for name, value in VOICES for n in range(3)],
        "6 entries; this server takes at most 4",
        "known_speaker_names",
    ),
]


@pytest.mark.parametrize(("fields", "said", "param"), BAD)
def test_what_cannot_be_is_refused_by_name(fields: list[Field], said: str, param: str) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: call_of(ON, *fields),
        lambda: call_of(ON, *fields, parse=parse_translation),
        lambda: diarization(*fields),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidRequestError, match=said) as caught:
            attempt()
        assert (caught.value.param, caught.value.code) == (param, None)
        assert len(caught.value.message) < 300


@both
@pytest.mark.parametrize(
    "fields",
    [
        [("num_speakers", "2")],
        [("min_speakers", "1")],
        [("max_speakers", "2")],
        [("channels", "separate")],
        VOICES,
        VOICES[2:],
    ],
)
def test_saying_how_without_asking_is_told_what_to_add(parse: Parser, fields: list[Field]) -> None:
    with pytest.raises(InvalidRequestError, match="add diarise=true") as caught:
        call_of(*fields, ("diarise", "false"), parse=parse)
    assert caught.value.param == fields[0][0].removesuffix("[]")


@pytest.mark.parametrize(
    "fields",
    [
        VOICES,
        [(name.removesuffix("[]"), value) for name, value in VOICES],
        [
            ("known_speaker_names", json.dumps([VOICES[0][1], VOICES[1][1]])),
            ("known_speaker_references", f"{URL},{URL}x"),
        ],
        [
            ("known_speaker_names[]", '["Ann", "Ben, Jr."]'),
            ("known_speaker_references[]", json.dumps([URL, f"{URL}x"])),
        ],
    ],
    ids=["brackets", "repeats", "commas", "json"],
)
def test_voices_come_in_every_spelling_of_a_list(fields: list[Field]) -> None:
    if fields[0][0] == "known_speaker_names":
        fields = [field for field in fields if "Ben" not in field[1] or field[1][0] == "["]
        fields += [("known_speaker_names[]", "Ben, Jr.")] if len(fields) == 3 else []
    voices = (NamedVoice("Ann", URL), NamedVoice("Ben, Jr.", f"{URL}x"))
    assert call_of(ON, *fields).voices == diarization(*fields).voices == voices


def test_the_operator_may_let_more_voices_in() -> None:
    fields = [(name, f"{value}{n}") for name, value in VOICES for n in range(3)]
    rules = FormRules(max_known_speakers=6)
    assert len(parse_transcription([MODEL, ON, *fields], rules).voices) == 6
    options = ApiOptions(limits=UploadLimits(max_known_speakers=6))
    assert len(parse_diarization(fields, options).voices) == 6


def test_voices_become_known_once_they_are_on_disk(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    source = AudioSource(tmp_path_factory.getbasetemp() / "ann.wav", 4)
    known = (KnownSpeaker("Ann", source),)
    call = call_of(ON, ("num_speakers", "2"), *VOICES).knowing(known)
    assert (call.request.speakers, call.voices) == (SpeakerSearch(2, known=known), ())
    other = diarization(*VOICES).knowing(known)
    assert (other.request.search, other.voices) == (SpeakerSearch(known=known), ())


def test_a_diarization_needs_no_field_at_all() -> None:
    assert diarization() == DiarizationCall(
        DiarizationRequest("pyannote-campplus"), DiarizationFormat.JSON, ()
    )


def test_a_diarization_is_understood() -> None:
    call = diarization(("model", "other"), ("response_format", "RTTM"), ("mystery", "1"))
    assert call.request.model == "other"
    assert (call.format, call.ignored) == (DiarizationFormat.RTTM, ("mystery",))


@pytest.mark.parametrize("form", ["text", "srt", "diarized_json"])
def test_a_diarization_has_two_forms(form: str) -> None:
    with pytest.raises(InvalidRequestError, match="json, rttm") as caught:
        diarization(("response_format", form))
    assert caught.value.param == "response_format"


def test_strict_rules_refuse_unknown_fields_of_a_diarization() -> None:
    with pytest.raises(InvalidRequestError, match="did you mean 'num_speakers'"):
        diarization(("n_speakers", "2"), options=ApiOptions(unknown_fields="strict"))
