"""Names the formats speech can leave in and what each can carry; encodes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from loquent.domain.errors import UnsupportedOptionError

MIN_RATE_HZ: Final = 8_000
MAX_RATE_HZ: Final = 48_000

PCM_RATE_HZ: Final = 24_000
"""What clients take headerless samples for. Source: OpenAI's documentation of `pcm`."""


class SpeechFormat(StrEnum):
    """A file format, spelled as on the wire."""

    MP3 = "mp3"
    OPUS = "opus"
    AAC = "aac"
    FLAC = "flac"
    WAV = "wav"
    PCM = "pcm"
    MULAW = "mulaw"


@dataclass(frozen=True, slots=True)
class _Carrier:
    """What a format is on the wire, and what fits into it.

    Attributes:
        rates_hz: every rate it has, ascending; empty where any whole number will do.
        default_rate_hz: what it has where nobody chose; None for the nearest to the source.
    """

    media_type: str
    rates_hz: tuple[int, ...] = ()
    default_rate_hz: int | None = None


# Source: ISO/IEC 11172-3 and 13818-3, 2.4.2.3, with the common MPEG-2.5 rates. AAC has more, all of
# them outside of what is offered here.
_MPEG_RATES_HZ: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

_OPUS_RATES_HZ: Final = (8_000, 12_000, 16_000, 24_000, 48_000)
"""Source: RFC 6716, section 2."""

_CARRIERS: Final = MappingProxyType(
    {
        SpeechFormat.MP3: _Carrier("audio/mpeg", _MPEG_RATES_HZ),
        SpeechFormat.OPUS: _Carrier("audio/opus", _OPUS_RATES_HZ),
        SpeechFormat.AAC: _Carrier("audio/aac", _MPEG_RATES_HZ),
        SpeechFormat.FLAC: _Carrier("audio/flac"),
        SpeechFormat.WAV: _Carrier("audio/wav"),
        SpeechFormat.PCM: _Carrier("audio/pcm", default_rate_hz=PCM_RATE_HZ),
        SpeechFormat.MULAW: _Carrier("audio/wav", (8_000,)),
    }
)


def media_type(speech_format: SpeechFormat) -> str:
    """Return the Content-Type of `speech_format`, as the OpenAI API sends it."""
    return _CARRIERS[speech_format].media_type


def can_carry(speech_format: SpeechFormat, sample_rate_hz: int) -> bool:
    """Tell whether `speech_format` has this rate."""
    rates_hz = _CARRIERS[speech_format].rates_hz
    if rates_hz:
        return sample_rate_hz in rates_hz
    return MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ


def carried_rates(speech_format: SpeechFormat) -> str:
    """Return the rates that `speech_format` has, in words: "8000 Hz", "8000 to 48000 Hz"."""
    rates_hz = _CARRIERS[speech_format].rates_hz
    if not rates_hz:
        return f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
    *others, last = map(str, rates_hz)
    return f"{', '.join(others)} or {last} Hz" if others else f"{last} Hz"


def chosen_rate_hz(
    speech_format: SpeechFormat, source_rate_hz: int, sample_rate_hz: int | None = None
) -> int:
    """Return the rate to encode at.

    Without a wish it is the rate of the source or, where the format lacks that, the next higher one
    it has, or its highest. Samples without a header are at `PCM_RATE_HZ`, whatever the source.

    Args:
        sample_rate_hz: the wish.
    Raises: UnsupportedOptionError: naming the rates that the format has.
    """
    if sample_rate_hz is None:
        return _default_rate_hz(_CARRIERS[speech_format], source_rate_hz)
    if not can_carry(speech_format, sample_rate_hz):
        raise UnsupportedOptionError(
            f"{speech_format} cannot carry a sample rate of {sample_rate_hz} Hz; "
            f"it can carry {carried_rates(speech_format)}.",
            param="sample_rate",
        )
    return sample_rate_hz


def _default_rate_hz(carrier: _Carrier, source_rate_hz: int) -> int:
    if carrier.default_rate_hz is not None:
        return carrier.default_rate_hz
    if not carrier.rates_hz:
        return min(max(source_rate_hz, MIN_RATE_HZ), MAX_RATE_HZ)
    enough = (rate_hz for rate_hz in carrier.rates_hz if rate_hz >= source_rate_hz)
    return next(enough, carrier.rates_hz[-1])
