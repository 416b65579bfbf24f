"""What a caller wants done with a recording, free of any wire format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loquent.domain.endpoints import Detail, RoutingLimits
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.transcript import Task


@dataclass(frozen=True, slots=True)
class SpeechDetection:
    """How speech is told from silence.

    Attributes:
        threshold: speech probability above which speech begins, 0..1.
        prefix_padding_ms: silence kept before and after speech, >= 0.
        silence_duration_ms: silence that ends a region, >= 0.
    Source: defaults of OpenAI's `server_vad`, silence length of faster-whisper 1.2.1.
    """

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


MAX_HYPOTHESES = 20
"""More cost memory and time and change no text."""


@dataclass(frozen=True, slots=True)
class SearchEffort:
    """How many hypotheses compete; None for the model's own default.

    Attributes:
        beam_size: hypotheses kept side by side at temperature 0, 1..MAX_HYPOTHESES.
        best_of: samples drawn at higher temperatures, 1..MAX_HYPOTHESES.
    """

    beam_size: int | None = None
    best_of: int | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """One recording to transcribe or translate.

    Attributes:
        model: the name the caller used, alias or id.
        language: ISO 639-1 code of the speech, or None to detect it.
        prompt: text that guides spelling and style, in the language of the answer.
        hotwords: names and terms to expect.
        temperature: 0 decodes by beam search with a fallback ladder; above 0 by sampling.
        word_timestamps: fill `Segment.words`.
        token_scores: fill `Segment.token_scores`.
        search: how hard to look for the best text.
        detection: how speech is told from silence.
        speakers: fill the speakers of segments and words; None to leave them out.
        needs: what the answer must tell or the model must heed; narrows who may serve.
        extras: fields that only some endpoints know, by name.
        limits: who may serve, and what matters most.
    """

    model: str
    task: Task = Task.TRANSCRIBE
    language: str | None = None
    prompt: str = ""
    hotwords: str = ""
    temperature: float = 0.0
    word_timestamps: bool = False
    token_scores: bool = False
    search: SearchEffort = SearchEffort()
    detection: SpeechDetection = SpeechDetection()
    speakers: SpeakerSearch | None = None
    needs: frozenset[Detail] = frozenset()
    extras: Mapping[str, str] = field(default_factory=dict)
    limits: RoutingLimits = field(default_factory=RoutingLimits)
