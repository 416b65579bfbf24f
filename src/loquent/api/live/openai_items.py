"""Turns what a session finds out into the events of a conversation; pure but for the ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from loquent.api.errors import wire_error
from loquent.api.usage import usage_form
from loquent.domain.live import Final, LiveUpdate, Partial, Settled, SpeechStarted, SpeechStopped
from loquent.domain.transcript import Transcript
from loquent.render import live_openai
from loquent.render.payload import JsonObject


@dataclass(frozen=True, slots=True)
class Telling:
    """What a caller wants to be told.

    Attributes:
        model: the name that the caller used; it decides how consumption is stated.
        speech: where speech starts and stops.
        logprobs: the log probability of every token.
        speakers: who speaks.
    """

    model: str
    speech: bool = True
    logprobs: bool = False
    speakers: bool = False


@dataclass(eq=False)
class _Item:
    """Attributes:
    tells_speech: its start was told, and so its end will be.
    told: the deltas so far, joined.
    """

    id: str
    tells_speech: bool
    told: str = ""
    is_committed: bool = False


class Items:
    """The items of one conversation, one for each utterance.

    Attributes:
        telling: may be set at any time.
        end_s: where the last utterance ended.
    """

    def __init__(self, telling: Telling, new_id: Callable[[], str]) -> None:
        self.telling = telling
        self.end_s = 0.0
        self._new_id = new_id
        self._items: dict[int, _Item] = {}
        self._last_id: str | None = None
        self._n_segments = 0

    def events(self, update: LiveUpdate) -> list[JsonObject]:
        """Return what tells of `update`; guesses that may change are not told."""
        match update:
            case SpeechStarted(number, start_s):
                return self._start(number, start_s)
            case SpeechStopped(number, end_s):
                return self._stop(self._items[number], end_s)
            case Settled(number, text):
                return _delta(self._items[number], text)
            case Final(utterance=number):
                return self._finish(self._items.pop(number), update)
            case Partial():
                return []
            case _:
                assert_never(update)

    def _start(self, number: int, start_s: float) -> list[JsonObject]:
        self._items = {n: item for n, item in self._items.items() if item.is_committed}
        item = self._items[number] = _Item(self._new_id(), self.telling.speech)
        return [live_openai.speech_started(item.id, start_s)] if item.tells_speech else []

    def _stop(self, item: _Item, end_s: float) -> list[JsonObject]:
        stopped = [live_openai.speech_stopped(item.id, end_s)] if item.tells_speech else []
        previous_id, self._last_id = self._last_id, item.id
        item.is_committed, self.end_s = True, end_s
        return [*stopped, *live_openai.committed(item.id, previous_id)]

    def _finish(self, item: _Item, final: Final) -> list[JsonObject]:
        if final.error:
            kind = wire_error(final.error).type
            return [live_openai.failed(item.id, final.error, kind)]
        transcript, form = final.transcript, usage_form(self.telling.model)
        agrees = transcript.text.startswith(item.told)
        completed = live_openai.completed(item.id, transcript, form, logprobs=self.telling.logprobs)
        rest = _delta(item, transcript.text[len(item.told) :]) if agrees else []
        if not self.telling.speakers:
            return [*rest, completed]
        return [*rest, *self._segments(item, transcript), completed | {"speaker": final.speaker}]

    def _segments(self, item: _Item, transcript: Transcript) -> list[JsonObject]:
        """Tell who says which part of an item; parts are numbered through the conversation."""
        first = self._n_segments + 1
        self._n_segments += len(transcript.segments)
        return [
            live_openai.segment(item.id, number, segment)
            for number, segment in enumerate(transcript.segments, start=first)
        ]


def _delta(item: _Item, text: str) -> list[JsonObject]:
    """Tell more of an item; its first word stands at the very beginning."""
    news = text if item.told else text.lstrip()
    item.told += news
    return [live_openai.delta(item.id, news)] if news else []
