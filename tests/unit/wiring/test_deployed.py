"""A deployment is the server's settings with a few of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from loquent.domain.deployments import Deployment, EngineChoice, QueueChoice, Replicas
from loquent.domain.model import Capability, ModelCard
from loquent.routing.names import ModelNames
from loquent.settings import Settings, load_settings
from loquent.wiring.deployed import ids_of, missing_from, served_by, settings_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)

CAPABILITIES = {
    "listener": {Capability.TRANSCRIPTION},
    "translator": {Capability.TRANSCRIPTION, Capability.TRANSLATION},
    "talker": {Capability.SPEECH},
    "teller": {Capability.DIARIZATION},
}
NAMES = ModelNames(
    {
        id_: ModelCard(id_, frozenset(abilities), (), "us", "MIT", "int8", 0)
        for id_, abilities in CAPABILITIES.items()
    },
    {"whisper-1": "translator", "gone": "away", "talker": "listener"},
    "translator",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        data_dir=tmp_path, beam_size=3, idle_unload_s=7, max_live_sessions=4, offline=True
    )


def deployment(*models: str, **fields: object) -> Deployment:
    return Deployment("alpha", models, NOW, **fields)  # type: ignore[arg-type]  # by name


def test_it_serves_its_models_by_all_of_their_names_and_no_other() -> None:
    found = served_by(deployment("whisper-1", "talker", "away"), NAMES)
    assert found.cards.keys() == {"translator", "talker"}
    assert found.aliases == {"whisper-1": "translator"}
    assert found.translation_model == "translator"
    assert served_by(deployment("listener"), NAMES).translation_model == ""


def test_an_installed_id_wins_over_another_name() -> None:
    wanted = deployment("talker", "whisper-1", "translator", "away", "gone")
    assert ids_of(wanted, NAMES) == ("talker", "translator")
    assert missing_from(wanted, NAMES) == ("away", "gone")


def test_what_it_does_not_say_is_as_the_server_has_it(settings: Settings) -> None:
    own = settings_of(deployment("listener"), settings, NAMES)
    assert (own.beam_size, own.max_live_sessions, own.max_queue_s) == (3, 4, settings.max_queue_s)
    assert (own.default_model, own.preload, own.max_loaded) == ("listener", ["listener"], 1)
    assert (own.min_replicas, own.max_replicas, own.idle_unload_s) == (1, 1, 0)
    assert own.offline


def test_what_it_says_replaces_that(settings: Settings) -> None:
    wanted = deployment(
        "translator",
        "teller",
        engine=EngineChoice(compute_type="float32", beam_size=1, exact=True),
        queue=QueueChoice(max_wait_s=0.0, max_live_sessions=0),
        replicas=Replicas(2, 5),
    )
    own = settings_of(wanted, settings, NAMES)
    assert (own.compute_type, own.beam_size, own.exact) == ("float32", 1, True)
    assert (own.max_queue_s, own.max_live_sessions) == (0, 0)
    assert (own.min_replicas, own.max_replicas, own.max_loaded) == (2, 5, 2)
    assert (own.translation_model, own.diarization_model) == ("translator", "teller")


def test_without_a_least_it_falls_asleep(settings: Settings) -> None:
    wanted = deployment("listener", replicas=Replicas(0, 2), idle_unload_s=60.0)
    own = settings_of(wanted, settings, NAMES)
    assert (own.preload, own.min_replicas, own.idle_unload_s) == ([], 1, 60)


def test_nothing_of_it_leaves_the_server(tmp_path: Path) -> None:
    server = load_settings(
        data_dir=tmp_path, providers={"groq": {"api_key": "k"}}, pools={"mine": ["groq/x"]}
    )
    own = settings_of(deployment("listener"), server, NAMES)
    assert (own.providers, own.pools, own.speech_cache_bytes) == ({}, {}, 0)
