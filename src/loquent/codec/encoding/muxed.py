"""Encodes with FFmpeg into a container that is written from front to back; chooses no format."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
import numpy as np

from loquent.codec.encoding.quantise import rounded
from loquent.domain.speech import Waveform

_QUIET: Final = 1e-3
"""Sound below this, -60 dB of full scale, is the silence that precedes speech."""

_SILENT_SAMPLE: Final = np.zeros(1, dtype=np.float32)
_SILENT_SAMPLE.flags.writeable = False


@dataclass(frozen=True, slots=True)
class Track:
    """One codec in one container, in FFmpeg's names.

    Attributes:
        sample_format: what the codec takes; planar or not is the same for one channel.
        bit_rates: pairs of a sample rate and the bits per second up to it, ascending; empty for a
            lossless codec.
        muxer_options: names and values, of the container.
        undeclared_delay_samples: silence that the codec puts first and of which a container
            written from front to back tells players nothing.
        loss: what the codec multiplies all sound by.
        is_delay_declared_in_whole_files: whether one that is written as a whole tells them.
    """

    container: str
    codec: str
    sample_format: str
    bit_rates: tuple[tuple[int, int], ...] = ()
    muxer_options: tuple[tuple[str, str], ...] = ()
    undeclared_delay_samples: int = 0
    loss: float = 1.0
    is_delay_declared_in_whole_files: bool = False


# Source of the delays: LAME's encoder has 576 samples and every mp3 decoder 529; the low-complexity
# profile of AAC has one frame.
MP3: Final = Track(
    "mp3",
    "libmp3lame",
    "fltp",
    ((12_000, 32_000), (24_000, 64_000), (48_000, 96_000)),
    undeclared_delay_samples=576 + 529,
    loss=0.95,  # what LAME's presets scale by
    is_delay_declared_in_whole_files=True,
)
AAC: Final = Track(
    "adts",
    "aac",
    "fltp",
    ((12_000, 32_000), (24_000, 64_000), (48_000, 96_000)),
    undeclared_delay_samples=1024,
)
OPUS: Final = Track(
    "ogg",
    "libopus",
    "flt",
    ((12_000, 32_000), (16_000, 40_000), (48_000, 56_000)),
    # Microseconds. Three packets share the 27 bytes in front of a page, and wait for each other.
    (("page_duration", "60000"),),
)
FLAC: Final = Track(
    "flac",
    "flac",
    "s16",
    # Else 8 KiB are kept free for tags.
    muxer_options=(("metadata_header_padding", "0"),),
)


class MuxedSink:
    """Samples in, bytes of one file out, as soon as the codec has them.

    A codec's silence at the start that players cannot know of is paid for with the silence that the
    sound itself begins with, as far as there is enough: so speech keeps its place in time.
    """

    def __init__(self, track: Track, sample_rate_hz: int, n_samples: int | None = None) -> None:
        """Open the file.

        Args:
            n_samples: given if all of them are at hand; the file is then held back until it is
                complete, so that its header can tell its length.
        """
        self._file: _Outlet | _WholeFile = _Outlet() if n_samples is None else _WholeFile()
        self._track = track
        self._rate_hz = sample_rate_hz
        self._n_written = 0
        is_declared = track.is_delay_declared_in_whole_files and n_samples is not None
        self._n_owed = 0 if is_declared else track.undeclared_delay_samples
        self._container = av.open(
            self._file,
            "w",
            format=track.container,
            options={"flush_packets": "1", **dict(track.muxer_options)},
        )
        self._stream = self._open_stream()
        self._container.start_encoding()

    def write(self, samples: Waveform) -> bytes:
        """Encode `samples`; return the bytes that are ready."""
        sound = self._without_owed_silence(samples)
        if len(sound):
            self._container.mux(self._stream.encode(self._frame(sound)))
        return self._file.take()

    def finish(self) -> bytes:
        """Return the rest of the file; one of no sound at all gets a frame of silence.

        Without a frame, hardly any player takes it for a file.
        """
        if not self._n_written:
            self._container.mux(self._stream.encode(self._frame(_SILENT_SAMPLE)))
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._file.rest()

    def _open_stream(self) -> av.AudioStream:
        stream = self._container.add_stream(
            self._track.codec,
            rate=self._rate_hz,
            layout="mono",
            format=self._track.sample_format,
        )
        assert isinstance(stream, av.AudioStream)
        for up_to_hz, bit_rate in reversed(self._track.bit_rates):
            if self._rate_hz <= up_to_hz:
                stream.bit_rate = bit_rate
        return stream

    def _without_owed_silence(self, samples: Waveform) -> Waveform:
        if not self._n_owed or not len(samples):
            return samples
        is_loud = np.abs(samples[: self._n_owed]) > _QUIET
        n_quiet = int(is_loud.argmax()) if is_loud.any() else len(is_loud)
        self._n_owed = 0 if n_quiet < len(is_loud) else self._n_owed - n_quiet
        return samples[n_quiet:]

    def _frame(self, samples: Waveform) -> av.AudioFrame:
        sample_format = self._track.sample_format
        if self._track.loss != 1.0:
            samples = (samples / np.float32(self._track.loss)).clip(-1.0, 1.0)
        values = rounded(samples) if sample_format == "s16" else samples
        frame = av.AudioFrame.from_ndarray(
            values.reshape(1, -1), format=sample_format, layout="mono"
        )
        frame.sample_rate, frame.pts = self._rate_hz, self._n_written
        frame.time_base = Fraction(1, self._rate_hz)
        self._n_written += len(samples)
        return frame


class _Outlet:
    """A file that cannot seek, and forgets what was taken from it."""

    def __init__(self) -> None:
        self._ready = bytearray()

    def write(self, chunk: bytes) -> int:
        self._ready += chunk
        return len(chunk)

    def take(self) -> bytes:
        ready = bytes(self._ready)
        self._ready.clear()
        return ready

    def rest(self) -> bytes:
        return self.take()


class _WholeFile(io.BytesIO):
    """A file whose start may still change, so that nothing is taken from it before its end."""

    def take(self) -> bytes:
        return b""

    def rest(self) -> bytes:
        return self.getvalue()
