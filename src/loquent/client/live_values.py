"""How live sessions are asked for, and what they tell; knows no socket and no dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from loquent.client.fields import RoutingFields

_LIMITS = RoutingFields.__optional_keys__


class LiveFields(RoutingFields, total=False):
    """How a live session is to be.

    Attributes:
        dialect: what is spoken on the socket; both tell the same.
        sample_rate: of the sound in Hz, which is 16 bits, little endian, mono; 16000 if unset.
        language: ISO 639-1 code; detected if unset.
        prompt: text that guides spelling and style.
        diarise: tell who speaks.
        silence_ms: silence that ends an utterance; 500 if unset.
        turn_detection: None where `commit` alone ends an utterance; in OpenAI's dialect.
    """

    dialect: Literal["a15t", "openai"]
    sample_rate: int
    language: str
    prompt: str
    diarise: bool
    silence_ms: int
    turn_detection: Literal["server_vad"] | None


@dataclass(frozen=True, slots=True)
class LiveWord:
    """A word with its times in seconds since the session began."""

    text: str
    start_s: float
    end_s: float
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class LivePartial:
    """What is understood of an utterance so far; the next one of that utterance takes its place.

    Attributes:
        utterance: which, in OpenAI's dialect, where a later one may be told before an earlier one.
    """

    text: str
    utterance: str | None = None


@dataclass(frozen=True, slots=True)
class LiveFinal:
    """All that an utterance says, which is nothing for a commit of silence.

    Attributes:
        start_s: seconds since the session began; None where the dialect does not tell.
        speaker: where that was asked for.
        words: where the dialect tells them.
        error: what went wrong, where words may be missing.
        utterance: as that of its partials.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None
    words: tuple[LiveWord, ...] = ()
    error: str | None = None
    utterance: str | None = None


LiveEvent: TypeAlias = LivePartial | LiveFinal


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What a session is opened with.

    Attributes:
        is_by_hand: nothing but a commit ends an utterance.
        limits: who may serve, as it is written in addresses.
    """

    model: str
    dialect: str = "a15t"
    sample_rate: int = 16_000
    language: str | None = None
    prompt: str | None = None
    diarise: bool = False
    silence_ms: int | None = None
    is_by_hand: bool = False
    limits: Mapping[str, str] = field(default_factory=dict)


def live_options(model: str, fields: LiveFields) -> LiveOptions:
    """Return `fields` with the defaults of those that are not there.

    Raises: ValueError: for turns by hand in a dialect without them.
    """
    dialect = fields.get("dialect", "a15t")
    is_by_hand = fields.get("turn_detection", "server_vad") is None
    if is_by_hand and dialect != "openai":
        raise ValueError("turn_detection=None needs dialect='openai'.")
    limits: Mapping[str, object] = {n: v for n, v in fields.items() if n in _LIMITS}
    return LiveOptions(
        model=model,
        dialect=dialect,
        sample_rate=fields.get("sample_rate", 16_000),
        language=fields.get("language"),
        prompt=fields.get("prompt"),
        diarise=fields.get("diarise", False),
        silence_ms=fields.get("silence_ms"),
        is_by_hand=is_by_hand,
        limits={name: _in_address(value) for name, value in limits.items()},
    )


def _in_address(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)
