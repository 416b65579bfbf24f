"""Writes formats whose bytes are the samples themselves, in order; no codec is run."""

from __future__ import annotations

from collections.abc import Callable

from loquent.codec.encoding.quantise import linear_bytes, mulaw_bytes
from loquent.codec.encoding.wav import WavCoding, padding, wav_header
from loquent.domain.speech import Waveform


class BareSink:
    """A header, if there is one, the samples, and what closes them; every byte leaves at once."""

    def __init__(
        self, to_bytes: Callable[[Waveform], bytes], *, header: bytes = b"", trailer: bytes = b""
    ) -> None:
        self._to_bytes = to_bytes
        self._header = header
        self._trailer = trailer

    def write(self, samples: Waveform) -> bytes:
        """Return the header, once, and `samples`."""
        return self._taken_header() + self._to_bytes(samples)

    def finish(self) -> bytes:
        """Return what is missing at the end of the file."""
        return self._taken_header() + self._trailer

    def _taken_header(self) -> bytes:
        header, self._header = self._header, b""
        return header


def pcm_sink(_sample_rate_hz: int, _n_samples: int | None) -> BareSink:
    """Return a sink of 16-bit little-endian samples and nothing else."""
    return BareSink(linear_bytes)


def wav_sink(sample_rate_hz: int, n_samples: int | None) -> BareSink:
    """Return a sink of 16-bit samples behind a wav header."""
    return BareSink(linear_bytes, header=wav_header(WavCoding.LINEAR, sample_rate_hz, n_samples))


def mulaw_sink(sample_rate_hz: int, n_samples: int | None) -> BareSink:
    """Return a sink of mu-law bytes behind a wav header."""
    return BareSink(
        mulaw_bytes,
        header=wav_header(WavCoding.MULAW, sample_rate_hz, n_samples),
        trailer=padding(WavCoding.MULAW, n_samples or 0),
    )
