"""A small catalog, and what operators put over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loquent.domain.endpoints import DataProtection, Detail, Endpoint
from loquent.domain.model import Capability, Gender, Voice
from loquent.domain.pricing import Price, PriceUnit
from loquent.providers.catalog import ConfiguredProvider, ProviderCatalog, local_terms
from loquent.providers.tables import ProviderSettingsError
from tests.unit.providers.catalogs import KINDS, OWN_SERVER, catalog

_KEY = {"api_key": "secret"}


def _only(**overrides: dict[str, Any]) -> ConfiguredProvider:
    (provider,) = catalog().configured(overrides)
    return provider


def _whisper(**changes: Any) -> Endpoint:
    row = {"model": "whisper-large-v3", **changes}
    return _only(acme={**_KEY, "endpoints": [row]}).endpoints[0]


def test_a_shipped_provider_needs_a_key_before_it_counts() -> None:
    assert catalog().configured({}) == ()
    assert catalog().configured({"acme": {"region": "eu"}}) == ()
    assert _only(acme=_KEY).access.api_key == "secret"
    assert _only(acme={"api_key": ""}).access.api_key == ""


def test_a_key_is_all_that_a_shipped_provider_needs() -> None:
    provider = _only(acme=_KEY)
    access = provider.access
    assert (access.id, access.kind, access.base_url) == (
        "acme",
        "plain",
        "https://acme.example.com/v1",
    )
    assert access.quirks == {"lists": "plain"}
    assert provider.endpoints == (
        Endpoint(
            provider="acme",
            model="whisper-large-v3",
            upstream_model="large",
            capabilities=frozenset({Capability.TRANSCRIPTION}),
            details=frozenset({Detail.SEGMENTS, Detail.WORDS, Detail.LANGUAGE}),
            powers={Capability.TRANSCRIPTION: KINDS["plain"].powers[Capability.TRANSCRIPTION]},
            max_file_bytes=1_000,
            extensions=frozenset({"beam"}),
            region="us",
            gdpr=DataProtection.YES,
            prices=(Price(PriceUnit.HOUR, 40_000, minimum_s=10),),
            stated_speed=100,
            checked_on="2026-05",
        ),
        Endpoint(
            provider="acme",
            model="tts",
            upstream_model="tts",
            capabilities=frozenset({Capability.SPEECH}),
            details=frozenset({Detail.SPEED}),
            powers={Capability.SPEECH: KINDS["plain"].powers[Capability.SPEECH]},
            region="us",
            gdpr=DataProtection.YES,
            checked_on="2026-05",
            voices=(Voice("ann", "", Gender.NEUTRAL),),
        ),
    )


def test_the_key_is_not_in_what_is_printed() -> None:
    assert "secret" not in repr(_only(acme=_KEY))


def test_a_kind_with_one_place_needs_no_address() -> None:
    (provider,) = catalog().configured({"placed-eu": _KEY})
    assert provider.access.base_url == "https://placed.example.com"
    assert provider.endpoints[0].eu_native


def test_a_variable_spells_the_hyphen_of_an_id_with_an_underscore() -> None:
    tables = {"placed_eu": _KEY, "placed-eu": {"region": "eu-ie"}}
    (provider,) = catalog().configured(tables)
    assert (provider.access.id, provider.endpoints[0].region) == ("placed-eu", "eu-ie")
    with pytest.raises(ProviderSettingsError, match=r"providers\.placed-eu\.api_key: .* twice"):
        catalog().configured({"placed_eu": _KEY, "placed-eu": _KEY})


def test_the_operator_replaces_field_by_field() -> None:
    provider = _only(
        acme={**_KEY, "base_url": "https://eu.acme.example.com/", "quirks": {"form": "new"}}
    )
    assert provider.access.base_url == "https://eu.acme.example.com"
    assert provider.access.quirks == {"lists": "plain", "form": "new"}
    changed = _whisper(stated_speed=50)
    assert (changed.stated_speed, changed.upstream_model) == (50, "large")
    assert changed.prices == (Price(PriceUnit.HOUR, 40_000, minimum_s=10),)


def test_the_day_of_a_price_goes_with_the_price() -> None:
    own = [{"unit": "minute", "micros": 1}]
    assert _whisper(price=own).checked_on == ""
    assert _whisper(price=own, checked_on="2026-08-01").checked_on == "2026-08-01"
    assert _whisper(quantization="int8").checked_on == "2026-05"


def test_the_operator_adds_and_disables_endpoints() -> None:
    rows = [
        {"model": "tts", "enabled": False},
        {"model": "new", "capabilities": ["transcription"], "details": ["words"]},
    ]
    endpoints = _only(acme={**_KEY, "endpoints": rows}).endpoints
    assert [endpoint.model for endpoint in endpoints] == ["whisper-large-v3", "new"]
    assert endpoints[1].details == {Detail.WORDS}
    assert endpoints[1].region == "us"


def test_a_server_of_ones_own_needs_no_key() -> None:
    provider = _only(mine=dict(OWN_SERVER))
    assert provider.access.id == "mine"
    assert provider.access.base_url == "http://gpu-box:8000/v1"
    assert provider.endpoints[0].id == "mine/whisper-large-v3"
    assert provider.endpoints[0].gdpr is DataProtection.UNKNOWN
    assert provider.endpoints[0].prices == ()


def test_texts_of_the_environment_stand_for_numbers_and_truths() -> None:
    provider = _only(mine={**OWN_SERVER, "eu_native": "true", "gdpr": "yes"})
    assert provider.endpoints[0].eu_native
    assert provider.endpoints[0].gdpr is DataProtection.YES


def test_every_known_endpoint_names_the_variable_of_its_key() -> None:
    assert catalog().known() == {
        "acme/whisper-large-v3": "LOQUENT_PROVIDERS__ACME__API_KEY",
        "acme/tts": "LOQUENT_PROVIDERS__ACME__API_KEY",
        "placed-eu/scribe": "LOQUENT_PROVIDERS__PLACED_EU__API_KEY",
    }


def test_local_is_no_provider_but_has_terms() -> None:
    overrides = {
        "local": {
            "region": "eu-de",
            "eu_native": True,
            "gdpr": "yes",
            "endpoints": [{"model": "whisper-base", "price": [{"unit": "hour", "micros": 5}]}],
        }
    }
    assert catalog().configured(overrides) == ()
    terms = local_terms(overrides)
    assert (terms.region, terms.eu_native, terms.gdpr) == ("eu-de", True, DataProtection.YES)
    assert terms.prices == {"whisper-base": (Price(PriceUnit.HOUR, 5),)}
    nothing = local_terms({})
    assert (nothing.eu_native, nothing.gdpr) == (False, DataProtection.UNKNOWN)
    assert nothing.prices == {}


def test_a_catalog_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(
        'currency = "EUR"\n[providers.one]\nkind = "placed"\n'
        '[[providers.one.endpoints]]\nmodel = "m"\ncapabilities = ["transcription"]\n'
    )
    loaded = ProviderCatalog.load(KINDS, path)
    assert loaded.currency == "EUR"
    assert list(loaded.known()) == ["one/m"]
    path.write_text("currency =")
    with pytest.raises(ProviderSettingsError, match="no TOML"):
        ProviderCatalog.load(KINDS, path)
