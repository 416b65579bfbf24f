"""Live transcription: what a caller wants of a stream of sound, and what it is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from loquent.domain.endpoints import RoutingLimits
from loquent.domain.errors import LoquentError
from loquent.domain.request import SpeechDetection
from loquent.domain.transcript import Transcript, Word

MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 48_000


class SoundEncoding(StrEnum):
    """How one channel of sound is written, without any container."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    PCM_MULAW = "pcm_mulaw"
    PCM_ALAW = "pcm_alaw"


_SAMPLE_BYTES: Mapping[SoundEncoding, int] = MappingProxyType(
    {
        SoundEncoding.PCM_S16LE: 2,
        SoundEncoding.PCM_F32LE: 4,
        SoundEncoding.PCM_MULAW: 1,
        SoundEncoding.PCM_ALAW: 1,
    }
)


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """What the bytes of a live stream mean.

    Attributes:
        sample_rate_hz: MIN_SAMPLE_RATE_HZ..MAX_SAMPLE_RATE_HZ.
    """

    sample_rate_hz: int
    encoding: SoundEncoding = SoundEncoding.PCM_S16LE

    @property
    def n_sample_bytes(self) -> int:
        """How long one sample is."""
        return _SAMPLE_BYTES[self.encoding]


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """A stream to be transcribed while it is spoken.

    Attributes:
        model: the name the caller used, alias or id.
        language: ISO 639-1 code of the speech, or None to detect it.
        prompt: text that guides spelling and style.
        hotwords: names and terms to expect.
        detection: how speech is told from silence, and which silence ends an utterance.
        ends_by_silence: utterances end by silence; otherwise only where the caller says so.
        interim_s: least time between two partials; 0 as often as the machine allows.
        token_scores: fill `Segment.token_scores` of finals.
        speakers: say of finals who speaks.
        limits: who may serve, and what matters most.
    """

    model: str
    sound: SoundFormat
    language: str | None = None
    prompt: str = ""
    hotwords: str = ""
    detection: SpeechDetection = field(default_factory=SpeechDetection)
    ends_by_silence: bool = True
    interim_s: float = 0.0
    token_scores: bool = False
    speakers: bool = False
    limits: RoutingLimits = field(default_factory=RoutingLimits)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance began; times count from the start of the session."""

    utterance: int
    start_s: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """An utterance ended; its final text follows."""

    utterance: int
    end_s: float


@dataclass(frozen=True, slots=True)
class Partial:
    """What an utterance seems to say so far; replaces the partial before it."""

    utterance: int
    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """More text of an utterance on which successive partials agree; it is only ever added to."""

    utterance: int
    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """What an utterance says; nothing follows on it.

    Attributes:
        transcript: times count from the start of the session; `duration_s` is that of the
            utterance. Each segment is said by one speaker.
        n_shown: words shown, in its partials and here.
        n_changed: those of them that were changed later.
        error: why the text may be less than was said, if something failed.
        speaker: who says most of it: "A" spoke first, and is "A" for the whole session. None where
            that was not asked for, or nobody's voice was heard so far.
    """

    utterance: int
    start_s: float
    end_s: float
    transcript: Transcript
    n_shown: int = 0
    n_changed: int = 0
    error: LoquentError | None = None
    speaker: str | None = None


LiveUpdate: TypeAlias = SpeechStarted | SpeechStopped | Partial | Settled | Final


def confidence(words: Sequence[Word]) -> float:
    """Return how sure the model is of `words`: the mean of their probabilities, 0 for none."""
    if not words:
        return 0.0
    return sum(word.probability for word in words) / len(words)


@dataclass(frozen=True, slots=True)
class LiveActivity:
    """One live session, for whoever watches the server.

    Attributes:
        heard_s: sound that came in.
        lag_s: how far the last final lagged behind the end of its speech.
        cadence_s: time between partials that the load allows now, None for none.
        n_shown: words shown in partials and finals.
        n_changed: those of them that were changed later.
    """

    id: str
    model: str
    age_s: float
    heard_s: float
    lag_s: float
    cadence_s: float | None
    n_shown: int
    n_changed: int
