"""What is read from Azure's answers about recordings, whatever they hold."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import UpstreamError
from loquent.domain.languages import LANGUAGES
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, SpeakerSearch
from loquent.domain.transcript import Transcript
from loquent.providers.azure.locales import LOCALES, language_of
from loquent.providers.azure.provider import KIND
from loquent.providers.azure.reading import read_transcript
from tests.vendors.azure_vendor import heard, phrase

ACCESS = ProviderAccess("azure", "azure", "https://eastus.api.cognitive.microsoft.com")
ENDPOINT = Endpoint(
    provider="azure",
    model="azure-fast",
    upstream_model="fast-transcription",
    capabilities=frozenset({Capability.TRANSCRIPTION}),
    details=KIND.powers[Capability.TRANSCRIPTION],
)
REQUEST = TranscriptionRequest(model="azure-fast", word_timestamps=True)
WITH_SPEAKERS = replace(REQUEST, speakers=SpeakerSearch())
BY_CHANNEL = replace(REQUEST, speakers=SpeakerSearch(channels=Channels.SEPARATE))

NUMBERS = st.floats() | st.integers(-(10**400), 10**400) | st.none() | st.booleans()
JUNK = st.recursive(
    NUMBERS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                sorted(
                    {*heard(phrase("a", 0)), *phrase("a", 0, speaker=0, channel=0)},
                )
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)
PHRASES = st.fixed_dictionaries(
    {
        "text": st.text(max_size=5),
        "offsetMilliseconds": NUMBERS,
        "durationMilliseconds": NUMBERS,
        "confidence": NUMBERS,
        "speaker": NUMBERS,
        "channel": NUMBERS,
        "locale": st.sampled_from(["en-US", "", None]),
    }
)


def read(answer: Any, request: TranscriptionRequest = REQUEST) -> Transcript:
    return read_transcript(ACCESS, ENDPOINT, request, answer)


def test_the_documented_answer_is_read() -> None:
    transcript = read(
        {
            "durationMilliseconds": 182439,
            "combinedPhrases": [{"text": "Good afternoon. This is Sam."}],
            "phrases": [
                {
                    "offsetMilliseconds": 960,
                    "durationMilliseconds": 640,
                    "text": "Good afternoon.",
                    "words": [
                        {"text": "Good", "offsetMilliseconds": 960, "durationMilliseconds": 240},
                        {
                            "text": "afternoon.",
                            "offsetMilliseconds": 1200,
                            "durationMilliseconds": 400,
                        },
                    ],
                    "locale": "en-US",
                    "confidence": 0.93616915,
                },
                {
                    "offsetMilliseconds": 1600,
                    "durationMilliseconds": 640,
                    "text": "This is Sam.",
                    "locale": "en-US",
                    "confidence": 0.93616915,
                },
            ],
        }
    )
    assert (transcript.model, transcript.provider) == ("azure-fast", "azure")
    assert transcript.text == "Good afternoon. This is Sam."
    assert (transcript.language, transcript.duration_s) == ("en", 182.439)
    first, second = transcript.segments
    assert (first.id, first.start_s, first.end_s, first.text) == (0, 0.96, 1.6, " Good afternoon.")
    assert [(w.text, w.start_s, round(w.end_s, 6)) for w in first.words] == [
        ("Good", 0.96, 1.2),
        ("afternoon.", 1.2, 1.6),
    ]
    assert first.words[0].probability == 0.93616915
    assert (second.id, second.words, second.speaker) == (1, (), None)


def test_speakers_are_letters_in_the_order_in_which_they_are_heard() -> None:
    answer = heard(
        phrase("Hi there.", 5040, speaker=0, channel=0),
        phrase("Good afternoon.", 960, speaker=1, channel=0),
        phrase("Thank you.", 9000, speaker=1, channel=0),
    )
    transcript = read(answer, WITH_SPEAKERS)
    assert [(s.id, s.speaker, s.text) for s in transcript.segments] == [
        (0, "A", " Good afternoon."),
        (1, "B", " Hi there."),
        (2, "A", " Thank you."),
    ]
    assert {w.speaker for w in transcript.segments[1].words} == {"B"}
    assert {segment.speaker for segment in read(answer).segments} == {None}


def test_each_channel_is_one_speaker() -> None:
    answer = heard(
        phrase("Hello.", 720, channel=0),
        phrase("Hi, Mary.", 9520, channel=0),
        phrase("Hi, my name is Mary.", 4480, channel=1),
        duration=185_079,
    )
    transcript = read(answer, BY_CHANNEL)
    assert [(s.speaker, s.text) for s in transcript.segments] == [
        ("A", " Hello."),
        ("B", " Hi, my name is Mary."),
        ("A", " Hi, Mary."),
    ]
    assert transcript.text == "Hello. Hi, my name is Mary. Hi, Mary."


def test_the_language_is_the_one_in_which_most_is_said() -> None:
    answer = heard(
        phrase("Hi.", 0),
        phrase("Das ist ein langer Satz auf Deutsch.", 900, locale="de-CH"),
        phrase("Bye now.", 2000),
    )
    assert read(answer).language == "de"
    assert read(answer, replace(REQUEST, language="nl")).language == "nl"


def test_silence_is_an_empty_transcript() -> None:
    transcript = read({"durationMilliseconds": 3000, "combinedPhrases": [], "phrases": []})
    assert (transcript.text, transcript.segments, transcript.language) == ("", (), None)
    assert transcript.duration_s == 3.0


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"phrases": {}},
        {"phrases": [3]},
        {"combinedPhrases": [{"text": 3}]},
        {"durationMilliseconds": math.nan},
        {"durationMilliseconds": 10**400},
        {"phrases": [{"text": "a", "offsetMilliseconds": "0"}]},
        {"phrases": [{"text": "a", "offsetMilliseconds": math.inf}]},
        {"phrases": [{"text": "a", "words": "b"}]},
        {"phrases": [{"text": "a", "locale": 3}]},
    ],
)
def test_what_makes_no_sense_is_an_upstream_error(answer: Any) -> None:
    with pytest.raises(UpstreamError):
        read(answer)


@given(JUNK | st.builds(lambda phrases: {"phrases": phrases}, st.lists(PHRASES | JUNK, max_size=5)))
def test_any_answer_is_a_transcript_or_an_upstream_error(answer: Any) -> None:
    for request in (REQUEST, WITH_SPEAKERS):
        try:
            transcript = read(answer, request)
        except UpstreamError:
            continue
        starts = [segment.start_s for segment in transcript.segments]
        assert starts == sorted(starts)
        assert math.isfinite(transcript.duration_s)
        for segment in transcript.segments:
            assert 0 <= segment.start_s <= segment.end_s <= transcript.duration_s
            assert all(0 <= word.probability <= 1 for word in segment.words)


def test_locales_lead_back_to_the_languages_they_stand_for() -> None:
    assert set(LOCALES) <= set(LANGUAGES)
    assert {code: language_of(locale) for code, locale in LOCALES.items()} == {
        code: code for code in LOCALES
    }
    assert [language_of(locale) for locale in ("zh-TW", "wuu-CN", "yue-CN", "ga-IE", "")] == [
        "zh", "zh", "yue", "ga", None,
    ]  # fmt: skip
