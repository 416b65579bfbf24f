"""Tables that are wrong, and what the operator is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.providers.catalog import ProviderCatalog, local_terms
from loquent.providers.tables import (
    CatalogTable,
    EndpointTable,
    ProviderSettingsError,
    ProviderTable,
    read_table,
)
from tests.unit.providers.catalogs import KINDS, OWN_SERVER, SHIPPED, catalog

_PRICE = {"unit": "hour", "micros": 1}

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
_JUNK = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_FIELDS = sorted({*ProviderTable.model_fields, *EndpointTable.model_fields})


def _own(**changes: Any) -> dict[str, Any]:
    return {**OWN_SERVER, "api_key": "secret", **changes}


def _row(**changes: Any) -> dict[str, Any]:
    return _own(endpoints=[{"model": "m", "capabilities": ["transcription"], **changes}])


def _complaint(table: Mapping[str, Any], name: str = "mine") -> str:
    with pytest.raises(ProviderSettingsError) as caught:
        catalog().configured({name: table})
    message = str(caught.value)
    assert "secret" not in message
    assert "gpu-box" not in message.partition("\n")[0]
    return message


@pytest.mark.parametrize(
    ("table", "start"),
    [
        (_own(kid="plain"), "providers.mine.kid: there is no such field. Did you mean kind?"),
        (_own(zzz=1), "providers.mine.zzz: there is no such field."),
        (
            _row(price=[_PRICE, {**_PRICE, "unit": "week"}]),
            "providers.mine.endpoints[0].price[1].unit: Input should be 'second'",
        ),
        (_row(price=[{"unit": "hour"}]), "providers.mine.endpoints[0].price[0].micros: "),
        (_row(price=[{**_PRICE, "micros": 0.5}]), "providers.mine.endpoints[0].price[0].micros"),
        (_row(price=[{**_PRICE, "micros": -1}]), "providers.mine.endpoints[0].price[0].micros"),
        (
            _row(price=[{**_PRICE, "step_s": float("nan")}]),
            "providers.mine.endpoints[0].price[0].step_s",
        ),
        (
            _row(price=[{**_PRICE, "valid_from": "2026-08-02", "valid_until": "2026-08-01"}]),
            "providers.mine.endpoints[0].price[0]: valid_until is before valid_from.",
        ),
        (
            _row(stated_sped=1),
            (
                "providers.mine.endpoints[0].stated_sped: there is no such field. "
                "Did you mean stated_speed?"
            ),
        ),
        (_row(capabilities=["hearing"]), "providers.mine.endpoints[0].capabilities"),
        (_row(languages=["english"]), "providers.mine.endpoints[0].languages[0]: "),
        (_row(model="two words"), "providers.mine.endpoints[0].model: "),
        (_row(checked_on="yesterday"), "providers.mine.endpoints[0].checked_on: "),
        (_own(gdpr="perhaps"), "providers.mine.gdpr: "),
        (_own(api_key=7), "providers.mine.api_key: "),
        (_own(quirks={"lists": 1}), "providers.mine.quirks.lists: "),
        (
            _own(endpoints=[OWN_SERVER["endpoints"][0]] * 2),
            "providers.mine: the model whisper-large-v3 is listed twice; keep one entry.",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_place(table: Mapping[str, Any], start: str) -> None:
    assert _complaint(table).startswith(start)


def test_all_wrong_fields_are_named_at_once() -> None:
    lines = _complaint(_own(gdpr="perhaps", kid=1)).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "providers.mine.gdpr",
        "providers.mine.kid",
    ]


@pytest.mark.parametrize(
    ("table", "start"),
    [
        (
            _own(kind="plane"),
            (
                "providers.mine.kind: there is no kind 'plane', only placed, plain. "
                "Did you mean plain?"
            ),
        ),
        (_own(base_url=""), "providers.mine.base_url: it is missing"),
        (_own(base_url="http://api.example.com"), "providers.mine.base_url: it must begin with"),
        (
            _own(quirks={"speech_url": "http://api.example.com"}),
            "providers.mine.quirks.speech_url: it must begin with",
        ),
        (
            _own(quirks={"live_url": "ws://api.example.com"}),
            'providers.mine.quirks.live_url: it must begin with "wss://": over plain ws',
        ),
        (_own(base_url="https://u:p@example.com"), "providers.mine.base_url: it may hold no user"),
        (
            _row(capabilities=[]),
            "providers.mine.endpoints[m].capabilities: it is missing; say what the model can do",
        ),
        (
            _row(capabilities=["realtime"]),
            (
                "providers.mine.endpoints[m].capabilities: the kind plain does not do realtime, "
                "only speech, transcription."
            ),
        ),
        (
            _row(details=["words", "speakers"]),
            (
                "providers.mine.endpoints[m].details: the kind plain cannot tell speakers of "
                "transcription, only language, segments, words."
            ),
        ),
        (_row(enabled=False), "providers.mine.endpoints: all of them are disabled"),
    ],
)
def test_what_cannot_work_is_refused(table: Mapping[str, Any], start: str) -> None:
    assert _complaint(table).startswith(start)


@pytest.mark.parametrize("table", [{"api_key": "secret"}, _own(kind=""), _own(endpoints=[])])
def test_an_unknown_provider_is_taught_by_an_example(table: Mapping[str, Any]) -> None:
    message = _complaint(table, "acne")
    assert "Did you mean acme?" in message
    assert '[[providers.acne.endpoints]]\n  model = "whisper-large-v3"' in message


def test_a_misspelled_model_of_a_shipped_provider_gets_a_hint() -> None:
    table = {"api_key": "secret", "endpoints": [{"model": "whisper-large-v2", "price": [_PRICE]}]}
    message = _complaint(table, "acme")
    assert message.startswith("providers.acme.endpoints[whisper-large-v2].capabilities:")
    assert message.endswith("Did you mean whisper-large-v3?")


def test_a_table_without_a_key_is_checked_all_the_same() -> None:
    with pytest.raises(ProviderSettingsError, match=r"providers\.acme\.regoin.* region\?"):
        catalog().configured({"acme": {"regoin": "us"}})


@pytest.mark.parametrize("name", ["Mine", "my provider", "-mine", "a" * 42, "", "mine/two"])
def test_names_of_providers_are_plain(name: str) -> None:
    with pytest.raises(ProviderSettingsError, match="a name of a provider"):
        catalog().configured({name: OWN_SERVER})


@pytest.mark.parametrize(
    ("table", "start"),
    [
        ({"api_key": "x"}, "providers.local.api_key: there is no such field."),
        ({"eu_natve": True}, "providers.local.eu_natve: there is no such field. Did you mean eu_"),
        ({"endpoints": [{"model": "m"}]}, "providers.local.endpoints[0].price: "),
        ({"endpoints": [{"model": "m", "price": []}] * 2}, "providers.local: the model m is"),
    ],
)
def test_terms_of_this_process_are_checked(table: Mapping[str, Any], start: str) -> None:
    with pytest.raises(ProviderSettingsError) as caught:
        local_terms({"local": table})
    assert str(caught.value).startswith(start)


def test_a_shipped_catalog_is_checked_like_an_operators() -> None:
    broken = {**SHIPPED, "providers": {"acme": {**SHIPPED["providers"]["acme"], "kind": "x"}}}
    with pytest.raises(ProviderSettingsError, match=r"providers\.acme\.kind"):
        ProviderCatalog(read_table(CatalogTable, broken), KINDS)
    with pytest.raises(ProviderSettingsError, match=r"^currency: "):
        read_table(CatalogTable, {**SHIPPED, "currency": "dollars"})


@given(
    st.sampled_from(["mine", "acme", "local"]),
    st.dictionaries(st.sampled_from(_FIELDS), _JUNK, max_size=3),
    st.dictionaries(st.sampled_from(_FIELDS), _JUNK, max_size=3),
)
def test_whatever_stands_in_a_table_it_is_read_or_explained(
    name: str, table: dict[str, Any], row: dict[str, Any]
) -> None:
    base = {} if name == "local" else _row(**row)
    overrides = {name: {**base, **table}}
    message = ""
    try:
        configured = catalog().configured(overrides)
        local_terms(overrides)
    except ProviderSettingsError as error:
        configured, message = (), str(error)
    assert all(provider.endpoints for provider in configured)
    assert message == "" or message.startswith("providers.")
