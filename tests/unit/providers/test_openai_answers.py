"""What is made of the answers of OpenAI, and of those who answer a little differently."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.transcript import Task, TokenCount, TokenScore, Transcript, Word, join_text
from tests.unit.providers.openai_calls import DIARIZER, GPT, WHISPER, endpoint, heard, recording
from tests.vendors.openai_vendor import OpenAiVendor, Said, json_of

ASKED = TranscriptionRequest(model="anything")
WITH_WORDS = replace(ASKED, word_timestamps=True)
WITH_SPEAKERS = replace(ASKED, speakers=SpeakerSearch())
TELLS_WHO = replace(WHISPER, details=WHISPER.details | {Detail.SPEAKERS})


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    return recording(tmp_path)


async def told(
    source: AudioSource,
    answer: Any,
    request: TranscriptionRequest = ASKED,
    place: Endpoint = WHISPER,
    **quirks: str,
) -> Transcript:
    """Return what is made of `answer`, whatever was asked."""
    vendor = OpenAiVendor(
        reply=json_of(answer), more_fields={"diarize", "diarise", "timestamp_granularities"}
    )
    segments, transcript = await heard(vendor, place, request, source, quirks)
    assert tuple(segments) == transcript.segments
    return transcript


async def test_a_plain_answer_tells_a_text_and_what_it_cost(source: AudioSource) -> None:
    segments, transcript = await heard(OpenAiVendor(), GPT, ASKED, source)
    assert segments == []
    assert transcript == Transcript(
        task=Task.TRANSCRIBE,
        text="Good evening. How are you?",
        language=None,
        duration_s=0.0,
        segments=(),
        model="our-gpt-4o-transcribe",
        provider="acme",
        counted=TokenCount(n_text=7, n_audio=33, n_output=5),
    )


async def test_a_billed_time_stands_for_the_duration(source: AudioSource) -> None:
    _, transcript = await heard(OpenAiVendor(), endpoint("whisper-1"), ASKED, source)
    assert (transcript.duration_s, transcript.counted) == (4.0, None)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"input_tokens": 9, "output_tokens": 2}, TokenCount(0, 9, 2)),
        (
            {"input_tokens": 9, "output_tokens": 2, "input_token_details": {"text_tokens": 4}},
            TokenCount(4, 5, 2),
        ),
        (
            {"input_tokens": 9, "output_tokens": 2, "input_token_details": {"text_tokens": 40}},
            TokenCount(9, 0, 2),
        ),
        ({"input_tokens": 9}, None),
        ({"input_tokens": -9, "output_tokens": 2}, None),
        (None, None),
    ],
)
async def test_tokens_are_counted_as_far_as_they_are_told(
    source: AudioSource, usage: Any, counted: TokenCount | None
) -> None:
    assert (await told(source, {"text": "x", "usage": usage})).counted == counted


async def test_a_verbose_answer_keeps_all_that_is_told_of_segments(source: AudioSource) -> None:
    segments, transcript = await heard(OpenAiVendor(), WHISPER, ASKED, source)
    assert tuple(segments) == transcript.segments
    assert (transcript.language, transcript.duration_s) == ("en", 3.25)
    assert transcript.text == "Good evening. How are you?" == join_text(segments)
    second = segments[1]
    assert (second.id, second.start_s, second.end_s) == (1, 1.5, 3.25)
    assert (second.text, second.tokens) == (" How are you?", (50364, 1001))
    scores = (second.temperature, second.avg_logprob, second.compression_ratio)
    assert (*scores, second.no_speech_prob) == (0.0, -0.25, 1.125, 0.0078125)
    assert second.words == ()
    assert second.speaker is None


async def test_words_lie_in_their_segments(source: AudioSource) -> None:
    _, transcript = await heard(OpenAiVendor(), WHISPER, WITH_WORDS, source)
    first, second = transcript.segments
    assert first.words == (Word("Good", 0.0, 0.75, 1.0), Word("evening", 0.75, 1.5, 1.0))
    assert [word.text for word in second.words] == ["How", "are", "you"]


async def test_segments_are_made_where_words_alone_are_told(source: AudioSource) -> None:
    words = [("Good", 0.0, 0.5), ("evening", 0.5, 1.0), ("Yes", 3.0, 3.5)]
    vendor = OpenAiVendor(words=words)
    quirks = {"granularities": "one"}
    segments, transcript = await heard(vendor, WHISPER, WITH_WORDS, source, quirks)
    assert [(s.start_s, s.end_s, s.text) for s in segments] == [
        (0.0, 1.0, " Good evening"),
        (3.0, 3.5, " Yes"),
    ]
    assert [word.text for word in transcript.words] == ["Good", "evening", "Yes"]


async def test_scores_of_tokens_are_kept_with_the_text(source: AudioSource) -> None:
    vendor = OpenAiVendor(said=[Said(0, 1, "Grüße Dich")])
    _, transcript = await heard(vendor, GPT, replace(ASKED, token_scores=True), source)
    assert transcript.token_scores == (
        TokenScore("Grüße", "Grüße".encode(), -0.5),
        TokenScore(" Dich", b" Dich", -0.5),
    )
    assert join_text(transcript.segments) == transcript.text == "Grüße Dich"


async def test_a_diarized_answer_tells_speakers_and_a_text_without_their_names(
    source: AudioSource,
) -> None:
    segments, transcript = await heard(OpenAiVendor(), DIARIZER, WITH_SPEAKERS, source)
    assert [(s.speaker, s.start_s, s.end_s, s.text) for s in segments] == [
        ("A", 0.0, 1.5, " Good evening."),
        ("B", 1.5, 3.25, " How are you?"),
    ]
    assert transcript.text == "Good evening. How are you?"
    assert transcript.duration_s == 3.25


async def test_a_translation_says_nothing_of_the_language_of_the_speech(
    source: AudioSource,
) -> None:
    request = replace(ASKED, task=Task.TRANSLATE)
    _, transcript = await heard(OpenAiVendor(), WHISPER, request, source)
    assert (transcript.task, transcript.language) == (Task.TRANSLATE, None)
    assert len(transcript.segments) == 2


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("english", "en"),
        ("German", "de"),
        ("de", "de"),
        ("pt-BR", "pt"),
        ("zh_CN", "zh"),
        ("haitian", "ht"),
        ("haitian creole", "ht"),
        ("unknown", None),
        ("<|nospeech|>", None),
        (None, None),
        (["en"], None),
    ],
)
async def test_languages_are_read_as_codes_tags_and_names(
    source: AudioSource, language: Any, code: str | None
) -> None:
    assert (await told(source, {"text": "x", "language": language})).language == code


async def test_the_language_that_was_asked_for_stands_where_none_is_told(
    source: AudioSource,
) -> None:
    asked = replace(ASKED, language="fr")
    assert (await told(source, {"text": "x"}, asked)).language == "fr"
    detected = {"text": "x", "languages": [{"code": "it"}]}
    assert (await told(source, detected)).language == "it"


async def test_an_answer_of_vllm_is_read(source: AudioSource) -> None:
    segment: dict[str, Any] = {
        "id": 0,
        "avg_logprob": -0.5,
        "compression_ratio": 1.5,
        "end": 2.0,
        "seek": 0,
    }
    segment |= {"no_speech_prob": None, "start": 0.0, "temperature": 0.0, "tokens": [7]}
    answer = {
        "duration": "2.5",
        "language": "en",
        "text": " Hello.",
        "segments": [segment | {"text": " Hello."}],
        "words": None,
    }
    transcript = await told(source, answer)
    assert (transcript.text, transcript.duration_s) == ("Hello.", 2.5)
    (only,) = transcript.segments
    assert (only.text, only.avg_logprob, only.no_speech_prob) == (" Hello.", -0.5, 0.0)


async def test_an_answer_of_local_ai_is_read(source: AudioSource) -> None:
    words = [{"start": 0.0, "end": 0.5, "text": "Hello"}]
    segments = [{"id": 0, "start": 0, "end": 0.5, "text": "Hello", "tokens": None, "words": words}]
    transcript = await told(source, {"text": "Hello", "segments": segments}, WITH_WORDS)
    assert transcript.words == (Word("Hello", 0.0, 0.5, 1.0),)
    assert transcript.duration_s == 0.0


async def test_an_answer_of_speaches_is_read(source: AudioSource) -> None:
    word = {"start": 0.0, "end": 0.5, "word": " Hello", "probability": 0.75}
    answer = {"task": "transcribe", "language": "en", "duration": 1.0, "text": "Hello"}
    transcript = await told(source, answer | {"words": [word], "segments": []}, WITH_WORDS)
    assert transcript.words == (Word("Hello", 0.0, 0.5, 0.75),)
    assert [segment.text for segment in transcript.segments] == [" Hello"]


async def test_an_answer_of_mistral_is_read_with_words_told_as_segments(
    source: AudioSource,
) -> None:
    spoken = [("Good", 0.0, 0.4), ("evening.", 0.4, 0.9), ("Yes.", 1.0, 1.5)]
    answer = {
        "model": "voxtral-mini-latest",
        "text": "Good evening. Yes.",
        "language": None,
        "segments": [
            {"type": "transcription_segment", "text": f" {text}", "start": start, "end": end}
            for text, start, end in spoken
        ],
        "usage": {"prompt_audio_seconds": 2, "prompt_tokens": 9, "completion_tokens": 5},
    }
    transcript = await told(source, answer, WITH_WORDS, granularities="one", lists="plain")
    assert [segment.text for segment in transcript.segments] == [" Good evening.", " Yes."]
    assert [word.text for word in transcript.words] == ["Good", "evening.", "Yes."]
    assert (transcript.duration_s, transcript.counted) == (2.0, None)


async def test_other_labels_of_speakers_become_letters(source: AudioSource) -> None:
    segments = [
        {"text": "Yes.", "start": 0.0, "end": 1.0, "speaker_id": "SPEAKER_07"},
        {"text": "No.", "start": 1.0, "end": 2.0, "speaker_id": 3},
        {"text": "Yes!", "start": 2.0, "end": 3.0, "speaker_id": "SPEAKER_07"},
    ]
    answer = {"text": "Yes. No. Yes!", "segments": segments}
    transcript = await told(source, answer, WITH_SPEAKERS, TELLS_WHO, diarise="diarize")
    assert [segment.speaker for segment in transcript.segments] == ["A", "B", "A"]


async def test_an_answer_of_together_is_read(source: AudioSource) -> None:
    words = [
        {"word": "Hi.", "start": 0.0, "end": 0.5, "speaker_id": "SPEAKER_01"},
        {"word": "Oh.", "start": 0.5, "end": 1.0, "speaker_id": "SPEAKER_00"},
    ]
    turns = [
        {"id": index, "text": word["word"], "words": [word], **word}
        for index, word in enumerate(words, start=1)
    ]
    plain = [{"id": 0, "text": " Hi. Oh.", "start": 0.0, "end": 1.0}]
    answer = {"text": "Hi. Oh.", "segments": plain, "speaker_segments": turns}
    asked = replace(WITH_SPEAKERS, word_timestamps=True)
    transcript = await told(source, answer, asked, TELLS_WHO, diarise="diarize")
    assert [(s.speaker, s.text) for s in transcript.segments] == [("A", " Hi."), ("B", " Oh.")]
    assert [(w.speaker, w.text) for w in transcript.words] == [("A", "Hi."), ("B", "Oh.")]


async def test_segments_are_cut_by_speaker_where_only_words_tell_who(source: AudioSource) -> None:
    words = [
        {"word": "Hi", "start": 0.0, "end": 0.5, "speaker_id": "1"},
        {"word": "oh", "start": 0.5, "end": 1.0, "speaker_id": "0"},
    ]
    segments = [{"text": " Hi oh", "start": 0.0, "end": 1.0}]
    answer = {"text": "Hi oh", "segments": segments, "words": words}
    transcript = await told(source, answer, WITH_SPEAKERS, TELLS_WHO, diarise="diarize")
    assert [(s.speaker, s.text) for s in transcript.segments] == [("A", " Hi"), ("B", " oh")]
    assert transcript.words == ()


async def test_another_loquent_tells_speakers_beside_times(source: AudioSource) -> None:
    segments = [{"text": " Hi.", "start": 0.0, "end": 1.0, "speaker": "Anna"}]
    words = [{"word": "Hi.", "start": 0.0, "end": 1.0, "speaker": "Anna"}]
    answer = {"text": "Hi.", "segments": segments, "words": words}
    asked = replace(WITH_SPEAKERS, word_timestamps=True)
    transcript = await told(source, answer, asked, TELLS_WHO, diarise="form")
    assert transcript.segments[0].speaker == "Anna"
    assert transcript.words[0].speaker == "Anna"


async def test_speakers_that_nobody_asked_for_are_left_out(source: AudioSource) -> None:
    segments = [{"text": " Hi.", "start": 0.0, "end": 1.0, "speaker": "Anna"}]
    words = [{"word": "Hi.", "start": 0.0, "end": 1.0, "speaker": "Anna"}]
    answer = {"text": "Hi.", "segments": segments, "words": words}
    transcript = await told(source, answer, WITH_WORDS)
    assert (transcript.segments[0].speaker, transcript.words[0].speaker) == (None, None)


async def test_what_is_slightly_off_is_put_right(source: AudioSource) -> None:
    segments = [
        {"text": " two", "start": 1.0, "end": 0.9},
        {"text": " one", "start": -0.02, "end": 1.1},
        {"text": "  ", "start": 3.0, "end": 4.0},
    ]
    transcript = await told(source, {"text": "one two", "segments": segments})
    assert [(s.id, s.text, s.start_s, s.end_s) for s in transcript.segments] == [
        (0, " one", 0.0, 1.1),
        (1, " two", 1.0, 1.0),
    ]


async def test_texts_without_spaces_between_them_stay_so(source: AudioSource) -> None:
    segments = [
        {"text": "你好。", "start": 0.0, "end": 1.0},
        {"text": "再见。", "start": 1.0, "end": 2.0},
    ]
    transcript = await told(source, {"text": "你好。再见。", "segments": segments})
    assert join_text(transcript.segments) == "你好。再见。"


async def test_segments_that_lost_their_spaces_get_them_back(source: AudioSource) -> None:
    segments = [
        {"text": "Hi.", "start": 0.0, "end": 1.0},
        {"text": "Oh.", "start": 1.0, "end": 2.0},
    ]
    transcript = await told(source, {"text": "Hi. Oh.", "segments": segments})
    assert join_text(transcript.segments) == transcript.text == "Hi. Oh."


async def test_silence_is_an_answer(source: AudioSource) -> None:
    transcript = await told(source, {"text": "", "segments": [], "duration": 2})
    assert (transcript.text, transcript.segments, transcript.duration_s) == ("", (), 2.0)
