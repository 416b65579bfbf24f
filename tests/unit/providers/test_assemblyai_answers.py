"""What AssemblyAI's answers about jobs say, as documented and as nobody would document it."""

from __future__ import annotations

import math
import re
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
from loquent.providers.assemblyai.reading import (
    is_finished,
    read_job,
    read_transcript,
    read_upload,
)
from tests.vendors.assemblyai_vendor import heard, word

ACCESS = ProviderAccess(id="assemblyai", kind="assemblyai", base_url="https://api.assemblyai.com")
ENDPOINT = Endpoint("assemblyai", "universal-2", "universal-2", frozenset(Capability))
REQUEST = TranscriptionRequest(model="universal-2", word_timestamps=True)
WITH_SPEAKERS = replace(REQUEST, speakers=SpeakerSearch())
SEPARATE = replace(REQUEST, speakers=SpeakerSearch(channels=Channels.SEPARATE))

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**400), "\ud800", "error", "completed"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "error", "id", "upload_url", "words", "text", "start"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
HOSTILE_WORDS = st.lists(
    st.fixed_dictionaries(
        {"text": st.text(max_size=3) | JSON, "start": st.integers() | JSON, "end": st.integers()},
        optional={"confidence": JSON, "speaker": JSON, "channel": JSON},
    ),
    max_size=4,
)


def read(answer: Any, request: TranscriptionRequest = REQUEST) -> Transcript:
    return read_transcript(ACCESS, ENDPOINT, request, answer)


def spoken(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text.strip()) for segment in transcript.segments]


def test_the_documented_answer_is_read() -> None:
    transcript = read(heard(word("Smoke", 250, 650), word("from", 730, 1022)))
    assert transcript.text == "Smoke from"
    assert transcript.language == "en"
    assert transcript.duration_s == 281.0
    assert (transcript.model, transcript.provider) == ("universal-2", "assemblyai")
    first = transcript.words[0]
    assert (first.start_s, first.end_s, first.probability) == (0.25, 0.65, 0.97465)


def test_words_are_told_only_if_they_are_asked_for() -> None:
    transcript = read(heard(word("Smoke", 250, 650)), replace(REQUEST, word_timestamps=False))
    assert transcript.words == ()
    assert transcript.text == "Smoke"


def test_the_language_of_the_caller_is_kept() -> None:
    assert read(heard(word("Oui", 0, 1)), replace(REQUEST, language="fr")).language == "fr"


def test_speakers_get_letters_in_the_order_in_which_they_speak() -> None:
    answer = heard(
        word("Hello", 0, 500, "B"), word("there.", 500, 900, "B"), word("Hi.", 950, 1300, "A")
    )
    assert spoken(read(answer, WITH_SPEAKERS)) == [("A", "Hello there."), ("B", "Hi.")]
    assert spoken(read(answer)) == [(None, "Hello there."), (None, "Hi.")]


def test_each_channel_is_one_speaker_and_their_sentences_stay_whole() -> None:
    answer = heard(
        word("Is", 200, 400, "2", "2"),
        word("anyone", 500, 1100, "2", "2"),
        word("Good", 1000, 1200, "1", "1"),
        word("there?", 1200, 1500, "2", "2"),
        word("morning.", 1300, 1800, "1", "1"),
        audio_channels=2,
    )
    assert spoken(read(answer, SEPARATE)) == [("A", "Is anyone there?"), ("B", "Good morning.")]


def test_one_channel_cannot_be_parted() -> None:
    answer = heard(word("Hello", 0, 500, "1", "1"), audio_channels=1)
    with pytest.raises(InvalidRequestError) as raised:
        read(answer, SEPARATE)
    assert raised.value.param == "channels"


def test_silence_is_an_empty_transcript() -> None:
    transcript = read(heard() | {"text": None, "words": None})
    assert (transcript.text, transcript.segments, transcript.language) == ("", (), None)
    assert transcript.duration_s == 281.0


def test_a_text_without_words_has_no_segments() -> None:
    transcript = read(heard() | {"text": "Just text."})
    assert (transcript.text, transcript.segments) == ("Just text.", ())


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        heard(word("x", 0, 1) | {"start": "0"}),
        heard(word("x", 0, 1) | {"end": math.inf}),
        heard(word("x", 0, 1) | {"text": 7}),
        heard() | {"words": {}},
        heard() | {"words": [1]},
        heard() | {"audio_duration": math.nan},
        heard() | {"text": []},
    ],
)
def test_answers_that_make_no_sense_are_told_as_such(answer: Any) -> None:
    with pytest.raises(UpstreamError, match="cannot be read"):
        read(answer)


def test_a_status_that_is_not_documented_is_an_error() -> None:
    with pytest.raises(UpstreamError, match="status"):
        is_finished(ACCESS, {"status": "throttled"})


def test_a_failure_without_a_reason_is_one_all_the_same() -> None:
    with pytest.raises(UpstreamError, match="does not say why"):
        is_finished(ACCESS, {"status": "error", "error": {"code": 3}})


@given(
    words=HOSTILE_WORDS,
    junk=JSON,
    request=st.sampled_from([REQUEST, WITH_SPEAKERS, SEPARATE]),
)
def test_hostile_answers_are_errors_or_sound_transcripts(
    words: list[dict[str, Any]], junk: Any, request: TranscriptionRequest
) -> None:
    answer = {"text": junk, "words": words, "audio_duration": junk, "language_code": junk}
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
def test_junk_is_no_upload_and_no_job(junk: Any) -> None:
    with pytest.raises(UpstreamError):
        read_upload(ACCESS, junk)
    try:
        job = read_job(ACCESS, junk)
        assert re.fullmatch(r"[\w-]+", job)
        is_finished(ACCESS, junk)
    except UpstreamError:
        return
