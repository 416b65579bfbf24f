"""Reads frames of sound out of a container with FFmpeg; what becomes of them it does not know.

FFmpeg knows some 400 containers and 500 codecs. Only the container that was sniffed and the codecs
listed here are ever run, and its input is an open file, so that no content can name another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, Self, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from loquent.domain.errors import InvalidAudioError, UnsupportedFormatError

_DECODERS: Final = frozenset(
    {
        "aac", "aac_latm", "ac3", "alac", "eac3", "flac", "opus", "vorbis",
        "mp2", "mp2float", "mp3", "mp3float", "amrnb", "amrwb", "libopencore_amrnb",
        "libopencore_amrwb", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "gsm", "gsm_ms",
        "pcm_alaw", "pcm_mulaw", "pcm_s8", "pcm_u8", "pcm_s16be", "pcm_s16le", "pcm_s24be",
        "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le",
    }
)  # fmt: skip

_Packet: TypeAlias = "av.Packet[AudioStream]"

_OPTIONS: Final = {
    "codec_whitelist": ",".join(sorted(_DECODERS)),
    "protocol_whitelist": "",
    "max_streams": "64",
}

_MAX_DEMUX_ERRORS: Final = 8
"""Failed reads in a row after which nothing more is expected of a file."""

_UNREADABLE: Final = (
    "The file looks like {container} but cannot be read: it is damaged, cut off or incomplete. "
    "Check that it plays, and that all of it was uploaded."
)


class Recording:
    """The first audio track of an open container; a context manager that closes it."""

    def __init__(self, file: BinaryIO, container: str) -> None:
        """Open `file`, from its first byte, with the demuxer named `container`.

        Raises: InvalidAudioError, UnsupportedFormatError.
        """
        file.seek(0)
        with _translated(container):
            self._container = av.open(
                _Input(file),
                mode="r",
                format=container,
                options=_OPTIONS,
                metadata_errors="ignore",
            )
        try:
            self._stream = _first_track(self._container)
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def declared_s(self) -> float:
        """The length that the container states or FFmpeg estimates, 0 where neither does."""
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        return (self._container.duration or 0) / av.time_base

    def packet_lengths_s(self) -> Iterator[float]:
        """Yield the length of each packet in seconds, 0 where unknown, without decoding."""
        for packet in self._packets():
            yield float((packet.duration or 0) * packet.time_base)

    def frames(self) -> Iterator[av.AudioFrame]:
        """Yield the decoded frames; packets that do not decode are left out, as players do."""
        for packet in self._packets():
            yield from self._decoded(packet)

    def _packets(self) -> Iterator[_Packet]:
        n_errors = 0
        while n_errors < _MAX_DEMUX_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    n_errors = 0
                    yield packet
            except FFmpegError as error:
                _raise_out_of_memory(error)
                n_errors += 1
            else:
                return

    def _decoded(self, packet: _Packet) -> list[av.AudioFrame]:
        try:
            return self._stream.decode(packet)
        except FFmpegError as error:
            _raise_out_of_memory(error)
            return []


class _Input:
    """A file as FFmpeg wants it: a seek to nowhere is an answer, not an exception."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.tell = file.tell
        self._file = file

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1


def _first_track(container: InputContainer) -> av.AudioStream:
    if not container.streams.audio:
        raise InvalidAudioError("The file holds no audio track.")
    stream = container.streams.audio[0]
    # The type says otherwise, but a codec that FFmpeg cannot decode has no context.
    context: av.AudioCodecContext | None = stream.codec_context
    if context is None or context.name not in _DECODERS:
        name = "an unknown codec" if context is None else context.name
        raise UnsupportedFormatError(
            f"The audio in the file is encoded with {name}, which is not accepted. "
            "Convert it, for example to flac, mp3, opus or wav."
        )
    context.thread_count = 1
    return stream


@contextmanager
def _translated(container: str) -> Iterator[None]:
    try:
        yield
    except (FFmpegError, ValueError) as error:
        _raise_out_of_memory(error)
        raise InvalidAudioError(_UNREADABLE.format(container=container)) from error


def _raise_out_of_memory(error: Exception) -> None:
    """Raise `error` again if it is FFmpeg's way of saying that memory ran out."""
    if isinstance(error, MemoryError):
        raise error
