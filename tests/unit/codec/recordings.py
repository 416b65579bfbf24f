"""Makes small recordings in every container and codec that the FFmpeg at hand can write."""

from __future__ import annotations

import io
import struct
import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from loquent.domain.audio import AudioSource, Samples


@dataclass(frozen=True, slots=True)
class Format:
    """One container with one codec in it, in FFmpeg's names."""

    container: str
    codec: str
    sniffed: str
    rate_hz: int = 16_000
    n_channels: int = 1

    def __str__(self) -> str:
        return f"{self.codec}-in-{self.container}"


FORMATS = (
    Format("flac", "flac", "flac"),
    Format("ogg", "flac", "ogg"),
    Format("mp3", "libmp3lame", "mp3"),
    Format("mp2", "mp2", "mp3"),
    Format("adts", "aac", "aac"),
    Format("mp4", "aac", "mov", 44_100, 2),
    Format("ipod", "alac", "mov"),
    Format("mov", "pcm_s16le", "mov"),
    Format("3gp", "libopencore_amrnb", "mov", 8_000),
    Format("amr", "libopencore_amrnb", "amr", 8_000),
    Format("ogg", "libopus", "ogg", 48_000, 2),
    Format("ogg", "vorbis", "ogg", 44_100, 2),
    Format("webm", "libopus", "matroska", 48_000),
    Format("webm", "vorbis", "matroska", 44_100, 2),
    Format("matroska", "flac", "matroska"),
    Format("mpeg", "mp2", "mpeg", 44_100, 2),
    Format("mpegts", "aac", "mpegts", 44_100),
    Format("mpegts", "ac3", "mpegts", 48_000),
    Format("wav", "pcm_s16le", "wav"),
    Format("wav", "pcm_u8", "wav", 8_000),
    Format("wav", "pcm_s24le", "wav", 44_100, 2),
    Format("wav", "pcm_s32le", "wav", 48_000),
    Format("wav", "pcm_f32le", "wav", 48_000, 2),
    Format("wav", "pcm_f64le", "wav"),
    Format("wav", "pcm_mulaw", "wav", 8_000),
    Format("wav", "pcm_alaw", "wav", 8_000),
    Format("wav", "adpcm_ms", "wav"),
    Format("wav", "adpcm_ima_wav", "wav"),
    Format("w64", "pcm_s16le", "w64"),
    Format("aiff", "pcm_s16be", "aiff", 44_100, 2),
    Format("au", "pcm_s16be", "au", 22_050),
    Format("caf", "pcm_s16le", "caf"),
)


def tone(duration_s: float, rate_hz: int = 16_000, frequency_hz: float = 440.0) -> Samples:
    """Return a sine at half of full scale."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def encoded(recorded: Format, duration_s: float, options: dict[str, str] | None = None) -> bytes:
    """Return a tone, the same on every channel, in a file of the given format.

    Args:
        options: of FFmpeg's muxer.
    """
    file = io.BytesIO()
    layout = {1: "mono", 2: "stereo"}[recorded.n_channels]
    with av.open(file, "w", format=recorded.container, options=options) as container:
        stream = container.add_stream(recorded.codec, rate=recorded.rate_hz, layout=layout)
        assert isinstance(stream, av.AudioStream)
        if recorded.codec == "libopencore_amrnb":
            stream.bit_rate = 12_200
        if recorded.codec == "vorbis":
            stream.codec_context.options = {"strict": "experimental"}
        for frame in _frames(recorded, layout, duration_s):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _frames(recorded: Format, layout: str, duration_s: float) -> list[av.AudioFrame]:
    samples = tone(duration_s, recorded.rate_hz)
    channels = np.tile(samples, (recorded.n_channels, 1))
    frames = []
    for at in range(0, len(samples), recorded.rate_hz):
        piece = np.ascontiguousarray(channels[:, at : at + recorded.rate_hz])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = recorded.rate_hz, at
        frame.time_base = Fraction(1, recorded.rate_hz)
        frames.append(frame)
    return frames


def wav(samples: npt.NDArray[np.int16], rate_hz: int = 16_000, n_channels: int = 1) -> bytes:
    """Return a wav file of 16-bit samples, interleaved if there are several channels."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((n_channels, 2, rate_hz, 0, "NONE", ""))
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def float_wav(samples: npt.NDArray[np.float32], rate_hz: int = 16_000) -> bytes:
    """Return a mono wav file of 32-bit floats, whatever they hold."""
    body = samples.astype("<f4").tobytes()
    return wav_header(len(body), rate_hz, tag=3, n_sample_bytes=4) + body


def silent_wav(path: Path, duration_s: float, rate_hz: int = 8_000) -> AudioSource:
    """Write 16-bit silence, all of it a hole in the file that takes no disk."""
    n_bytes = 2 * round(duration_s * rate_hz)
    header = wav_header(n_bytes, rate_hz)
    path.write_bytes(header)
    with path.open("r+b") as file:
        file.truncate(len(header) + n_bytes)
    return AudioSource(path, path.stat().st_size)


def wav_header(n_bytes: int, rate_hz: int, tag: int = 1, n_sample_bytes: int = 2) -> bytes:
    """Return the header of a mono wav file with `n_bytes` of samples."""
    n_bits = 8 * n_sample_bytes
    layout = struct.pack(
        "<HHIIHH", tag, 1, rate_hz, n_sample_bytes * rate_hz, n_sample_bytes, n_bits
    )
    chunks = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout
    chunks += b"data" + struct.pack("<I", n_bytes)
    return b"RIFF" + struct.pack("<I", len(chunks) + n_bytes) + chunks


def saved(path: Path, content: bytes) -> AudioSource:
    """Write `content` to `path` and return its source."""
    path.write_bytes(content)
    return AudioSource(path, len(content))
