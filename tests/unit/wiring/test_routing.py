"""What the operator decides about providers and pools reaches whoever chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loquent.domain.endpoints import DataProtection
from loquent.domain.errors import ModelNotFoundError
from loquent.domain.model import Capability, ModelCard
from loquent.models.manifest import Manifest
from loquent.routing.need import Need
from loquent.settings import SettingsError, load_settings
from loquent.wiring.listening import WHISPER_ENGINE
from loquent.wiring.platform import LocalPlatform

LISTENER = "whisper-base"
BOX: dict[str, Any] = {
    "kind": "openai",
    "base_url": "http://127.0.0.1:9",
    "gdpr": "yes",
    "endpoints": [
        {
            "model": LISTENER,
            "upstream_model": "w",
            "capabilities": ["transcription"],
            "extensions": ["vad_filter"],
        }
    ],
}
THERE, HERE = f"box/{LISTENER}", f"local/{LISTENER}"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Write down an installed model that listens."""
    card = ModelCard(LISTENER, frozenset({Capability.TRANSCRIPTION}), (), "us", "MIT", "int8", 0)
    folder = tmp_path / "models" / LISTENER
    folder.mkdir(parents=True)
    Manifest(card, WHISPER_ENGINE, "local", "r", ()).write(folder)
    return tmp_path


def platform(data_dir: Path, **settings: Any) -> LocalPlatform:
    return LocalPlatform(load_settings(data_dir=data_dir, **settings))


def order(found: LocalPlatform, model: str = LISTENER) -> list[str]:
    """Return who may serve a recording, the best one first."""
    need = Need(model, Capability.TRANSCRIPTION, audio_s=60)
    return [c.endpoint.id for c in found.routing.planner.candidates(need) if c.is_able]


def test_without_providers_only_this_machine_serves(data_dir: Path) -> None:
    found = platform(data_dir)
    assert order(found) == [HERE]
    assert found.extensions == frozenset()


def test_a_provider_serves_beside_this_machine_which_goes_first(data_dir: Path) -> None:
    found = platform(data_dir, providers={"box": BOX})
    assert order(found) == [HERE, THERE]
    assert order(found, THERE) == [THERE]
    assert found.extensions == {"vad_filter"}


def test_who_costs_nothing_and_is_quicker_goes_first_where_the_operator_wants_it(
    data_dir: Path,
) -> None:
    quick = BOX | {"endpoints": [{**BOX["endpoints"][0], "stated_speed": 1_000.0}]}
    found = platform(data_dir, providers={"box": quick}, local_first=False)
    assert order(found) == [THERE, HERE]


def test_who_does_not_state_to_follow_the_gdpr_is_left_out_where_it_is_required(
    data_dir: Path,
) -> None:
    found = platform(data_dir, providers={"box": BOX}, require_gdpr=True)
    assert order(found) == [THERE]
    stated = {"box": BOX | {"gdpr": "unknown"}, "local": {"gdpr": "yes"}}
    assert order(platform(data_dir, providers=stated, require_gdpr=True)) == [HERE]


def test_what_the_operator_states_of_this_machine_is_told_of_its_endpoints(data_dir: Path) -> None:
    local = {"region": "eu-de", "eu_native": True, "gdpr": "yes"}
    found = platform(data_dir, providers={"local": local})
    endpoint = found.directory.find(LISTENER).endpoints[0]
    assert (endpoint.region, endpoint.eu_native) == ("eu-de", True)
    assert endpoint.gdpr is DataProtection.YES


def test_a_pool_stands_for_those_of_its_endpoints_that_are_there(data_dir: Path) -> None:
    pools = {"any": [THERE, HERE, "nobody/nothing"], "none": ["nobody/nothing"]}
    found = platform(data_dir, providers={"box": BOX}, pools=pools)
    assert order(found, "any") == [HERE, THERE]
    with pytest.raises(ModelNotFoundError, match="nobody/nothing"):
        order(found, "none")


def test_a_table_that_makes_no_sense_stops_the_server_and_shows_no_key(data_dir: Path) -> None:
    wrong = BOX | {"kind": "carrier-pigeon", "api_key": "secret"}
    with pytest.raises(SettingsError, match="box") as caught:
        order(platform(data_dir, providers={"box": wrong}))
    assert "secret" not in str(caught.value)


def test_a_name_that_a_key_would_bring_says_which_variable(data_dir: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="LOQUENT_PROVIDERS__DEEPGRAM__API_KEY"):
        order(platform(data_dir), "deepgram/nova-3")
