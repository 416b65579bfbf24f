"""Turns answers of OpenAI-compatible servers into transcripts; calls nobody and trusts nothing.

It takes what servers are known to write differently: a language as a name or a code, a duration as
a text, null or no scores of segments, words under `text` or inside segments, and speakers under
`speaker_id`. All functions raise OddAnswerError for what means nothing.

Sources: OpenAI's API reference, audio; the answers of vLLM, LocalAI, speaches, Groq, Mistral,
Together and Fireworks as their documentation and sources have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from loquent.domain.endpoints import Endpoint
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import letter
from loquent.domain.transcript import (
    Segment,
    Task,
    TokenCount,
    TokenScore,
    Transcript,
    Word,
    join_text,
)
from loquent.pipeline.derivation import segments_of, told_segment, with_words
from loquent.providers.openai.asking import Asking
from loquent.providers.openai.values import (
    OddAnswerError,
    first_written,
    language_code,
    mapping,
    mappings,
    number,
    time_s,
    whole,
    written,
)

_MAX_TOKENS = 10**12
_MAX_TOKEN_ID = 2**31 - 1
_MAX_SEEK = 10**9


def read_transcript(
    answer: Any, request: TranscriptionRequest, endpoint: Endpoint, asking: Asking
) -> Transcript:
    """Read an answer in json, verbose_json or diarized_json, whichever came."""
    body = mapping(answer, "it")
    told = written(body.get("text"))
    segments = _segments(body, told, request, asking)
    if told is None and not segments:
        raise OddAnswerError("it holds no text")
    # the text of diarized_json may hold names of speakers, its segments do not
    is_diarized = asking.response_format == "diarized_json" and segments
    text = join_text(segments) if is_diarized or not told else told.strip()
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    duration_s = _duration_s(body, usage)
    if asking.tells_scores:
        segments = _scored(segments, read_scores(body.get("logprobs")), text, duration_s)
    return Transcript(
        task=request.task,
        text=text,
        language=_language(body, request),
        duration_s=duration_s,
        segments=segments,
        model=endpoint.model,
        provider=endpoint.provider,
        counted=_counted(usage),
    )


def read_scores(told: Any) -> tuple[TokenScore, ...]:
    """Read the log probabilities of tokens."""
    return tuple(_score(item) for item in mappings(told, "the list of log probabilities"))


def read_segment(index: int, told: Mapping[str, Any]) -> Segment:
    """Read a span of text with its times, and its speaker where one is told."""
    text = written(told.get("text"))
    if text is None:
        raise OddAnswerError("a segment has no text")
    start_s = time_s(told.get("start"), "the start of a segment")
    end_s = time_s(told.get("end"), "the end of a segment")
    plain = told_segment(index, start_s, end_s, text, speaker=_speaker(told))
    return replace(
        plain,
        tokens=_tokens(told.get("tokens")),
        temperature=_or(number(told.get("temperature")), plain.temperature),
        avg_logprob=_or(number(told.get("avg_logprob")), plain.avg_logprob),
        compression_ratio=_or(number(told.get("compression_ratio")), plain.compression_ratio),
        no_speech_prob=_or(number(told.get("no_speech_prob")), plain.no_speech_prob),
        seek_frames=whole(told.get("seek"), _MAX_SEEK) or 0,
    )


def lettered(segments: Iterable[Segment], letters: dict[str, str]) -> tuple[Segment, ...]:
    """Call speakers by letters, in the order in which they are first heard.

    Args:
        letters: what labels are called so far; grows.
    """
    return tuple(
        replace(
            segment,
            speaker=_called(segment.speaker, letters),
            words=tuple(
                replace(word, speaker=_called(word.speaker, letters)) for word in segment.words
            ),
        )
        for segment in segments
    )


def _called(label: str | None, letters: dict[str, str]) -> str | None:
    return None if label is None else letters.setdefault(label, letter(len(letters)))


def _segments(
    body: Mapping[str, Any], told: str | None, request: TranscriptionRequest, asking: Asking
) -> tuple[Segment, ...]:
    """Return segments with what of words and speakers was asked for, and no more."""
    items = mappings(body.get("speaker_segments") or body.get("segments"), "the list of segments")
    words = _words(body, items)
    segments = _in_order(items, told)
    if asking.words_alone and not words:  # Mistral tells words as segments
        words = tuple(_word_of(segment) for segment in segments)
        segments = ()
    if asking.tells_speakers and not any(segment.speaker for segment in segments):
        segments = segments_of(words) if any(word.speaker for word in words) else segments
    if words:
        segments = with_words(segments, words)
    segments = tuple(_as_asked(segment, request, asking) for segment in segments)
    return lettered(segments, {}) if asking.has_other_labels else segments


def _in_order(items: Iterable[Mapping[str, Any]], told: str | None) -> tuple[Segment, ...]:
    """Return the segments that have text, sorted; their texts join to the text as it was told."""
    found = [(read_segment(0, item), written(item.get("text")) or "") for item in items]
    found = sorted((pair for pair in found if pair[1].strip()), key=lambda pair: pair[0].start_s)
    joins = told is not None and "".join(text for _, text in found).strip() == told.strip()
    return tuple(
        replace(segment, id=index, text=text if joins else segment.text)
        for index, (segment, text) in enumerate(found)
    )


def _as_asked(segment: Segment, request: TranscriptionRequest, asking: Asking) -> Segment:
    speaker = segment.speaker if asking.tells_speakers else None
    words = segment.words if request.word_timestamps else ()
    return replace(
        segment,
        speaker=speaker,
        words=tuple(
            replace(word, speaker=(word.speaker or speaker) if asking.tells_speakers else None)
            for word in words
        ),
    )


def _words(body: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> tuple[Word, ...]:
    """Return the words of the answer, or else those inside its segments, sorted by time."""
    told = mappings(body.get("words"), "the list of words")
    if not told:
        told = [word for item in items for word in mappings(item.get("words"), "a list of words")]
    found = (_word(item) for item in told)
    return tuple(sorted((word for word in found if word.text), key=lambda word: word.start_s))


def _word(told: Mapping[str, Any]) -> Word:
    text = first_written((told.get("word"), told.get("text")))
    if text is None:
        raise OddAnswerError("a word has no text")
    start_s = time_s(told.get("start"), "the start of a word")
    end_s = max(start_s, time_s(told.get("end"), "the end of a word"))
    probability = _or(number(told.get("probability")), 1.0)
    return Word(text.strip(), start_s, end_s, min(1.0, max(0.0, probability)), _speaker(told))


def _word_of(segment: Segment) -> Word:
    return Word(segment.text.strip(), segment.start_s, segment.end_s, 1.0, segment.speaker)


def _speaker(told: Mapping[str, Any]) -> str | None:
    for value in (told.get("speaker"), told.get("speaker_id")):
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_SEEK:
            return str(value)
        if name := written(value):
            return name
    return None


def _tokens(told: Any) -> tuple[int, ...]:
    if not isinstance(told, list):
        return ()
    tokens = tuple(whole(token, _MAX_TOKEN_ID) for token in told)
    return tuple(token for token in tokens if token is not None) if None not in tokens else ()


def _score(told: Mapping[str, Any]) -> TokenScore:
    text, logprob = written(told.get("token")), number(told.get("logprob"))
    if text is None or logprob is None:
        raise OddAnswerError("a log probability is incomplete")
    return TokenScore(text, _utf8(told.get("bytes"), text), min(0.0, logprob))


def _utf8(told: Any, text: str) -> bytes:
    if not isinstance(told, list):
        return text.encode()
    codes = [whole(code, 255) for code in told]
    return bytes(code for code in codes if code is not None)


def _scored(
    segments: tuple[Segment, ...], scores: tuple[TokenScore, ...], text: str, duration_s: float
) -> tuple[Segment, ...]:
    """Keep scores of the whole text with its first segment; make one where only a text came."""
    if not scores:
        return segments
    first, *others = segments or (replace(told_segment(0, 0.0, duration_s, text), text=text),)
    return (replace(first, token_scores=scores), *others)


def _duration_s(body: Mapping[str, Any], usage: Mapping[str, Any]) -> float:
    if body.get("duration") is not None:
        return time_s(body["duration"], "the duration")
    for name in ("seconds", "prompt_audio_seconds"):  # the latter is Mistral's
        if usage.get(name) is not None:
            return time_s(usage[name], "the billed time")
    return 0.0


def _language(body: Mapping[str, Any], request: TranscriptionRequest) -> str | None:
    """Return the language of the speech; of a translation the answer tells only its own."""
    if request.task is Task.TRANSLATE:
        return request.language
    found = language_code(body.get("language"))
    languages = body.get("languages")
    if found is None and isinstance(languages, list) and languages:
        first = languages[0]
        found = language_code(first.get("code") if isinstance(first, dict) else first)
    return found or request.language


def _counted(usage: Mapping[str, Any]) -> TokenCount | None:
    n_input = whole(usage.get("input_tokens"), _MAX_TOKENS)
    n_output = whole(usage.get("output_tokens"), _MAX_TOKENS)
    if n_input is None or n_output is None:
        return None
    parts = usage.get("input_token_details")
    parts = parts if isinstance(parts, dict) else {}
    n_text = min(n_input, whole(parts.get("text_tokens"), _MAX_TOKENS) or 0)
    n_audio = whole(parts.get("audio_tokens"), _MAX_TOKENS)
    return TokenCount(n_text, n_input - n_text if n_audio is None else n_audio, n_output)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
