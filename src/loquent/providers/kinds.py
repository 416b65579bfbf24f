"""The table of adapters: every wire that providers speak, by the name that settings use for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from loquent.providers.assemblyai.provider import KIND as ASSEMBLYAI
from loquent.providers.azure.provider import KIND as AZURE
from loquent.providers.deepgram.provider import KIND as DEEPGRAM
from loquent.providers.elevenlabs.provider import KIND as ELEVENLABS
from loquent.providers.kind import Kind
from loquent.providers.openai.provider import KIND as OPENAI

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "assemblyai": ASSEMBLYAI,
        "azure": AZURE,
        "deepgram": DEEPGRAM,
        "elevenlabs": ELEVENLABS,
        "openai": OPENAI,
    }
)
