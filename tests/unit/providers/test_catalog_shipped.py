"""The catalog that comes with the package, against the adapters that serve it."""

from __future__ import annotations

import re
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest

from loquent.codec.sniff import sniff
from loquent.domain.endpoints import DataProtection, Detail, Endpoint
from loquent.domain.model import Capability
from loquent.domain.pricing import PriceUnit
from loquent.providers.catalog import ProviderCatalog
from loquent.providers.kinds import KINDS
from loquent.routing.price_list import Feature, has_feature, price_list, standard_micros

_TODAY = date(2026, 8, 1)
_DOCS = Path(__file__).parents[3] / "docs" / "providers.md"
_CATALOG = ProviderCatalog.load(KINDS)
_IDS = sorted({endpoint.partition("/")[0] for endpoint in _CATALOG.known()})
_NEEDS_ADDRESS = {"azure": {"base_url": "https://westeurope.api.cognitive.microsoft.com"}}
_PROVIDERS = {
    provider.access.id: provider
    for provider in _CATALOG.configured(
        {name: {"api_key": "k", **_NEEDS_ADDRESS.get(name, {})} for name in _IDS}
    )
}
_ENDPOINTS = {
    endpoint.id: endpoint for provider in _PROVIDERS.values() for endpoint in provider.endpoints
}
_EACH = pytest.mark.parametrize("endpoint", _ENDPOINTS.values(), ids=lambda one: one.id)

_CONTAINERS = {"aac", "flac", "matroska", "mov", "mp3", "mpeg", "ogg", "wav"}


def test_all_the_providers_are_there() -> None:
    assert _IDS == [
        "assemblyai", "assemblyai-eu", "azure", "deepgram", "deepinfra", "elevenlabs", "fireworks",
        "fireworks-turbo", "groq", "mistral", "openai", "ovh", "scaleway", "together",
    ]  # fmt: skip
    assert set(_PROVIDERS) == set(_IDS)
    assert _CATALOG.currency == "USD"


def test_no_provider_is_configured_before_the_operator_says_so() -> None:
    assert _CATALOG.configured({}) == ()


def test_only_azure_needs_more_than_a_key() -> None:
    tables = {name: {"api_key": "k"} for name in _IDS if name != "azure"}
    assert len(_CATALOG.configured(tables)) == len(_IDS) - 1


@_EACH
def test_every_endpoint_has_a_price_and_its_day(endpoint: Endpoint) -> None:
    assert endpoint.prices
    assert all(price.micros > 0 for price in endpoint.prices)
    assert re.fullmatch(r"20\d\d-\d\d", endpoint.checked_on)


@_EACH
def test_every_price_is_of_a_plausible_size(endpoint: Endpoint) -> None:
    for feature in Feature:
        if has_feature(endpoint, feature):
            cost_micros = standard_micros(endpoint, feature, _TODAY)
            if feature is Feature.TEXT_TO_SPEECH:
                assert 5_000_000 <= cost_micros <= 200_000_000
            else:
                assert 10_000 <= cost_micros <= 2_000_000


@_EACH
def test_speech_is_billed_by_the_text_and_hearing_by_the_sound(endpoint: Endpoint) -> None:
    units = {price.unit for price in endpoint.prices}
    by_text = {PriceUnit.MILLION_CHARACTERS, PriceUnit.MILLION_TEXT_TOKENS}
    by_sound = {PriceUnit.MINUTE, PriceUnit.HOUR, PriceUnit.MILLION_AUDIO_TOKENS}
    speaks = Capability.SPEECH in endpoint.capabilities
    assert units & (by_text if speaks else by_sound)


@_EACH
def test_whoever_speaks_has_voices_and_nobody_else(endpoint: Endpoint) -> None:
    assert bool(endpoint.voices) == (Capability.SPEECH in endpoint.capabilities)


@_EACH
def test_containers_are_called_as_the_decoder_calls_them(endpoint: Endpoint) -> None:
    assert endpoint.file_types <= _CONTAINERS


def test_an_mp4_is_called_mov_and_a_webm_matroska() -> None:
    assert sniff(BytesIO(b"\0\0\0\x18ftypisom" + bytes(16))) == "mov"
    assert sniff(BytesIO(b"\x1aE\xdf\xa3" + bytes(20))) == "matroska"


def test_the_models_of_gpt_4o_tell_no_times_of_words() -> None:
    for name in ("gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize"):
        details = _ENDPOINTS[f"openai/{name}"].details
        assert Detail.WORDS not in details
        assert (Detail.SEGMENTS in details) == name.endswith("-diarize")
        assert (Detail.SPEAKERS in details) == name.endswith("-diarize")
    assert Detail.WORDS in _ENDPOINTS["openai/whisper-1"].details


def test_only_whispers_with_a_full_decoder_translate() -> None:
    translating = {
        one.model for one in _ENDPOINTS.values() if Capability.TRANSLATION in one.capabilities
    }
    assert translating == {"whisper-1", "whisper-large-v3"}


def test_companies_of_the_eu_are_told_from_data_centres_in_it() -> None:
    native = {one.provider for one in _ENDPOINTS.values() if one.eu_native}
    assert native == {"mistral", "ovh", "scaleway"}
    european = {one.provider for one in _ENDPOINTS.values() if one.region.startswith("eu")}
    assert european == native | {"assemblyai-eu"}
    assert all(one.gdpr is DataProtection.YES for one in _ENDPOINTS.values() if one.eu_native)
    unknown = {one.provider for one in _ENDPOINTS.values() if one.gdpr is not DataProtection.YES}
    assert unknown == {"deepinfra", "fireworks", "fireworks-turbo", "groq", "together"}


def test_nothing_of_a_data_centre_in_the_eu_goes_elsewhere() -> None:
    access = _PROVIDERS["assemblyai-eu"].access
    assert access.base_url == "https://api.eu.assemblyai.com"
    assert access.quirks["live_url"] == "wss://streaming.eu.assemblyai.com"


def test_names_that_clients_have_in_their_code_pin_their_vendor() -> None:
    assert Capability.REALTIME in _ENDPOINTS["assemblyai/assemblyai"].capabilities
    assert Capability.TRANSCRIPTION in _ENDPOINTS["assemblyai/assemblyai"].capabilities
    assert _ENDPOINTS["openai/tts-1"].upstream_model == "tts-1"


def test_one_model_is_found_at_many_places() -> None:
    places = {one.provider for one in _ENDPOINTS.values() if one.model == "whisper-large-v3"}
    assert places == {"deepinfra", "fireworks", "groq", "ovh", "scaleway", "together"}


def test_groq_bills_ten_seconds_at_least() -> None:
    groq = [one for one in _ENDPOINTS.values() if one.provider == "groq"]
    assert {price.minimum_s for one in groq for price in one.prices} == {10}


def test_the_price_list_holds_every_feature() -> None:
    rows = price_list(_ENDPOINTS.values(), _TODAY)
    assert {row.feature for row in rows} == set(Feature)


def test_the_guide_for_operators_lists_every_provider_with_its_models() -> None:
    text = _DOCS.read_text(encoding="utf-8")
    for name, provider in _PROVIDERS.items():
        (line,) = re.findall(rf"^\| `{name}` \|.*$", text, re.MULTILINE)
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        first = provider.endpoints[0]
        assert cells[1] == f"`{provider.access.kind}`"
        assert cells[2] == (first.region or "unknown")
        assert cells[3] == ("yes" if first.eu_native else "no")
        assert cells[4] == str(first.gdpr)
        assert re.findall(r"`([^`]+)`", cells[5]) == [one.model for one in provider.endpoints]
