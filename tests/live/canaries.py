"""Words that can be found wherever they end up: secrets, and what callers say."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_LETTERS = string.ascii_lowercase
_OPAQUE = string.ascii_letters + string.digits
_PART = 16
"""So many letters in a row of a secret give it away."""


@dataclass
class Canaries:
    """Makes words that stand nowhere else.

    Attributes:
        secrets: what was made so -> by what it is known, each of these for itself.
        sentences: the same.
        invented: the same, of names of models that do not exist.
    """

    secrets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sentences: dict[str, tuple[str, ...]] = field(default_factory=dict)
    invented: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _chance: random.Random = field(default_factory=lambda: random.Random(26))

    def secret(self, form: str = "{}") -> str:
        """Return a secret, in a form that has a place for it."""
        core = "".join(self._chance.choices(_OPAQUE, k=32))
        return self.keep_secret(form.format(core), core)

    def keep_secret(self, text: str, core: str) -> str:
        """Take in a secret that others have made, `core` being what nobody may learn of it."""
        self.secrets[text] = (core[:_PART], core[-_PART:])
        return text

    def sentence(self, form: str = "the {} sings", n_letters: int = 14) -> str:
        """Return a sentence, in a form that has a place for its one rare word."""
        return self._rare(form, n_letters, self.sentences)

    def model(self) -> str:
        """Return the name of a model that does not exist."""
        return self._rare("{}-large", 14, self.invented)

    def _rare(self, form: str, n_letters: int, kept: dict[str, tuple[str, ...]]) -> str:
        word = "".join(self._chance.choices(_LETTERS, k=n_letters))
        text = form.format(word)
        kept[text] = (word,)
        return text


def found_in(place: str | bytes, words: Mapping[str, Iterable[str]]) -> set[str]:
    """Return which of `words` can be read at a place, also in part or in other letters."""
    text = place.decode("latin-1") if isinstance(place, bytes) else place
    lower = text.lower()
    return {
        whole
        for whole, parts in words.items()
        if any(part in text or part.lower() in lower for part in parts)
    }
