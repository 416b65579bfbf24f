"""Models of every kind find the part of the platform that runs them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from loquent.domain.model import Capability, ModelCard
from loquent.models.manifest import Manifest
from loquent.settings import Settings, load_settings
from loquent.wiring.platform import LocalPlatform
from loquent.wiring.shelves import threads_of_copy
from loquent.wiring.telling_apart import VOICES_ENGINE

TELLER = "pyannote-campplus"
KINDS = {
    "listener": ("whisper_ct2", Capability.TRANSCRIPTION),
    "talker": ("piper", Capability.SPEECH),
    TELLER: (VOICES_ENGINE, Capability.DIARIZATION),
    "recording": ("none", None),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Write down one installed model of each kind, without a file to it."""
    for model_id, (engine, capability) in KINDS.items():
        capabilities = frozenset({capability} if capability else ())
        card = ModelCard(model_id, capabilities, (), "us", "MIT", "float32", 0)
        folder = tmp_path / "models" / model_id
        folder.mkdir(parents=True)
        Manifest(card, engine, "local", "r", ()).write(folder)
    return load_settings(data_dir=tmp_path)


def test_every_model_that_can_be_asked_is_listed_and_what_it_can_do(settings: Settings) -> None:
    directory = LocalPlatform(settings).directory
    found = {status.card.id: status.card.capabilities for status in directory.statuses()}
    assert found.keys() == {"listener", "talker", TELLER, "espeak"}
    assert found[TELLER] == {Capability.DIARIZATION}
    assert directory.find(TELLER).is_loaded is False
    assert {status.card.id for status, _ in directory.voices()} == {"espeak"}


def test_each_kind_is_loaded_where_it_is_used(settings: Settings) -> None:
    platform = LocalPlatform(settings, preload=(TELLER, "listener", "talker"))
    assert platform.listening.preload == ("listener",)
    assert platform.speaking.preload == ("talker",)
    assert platform.telling_apart.preload == (TELLER,)


def test_what_tells_voices_apart_runs_on_one_thread_of_its_own_engine(settings: Settings) -> None:
    spec = LocalPlatform(settings).telling_apart.engine_spec(TELLER)
    assert (spec.engine, spec.options) == (VOICES_ENGINE, {"n_threads": 1})
    assert spec.folder == settings.data_dir / "models" / TELLER


@pytest.mark.parametrize(
    ("n_threads", "max_replicas", "expected"), [(0, 1, 0), (0, 3, 2), (0, 20, 1), (5, 3, 5)]
)
def test_copies_share_the_cores_unless_the_operator_says_how_many_threads_they_have(
    n_threads: int, max_replicas: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    settings = load_settings(n_threads=n_threads, max_replicas=max_replicas)
    assert threads_of_copy(settings) == expected


def test_copies_that_tell_voices_apart_share_half_of_the_cores(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    platform = LocalPlatform(settings.model_copy(update={"max_replicas": 2}))
    spec = platform.telling_apart.engine_spec(TELLER)
    assert spec.options == {"n_threads": 1, "n_workers": 2}


async def test_a_model_has_as_many_copies_as_the_settings_say(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, min_replicas=2, max_replicas=2)
    platform = LocalPlatform(settings)
    async with platform.running():
        await platform.load("espeak")
        (state,) = platform.speaking.shelf.status()
        async with asyncio.timeout(30.0):
            while state.n_copies < 2:
                await asyncio.sleep(0.01)
                (state,) = platform.speaking.shelf.status()
        assert len(_engines()) == 2
        speaker = await platform.speaking.shelf.speaker("espeak")
        assert speaker.n_workers >= 2
    assert not _engines()


def _engines() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [c for c in children if "loquent.engines.host.child" in c.cmdline()]


async def test_a_model_is_loaded_on_the_shelf_of_its_kind_and_ends_with_the_platform(
    tmp_path: Path,
) -> None:
    platform = LocalPlatform(load_settings(data_dir=tmp_path))
    async with platform.running():
        assert platform.loaded() == set()
        await platform.load("espeak")
        assert platform.loaded() == platform.speaking.shelf.loaded() == {"espeak"}
        assert [activity.model for activity in platform.activity()] == ["espeak"]
        assert platform.telling_apart.activity() == []
    assert platform.loaded() == set()
