"""Answer which models this server serves, where, under which names, and which are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from itertools import groupby

from loquent.domain.endpoints import LOCAL_PROVIDER, Endpoint
from loquent.domain.errors import ModelNotFoundError
from loquent.domain.model import ModelCard, Voice
from loquent.domain.status import ModelStatus
from loquent.routing.book import EndpointBook
from loquent.routing.names import ModelNames


class ServedModels:
    """A `ModelDirectory` and `VoiceDirectory` over what is installed, and what providers serve."""

    def __init__(
        self,
        book: EndpointBook,
        loaded: Callable[[], AbstractSet[str]],
        default_model: str,
        voice_names: Mapping[str, str] | None = None,
    ) -> None:
        """Take all endpoints, what is in memory now, the model, under any of its names, that must
        be there for readiness, and other names of voices.
        """
        self._book = book
        self._loaded = loaded
        self._default_model = default_model
        self._voice_names = voice_names or {}

    def statuses(self) -> Sequence[ModelStatus]:
        """Return every servable model, sorted by id."""
        names = self._book.names()
        here = [self._status_here(names, card) for card in names.cards.values()]
        return sorted((*here, *self._elsewhere(names)), key=lambda status: status.card.id)

    def find(self, name: str) -> ModelStatus:
        """Return the model that answers to `name`, an id or another name.

        Raises: ModelNotFoundError: naming the nearest names.
        """
        names = self._book.names()
        for status in self.statuses():
            if name == status.card.id or name in status.aliases:
                return status
        return self._status_here(names, names.find(name.removeprefix(f"{LOCAL_PROVIDER}/")))

    def voices(self) -> Sequence[tuple[ModelStatus, Voice]]:
        """Return every voice with its model, sorted by model and as the model prefers them."""
        return [(status, voice) for status in self.statuses() for voice in status.card.voices]

    def other_names(self) -> Mapping[str, str]:
        """Return other names of voices, each with what it stands for."""
        return self._voice_names

    def is_ready(self) -> bool:
        """Tell whether the default model can serve now."""
        try:
            default = self._book.names().find(self._default_model)
        except ModelNotFoundError:
            return False
        return default.id in self._loaded()

    def _status_here(self, names: ModelNames, card: ModelCard) -> ModelStatus:
        endpoints = (*self._book.local(card), *self._book.remote_named(card.id))
        aliases = [
            alias
            for alias, target in names.aliases.items()
            if target == card.id and alias not in names.cards and not self._is_served(alias)
        ]
        pinned = [endpoint.id for endpoint in endpoints if not endpoint.is_local]
        is_loaded = card.id in self._loaded()
        return ModelStatus(card, tuple(sorted((*aliases, *pinned))), is_loaded, endpoints)

    def _is_served(self, name: str) -> bool:
        """Tell whether providers serve a name, so that it is nobody's other name here."""
        return name in self._book.remote or any(self._book.remote_named(name))

    def _elsewhere(self, names: ModelNames) -> Iterator[ModelStatus]:
        """Yield the models that only providers serve."""
        remote = sorted(self._book.remote.values(), key=lambda endpoint: endpoint.model)
        for model, places in groupby(remote, key=lambda endpoint: endpoint.model):
            if model in names.cards:
                continue
            endpoints = tuple(sorted(places, key=lambda endpoint: endpoint.id))
            pinned = tuple(endpoint.id for endpoint in endpoints)
            yield ModelStatus(_card(model, endpoints), pinned, endpoints=endpoints)


def _card(model: str, endpoints: Sequence[Endpoint]) -> ModelCard:
    """Return what is known of a model that is served elsewhere."""
    first = endpoints[0]
    return ModelCard(
        id=model,
        capabilities=frozenset().union(*(endpoint.capabilities for endpoint in endpoints)),
        languages=first.languages,
        owned_by=first.provider,
        license="",
        quantization=first.quantization,
        created_s=_unix_time(first.checked_on),
        voices=first.voices,
    )


def _unix_time(day: str) -> int:
    """Return the Unix time of a date such as "2026-08" or "2026-08-01", 0 for none."""
    try:
        year, month, *_ = map(int, day.split("-"))
        return int(datetime(year, month, 1, tzinfo=UTC).timestamp())
    except ValueError:
        return 0
