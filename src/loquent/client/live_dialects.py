"""What the two live dialects put on a socket and read from it; opens none.

Source: A15T's realtime transcription; OpenAI's Realtime API, transcription sessions.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from loquent.client.live_values import LiveEvent, LiveFinal, LiveOptions, LivePartial, LiveWord

_BUFFER = "input_audio_buffer."
_TRANSCRIPTION = "conversation.item.input_audio_transcription."
_COMMIT_ID = "loquent_commit"
_LAST_COMMIT_ID = "loquent_last_commit"
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

    def commit(self) -> str:
        """Return the frame that ends an utterance.

        Raises: ValueError: if the dialect has none.
        """
        ...

    def clear(self) -> str:
        """Return the frame that has the sound since the last utterance forgotten.

        Raises: ValueError: if the dialect has none.
        """
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

    def commit(self) -> str:
        raise ValueError("A15T's dialect has no commit; open the session with dialect='openai'.")

    def clear(self) -> str:
        raise ValueError("A15T's dialect has no clear; open the session with dialect='openai'.")

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


@dataclass(eq=False)
class _Utterance:
    """An utterance of which not all is told.

    Attributes:
        span_ms: its start and its end, as far as they are told.
    """

    text: str = ""
    span_ms: list[int] = field(default_factory=list)
    is_committed: bool = False


class OpenAiDialect:
    """Events in JSON; each utterance is an item.

    The end is a commit, after a little silence so that there is something to commit. All is told
    when the item is complete that goes to the end, give or take a part of this silence; by hand,
    where no times are told, when every commit is answered and its item is complete.
    """

    path = "/realtime"

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._utterances: dict[str, _Utterance] = {}
        self._n_bytes = 0
        self._n_open_bytes = 0
        self._n_commits = 0
        self._n_answers = 0
        self._is_ended = False
        self._is_refused = False
        self._reached_ms = 0.0

    @property
    def is_over(self) -> bool:
        if self._utterances or not self._is_ended:
            return False
        if self._options.is_by_hand:
            return self._n_answers == self._n_commits
        total_ms = 500 * self._n_bytes / self._options.sample_rate
        return self._is_refused or self._reached_ms > total_ms - _END_MS / 2

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
        heard = {
            "format": {"type": "audio/pcm", "rate": options.sample_rate},
            "transcription": {name: wish for name, wish in wishes.items() if wish is not None},
            "turn_detection": self._turn_detection(),
        }
        session = {"type": "transcription", "audio": {"input": heard}}
        return json.dumps({"type": "session.update", "session": session})

    def _turn_detection(self) -> dict[str, Any] | None:
        if self._options.is_by_hand:
            return None
        silence_ms = self._options.silence_ms
        wished = {} if silence_ms is None else {"silence_duration_ms": silence_ms}
        return {"type": "server_vad", **wished}

    def sound(self, chunk: bytes) -> str:
        self._n_bytes += len(chunk)
        self._n_open_bytes += len(chunk)
        audio = b64encode(chunk).decode()
        return json.dumps({"type": "input_audio_buffer.append", "audio": audio})

    def commit(self, event_id: str = _COMMIT_ID) -> str:
        self._n_commits += 1
        self._n_open_bytes = 0
        return json.dumps({"type": "input_audio_buffer.commit", "event_id": event_id})

    def clear(self) -> str:
        self._n_open_bytes = 0
        return json.dumps({"type": "input_audio_buffer.clear"})

    def ending(self) -> tuple[str, ...]:
        n_bytes = self._n_open_bytes if self._options.is_by_hand else self._n_bytes
        silence = bytes(2 * (self._options.sample_rate * _END_MS // 1000))
        padding = (self.sound(silence),) if n_bytes else ()
        frames = (*padding, self.commit(_LAST_COMMIT_ID))
        self._is_ended = True  # not before the commit counts: another thread reads meanwhile
        return frames

    def read(self, frame: str) -> Iterator[LiveEvent]:
        event = json.loads(frame)
        kind, item = event["type"], event.get("item_id", "")
        if kind == "error":
            self._refuse(event["error"])
        elif kind.startswith(_BUFFER):
            self._move(kind.removeprefix(_BUFFER), item, event)
        elif kind.startswith(_TRANSCRIPTION):
            yield from self._told(kind.removeprefix(_TRANSCRIPTION), item, event)

    def _refuse(self, error: Mapping[str, Any]) -> None:
        """Raises: UpstreamComplaintError: unless there was nothing to commit at the end."""
        self._n_answers += error.get("event_id") in (_COMMIT_ID, _LAST_COMMIT_ID)
        if error.get("event_id") != _LAST_COMMIT_ID:
            raise UpstreamComplaintError(error)
        self._is_refused = True

    def _move(self, kind: str, name: str, event: Mapping[str, Any]) -> None:
        """Follow how sound becomes items."""
        if kind == "cleared":
            self._utterances = {n: u for n, u in self._utterances.items() if u.is_committed}
        elif kind == "committed":
            self._utterances.setdefault(name, _Utterance()).is_committed = True
            self._n_answers += 1
        elif kind in ("speech_started", "speech_stopped"):
            at_ms = event.get("audio_start_ms", event.get("audio_end_ms"))
            self._utterances.setdefault(name, _Utterance()).span_ms.append(at_ms)

    def _told(self, kind: str, name: str, event: Mapping[str, Any]) -> Iterator[LiveEvent]:
        if kind == "delta":
            utterance = self._utterances.setdefault(name, _Utterance())
            utterance.text += event["delta"]
            yield LivePartial(utterance.text, name)
        elif kind in ("completed", "failed"):
            utterance = self._utterances.pop(name, _Utterance())
            span = utterance.span_ms
            self._reached_ms = max([self._reached_ms, *span])
            text = event.get("transcript", utterance.text)
            error = (event.get("error") or {}).get("message")
            if text or error or self._options.is_by_hand:
                yield LiveFinal(
                    text,
                    span[0] / 1000 if span else None,
                    span[1] / 1000 if len(span) > 1 else None,
                    event.get("speaker") or None,
                    error=error,
                    utterance=name,
                )
