"""What is read from ElevenLabs' answers about recordings, whatever they hold."""

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
from loquent.providers.elevenlabs.provider import KIND
from loquent.providers.elevenlabs.reading import read_transcript
from loquent.providers.language_codes import iso_code, our_code
from tests.vendors.elevenlabs_vendor import heard, item

ACCESS = ProviderAccess("elevenlabs", "elevenlabs", "https://api.elevenlabs.io", api_key="secret")
ENDPOINT = Endpoint(
    provider="elevenlabs",
    model="scribe",
    upstream_model="scribe_v2",
    capabilities=frozenset({Capability.TRANSCRIPTION}),
    details=KIND.powers[Capability.TRANSCRIPTION],
)
REQUEST = TranscriptionRequest(model="scribe", word_timestamps=True)
WITH_SPEAKERS = replace(REQUEST, speakers=SpeakerSearch())
BY_CHANNEL = replace(REQUEST, speakers=SpeakerSearch(channels=Channels.SEPARATE))

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                sorted({*heard(), *item("a", 0.0, 1.0), "transcripts"}),
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)
NUMBERS = st.floats() | st.integers(-(10**400), 10**400) | st.none()
WORDS = st.fixed_dictionaries(
    {
        "text": st.text(max_size=5),
        "start": NUMBERS,
        "end": NUMBERS,
        "type": st.sampled_from(["word", "spacing", "audio_event"]),
        "speaker_id": st.sampled_from([None, "speaker_0", "speaker_1"]),
        "logprob": NUMBERS,
    }
)


def read(answer: Any, request: TranscriptionRequest = REQUEST) -> Transcript:
    return read_transcript(ACCESS, ENDPOINT, request, answer)


def test_the_documented_answer_is_read() -> None:
    transcript = read(
        {
            "language_code": "en",
            "language_probability": 1,
            "text": "With a soft voice, I speak.",
            "words": [
                item("With", 0.119, 0.259),
                item(" ", 0.239, 0.299, kind="spacing"),
                item("a", 0.279, 0.359),
                item(" ", 0.359, 0.399, kind="spacing"),
                item("soft", 0.399, 0.699),
                item(" ", 0.699, 0.7, kind="spacing"),
                item("voice,", 0.7, 1.1),
                item(" ", 1.1, 1.2, kind="spacing"),
                item("(sighs)", 1.2, 1.3, kind="audio_event"),
                item("I", 1.3, 1.4),
                item(" ", 1.4, 1.5, kind="spacing"),
                item("speak.", 1.5, 1.9),
            ],
        }
    )
    assert (transcript.model, transcript.provider) == ("scribe", "elevenlabs")
    assert (transcript.text, transcript.language) == ("With a soft voice, I speak.", "en")
    assert transcript.duration_s == 1.9
    assert [w.text for w in transcript.words] == ["With", "a", "soft", "voice,", "I", "speak."]
    assert (transcript.words[0].start_s, transcript.words[0].end_s) == (0.119, 0.259)
    assert transcript.words[0].probability == pytest.approx(math.exp(-0.1))
    assert {word.speaker for word in transcript.words} == {None}


def test_speakers_are_letters_in_the_order_in_which_they_are_heard() -> None:
    answer = heard(
        item("Yes.", 1.0, 1.5, speaker=3), item("No.", 2.0, 2.5), item("So.", 3.0, 3.5, speaker=3)
    )
    segments = read(answer, WITH_SPEAKERS).segments
    assert [(s.speaker, s.text) for s in segments] == [("A", " Yes."), ("B", " No."), ("A", " So.")]
    assert [word.speaker for s in segments for word in s.words] == ["A", "B", "A"]


def test_each_channel_is_one_speaker_whose_sentences_stay_whole() -> None:
    first = heard(item("Good", 1.0, 1.5), item(" ", 1.5, 1.6, kind="spacing"), item("day", 1.6, 2))
    second = heard(item("Hello", 0.5, 0.9), item(" ", 1, 1, kind="spacing"), item("you", 1.1, 1.4))
    transcript = read({"transcripts": [first, second], "audio_duration_secs": 9.5}, BY_CHANNEL)
    assert [(s.id, s.speaker, s.text) for s in transcript.segments] == [
        (0, "A", " Hello you"),
        (1, "B", " Good day"),
    ]
    assert transcript.text == "Hello you Good day"
    assert transcript.duration_s == 12.5


def test_the_duration_is_that_of_the_recording_where_it_is_told() -> None:
    assert read(heard(item("Hi", 0.0, 0.5), duration=30.25)).duration_s == 30.25


def test_words_that_no_space_parts_are_written_without_one() -> None:
    answer = heard(
        item("今日", 0.0, 0.4), item("は。", 0.4, 0.8), item("晴れ", 1.0, 1.4), language="jpn"
    )
    transcript = read(answer)
    assert transcript.language == "ja"
    assert transcript.text == "今日は。晴れ"
    assert [segment.text for segment in transcript.segments] == [" 今日は。", " 晴れ"]


def test_words_without_times_leave_a_text_alone() -> None:
    transcript = read(heard(item("Hello", None, None)))
    assert (transcript.text, transcript.segments) == ("Hello", ())


def test_an_endpoint_that_knows_no_words_tells_none() -> None:
    bare = replace(ENDPOINT, details=frozenset())
    transcript = read_transcript(ACCESS, bare, REQUEST, heard(item("Hello", 0.0, 1.0)))
    assert (transcript.text, transcript.segments) == ("Hello", ())


def test_silence_is_an_empty_transcript() -> None:
    transcript = read({"language_code": "", "text": "", "words": []})
    assert (transcript.text, transcript.segments, transcript.language) == ("", (), None)


def test_the_language_asked_for_is_the_one_told() -> None:
    assert read(heard(language="nld"), replace(REQUEST, language="af")).language == "af"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {"text": 3},
        {"words": {}},
        {"words": [3]},
        {"transcripts": "none"},
        heard(item("Hi", math.nan, 1.0)),
        heard(item("Hi", 0.0, math.inf)),
        heard(item("Hi", 0.0, 10**400)),
        {"text": "", "audio_duration_secs": "long"},
    ],
)
def test_what_makes_no_sense_is_an_upstream_error(answer: Any) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(answer)
    assert "secret" not in caught.value.message


@given(JUNK | st.builds(lambda words: {"text": "", "words": words}, st.lists(WORDS, max_size=6)))
def test_any_answer_is_a_transcript_or_an_upstream_error(answer: Any) -> None:
    for request in (REQUEST, WITH_SPEAKERS):
        try:
            transcript = read(answer, request)
        except UpstreamError:
            continue
        starts = [segment.start_s for segment in transcript.segments]
        assert starts == sorted(starts)
        assert math.isfinite(transcript.duration_s)
        for word in transcript.words:
            assert 0 <= word.start_s <= word.end_s <= transcript.duration_s
            assert 0 <= word.probability <= 1


def test_every_language_of_ours_has_a_long_code_that_leads_back() -> None:
    long = {
        "en": "eng", "de": "deu", "zh": "cmn", "yue": "yue", "no": "nob", "jw": "jav",
        "tl": "fil", "fa": "pes", "haw": "haw", "sw": "swa", "he": "heb",
    }  # fmt: skip
    assert {code: our_code(name) for code, name in long.items()} == {code: code for code in long}
    assert all(our_code(code) == code for code in LANGUAGES)
    assert [our_code(code) for code in ("en-US", "EN_us", "jv", "ast", "")] == [
        "en", "en", "jw", "ast", None,
    ]  # fmt: skip
    assert (iso_code("jw"), iso_code("de")) == ("jv", "de")
