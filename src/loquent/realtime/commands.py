"""What the listener wants done: values that say what, never how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from loquent.domain.live import LiveUpdate


class Effort(StrEnum):
    """How well a stretch is to be recognised."""

    DRAFT = "draft"
    """Fast: it will be said again, with more sound."""
    FINAL = "final"
    """As well as a recording."""


@dataclass(frozen=True, slots=True)
class Recognise:
    """Recognise a part of the sound.

    Attributes:
        number: names the work when its result comes.
        known_s: where sound begins that is heard with it, as its text is known; else `start_s`.
        known: that text; the result does not hold it.
        prefix: the text with which the result begins.
        language: ISO 639-1 code, None to detect it.
    """

    number: int
    effort: Effort
    start_s: float
    end_s: float
    known_s: float
    known: str
    prefix: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody waits for this work any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Pass this on to the caller."""

    update: LiveUpdate


@dataclass(frozen=True, slots=True)
class Release:
    """Sound before this time is not needed any more."""

    before_s: float


Command: TypeAlias = Recognise | Drop | Tell | Release
