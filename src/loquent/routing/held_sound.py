"""The newest bytes of a stream of sound, and when they are heard; knows no utterance."""

from __future__ import annotations

from loquent.domain.live import SoundEncoding, SoundFormat

MAX_HELD_S = 60.0
"""Of an utterance that is longer, the beginning cannot be heard again."""

_SILENCE = {SoundEncoding.PCM_MULAW: b"\xff", SoundEncoding.PCM_ALAW: b"\xd5"}
"""The code of 0, where it is not made of zeros. Source: ITU-T G.711."""


class HeldSound:
    """Bytes from some whole sample on; positions count from the start of the stream."""

    def __init__(self, sound: SoundFormat) -> None:
        self._sample_bytes = sound.n_sample_bytes
        self._sample_rate_hz = sound.sample_rate_hz
        self._silence = _SILENCE.get(sound.encoding, b"\0")
        self._held = bytearray()
        self.start = 0

    @property
    def end(self) -> int:
        return self.start + len(self._held)

    def append(self, sound: bytes) -> None:
        """Add the next bytes, cut anywhere."""
        self._held += sound

    def between(self, start: int, end: int) -> bytes:
        """Return bytes that are held."""
        return bytes(self._held[start - self.start : end - self.start])

    def silence(self, position: int) -> None:
        """Put silence in place of what lies behind `position`."""
        n_kept = max(0, position - self.start)
        n_bytes = len(self._held) - n_kept
        self._held[n_kept:] = self._silence * n_bytes

    def cut(self, position: int) -> None:
        """Let go of the whole samples before `position`."""
        position = min(position, self.end)
        position -= position % self._sample_bytes
        if position > self.start:
            del self._held[: position - self.start]
            self.start = position

    def cut_long(self, position: int) -> None:
        """Let go of what is older than MAX_HELD_S, but of nothing behind `position`."""
        self.cut(min(self.end - self.position(MAX_HELD_S), position))

    def position(self, at_s: float) -> int:
        """Return where the sample that is heard at `at_s` begins."""
        return round(at_s * self._sample_rate_hz) * self._sample_bytes

    def time_s(self, position: int) -> float:
        """Return when the sample that begins at `position` is heard."""
        return position / self._sample_bytes / self._sample_rate_hz
