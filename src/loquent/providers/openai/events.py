"""Follows the events of a streamed answer; knows no connection.

It takes the events of OpenAI, those of Mistral, whose names lack `transcript.` and whose deltas are
under `text`, and those of vLLM, which have the form of chat completions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from loquent.domain.endpoints import Endpoint
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Segment, Transcript, join_text
from loquent.pipeline.derivation import told_segment
from loquent.providers.openai.asking import Asking
from loquent.providers.openai.reading import lettered, read_scores, read_segment, read_transcript
from loquent.providers.openai.values import (
    OddAnswerError,
    first_written,
    mapping,
    mappings,
    written,
)

_KEYS_OF_THE_WHOLE = ("duration", "language", "languages", "usage")


class TranscriptEvents:
    """What the events of one answer say so far.

    Where speakers were asked for, the segments with their speakers are what is told, and deltas of
    the same text are passed over; else each delta is a segment without times.
    """

    def __init__(self, request: TranscriptionRequest, endpoint: Endpoint, asking: Asking) -> None:
        self._request = request
        self._endpoint = endpoint
        self._asking = asking
        self._told: list[Segment] = []
        self._scores: list[Any] = []
        self._letters: dict[str, str] = {}
        self._end: Mapping[str, Any] | None = None

    @property
    def has_ended(self) -> bool:
        return self._end is not None

    def read(self, event: Any) -> Segment | None:
        """Take the next event; return the text that it adds.

        Raises: OddAnswerError.
        """
        body = mapping(event, "an event")
        if self.has_ended:
            return None
        if isinstance(body.get("choices"), list) and not self._asking.tells_speakers:
            return self._choice(body)
        kind = str(body.get("type"))
        if kind.endswith(".done"):
            return self._done(body)
        if kind.endswith(".segment") and self._asking.tells_speakers:
            return self._segment(body)
        if kind.endswith(".text.delta") and not self._asking.tells_speakers:
            text = first_written((body.get("delta"), body.get("text")))
            return self._delta(text, body.get("logprobs"))
        return None

    def transcript(self) -> Transcript:
        """Return the whole, after the last event.

        Raises: OddAnswerError: if the last event is missing.
        """
        if self._end is None:
            raise OddAnswerError("it breaks off before its end")
        text = self._text()
        whole = {key: self._end.get(key) for key in _KEYS_OF_THE_WHOLE}
        whole |= {"text": text, "logprobs": self._end.get("logprobs") or self._scores}
        transcript = read_transcript(whole, self._request, self._endpoint, self._asking)
        if self._asking.tells_speakers:
            return replace(transcript, text=text, segments=tuple(self._told))
        return transcript

    def _text(self) -> str:
        """Return the text as the last event tells it, or else as the others told it."""
        joined = join_text(self._told)
        if self._asking.tells_speakers and self._told:
            return joined  # the last event's may hold names of speakers
        told = written(self._end.get("text")) if self._end else None
        return (told or "").strip() or joined

    def _choice(self, body: Mapping[str, Any]) -> Segment | None:
        choices = mappings(body["choices"], "the list of choices")
        if not choices:
            return None
        if choices[0].get("finish_reason") is not None:
            self._end = {"usage": body.get("usage")}
        delta = choices[0].get("delta")
        text = written(delta.get("content")) if isinstance(delta, dict) else None
        return self._delta(text or "", None)

    def _delta(self, text: str | None, scores: Any) -> Segment | None:
        if text is None:
            raise OddAnswerError("an event has no text")
        if not text:
            return None
        segment = _timeless(len(self._told), text)
        if self._asking.tells_scores:
            segment = replace(segment, token_scores=read_scores(scores))
            self._scores.extend(scores or ())
        self._told.append(segment)
        return segment

    def _segment(self, body: Mapping[str, Any]) -> Segment | None:
        segment = read_segment(len(self._told), body)
        if not segment.text.strip():
            return None
        earliest_s = self._told[-1].start_s if self._told else 0.0
        start_s = max(earliest_s, segment.start_s)
        segment = replace(segment, start_s=start_s, end_s=max(start_s, segment.end_s))
        if self._asking.has_other_labels:
            (segment,) = lettered([segment], self._letters)
        self._told.append(segment)
        return segment

    def _done(self, body: Mapping[str, Any]) -> Segment | None:
        """Take the last event; its text is told where none was before."""
        text = written(body.get("text"))
        if text is None and not self._told:
            raise OddAnswerError("its last event has no text")
        self._end = body
        if self._told or not text or not text.strip():
            return None
        return _timeless(0, text)


def _timeless(index: int, text: str) -> Segment:
    return replace(told_segment(index, 0.0, 0.0, text), text=text)
