"""Find the model that answers to a name; a pure rule over what is installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from loquent.domain.errors import ModelNotFoundError, UnsupportedOptionError
from loquent.domain.model import Capability, ModelCard
from loquent.domain.transcript import Task

CAPABILITY_OF_TASK: Mapping[Task, Capability] = {
    Task.TRANSCRIBE: Capability.TRANSCRIPTION,
    Task.TRANSLATE: Capability.TRANSLATION,
}


@dataclass(frozen=True, slots=True)
class ModelNames:
    """The installed models and their other names.

    Attributes:
        cards: installed models by id.
        aliases: other name -> id; an installed id always wins over an alias of that name.
        translation_model: id of the model that translates for those that cannot.
    """

    cards: Mapping[str, ModelCard]
    aliases: Mapping[str, str]
    translation_model: str

    def find(self, name: str) -> ModelCard:
        """Return the model that answers to `name`.

        Raises: ModelNotFoundError: naming the nearest names, or how to install the model.
        """
        if name in self.cards:
            return self.cards[name]
        target = self.aliases.get(name)
        if target is not None and target in self.cards:
            return self.cards[target]
        raise ModelNotFoundError(self._explanation(name, target), param="model")

    def for_task(self, name: str, task: Task) -> ModelCard:
        """Return the model that does `task` for a caller who asked for `name`.

        Raises: ModelNotFoundError, UnsupportedOptionError: naming models that can.
        """
        capability = CAPABILITY_OF_TASK[task]
        stand_in = self.cards.get(self.translation_model)
        if task is Task.TRANSLATE and stand_in and capability in stand_in.capabilities:
            card = self.find(name)
            return card if capability in card.capabilities else stand_in
        return self.able(name, capability)

    def able(self, name: str, capability: Capability) -> ModelCard:
        """Return the model that answers to `name`, if it has `capability`.

        Raises: ModelNotFoundError, UnsupportedOptionError: naming models that have it.
        """
        card = self.find(name)
        if capability in card.capabilities:
            return card
        able = _able(self.cards.values(), capability)
        raise UnsupportedOptionError(
            f"the model '{name}' does not offer {capability.value}; {able}", param="model"
        )

    def _explanation(self, name: str, target: str | None) -> str:
        if target is not None:
            return (
                f"the model '{name}' stands for '{target}', which is not installed; "
                f"install it with: loquent models pull {target}"
            )
        if not self.cards:
            return (
                f"the model '{name}' does not exist here; no model is installed yet, "
                "get some with: loquent models pull --defaults"
            )
        served = [*self.cards, *(alias for alias, id_ in self.aliases.items() if id_ in self.cards)]
        near = get_close_matches(name.lower(), served, n=3) or sorted(self.cards)
        return f"the model '{name}' does not exist here; did you mean {' or '.join(near)}?"


def _able(cards: Iterable[ModelCard], capability: Capability) -> str:
    able = sorted(card.id for card in cards if capability in card.capabilities)
    return f"these do: {', '.join(able)}" if able else "no installed model does"
