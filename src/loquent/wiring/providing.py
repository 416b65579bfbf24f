"""Builds the ways to providers: who is configured, what they serve, and who speaks to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from loquent.domain.endpoints import Endpoint
from loquent.ports import Provider
from loquent.providers.catalog import ConfiguredProvider, ProviderCatalog, local_terms
from loquent.providers.door import GuardedProvider
from loquent.providers.kinds import KINDS
from loquent.providers.limits import UpstreamLimits
from loquent.providers.tables import ProviderSettingsError
from loquent.routing.local import LocalTerms
from loquent.settings import Settings, SettingsError


@dataclass(frozen=True)
class Providing:
    """The providers that the operator admits."""

    settings: Settings

    @cached_property
    def catalog(self) -> ProviderCatalog:
        return ProviderCatalog.load(KINDS)

    @cached_property
    def configured(self) -> tuple[ConfiguredProvider, ...]:
        """Raises: SettingsError."""
        try:
            return self.catalog.configured(self.settings.providers)
        except ProviderSettingsError as error:
            raise SettingsError(str(error)) from error

    @cached_property
    def local_terms(self) -> LocalTerms:
        """What the operator states of this machine. Raises: SettingsError."""
        try:
            return local_terms(self.settings.providers)
        except ProviderSettingsError as error:
            raise SettingsError(str(error)) from error

    @cached_property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """What providers serve, by id."""
        return {e.id: e for provider in self.configured for e in provider.endpoints}

    @cached_property
    def _providers(self) -> dict[str, Provider]:
        return {}

    def provider(self, provider_id: str) -> Provider:
        """Return the way to a configured provider; the same for equal ids."""
        if provider_id not in self._providers:
            access = next(p.access for p in self.configured if p.access.id == provider_id)
            connected = KINDS[access.kind].connect(access, UpstreamLimits())
            guarded = GuardedProvider(connected, require_gdpr=self.settings.require_gdpr)
            self._providers[provider_id] = guarded
        return self._providers[provider_id]

    async def close(self) -> None:
        """Let go of all connections."""
        for provider in self._providers.values():
            await provider.close()
