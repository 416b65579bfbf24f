"""What is sent to a live server and what comes back, as frozen values; times are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OVERLOADED = 1013
"""The code with which a server that has no room closes."""

DONE = 1000


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and when it is said."""

    text: str
    start_s: float
    end_s: float

    @property
    def mid_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class Passage:
    """One clip in a stream.

    Attributes:
        text: what is said.
        offline: what the same model made of the clip as a file.
        words: those of `offline`, with their times in the stream.
        start_s: where speech truly starts.
        end_s: where speech truly ends.
    """

    text: str
    offline: str
    words: tuple[TimedWord, ...]
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Stream:
    """Sound as it is to be sent: a file of s16le samples, mono, 16 kHz."""

    name: str
    path: Path
    duration_s: float
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """What the client has to do.

    Attributes:
        opening: the first text frame of every session.
        lanes: names and files of streams; lanes run side by side, the streams of one in turn.
        pace: how many seconds of sound are sent a second.
        stagger_s: each lane begins so much later than the one before it.
        retry_s: after which time a refused stream is tried again, None for never.
        until_s: when all stop sending, counted from the start of the job; None for at their end.
    """

    url: str
    opening: dict[str, object]
    lanes: list[list[tuple[str, str]]]
    pace: float = 1.0
    stagger_s: float = 0.0
    retry_s: float | None = None
    until_s: float | None = None
    frame_ms: int = 100
    patience_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One transcript that a server sent.

    Attributes:
        at_s: when it arrived, counted from when the first sample of the stream was recorded.
        start_s: where in the stream it says that its sound starts.
    """

    at_s: float
    is_final: bool
    text: str
    start_s: float
    end_s: float
    words: tuple[TimedWord, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """What happened to one stream.

    Attributes:
        began_s: when recording began, by the monotonic clock of this machine.
        sent_s: how much sound was sent.
        done_s: when the end was announced, None if never; counted as `Frame.at_s`, as `closed_s`.
        close_code: None where the connection ended otherwise.
        late_s: how late the client was with a frame, at worst.
        blocked_s: how long one frame took to be sent, at worst.
        trouble: what else went wrong, "" for nothing.
    """

    stream: str
    lane: int
    began_s: float
    frames: tuple[Frame, ...]
    sent_s: float
    done_s: float | None
    closed_s: float | None
    close_code: int | None
    late_s: float
    blocked_s: float
    trouble: str

    @property
    def finals(self) -> list[Frame]:
        """The final transcripts that say something."""
        return [frame for frame in self.frames if frame.is_final and frame.text.strip()]

    @property
    def was_refused(self) -> bool:
        return is_refusal(len(self.frames), self.close_code, self.trouble)

    @property
    def is_whole(self) -> bool:
        """Tell whether the session went to its end as agreed."""
        return self.done_s is not None and self.close_code == DONE


def is_refusal(n_frames: int, close_code: int | None, trouble: str) -> bool:
    """Tell whether a session ended because the server had no room for it from the start."""
    return not n_frames and (close_code == OVERLOADED or "HTTP 503" in trouble)
