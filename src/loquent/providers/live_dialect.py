"""What a provider's live dialect must tell the session that speaks it; knows none of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from loquent.domain.errors import LoquentError
from loquent.domain.transcript import Word
from loquent.providers.socket import Frame


@dataclass(frozen=True, slots=True)
class Ready:
    """The provider has accepted the terms of the session."""


@dataclass(frozen=True, slots=True)
class Began:
    """Speech began. The provider calls the utterance `key`, as in all that follows on it."""

    key: str
    start_s: float


@dataclass(frozen=True, slots=True)
class Guessed:
    """What an utterance seems to say so far.

    Attributes:
        words: empty where the provider tells none.
        start_s: None where the provider does not say.
        settled: the beginning of the text that will not change, as far as the provider promises.
    """

    key: str
    text: str
    words: tuple[Word, ...] = ()
    start_s: float | None = None
    end_s: float | None = None
    settled: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """An utterance ended; nothing that is said before `end_s` is left to the next one."""

    key: str
    end_s: float


@dataclass(frozen=True, slots=True)
class Understood:
    """What an utterance says for good.

    Attributes:
        words: empty where the provider tells none.
        start_s: None where the provider does not say.
        error: why the text may be less than was said.
    """

    key: str
    text: str
    words: tuple[Word, ...] = ()
    start_s: float | None = None
    end_s: float | None = None
    language: str | None = None
    error: LoquentError | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """Everything that was heard is understood; nothing follows."""


Result: TypeAlias = Ready | Began | Guessed | Stopped | Understood | Done


class LiveDialect(Protocol):
    """The frames of one session at a provider; it does no input or output.

    Times count from the first sound that is sent.

    Attributes:
        sample_rate_hz: of the sound it takes, 16-bit signed little-endian samples of one channel.
        least_frame_s: a frame of sound that is shorter is refused; 0 where none is.
        keep_alive: sent when there is no sound for a while, None where that is not needed.
        is_ready: the provider accepts a session by opening the socket, without a word.
    """

    sample_rate_hz: int
    least_frame_s: float
    keep_alive: Frame | None
    is_ready: bool

    def greeting(self) -> Sequence[Frame]:
        """Return what is sent first."""
        ...

    def sound(self, pcm: bytes) -> Frame:
        """Return the frame of the next sound."""
        ...

    def commit(self, at_s: float, /) -> Sequence[Frame]:
        """Return what ends the utterance at `at_s`, the end of what was sent."""
        ...

    def clear(self, at_s: float, /) -> Sequence[Frame]:
        """Return what makes the provider forget what it did not understand of the sound so far.

        Results on utterances that began before may follow all the same.
        """
        ...

    def finish(self, at_s: float, /) -> Sequence[Frame]:
        """Return what ends the stream; `Done` follows the last result."""
        ...

    def read(self, frame: Frame) -> Iterable[Result]:
        """Return what a frame of the provider tells.

        Raises: UpstreamError: what it says is that it failed, or cannot be read.
        """
        ...

    def rest(self) -> Iterable[Result]:
        """Return what is left to be told once nothing more comes."""
        ...
