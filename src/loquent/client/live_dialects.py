"""What the two live dialects put on a socket and read from it; opens none.

Source: A15T's realtime transcription; OpenAI's Realtime API, transcription sessions.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from loquent.client.live_values import LiveEvent, LiveFinal, LiveOptions, LivePartial, LiveWord

_ITEM = "conversation.item.input_audio_transcription"
_COMMIT_ID = "loquent_last_commit"
_END_MS = 200


class UpstreamComplaintError(Exception):
    """What the server says is wrong with a message of ours."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("message", "")))
        self.error = error


class LiveDialect(Protocol):
    """One side of a conversation: what to send, and what the answers mean."""

    path: str

    def query(self) -> dict[str, str]:
        """Return what stands in the address."""
        ...

    def opening(self) -> str:
        """Return the first frame."""
        ...

    def sound(self, chunk: bytes) -> bytes | str:
        """Return the frame of some sound."""
        ...

    def ending(self) -> tuple[str, ...]:
        """Return the frames that say that no more sound comes."""
        ...

    def read(self, frame: str) -> Iterator[LiveEvent]:
        """Understand a frame.

        Raises: UpstreamComplaintError.
        """
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be told, though the socket is open."""
        ...


def dialect_of(options: LiveOptions) -> LiveDialect:
    """Return a fresh side of a conversation in the dialect that is wished for."""
    return OpenAiDialect(options) if options.dialect == "openai" else A15tDialect(options)


class A15tDialect:
    """Sound in binary frames; whoever serves closes the socket after the last text."""

    path = "/audio/transcriptions-realtime"
    is_over = False

    def __init__(self, options: LiveOptions) -> None:
        self._options = options

    def query(self) -> dict[str, str]:
        return {"model": self._options.model, **self._options.limits}

    def opening(self) -> str:
        options = self._options
        wishes = {
            "sample_rate": options.sample_rate,
            "language": options.language,
            "prompt": options.prompt,
            "diarise": options.diarise or None,
            "endpointing_ms": options.silence_ms,
        }
        return json.dumps({name: wish for name, wish in wishes.items() if wish is not None})

    def sound(self, chunk: bytes) -> bytes:
        return chunk

    def ending(self) -> tuple[str, ...]:
        return ('{"done": true}',)

    def read(self, frame: str) -> Iterator[LiveEvent]:
        told = json.loads(frame)
        if told.get("message_type") == "PartialTranscript":
            yield LivePartial(told["text"])
            return
        error = (told.get("error") or {}).get("message")
        if told["text"] or error:
            yield LiveFinal(
                told["text"],
                told["audio_start"] / 1000,
                told["audio_end"] / 1000,
                told.get("speaker"),
                tuple(_word(word) for word in told["words"]),
                error,
            )


def _word(word: Mapping[str, Any]) -> LiveWord:
    return LiveWord(word["text"], word["start"] / 1000, word["end"] / 1000, word.get("speaker"))


class OpenAiDialect:
    """Events in JSON; each utterance is an item.

    The end is a commit, after a little silence so that there is something to commit. All is told
    when the item is complete that goes to the end, give or take a part of this silence.
    """

    path = "/realtime"

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._texts: dict[str, str] = {}
        self._spans_ms: dict[str, list[int]] = {}
        self._n_bytes = 0
        self._is_ended = False
        self._is_refused = False
        self._reached_ms = 0.0

    @property
    def is_over(self) -> bool:
        if self._spans_ms:
            return False
        total_ms = 500 * self._n_bytes / self._options.sample_rate
        is_reached = self._is_ended and self._reached_ms > total_ms - _END_MS / 2
        return is_reached or self._is_refused

    def query(self) -> dict[str, str]:
        limits = self._options.limits
        return {"intent": "transcription", "model": self._options.model, **limits}

    def opening(self) -> str:
        options = self._options
        wishes = {
            "model": options.model,
            "language": options.language,
            "prompt": options.prompt,
            "diarise": options.diarise or None,
        }
        detection: dict[str, Any] = {"type": "server_vad"}
        if options.silence_ms is not None:
            detection["silence_duration_ms"] = options.silence_ms
        heard = {
            "format": {"type": "audio/pcm", "rate": options.sample_rate},
            "transcription": {name: wish for name, wish in wishes.items() if wish is not None},
            "turn_detection": detection,
        }
        session = {"type": "transcription", "audio": {"input": heard}}
        return json.dumps({"type": "session.update", "session": session})

    def sound(self, chunk: bytes) -> str:
        self._n_bytes += len(chunk)
        audio = b64encode(chunk).decode()
        return json.dumps({"type": "input_audio_buffer.append", "audio": audio})

    def ending(self) -> tuple[str, ...]:
        commit = json.dumps({"type": "input_audio_buffer.commit", "event_id": _COMMIT_ID})
        if not self._n_bytes:
            return (commit,)
        silence = self.sound(bytes(2 * (self._options.sample_rate * _END_MS // 1000)))
        self._is_ended = True
        return (silence, commit)

    def read(self, frame: str) -> Iterator[LiveEvent]:
        event = json.loads(frame)
        kind, item = event["type"], event.get("item_id", "")
        if kind == "error":
            if event["error"].get("event_id") != _COMMIT_ID:
                raise UpstreamComplaintError(event["error"])
            self._is_refused = True
        elif kind.startswith("input_audio_buffer.speech_"):
            at_ms = event.get("audio_start_ms", event.get("audio_end_ms"))
            self._spans_ms.setdefault(item, []).append(at_ms)
        elif kind.startswith(_ITEM):
            yield from self._told(kind.removeprefix(f"{_ITEM}."), item, event)

    def _told(self, kind: str, item: str, event: Mapping[str, Any]) -> Iterator[LiveEvent]:
        if kind == "delta":
            self._texts[item] = self._texts.get(item, "") + event["delta"]
            yield LivePartial(self._texts[item], item)
        elif kind in ("completed", "failed"):
            span = self._spans_ms.pop(item, [])
            self._reached_ms = max([self._reached_ms, *span])
            text = event.get("transcript", self._texts.get(item, ""))
            error = (event.get("error") or {}).get("message")
            if text or error:
                yield LiveFinal(
                    text,
                    span[0] / 1000 if span else None,
                    span[1] / 1000 if len(span) > 1 else None,
                    event.get("speaker") or None,
                    error=error,
                    utterance=item,
                )
