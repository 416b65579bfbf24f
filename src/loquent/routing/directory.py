"""Answer which models this server serves, under which names, and which are in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from loquent.domain.model import ModelCard, ModelStatus, Voice
from loquent.routing.names import ModelNames


class LocalDirectory:
    """A `ModelDirectory` and `VoiceDirectory` over what is installed on this machine."""

    def __init__(
        self,
        names: Callable[[], ModelNames],
        loaded: Callable[[], AbstractSet[str]],
        default_model: str,
        voice_names: Mapping[str, str] | None = None,
    ) -> None:
        """Take what is installed now, what is in memory now, the model, under any of its names,
        that must be there for readiness, and other names of voices.
        """
        self._names = names
        self._loaded = loaded
        self._default_model = default_model
        self._voice_names = voice_names or {}

    def statuses(self) -> Sequence[ModelStatus]:
        """Return every servable model, sorted by id."""
        names = self._names()
        return [self._status(names, card) for _id, card in sorted(names.cards.items())]

    def find(self, name: str) -> ModelStatus:
        """Return the model that answers to `name`, an id or an alias."""
        names = self._names()
        return self._status(names, names.find(name))

    def voices(self) -> Sequence[tuple[ModelStatus, Voice]]:
        """Return every voice with its model, sorted by model and as the model prefers them."""
        return [(status, voice) for status in self.statuses() for voice in status.card.voices]

    def other_names(self) -> Mapping[str, str]:
        """Return other names of voices, each with what it stands for."""
        return self._voice_names

    def is_ready(self) -> bool:
        """Tell whether the default model can serve now."""
        return self._names().find(self._default_model).id in self._loaded()

    def _status(self, names: ModelNames, card: ModelCard) -> ModelStatus:
        aliases = (
            alias
            for alias, target in names.aliases.items()
            if target == card.id and alias not in names.cards
        )
        return ModelStatus(card, tuple(sorted(aliases)), card.id in self._loaded())
