"""What leaves for an OpenAI-compatible server, field by field."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, ProviderAccess
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import KnownSpeaker, SpeakerSearch
from loquent.domain.transcript import Task
from loquent.providers.limits import UpstreamLimits
from loquent.providers.openai.live import OpenAiLive
from loquent.providers.openai.provider import KIND
from loquent.providers.openai.speaking import OpenAiSpeaker
from loquent.providers.openai.transcribing import OpenAiTranscriber
from tests.unit.providers.openai_calls import (
    DIARIZER,
    GPT,
    HEEDED,
    VOICE,
    WHISPER,
    endpoint,
    heard,
    recording,
)
from tests.vendors.openai_vendor import KEY, OpenAiVendor

ASKED = TranscriptionRequest(model="anything")


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    return recording(tmp_path)


async def test_a_plain_request_is_exactly_this(source: AudioSource) -> None:
    vendor = OpenAiVendor()
    await heard(vendor, GPT, ASKED, source)
    asked = vendor.log.last
    assert (asked.method, asked.path, list(asked.query)) == ("POST", "/v1/audio/transcriptions", [])
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.fields() == [("model", "gpt-4o-transcribe"), ("response_format", "json")]
    file = asked.file()
    assert (file.file_name, file.media_type) == ("audio.wav", "audio/wav")
    assert file.content == source.path.read_bytes()


async def test_the_kind_connects_to_all_three_paths_and_calls_nobody() -> None:
    access = ProviderAccess("acme", "openai", "http://127.0.0.1:9")
    provider = KIND.connect(access, UpstreamLimits())
    assert isinstance(provider.transcriber(GPT), OpenAiTranscriber)
    assert isinstance(provider.speaker(VOICE), OpenAiSpeaker)
    assert isinstance(provider.live(GPT), OpenAiLive)
    await provider.close()


async def test_the_kind_promises_no_more_than_the_wire_can_tell() -> None:
    assert Detail.WORDS in KIND.powers[Capability.TRANSCRIPTION]
    assert Detail.SPEAKER_COUNT not in KIND.powers[Capability.TRANSCRIPTION]
    assert Detail.LANGUAGE not in KIND.powers[Capability.TRANSLATION]
    assert KIND.powers[Capability.SPEECH] == {Detail.SPEED, Detail.INSTRUCTIONS}


async def test_without_a_key_there_is_no_authorization(source: AudioSource) -> None:
    vendor = OpenAiVendor(key="")
    await heard(vendor, GPT, ASKED, source)
    assert "authorization" not in vendor.log.last.headers


async def test_everything_a_whisper_heeds_is_sent_once(source: AudioSource) -> None:
    vendor = OpenAiVendor(more_fields={"seed", "hotwords"})
    request = replace(
        ASKED,
        language="de",
        prompt="Grüße",
        hotwords="Loquent",
        temperature=0.4,
        word_timestamps=True,
        extras={"seed": "7", "unknown": "x", "language": "fr"},
    )
    place = replace(
        WHISPER,
        details=WHISPER.details | {Detail.HOTWORDS},
        extensions=frozenset({"seed", "language"}),
    )
    await heard(vendor, place, request, source)
    assert vendor.log.last.fields() == [
        ("model", "whisper-1"),
        ("language", "de"),
        ("prompt", "Grüße"),
        ("hotwords", "Loquent"),
        ("temperature", "0.4"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "segment"),
        ("timestamp_granularities[]", "word"),
        ("seed", "7"),
    ]


async def test_what_an_endpoint_does_not_heed_stays_here(source: AudioSource) -> None:
    vendor = OpenAiVendor()
    request = replace(
        ASKED, language="de", prompt="x", hotwords="y", temperature=0.4, token_scores=True
    )
    await heard(vendor, endpoint("gpt-4o-transcribe"), request, source)
    assert vendor.log.last.fields() == [
        ("model", "gpt-4o-transcribe"),
        ("response_format", "json"),
    ]


async def test_log_probabilities_are_asked_for_with_plain_json(source: AudioSource) -> None:
    vendor = OpenAiVendor()
    await heard(vendor, GPT, replace(ASKED, token_scores=True), source)
    assert vendor.log.last.fields()[1:] == [("response_format", "json"), ("include[]", "logprobs")]


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (replace(ASKED, token_scores=True), "json"),
        (replace(ASKED, token_scores=True, word_timestamps=True), "verbose_json"),
        (replace(ASKED, token_scores=True, needs=frozenset({Detail.SEGMENTS})), "verbose_json"),
        (ASKED, "verbose_json"),
    ],
)
async def test_scores_give_way_to_times_only_where_times_are_wanted(
    source: AudioSource, request_: TranscriptionRequest, wanted: str
) -> None:
    vendor = OpenAiVendor(more_models={"able"}, more_fields={"include[]"})
    place = endpoint("able", Detail.SEGMENTS, Detail.WORDS, Detail.LOGPROBS)
    if wanted == "json":
        place = replace(place, upstream_model="gpt-4o-transcribe")
    await heard(vendor, place, request_, source)
    assert ("response_format", wanted) in vendor.log.last.fields()


async def test_words_alone_where_a_server_takes_one_granularity(source: AudioSource) -> None:
    vendor = OpenAiVendor(more_fields={"timestamp_granularities"})
    quirks = {"granularities": "one", "lists": "plain"}
    await heard(vendor, WHISPER, replace(ASKED, word_timestamps=True), source, quirks)
    assert vendor.log.last.fields()[1:] == [
        ("response_format", "verbose_json"),
        ("timestamp_granularities", "word"),
    ]
    await heard(vendor, WHISPER, ASKED, source, quirks)
    assert vendor.log.last.fields()[2:] == [("timestamp_granularities", "segment")]


async def test_words_alone_where_an_endpoint_tells_no_segments(source: AudioSource) -> None:
    vendor = OpenAiVendor()
    _, transcript = await heard(vendor, endpoint("whisper-1", Detail.WORDS), ASKED, source)
    assert vendor.log.last.fields()[2:] == [("timestamp_granularities[]", "word")]
    assert [segment.words for segment in transcript.segments] == [()]


async def test_translations_go_their_own_way_without_a_language(source: AudioSource) -> None:
    vendor = OpenAiVendor()
    request = replace(
        ASKED, task=Task.TRANSLATE, language="de", prompt="Hello", word_timestamps=True
    )
    await heard(vendor, WHISPER, request, source)
    assert vendor.log.last.path == "/v1/audio/translations"
    assert vendor.log.last.fields() == [
        ("model", "whisper-1"),
        ("prompt", "Hello"),
        ("response_format", "verbose_json"),
    ]
    await heard(vendor, endpoint("whisper-1", *HEEDED), request, source)
    assert ("response_format", "json") in vendor.log.last.fields()


async def test_speakers_are_asked_for_with_the_voices_that_are_known(
    source: AudioSource, tmp_path: Path
) -> None:
    vendor = OpenAiVendor()
    voice = recording(tmp_path, "anna.bin")
    search = SpeakerSearch(known=(KnownSpeaker("Anna", voice), KnownSpeaker("Otto", voice)))
    await heard(vendor, DIARIZER, replace(ASKED, speakers=search, language="en"), source)
    url = f"data:audio/wav;base64,{b64encode(voice.path.read_bytes()).decode()}"
    assert vendor.log.last.fields() == [
        ("model", "gpt-4o-transcribe-diarize"),
        ("language", "en"),
        ("response_format", "diarized_json"),
        ("chunking_strategy", "auto"),
        ("known_speaker_names[]", "Anna"),
        ("known_speaker_names[]", "Otto"),
        ("known_speaker_references[]", url),
        ("known_speaker_references[]", url),
    ]


async def test_known_voices_stay_here_where_nobody_compares_them(source: AudioSource) -> None:
    vendor = OpenAiVendor()
    search = SpeakerSearch(known=(KnownSpeaker("Anna", source),))
    place = replace(DIARIZER, details=DIARIZER.details - {Detail.KNOWN_SPEAKERS})
    await heard(vendor, place, replace(ASKED, speakers=search), source)
    assert vendor.log.last.fields()[1:] == [
        ("response_format", "diarized_json"),
        ("chunking_strategy", "auto"),
    ]


async def test_a_diarizer_is_never_asked_for_verbose_json(source: AudioSource) -> None:
    vendor = OpenAiVendor()
    _, transcript = await heard(vendor, DIARIZER, ASKED, source)
    assert ("response_format", "diarized_json") in vendor.log.last.fields()
    assert [segment.speaker for segment in transcript.segments] == [None, None]
    assert transcript.text == "Good evening. How are you?"


@pytest.mark.parametrize(
    ("quirk", "switch", "granularities"),
    [("form", "diarise", ["segment"]), ("diarize", "diarize", ["segment", "word"])],
)
async def test_speakers_by_a_switch_come_with_times(
    source: AudioSource, quirk: str, switch: str, granularities: list[str]
) -> None:
    vendor = OpenAiVendor(more_fields={switch})
    place = replace(WHISPER, details=WHISPER.details | {Detail.SPEAKERS})
    request = replace(ASKED, speakers=SpeakerSearch())
    await heard(vendor, place, request, source, {"diarise": quirk})
    assert vendor.log.last.fields()[1:] == [
        ("response_format", "verbose_json"),
        *(("timestamp_granularities[]", each) for each in granularities),
        (switch, "true"),
    ]
    await heard(vendor, place, ASKED, source, {"diarise": quirk})
    assert switch not in dict(vendor.log.last.fields())


@pytest.mark.parametrize(
    ("request_", "streams"),
    [
        (replace(ASKED, needs=frozenset({Detail.STREAM})), True),
        (ASKED, False),
        (replace(ASKED, needs=frozenset({Detail.STREAM, Detail.SEGMENTS})), False),
        (replace(ASKED, needs=frozenset({Detail.STREAM}), word_timestamps=True), False),
    ],
)
async def test_streams_are_asked_for_where_events_tell_all_that_is_needed(
    source: AudioSource, request_: TranscriptionRequest, streams: bool
) -> None:
    vendor = OpenAiVendor()
    await heard(vendor, GPT, request_, source)
    assert (("stream", "true") in vendor.log.last.fields()) is streams


async def test_no_stream_is_asked_of_who_cannot(source: AudioSource) -> None:
    vendor = OpenAiVendor()
    await heard(vendor, WHISPER, replace(ASKED, needs=frozenset({Detail.STREAM})), source)
    assert "stream" not in dict(vendor.log.last.fields())
