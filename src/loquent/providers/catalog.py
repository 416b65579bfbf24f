"""Read the catalog of providers, and put the operator's tables over it; reaches nobody."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from loquent.domain.endpoints import (
    LOCAL_PROVIDER,
    Detail,
    Endpoint,
    ProviderAccess,
)
from loquent.providers.addresses import SOCKETS, WEB, checked_address
from loquent.providers.kind import Kind
from loquent.providers.tables import (
    CatalogTable,
    EndpointTable,
    LocalTable,
    ProviderSettingsError,
    ProviderTable,
    did_you_mean,
    read_table,
)
from loquent.routing.local import LocalTerms

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")

_EXAMPLE: Final = """Describe a server of your own like this:
  [providers.{id}]
  kind = "openai"
  base_url = "http://gpu-box:8000/v1"

  [[providers.{id}.endpoints]]
  model = "whisper-large-v3"
  capabilities = ["transcription"]"""


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """A provider that the operator has admitted, and what it serves."""

    access: ProviderAccess
    endpoints: tuple[Endpoint, ...]


class ProviderCatalog:
    """The providers that come with the package."""

    def __init__(self, table: CatalogTable, kinds: Mapping[str, Kind]) -> None:
        """Take a catalog that was read, and the adapters by kind.

        Raises: ProviderSettingsError: if an entry asks more of its kind than that can do.
        """
        self.currency = table.currency
        self._kinds = kinds
        self._shipped = MappingProxyType(dict(table.providers))
        for provider_id, provider in self._shipped.items():
            _check_id(provider_id)
            _check_kind(provider_id, provider, kinds)
            tuple(_endpoints(provider_id, provider, kinds[provider.kind]))

    @classmethod
    def load(cls, kinds: Mapping[str, Kind], path: Path | None = None) -> ProviderCatalog:
        """Read the catalog at `path`, or the one that comes with the package.

        Raises:
            ProviderSettingsError: if the file is not a catalog.
            OSError: if it cannot be read.
        """
        shipped = resources.files("loquent.providers") / "catalog.toml"
        try:
            raw = tomllib.loads((path or shipped).read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ProviderSettingsError(f"the catalog of providers is no TOML: {error}") from error
        return cls(read_table(CatalogTable, raw), kinds)

    def known(self) -> dict[str, str]:
        """Return the ids of all endpoints that need but a key, and the variable that takes it."""
        return {
            f"{provider_id}/{endpoint.model}": key_variable(provider_id)
            for provider_id, provider in self._shipped.items()
            for endpoint in provider.endpoints
        }

    def configured(
        self, overrides: Mapping[str, Mapping[str, Any]]
    ) -> tuple[ConfiguredProvider, ...]:
        """Return the providers that the operator has admitted, in the order of their tables.

        Args:
            overrides: the `[providers.*]` tables of the settings, keys as plain text.
        Raises: ProviderSettingsError: naming each field at fault.
        """
        own_tables = _own_tables(overrides)
        own_tables.pop(LOCAL_PROVIDER, None)
        found: list[ConfiguredProvider] = []
        for provider_id, raw in own_tables.items():
            own = read_table(ProviderTable, raw, f"providers.{provider_id}")
            if provider_id not in self._shipped:
                found.append(self._connected(provider_id, own))
                continue
            merged = self._shipped[provider_id].changed_by(own)
            if own.api_key is not None:
                found.append(self._connected(provider_id, merged))
        return tuple(found)

    def _connected(self, provider_id: str, table: ProviderTable) -> ConfiguredProvider:
        """Check a provider as a whole, and return it."""
        place = f"providers.{provider_id}"
        if not table.kind or not table.endpoints:
            missing = "kind" if not table.kind else "endpoints"
            near = did_you_mean(provider_id, self._shipped)
            raise ProviderSettingsError(
                f"{place}.{missing}: it is missing, and no provider of the catalog has this "
                f"name.{near}\n{_EXAMPLE.format(id=provider_id)}"
            )
        _check_kind(provider_id, table, self._kinds)
        kind = self._kinds[table.kind]
        endpoints = tuple(_endpoints(provider_id, table, kind))
        if not endpoints:
            raise ProviderSettingsError(
                f"{place}.endpoints: all of them are disabled; take out api_key instead."
            )
        access = ProviderAccess(
            id=provider_id,
            kind=table.kind,
            base_url=_base_url(place, table, kind),
            api_key=table.api_key or "",
            quirks=_quirks(place, table),
            headers=table.headers,
        )
        return ConfiguredProvider(access, endpoints)


def local_terms(overrides: Mapping[str, Mapping[str, Any]]) -> LocalTerms:
    """Return what the table `[providers.local]` states.

    Raises: ProviderSettingsError: naming each field at fault.
    """
    table = read_table(LocalTable, overrides.get(LOCAL_PROVIDER, {}), f"providers.{LOCAL_PROVIDER}")
    prices = {
        endpoint.model: tuple(line.price() for line in endpoint.price)
        for endpoint in table.endpoints
    }
    return LocalTerms(table.region, table.eu_native, table.gdpr, MappingProxyType(prices))


def key_variable(provider_id: str) -> str:
    """Return the environment variable that takes the key of a provider."""
    return f"LOQUENT_PROVIDERS__{provider_id.upper().replace('-', '_')}__API_KEY"


def _own_tables(overrides: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the operator's tables by id; the names of variables spell a hyphen as `_`.

    Raises: ProviderSettingsError: if an id is misspelled, or a field given in two spellings.
    """
    tables: dict[str, dict[str, Any]] = {}
    for name, raw in overrides.items():
        provider_id = name.replace("_", "-")
        _check_id(provider_id)
        table = tables.setdefault(provider_id, {})
        for twin in sorted(table.keys() & raw.keys()):
            raise ProviderSettingsError(
                f"providers.{provider_id}.{twin}: it is given twice, once with _ and once with - "
                "in the name of the provider; keep one."
            )
        table.update(raw)
    return tables


