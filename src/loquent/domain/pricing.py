"""What things cost, in whole micro-units of one currency; knows nobody who asks for money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from loquent.domain.model import Capability

MILLIS = 1_000


class PriceUnit(StrEnum):
    """What a price is for, as spelled in catalogs and on the wire."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    REQUEST = "request"
    MILLION_CHARACTERS = "million_characters"
    MILLION_TEXT_TOKENS = "million_text_tokens"
    MILLION_AUDIO_TOKENS = "million_audio_tokens"
    MILLION_OUTPUT_TOKENS = "million_output_tokens"


_SECONDS_IN = {PriceUnit.SECOND: 1, PriceUnit.MINUTE: 60, PriceUnit.HOUR: 3_600}


@dataclass(frozen=True, slots=True)
class Consumption:
    """What was asked of, or done by, an endpoint.

    Attributes:
        audio_s: length of the audio, heard or spoken.
        n_characters: of a text that is spoken.
        n_text_tokens: that went in as text.
        n_audio_tokens: that went in as sound, or came out of a text as sound.
        n_output_tokens: that came out as text.
    """

    audio_s: float = 0.0
    n_characters: int = 0
    n_text_tokens: int = 0
    n_audio_tokens: int = 0
    n_output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """One line of a price list.

    Attributes:
        micros: millionths of the currency for one `unit`.
        capability: what it is charged for; None for whatever the endpoint does.
        step_s: audio is billed in whole steps of this length, the last one begun counts; 0 bills
            it to the millisecond.
        minimum_s: less audio than this is billed as this much.
        valid_from: the first day on which it holds; None for always so far.
        valid_until: the last day on which it holds; None for open end.
    """

    unit: PriceUnit
    micros: int
    capability: Capability | None = None
    step_s: float = 0.0
    minimum_s: float = 0.0
    valid_from: date | None = None
    valid_until: date | None = None

    def is_for(self, capability: Capability) -> bool:
        """Tell whether it is charged where `capability` is used."""
        return self.capability in (None, capability)

    def holds(self, day: date) -> bool:
        """Tell whether the price is in force on `day`."""
        has_begun = self.valid_from is None or self.valid_from <= day
        return has_begun and (self.valid_until is None or day <= self.valid_until)


def price_micros(prices: Iterable[Price], consumption: Consumption, day: date) -> int:
    """Return what `consumption` costs on `day`, the sum of all lines in force, rounded half up."""
    total = sum((_cost(price, consumption) for price in prices if price.holds(day)), Fraction())
    return int(total + Fraction(1, 2))


def _cost(price: Price, consumption: Consumption) -> Fraction:
    match price.unit:
        case PriceUnit.REQUEST:
            return Fraction(price.micros)
        case PriceUnit.MILLION_CHARACTERS:
            return Fraction(price.micros * consumption.n_characters, 1_000_000)
        case PriceUnit.MILLION_TEXT_TOKENS:
            return Fraction(price.micros * consumption.n_text_tokens, 1_000_000)
        case PriceUnit.MILLION_AUDIO_TOKENS:
            return Fraction(price.micros * consumption.n_audio_tokens, 1_000_000)
        case PriceUnit.MILLION_OUTPUT_TOKENS:
            return Fraction(price.micros * consumption.n_output_tokens, 1_000_000)
        case _:
            return price.micros * _billed_s(price, consumption.audio_s) / _SECONDS_IN[price.unit]


def _billed_s(price: Price, audio_s: float) -> Fraction:
    """Return the seconds that are billed, exact to the millisecond."""
    heard_ms = max(round(audio_s * MILLIS), round(price.minimum_s * MILLIS))
    step_ms = round(price.step_s * MILLIS)
    if step_ms:
        heard_ms = -(-heard_ms // step_ms) * step_ms
    return Fraction(heard_ms, MILLIS)
