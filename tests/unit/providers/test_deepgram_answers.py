"""What Deepgram's answers about recordings say, as documented and as nobody would document it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import InvalidRequestError, UpstreamError
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, SpeakerSearch
from loquent.domain.transcript import Transcript
from loquent.providers.deepgram.reading import read_transcript
from tests.vendors.deepgram_vendor import heard, word

ACCESS = ProviderAccess(id="deepgram", kind="deepgram", base_url="https://api.deepgram.com")
ENDPOINT = Endpoint("deepgram", "nova-3", "nova-3-general", frozenset({Capability.TRANSCRIPTION}))
REQUEST = TranscriptionRequest(model="nova-3", word_timestamps=True)
WITH_SPEAKERS = replace(REQUEST, speakers=SpeakerSearch())
SEPARATE = replace(REQUEST, speakers=SpeakerSearch(channels=Channels.SEPARATE))

SPACEWALK = heard(
    [
        word("Yeah.", 0.08, 0.32),
        word("As", 0.32, 0.79999995),
        word("much", 0.79999995, 1.04),
        word("as", 1.04, 1.28),
    ],
    detected="en",
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**400), "\ud800", ""])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["word", "start", "end", "confidence", "speaker", "transcript"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
HOSTILE_WORDS = st.lists(
    st.fixed_dictionaries(
        {"word": st.text(max_size=3) | JSON, "start": st.floats() | JSON, "end": st.floats()},
        optional={"confidence": st.floats() | JSON, "speaker": st.integers() | JSON},
    ),
    max_size=4,
)


def read(answer: Any, request: TranscriptionRequest = REQUEST) -> Transcript:
    return read_transcript(ACCESS, ENDPOINT, request, answer)


def spoken(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text.strip()) for segment in transcript.segments]


def test_the_documented_answer_is_read() -> None:
    transcript = read(SPACEWALK)
    assert transcript.text == "Yeah. As much as"
    assert transcript.language == "en"
    assert transcript.duration_s == 25.933313
    assert (transcript.model, transcript.provider) == ("nova-3", "deepgram")
    assert spoken(transcript) == [(None, "Yeah."), (None, "As much as")]
    first = transcript.words[0]
    assert (first.start_s, first.end_s, first.probability) == (0.08, 0.32, 0.9975959)


def test_the_word_without_marks_is_told_where_there_is_no_other() -> None:
    bare = word("Yeah.", 0.08, 0.32)
    del bare["punctuated_word"]
    assert read(heard([bare])).text == "yeah"


def test_words_are_told_only_if_they_are_asked_for() -> None:
    transcript = read(SPACEWALK, replace(REQUEST, word_timestamps=False))
    assert transcript.words == ()
    assert transcript.text == "Yeah. As much as"


def test_the_language_of_the_caller_is_kept() -> None:
    assert read(SPACEWALK, replace(REQUEST, language="fr")).language == "fr"


def test_a_detected_dialect_is_told_as_its_language() -> None:
    assert read(heard([word("Grüezi", 0, 1)], detected="de-CH")).language == "de"


def test_speakers_get_letters_in_the_order_in_which_they_speak() -> None:
    answer = heard(
        [word("Hello", 0.0, 0.5, 1), word("there", 0.5, 1.0, 1), word("Hi", 1.1, 1.4, 0)]
    )
    assert spoken(read(answer, WITH_SPEAKERS)) == [("A", "Hello there"), ("B", "Hi")]


def test_nobody_is_named_who_was_not_asked_for() -> None:
    answer = heard([word("Hello", 0.0, 0.5, 1), word("Hi", 0.6, 1.4, 0)])
    assert spoken(read(answer)) == [(None, "Hello Hi")]


def test_each_channel_is_one_speaker_and_their_sentences_stay_whole() -> None:
    agent = [word("Good", 1.0, 1.2), word("morning.", 1.3, 1.8), word("Bye.", 9.0, 9.4)]
    caller = [word("Is", 0.2, 0.4), word("anyone", 0.5, 1.1), word("there?", 1.2, 1.5)]
    assert spoken(read(heard(agent, caller), SEPARATE)) == [
        ("A", "Is anyone there?"),
        ("B", "Good morning."),
        ("B", "Bye."),
    ]


def test_segments_of_several_channels_are_numbered_by_time() -> None:
    transcript = read(heard([word("Two.", 2, 3)], [word("One.", 0, 1)]), SEPARATE)
    assert [segment.id for segment in transcript.segments] == [0, 1]
    assert transcript.text == "One. Two."


def test_one_channel_cannot_be_parted() -> None:
    with pytest.raises(InvalidRequestError) as raised:
        read(SPACEWALK, SEPARATE)
    assert raised.value.param == "channels"


def test_silence_is_an_empty_transcript() -> None:
    transcript = read(heard([]))
    assert (transcript.text, transcript.segments, transcript.language) == ("", (), None)
    assert transcript.duration_s == 25.933313


def test_a_text_without_words_has_no_segments() -> None:
    answer = heard([])
    answer["results"]["channels"][0]["alternatives"][0]["transcript"] = "Just text."
    transcript = read(answer)
    assert (transcript.text, transcript.segments) == ("Just text.", ())


def test_words_are_sorted_and_none_ends_before_it_starts() -> None:
    transcript = read(heard([word("late", 3.0, 2.0), word("early", -0.5, 1.0)]))
    assert [(w.text, w.start_s, w.end_s) for w in transcript.words] == [
        ("early", 0.0, 1.0),
        ("late", 3.0, 3.0),
    ]


@pytest.mark.parametrize(
    ("confidence", "probability"), [(1.7, 1.0), (-3, 0.0), (None, 1.0), (math.nan, 1.0)]
)
def test_confidences_stay_within_their_range(confidence: Any, probability: float) -> None:
    told = word("Yeah.", 0.08, 0.32) | {"confidence": confidence}
    assert read(heard([told])).words[0].probability == probability


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"results": {}},
        {"results": {"channels": []}},
        {"results": {"channels": [None]}},
        {"results": {"channels": "x"}},
        heard([word("x", math.nan, 1)]),
        heard([word("x", 0, math.inf)]),
        heard([word("x", 0, 10**400)]),
        heard([word("x", 0, 1) | {"start": "0"}]),
        heard([word("x", 0, 1) | {"punctuated_word": 7}]),
        heard([]) | {"metadata": {"duration": math.nan}},
    ],
)
def test_answers_that_make_no_sense_are_told_as_such(answer: Any) -> None:
    with pytest.raises(UpstreamError, match="cannot be read"):
        read(answer)


@given(words=HOSTILE_WORDS, junk=JSON, request=st.sampled_from([REQUEST, WITH_SPEAKERS, SEPARATE]))
def test_hostile_answers_are_errors_or_sound_transcripts(
    words: list[dict[str, Any]], junk: Any, request: TranscriptionRequest
) -> None:
    channel = {"alternatives": [{"transcript": junk, "words": words}]}
    answer = {"results": {"channels": [channel, channel]}, "metadata": {"duration": junk}}
    try:
        transcript = read(answer, request)
    except UpstreamError:
        return
    starts = [segment.start_s for segment in transcript.segments]
    assert starts == sorted(starts)
    assert all(0 <= w.start_s <= w.end_s < math.inf for w in transcript.words)
    assert all(0 <= w.probability <= 1 for w in transcript.words)
    transcript.text.encode()


@given(JSON)
def test_junk_is_no_answer(junk: Any) -> None:
    with pytest.raises(UpstreamError):
        read(junk)