def _check_id(provider_id: str) -> None:
    if not _ID.fullmatch(provider_id):
        raise ProviderSettingsError(
            f"providers.{provider_id}: a name of a provider has small letters, digits and "
            "hyphens, 41 at most."
        )


def _check_kind(provider_id: str, table: ProviderTable, kinds: Mapping[str, Kind]) -> None:
    if table.kind not in kinds:
        raise ProviderSettingsError(
            f"providers.{provider_id}.kind: there is no kind {table.kind!r}, only "
            f"{', '.join(sorted(kinds))}.{did_you_mean(table.kind, kinds)}"
        )


def _base_url(place: str, table: ProviderTable, kind: Kind) -> str:
    url = table.base_url or kind.base_url
    if not url:
        raise ProviderSettingsError(f"{place}.base_url: it is missing; give the server's address.")
    try:
        return checked_address(url)
    except ValueError as error:
        raise ProviderSettingsError(f"{place}.base_url: {error}.") from error


def _quirks(place: str, table: ProviderTable) -> dict[str, str]:
    """Return the quirks; those that are addresses get the key too, so they are checked alike."""
    checked = dict(table.quirks)
    for name, url in table.quirks.items():
        if not name.endswith("_url") or not url:
            continue
        try:
            checked[name] = checked_address(url, SOCKETS if url.startswith(SOCKETS) else WEB)
        except ValueError as error:
            raise ProviderSettingsError(f"{place}.quirks.{name}: {error}.") from error
    return checked


def _endpoints(provider_id: str, table: ProviderTable, kind: Kind) -> Iterator[Endpoint]:
    """Yield the endpoints of a provider that are enabled, each checked against its kind."""
    models = [endpoint.model for endpoint in table.endpoints]
    for row in table.endpoints:
        if not row.enabled:
            continue
        place = f"providers.{provider_id}.endpoints[{row.model}]"
        if not row.capabilities:
            others = (model for model in models if model != row.model)
            raise ProviderSettingsError(
                f"{place}.capabilities: it is missing; say what the model can "
                f'do, such as ["transcription"].{did_you_mean(row.model, others)}'
            )
        yield Endpoint(
            provider=provider_id,
            model=row.model,
            upstream_model=row.upstream_model or row.model,
            capabilities=row.capabilities,
            details=_details(place, row, table.kind, kind),
            powers={capability: kind.powers[capability] for capability in row.capabilities},
            languages=row.languages,
            file_types=row.file_types,
            max_file_bytes=row.max_file_bytes,
            max_audio_s=row.max_audio_s,
            extensions=_extensions(row, kind),
            region=table.region,
            eu_native=table.eu_native,
            gdpr=table.gdpr,
            quantization=row.quantization,
            is_quantized=row.is_quantized,
            prices=tuple(line.price() for line in row.price),
            stated_speed=row.stated_speed,
            checked_on=table.checked_on if row.checked_on is None else row.checked_on,
            voices=tuple(voice.voice() for voice in row.voices),
        )


def _details(place: str, row: EndpointTable, name: str, kind: Kind) -> frozenset[Detail]:
    """Return what an endpoint can tell: what its table says, or all that its kind can."""
    if strange := row.capabilities - kind.powers.keys():
        raise ProviderSettingsError(
            f"{place}.capabilities: the kind {name} does not do {_listed(strange)}, only "
            f"{_listed(kind.powers)}."
        )
    powers = frozenset[Detail]().union(*(kind.powers[each] for each in row.capabilities))
    if row.details is None:
        return powers
    if strange_details := row.details - powers:
        raise ProviderSettingsError(
            f"{place}.details: the kind {name} cannot tell {_listed(strange_details)} of "
            f"{_listed(row.capabilities)}, only {_listed(powers)}."
        )
    return row.details


def _extensions(row: EndpointTable, kind: Kind) -> frozenset[str]:
    if row.extensions is not None:
        return row.extensions
    none: frozenset[str] = frozenset()
    return none.union(*(kind.extensions.get(each, none) for each in row.capabilities))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
