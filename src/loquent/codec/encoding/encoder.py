"""Encodes speech while it is spoken, or at once; knows neither sockets nor what is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

import numpy as np

from loquent.codec.encoding import muxed
from loquent.codec.encoding.bare import mulaw_sink, pcm_sink, wav_sink
from loquent.codec.encoding.formats import SpeechFormat, chosen_rate_hz, media_type
from loquent.codec.encoding.muxed import MuxedSink
from loquent.codec.encoding.resampler import Resampler
from loquent.codec.encoding.wav import WavCoding, wav_header
from loquent.domain.speech import Waveform


class _Sink(Protocol):
    """Samples in [-1, 1] in, bytes of one file out."""

    def write(self, samples: Waveform) -> bytes: ...

    def finish(self) -> bytes: ...


_SinkOpener: TypeAlias = Callable[[int, int | None], _Sink]
"""Takes the sample rate and, where all of them are at hand, the number of samples."""

_SINKS: Final[Mapping[SpeechFormat, _SinkOpener]] = MappingProxyType(
    {
        SpeechFormat.MP3: partial(MuxedSink, muxed.MP3),
        SpeechFormat.OPUS: partial(MuxedSink, muxed.OPUS),
        SpeechFormat.AAC: partial(MuxedSink, muxed.AAC),
        SpeechFormat.FLAC: partial(MuxedSink, muxed.FLAC),
        SpeechFormat.WAV: wav_sink,
        SpeechFormat.PCM: pcm_sink,
        SpeechFormat.MULAW: mulaw_sink,
    }
)


class StreamEncoder:
    """One file, written while its samples come; belongs to one thread at a time.

    What `encode` and `finish` return, joined, is a complete file. One may drop an encoder halfway.
    Headers cannot tell the length: wav has `wav.UNKNOWN_BYTES`, flac 0 samples, mp3 no Xing header.
    Opus tells players what to skip and where to end. The codecs of mp3 and AAC put silence first,
    1105 and 1024 samples: it takes the place of as much silence at the start of the sound, and
    lengthens a sound that has less. Their last frame is filled up with silence.

    Attributes:
        media_type: Content-Type of the file.
        sample_rate_hz: rate of the file.
    """

    def __init__(
        self, speech_format: SpeechFormat, source_rate_hz: int, sample_rate_hz: int | None = None
    ) -> None:
        """Open the file.

        Args:
            source_rate_hz: of the samples that will come.
            sample_rate_hz: of the file; None for what `chosen_rate_hz` says.
        Raises: UnsupportedOptionError: if the format cannot carry `sample_rate_hz`.
        """
        self.media_type = media_type(speech_format)
        self.sample_rate_hz = chosen_rate_hz(speech_format, source_rate_hz, sample_rate_hz)
        self._resampler = Resampler(source_rate_hz, self.sample_rate_hz)
        self._sink = _SINKS[speech_format](self.sample_rate_hz, None)
        self._format = speech_format
        self._n_samples = 0
        self._is_finished = False

    def encode(self, samples: Waveform) -> bytes:
        """Return the bytes that are ready, perhaps none; a second of sound takes some 10 ms.

        Args:
            samples: of any number; what lies beyond [-1, 1] is clipped, NaN and infinities
                become 0.
        """
        assert not self._is_finished
        return self._written(self._resampler.resample(samples))

    def finish(self) -> bytes:
        """Return the rest of the file; nothing may follow."""
        assert not self._is_finished
        self._is_finished = True
        return self._written(self._resampler.finish()) + self._sink.finish()

    @property
    def duration_s(self) -> float:
        """How much sound is in the file so far."""
        return self._n_samples / self.sample_rate_hz

    def exact_header(self) -> bytes:
        """Return what the file could begin with now that its length is known.

        It is as long as what the file begins with; empty where the format has no such header.
        """
        if self._format is not SpeechFormat.WAV:
            return b""
        return wav_header(WavCoding.LINEAR, self.sample_rate_hz, self._n_samples)

    def _written(self, sound: Waveform) -> bytes:
        self._n_samples += len(sound)
        return self._sink.write(sound)


def encode_whole(
    samples: Waveform,
    speech_format: SpeechFormat,
    source_rate_hz: int,
    sample_rate_hz: int | None = None,
) -> bytes:
    """Return a file whose header tells its exact length, where the format has a place for that.

    So wav, flac and mp3 do; an mp3 then also tells players which silence to skip at both ends.

    Args:
        samples: all of them; otherwise as for `StreamEncoder`.
    Raises: UnsupportedOptionError: if the format cannot carry `sample_rate_hz`.
    """
    rate_hz = chosen_rate_hz(speech_format, source_rate_hz, sample_rate_hz)
    resampler = Resampler(source_rate_hz, rate_hz)
    sound = np.concatenate([resampler.resample(samples), resampler.finish()])
    sink = _SINKS[speech_format](rate_hz, len(sound))
    return sink.write(sound) + sink.finish()
