"""A few models and names, as a server might have them."""

from __future__ import annotations

from loquent.domain.model import Capability, ModelCard
from loquent.routing.names import ModelNames

TRANSCRIPTION, TRANSLATION = Capability.TRANSCRIPTION, Capability.TRANSLATION


def card(model_id: str, *capabilities: Capability, languages: tuple[str, ...]) -> ModelCard:
    return ModelCard(
        id=model_id,
        capabilities=frozenset(capabilities),
        languages=languages,
        owned_by="somebody",
        license="MIT",
        quantization="int8",
        created_s=1_700_000_000,
    )


BASE = card("whisper-base", TRANSCRIPTION, TRANSLATION, languages=("de", "en", "zh"))
TINY = card("whisper-tiny.en", TRANSCRIPTION, languages=("en",))
TURBO = card("whisper-large-v3-turbo", TRANSCRIPTION, languages=("de", "en", "yue", "zh"))


def names(*cards: ModelCard, **aliases: str) -> ModelNames:
    return ModelNames(
        cards={one.id: one for one in cards},
        aliases={alias.replace("_", "-"): target for alias, target in aliases.items()},
        translation_model=BASE.id,
    )
