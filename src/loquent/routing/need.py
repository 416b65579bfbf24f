"""What one request asks of whoever serves it; says nothing of who that may be."""

from __future__ import annotations

from dataclasses import dataclass, field

from loquent.domain.endpoints import Detail, RoutingLimits
from loquent.domain.live import LiveRequest
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import DiarizationRequest
from loquent.domain.speech import SpeechRequest
from loquent.routing.names import CAPABILITY_OF_TASK


@dataclass(frozen=True, slots=True)
class Need:
    """What one request asks for.

    Attributes:
        model: the name the caller used.
        details: what the answer must tell or the model should heed.
        language: ISO 639-1 code, or None where the caller names none.
        container: name of the recording's container, "" where it is unknown.
        n_bytes: size of the recording.
        audio_s: about how long it lasts.
        n_characters: of a text to be spoken.
        extras: names of fields that only some endpoints know.
    """

    model: str
    capability: Capability
    details: frozenset[Detail] = frozenset()
    language: str | None = None
    container: str = ""
    n_bytes: int = 0
    audio_s: float = 0.0
    n_characters: int = 0
    extras: frozenset[str] = frozenset()
    limits: RoutingLimits = field(default_factory=RoutingLimits)


def need_of_recording(
    request: TranscriptionRequest, container: str, n_bytes: int, audio_s: float
) -> Need:
    """Return what a transcription or translation needs."""
    used = {
        Detail.LANGUAGE: request.language is not None,
        Detail.PROMPT: bool(request.prompt),
        Detail.HOTWORDS: bool(request.hotwords),
        Detail.TEMPERATURE: request.temperature > 0,
        Detail.LOGPROBS: request.token_scores,
    }
    speakers = request.speakers
    if speakers is not None:
        used[Detail.SPEAKERS] = True
        used[Detail.KNOWN_SPEAKERS] = bool(speakers.known)
        used[Detail.SPEAKER_COUNT] = (
            speakers.n_speakers is not None
            or speakers.max_speakers is not None
            or speakers.min_speakers > 1
        )
    return Need(
        model=request.model,
        capability=CAPABILITY_OF_TASK[request.task],
        details=request.needs | {detail for detail, is_used in used.items() if is_used},
        language=request.language,
        container=container,
        n_bytes=n_bytes,
        audio_s=audio_s,
        extras=frozenset(request.extras),
        limits=request.limits,
    )


def need_of_diarization(request: DiarizationRequest) -> Need:
    """Return what it needs to tell speakers apart and nothing else."""
    return Need(request.model, Capability.DIARIZATION, limits=request.limits)


def need_of_stream(request: LiveRequest) -> Need:
    """Return what a live session needs."""
    used = {
        Detail.LANGUAGE: request.language is not None,
        Detail.PROMPT: bool(request.prompt),
        Detail.HOTWORDS: bool(request.hotwords),
        Detail.LOGPROBS: request.token_scores,
        Detail.SPEAKERS: request.speakers,
        Detail.COMMIT: not request.ends_by_silence,
    }
    return Need(
        model=request.model,
        capability=Capability.REALTIME,
        details=frozenset(detail for detail, is_used in used.items() if is_used),
        language=request.language,
        audio_s=60.0,
        limits=request.limits,
    )


def need_of_text(request: SpeechRequest) -> Need:
    """Return what a text to be spoken needs."""
    used = {
        Detail.SPEED: request.speed != 1,
        Detail.WORD_TIMES: request.word_times,
        Detail.INSTRUCTIONS: bool(request.instructions),
    }
    return Need(
        model=request.model,
        capability=Capability.SPEECH,
        details=frozenset(detail for detail, is_used in used.items() if is_used),
        language=request.language.partition("-")[0].lower() if request.language else None,
        n_characters=len(request.text),
        extras=frozenset(request.extras),
        limits=request.limits,
    )
