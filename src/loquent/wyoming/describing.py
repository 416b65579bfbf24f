"""Say in Wyoming's words what a Loquent offers; asks nobody."""

from __future__ import annotations

from collections.abc import Sequence

from wyoming.info import AsrModel, AsrProgram, Attribution, Info, TtsProgram, TtsVoice

from loquent import __version__
from loquent.api.schemas import Model, SpeakingVoice
from loquent.domain.languages import LANGUAGES


def describe(name: str, models: Sequence[Model], voices: Sequence[SpeakingVoice]) -> Info:
    """Return what listens and who speaks; without models or voices there is no such service."""
    makers = Attribution(name=name, url="")
    listening = AsrProgram(
        name=name,
        attribution=makers,
        installed=True,
        description=f"Speech to text by {name}",
        version=__version__,
        models=[_model(model) for model in models],
    )
    speaking = TtsProgram(
        name=name,
        attribution=makers,
        installed=True,
        description=f"Text to speech by {name}",
        version=__version__,
        voices=[_voice(voice) for voice in _once(voices)],
        supports_synthesize_streaming=True,
    )
    return Info(asr=[listening] if models else [], tts=[speaking] if voices else [])


def _once(voices: Sequence[SpeakingVoice]) -> Sequence[SpeakingVoice]:
    """Leave out voices of a name that was there before: clients know them by nothing else."""
    first: dict[str, SpeakingVoice] = {}
    for voice in voices:
        first.setdefault(voice.id, voice)
    return list(first.values())


def _model(model: Model) -> AsrModel:
    return AsrModel(
        name=model.id,
        attribution=Attribution(name=model.owned_by, url=""),
        installed=True,
        description=model.id,
        version=None,
        languages=model.languages or list(LANGUAGES),
    )


def _voice(voice: SpeakingVoice) -> TtsVoice:
    return TtsVoice(
        name=voice.id,
        attribution=Attribution(name=voice.model, url=""),
        installed=True,
        description=voice.name,
        version=None,
        languages=[voice.language],
    )
