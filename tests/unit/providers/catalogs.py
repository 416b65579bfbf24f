"""Kinds without adapters, and small catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from loquent.domain.endpoints import Detail, ProviderAccess
from loquent.domain.model import Capability
from loquent.ports import Provider
from loquent.providers.catalog import ProviderCatalog
from loquent.providers.kind import Kind
from loquent.providers.limits import UpstreamLimits
from loquent.providers.tables import CatalogTable, read_table


def _connect(access: ProviderAccess, limits: UpstreamLimits) -> Provider:
    raise AssertionError("no catalog connects")


KINDS: Final[Mapping[str, Kind]] = {
    "plain": Kind(
        connect=_connect,
        powers={
            Capability.TRANSCRIPTION: frozenset({Detail.SEGMENTS, Detail.WORDS, Detail.LANGUAGE}),
            Capability.SPEECH: frozenset({Detail.SPEED}),
        },
        extensions={Capability.TRANSCRIPTION: frozenset({"beam"})},
    ),
    "placed": Kind(
        connect=_connect,
        powers={Capability.TRANSCRIPTION: frozenset({Detail.SPEAKERS})},
        base_url="https://placed.example.com",
    ),
}

SHIPPED: Final[Mapping[str, Any]] = {
    "currency": "USD",
    "providers": {
        "acme": {
            "kind": "plain",
            "base_url": "https://acme.example.com/v1",
            "region": "us",
            "gdpr": "yes",
            "quirks": {"lists": "plain"},
            "checked_on": "2026-05",
            "endpoints": [
                {
                    "model": "whisper-large-v3",
                    "upstream_model": "large",
                    "capabilities": ["transcription"],
                    "max_file_bytes": 1_000,
                    "price": [{"unit": "hour", "micros": 40_000, "minimum_s": 10}],
                    "stated_speed": 100,
                },
                {"model": "tts", "capabilities": ["speech"], "voices": [{"id": "ann"}]},
            ],
        },
        "placed-eu": {
            "kind": "placed",
            "eu_native": True,
            "endpoints": [{"model": "scribe", "capabilities": ["transcription"]}],
        },
    },
}

OWN_SERVER: Final[Mapping[str, Any]] = {
    "kind": "plain",
    "base_url": "http://gpu-box:8000/v1/",
    "endpoints": [{"model": "whisper-large-v3", "capabilities": ["transcription"]}],
}


def catalog() -> ProviderCatalog:
    """Return the small catalog."""
    return ProviderCatalog(read_table(CatalogTable, SHIPPED), KINDS)
