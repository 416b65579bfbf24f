"""Find the endpoints that answer to a name; a pure rule over what is installed and configured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from loquent.domain.endpoints import LOCAL_PROVIDER, Endpoint
from loquent.domain.errors import ModelNotFoundError, UnsupportedOptionError
from loquent.domain.model import Capability, ModelCard
from loquent.domain.transcript import Task
from loquent.routing.names import ModelNames


@dataclass(frozen=True)
class EndpointBook:
    """Every endpoint there is.

    Attributes:
        names: tells what is installed now.
        local: tells as which endpoints an installed model serves, the usual one first.
        remote: configured endpoints of providers, by id.
        pools: names of one's own -> ids of the endpoints that serve them.
        unconfigured: ids of endpoints that a key would bring -> the variable for that key.
    """

    names: Callable[[], ModelNames]
    local: Callable[[ModelCard], tuple[Endpoint, ...]]
    remote: Mapping[str, Endpoint] = field(default_factory=dict)
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unconfigured: Mapping[str, str] = field(default_factory=dict)

    def serving(
        self, name: str, capability: Capability, *, wants_exact: bool = False
    ) -> tuple[Endpoint, ...]:
        """Return the endpoints that a request for `name` may go to, whatever they can do.

        An id of an endpoint is that endpoint alone; then come names of one's own, then models of
        that name wherever they are, and at last other names of installed models.

        Args:
            wants_exact: of models here, also what computes with weights in full precision.

        Raises: ModelNotFoundError: naming the nearest names, or how to get the model;
            UnsupportedOptionError: naming models that have the capability.
        """
        if name in self.remote:
            return (self.remote[name],)
        if name in self.pools:
            return self._pool(name)
        names = self.names()
        if name.startswith(f"{LOCAL_PROVIDER}/"):
            return self._pinned(name, names)
        places = tuple(self.remote_named(name))
        if places and name not in names.cards:
            return places
        try:
            here = self.local(self._card(name, capability, names))
        except UnsupportedOptionError:
            if not places:
                raise
            return places
        return (*(here if wants_exact else here[:1]), *places)

    def remote_named(self, name: str) -> Iterator[Endpoint]:
        """Yield the endpoints of providers at which a model of this name is served."""
        return (endpoint for endpoint in self.remote.values() if endpoint.model == name)

    def everything(self) -> tuple[Endpoint, ...]:
        """Return all endpoints, sorted by id."""
        cards = self.names().cards.values()
        local = (endpoint for card in cards for endpoint in self.local(card))
        return tuple(sorted((*local, *self.remote.values()), key=lambda endpoint: endpoint.id))

    def _pool(self, name: str) -> tuple[Endpoint, ...]:
        there = {endpoint.id: endpoint for endpoint in self.everything()}
        found = tuple(there[id_] for id_ in self.pools[name] if id_ in there)
        if not found:
            raise ModelNotFoundError(
                f"the model '{name}' stands for {_listed(self.pools[name])}, none of which is here",
                param="model",
            )
        return found

    def _pinned(self, name: str, names: ModelNames) -> tuple[Endpoint, ...]:
        for card in names.cards.values():
            for endpoint in self.local(card):
                if endpoint.id == name:
                    return (endpoint,)
        return self.local(names.find(name.removeprefix(f"{LOCAL_PROVIDER}/")))[:1]

    def _card(self, name: str, capability: Capability, names: ModelNames) -> ModelCard:
        try:
            return _installed(name, capability, names)
        except ModelNotFoundError as error:
            variable = self.unconfigured.get(name) or self._variable_for_model(name)
            if variable is None or name in names.aliases:
                raise
            raise ModelNotFoundError(
                f"{error.message} A provider that has it can be configured by {variable}.",
                param=error.param,
            ) from error

    def _variable_for_model(self, name: str) -> str | None:
        variables = (v for id_, v in self.unconfigured.items() if id_.partition("/")[2] == name)
        return next(variables, None)


def _installed(name: str, capability: Capability, names: ModelNames) -> ModelCard:
    """Return the installed model for a name, or the one that stands in for it.

    Raises: ModelNotFoundError, UnsupportedOptionError.
    """
    if capability is Capability.TRANSLATION:
        return names.for_task(name, Task.TRANSLATE)
    if capability is Capability.REALTIME:
        return names.able(name, Capability.TRANSCRIPTION)
    return names.able(name, capability)


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(ids)
