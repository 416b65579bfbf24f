"""Tell in headers which endpoint served a request, after which attempts, and at what price."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from loquent.api.headers import header_text, ignored_header
from loquent.domain.endpoints import Served
from loquent.domain.model import Capability
from loquent.domain.pricing import Consumption, Price, PriceUnit, price_micros
from loquent.domain.transcript import Transcript

_MICROS = 1_000_000


def served_headers(served: Served | None, ignored: tuple[str, ...]) -> dict[str, str]:
    """Say who serves, and what of the request was made here or not at all.

    Args:
        ignored: fields that nothing has read, whoever serves.
    """
    if served is None:
        return ignored_header(ignored)
    headers = {
        "x-loquent-provider": served.endpoint.provider,
        "x-loquent-attempts": header_text(
            ", ".join(f"{tried.endpoint}={tried.outcome}" for tried in served.attempts)
        ),
        **ignored_header((*ignored, *served.ignored)),
    }
    if served.derived:
        headers["x-loquent-derived"] = ", ".join(served.derived)
    return headers


def price_header(
    served: Served | None, capability: Capability, consumption: Consumption, currency: str
) -> dict[str, str]:
    """Say what the answer costs by the price list, where all that it charges for is known."""
    prices = served.endpoint.prices_for(capability) if served else ()
    if served is None or not all(_is_known(price.unit, consumption) for price in prices):
        return {}
    return {"x-loquent-price": f"{in_units(price_of(prices, consumption))} {currency}"}


def price_of(prices: Iterable[Price], consumption: Consumption) -> int:
    """Return what `consumption` costs today, in micro-units."""
    return price_micros(prices, consumption, datetime.now(UTC).date())


def _is_known(unit: PriceUnit, consumption: Consumption) -> bool:
    match unit:
        case PriceUnit.REQUEST:
            return True
        case PriceUnit.MILLION_CHARACTERS:
            return consumption.n_characters > 0
        case PriceUnit.SECOND | PriceUnit.MINUTE | PriceUnit.HOUR:
            return consumption.audio_s > 0
        case _:
            return consumption.n_text_tokens + consumption.n_audio_tokens > 0


def in_units(micros: int) -> str:
    """Write an amount of micro-units exactly: "0.000100"."""
    return f"{micros // _MICROS}.{micros % _MICROS:06d}"


def consumption_of(transcript: Transcript) -> Consumption:
    """Return what a transcript used, as its provider counted it where it does."""
    counted = transcript.counted
    if counted is None:
        return Consumption(transcript.duration_s, n_output_tokens=transcript.n_output_tokens)
    return Consumption(
        transcript.duration_s,
        n_text_tokens=counted.n_text,
        n_audio_tokens=counted.n_audio,
        n_output_tokens=counted.n_output,
    )
