"""Writes the frames of A15T's live dialect; knows no socket.

Its clients read `text` and `message_type` of every frame, so every frame has all keys; `speaker` is
there where it was asked for, in finals and their words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from loquent.domain.errors import LoquentError
from loquent.domain.live import Final, Partial, confidence
from loquent.domain.transcript import Word
from loquent.render import payload


def partial_frame(partial: Partial, now: datetime) -> payload.JsonObject:
    """Return the PartialTranscript that takes the place of the one before it."""
    return _frame(
        "PartialTranscript", (partial.start_s, partial.end_s), partial.text, partial.words, now
    )


def final_frame(
    finals: Sequence[Final], end_s: float, now: datetime, *, names_speakers: bool = False
) -> payload.JsonObject:
    """Return the FinalTranscript that says what all of `finals` say.

    Args:
        end_s: the present, where there are none.
        names_speakers: tell who speaks; of several, who does for longest. Words tell in any case
            whose they are.
    """
    span = (finals[0].start_s, finals[-1].end_s) if finals else (end_s, end_s)
    text = " ".join(final.transcript.text for final in finals if final.transcript.text)
    words = [word for final in finals for word in final.transcript.words]
    frame = _frame("FinalTranscript", span, text, words, now)
    if names_speakers:
        frame["speaker"] = _main_speaker(finals)
    failure = next((final.error for final in finals if final.error), None)
    return frame | {"error": _error(failure)} if failure else frame


def _main_speaker(finals: Sequence[Final]) -> str | None:
    said_s: dict[str, float] = {}
    for final in finals:
        if final.speaker:
            said_s[final.speaker] = said_s.get(final.speaker, 0.0) + final.end_s - final.start_s
    return max(said_s, key=lambda speaker: said_s[speaker], default=None)


def _frame(
    message_type: str,
    span: tuple[float, float],
    text: str,
    words: Sequence[Word],
    now: datetime,
) -> payload.JsonObject:
    return {
        "message_type": message_type,
        "audio_start": _milliseconds(span[0]),
        "audio_end": _milliseconds(span[1]),
        "confidence": _share(confidence(words)),
        "text": text,
        "words": [_word(word, span) for word in words],
        "created": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _word(word: Word, span: tuple[float, float]) -> payload.JsonObject:
    start_s, end_s = span
    return {
        "start": _milliseconds(min(max(word.start_s, start_s), end_s)),
        "end": _milliseconds(min(max(word.end_s, start_s), end_s)),
        "confidence": _share(word.probability),
        "text": word.text,
        **payload.speaker(word.speaker),
    }


def _error(error: LoquentError) -> payload.JsonObject:
    return {"message": error.message, "code": error.code}


def _milliseconds(time_s: float) -> int:
    return max(0, round(time_s * 1000))


def _share(value: float) -> float:
    return min(1.0, max(0.0, payload.finite(value, n_digits=4)))
