"""Transcripts as Loquent answers them: openai's types, and what comes on top; sends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Self, TypeAlias

from openai import BaseModel
from openai.types.audio import (
    Transcription,
    TranscriptionDiarized,
    TranscriptionSegment,
    TranscriptionVerbose,
    TranscriptionWord,
)
from pydantic import Field


class Receipt(BaseModel):
    """What the headers of an answer tell.

    Attributes:
        model: who served.
        provider: where; `local` for the server's own engines.
        price: what the answer costs; None where what is charged for is not known.
        currency: of the price, such as USD.
        attempts: every endpoint that was tried, and what came of it.
        derived: details that were made by the server, because the provider does not tell them.
        ignored: fields that had no effect.
        is_replay: whether the answer was given before, to the same idempotency key.
    """

    model: str | None = None
    provider: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    attempts: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    is_replay: bool = False

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """Read the headers of an answer, such as `spoken.response.headers` of speech."""
        amount, _, currency = headers.get("x-loquent-price", "").partition(" ")
        return cls(
            model=headers.get("x-loquent-model"),
            provider=headers.get("x-loquent-provider"),
            price=Decimal(amount) if amount else None,
            currency=currency or None,
            attempts=_listed(headers, "x-loquent-attempts"),
            derived=_listed(headers, "x-loquent-derived"),
            ignored=_listed(headers, "x-loquent-ignored"),
            is_replay=headers.get("idempotent-replayed") == "true",
        )


def _listed(headers: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in headers.get(name, "").split(",") if item.strip())


class SpokenWord(TranscriptionWord):
    """A word with its times in seconds, and who says it where that was asked for."""

    speaker: str | None = None


class SpokenSegment(BaseModel):
    """A span of text with its times in seconds, and who says it where that was asked for."""

    id: int
    start: float
    end: float
    text: str
    speaker: str | None = None


class VerboseSegment(TranscriptionSegment):
    """A span of text with all that the model knows of it, and who says it."""

    speaker: str | None = None


class Transcript(Transcription):
    """The answer to `json`, and to no format at all.

    Attributes:
        language: ISO 639-1 code, an English name under /v0; None where nothing was said.
        words: under /v0, where they are asked for.
        duration: seconds of sound, under /v0.
    """

    id: str = ""
    model: str = ""
    provider: str = ""
    language: str | None = None
    segments: list[SpokenSegment] = Field(default_factory=list)
    words: list[SpokenWord] | None = None
    duration: float | None = None
    receipt: Receipt = Field(default_factory=Receipt, exclude=True)


class VerboseTranscript(TranscriptionVerbose):
    """The answer to `verbose_json`."""

    id: str = ""
    model: str = ""
    provider: str = ""
    segments: list[VerboseSegment] | None = None  # type: ignore[assignment]  # each is one of openai's, and more
    words: list[SpokenWord] | None = None  # type: ignore[assignment]  # as above
    receipt: Receipt = Field(default_factory=Receipt, exclude=True)


class DiarizedTranscript(TranscriptionDiarized):
    """The answer to `diarized_json`."""

    id: str = ""
    model: str = ""
    provider: str = ""
    receipt: Receipt = Field(default_factory=Receipt, exclude=True)


Answer: TypeAlias = Transcript | VerboseTranscript | DiarizedTranscript

_TYPES: Final[Mapping[str, type[Answer]]] = {
    "verbose_json": VerboseTranscript,
    "diarized_json": DiarizedTranscript,
}
_TEXTS: Final = ("text", "srt", "vtt")
_UNREAD: Final = "X-Stainless-Raw-Response"
"""With this header openai's client asks its own methods for an answer that is not read yet."""


def is_to_be_read(sent: Mapping[str, Any]) -> bool:
    """Tell whether nobody wants the answer unread or as a stream."""
    return not sent.get("stream") and _UNREAD not in (sent.get("extra_headers") or {})


def unread(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with which openai's client hands out the answer with its headers."""
    return {**sent, "extra_headers": {**(sent.get("extra_headers") or {}), _UNREAD: "true"}}


def read(raw: Any, form: object) -> Answer | str:
    """Read an answer as its form has it, and its headers."""
    if form in _TEXTS:
        return str(raw.parse(to=str))
    answer: Answer = raw.parse(to=_TYPES.get(str(form), Transcript))
    answer.receipt = Receipt.of(raw.headers)
    return answer
