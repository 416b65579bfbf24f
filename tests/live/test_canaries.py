"""No secret and nothing that callers say is left anywhere, whatever they do and whatever fails."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from loquent.codec.decoder import decode_windows
from loquent.codec.sniff import sniff
from loquent.domain.accounts import OPERATOR
from loquent.settings import load_settings
from loquent.wiring.accounts import FIRST_KEY, build_accounts
from loquent.wiring.ledger import build_database
from tests.assets import data_dir, sample
from tests.cli.process import run
from tests.live.canaries import Canaries, found_in
from tests.live.canary_campaign import SPEAKER, WHISPER, Campaign, Exchange
from tests.live.server import RunningServer, serving
from tests.vendors import server as vendors
from tests.vendors.echoing_vendor import CONDUCT, EchoingVendor

HEARD = {"the recording": ("mother nature", "call me nature")}
"""What is said in the recording that everybody sends."""

N_AT_LEAST = 30

CAPABILITIES = ["transcription", "translation", "speech", "realtime"]

REAL_MODELS = (WHISPER, SPEAKER, "pyannote-campplus")

PLACES = ("/metrics", "/v1/status", "/v1/usage?group_by=model&group_by=key", "/v1/pricing")

GREETING = ("Loquent listens", "  curl")


@dataclass(frozen=True)
class Evidence:
    """All places where something could have been left.

    Attributes:
        log: what the server wrote to standard error.
        out: and to standard output.
        told: what it tells of the past: metrics, status, rows and sums of usage, the audit.
        rows: of usage.
        kept: name -> content of every file of the data folder and the temporary one.
        processes: command lines of all its processes, and the environments of its children.
    """

    canaries: Canaries
    exchanges: list[Exchange]
    given_out: list[Exchange]
    log: str
    out: str
    told: str
    rows: list[dict[str, Any]]
    kept: dict[str, bytes]
    processes: str

    def places(self) -> dict[str, bytes]:
        """Return all of it but the answers, by name."""
        texts = {
            "log": self.log,
            "out": self.out,
            "told": self.told,
            "processes": self.processes,
        }
        files = {f"file {name}": name.encode() + content for name, content in self.kept.items()}
        return {name: text.encode() for name, text in texts.items()} | files


@dataclass(frozen=True)
class Cast:
    """Who takes part.

    Attributes:
        key: of an administrator.
    """

    canaries: Canaries
    vendor: EchoingVendor
    key: str


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return asyncio.run(_evidence(tmp_path_factory.mktemp("canaries")))


async def _evidence(folder: Path) -> Evidence:
    canaries = Canaries()
    vendor = EchoingVendor(canaries.sentence("the {} answers"))
    async with vendors.serving(vendor.app) as url:
        settings = _settings(canaries, url)
        key = await _admin_key(folder / "data", canaries, settings)
        found = await asyncio.to_thread(_campaign, folder, settings, Cast(canaries, vendor, key))
    assert vendor.n_asked > len(CONDUCT)
    return found


def _settings(canaries: Canaries, url: str) -> dict[str, Any]:
    """Return settings with as many secrets as there can be."""
    providers = {
        f"vendor-{conduct}": _provider(canaries, f"{url}/{conduct}/v1", conduct, CAPABILITIES)
        for conduct in CONDUCT
    }
    providers["vendor-far-away"] = _provider(
        canaries, f"{url}/rejects", "far-away", ["transcription"], kind="deepgram"
    )
    return {
        "LOQUENT_API_KEY": canaries.secret(),
        "LOQUENT_KEY_PEPPER": canaries.secret(),
        "LOQUENT_REDIS_URL": f"redis://user:{canaries.secret('p%2F{}')}@127.0.0.1:1/0",
        "LOQUENT_PROVIDERS": json.dumps(providers),
        "LOQUENT_UPSTREAM_TIMEOUT_S": 3,
        "LOQUENT_LOG_LEVEL": "debug",
    }


def _provider(
    canaries: Canaries, url: str, conduct: str, capabilities: list[str], kind: str = "openai"
) -> dict[str, Any]:
    endpoint: dict[str, Any] = {
        "model": f"from-{conduct}",
        "upstream_model": "whisper-1",
        "capabilities": capabilities,
        "voices": [{"id": "alloy", "language": "en", "gender": "female"}],
    }
    return {
        "kind": kind,
        "base_url": url,
        "api_key": canaries.secret("sk-{}"),
        "endpoints": [endpoint],
    }


async def _admin_key(data: Path, canaries: Canaries, settings: dict[str, Any]) -> str:
    """Make a key that may do everything, as the operator does beside a server."""
    chosen = load_settings(data_dir=data, key_pepper=settings["LOQUENT_KEY_PEPPER"])
    database = build_database(chosen)
    assert database is not None
    await database.open()
    try:
        accounts = build_accounts(chosen, database)
        key = (await accounts.registry.create_key(OPERATOR, FIRST_KEY)).text
    finally:
        await database.close()
    return canaries.keep_secret(key, key.rpartition("_")[2])


def _campaign(folder: Path, settings: dict[str, Any], cast: Cast) -> Evidence:
    data, temporary = folder / "data", folder / "tmp"
    temporary.mkdir()
    (data / "models").symlink_to(data_dir() / "models", target_is_directory=True)
    settings |= {"TMPDIR": temporary, "LOQUENT_DEFAULT_MODEL": WHISPER}
    with (
        _standard_output_into(folder / "out"),
        serving("--data-dir", data, **settings) as server,
    ):
        campaign = Campaign(server, cast.canaries, sample(), _sound(), cast.vendor.text, cast.key)
        campaign.run()
        rows = server.get("/v1/usage/rows?limit=1000").json()["data"]
        told = "".join(server.get(path).text for path in PLACES) + json.dumps(rows)
        kept = dict(_kept(data)) | dict(_kept(temporary))
        processes = _processes(server)
    return Evidence(
        canaries=cast.canaries,
        exchanges=campaign.exchanges,
        given_out=campaign.given_out,
        log="".join(server.log),
        out=(folder / "out").read_text(),
        told=told,
        rows=rows,
        kept=kept,
        processes=processes,
    )


@contextmanager
def _standard_output_into(path: Path) -> Iterator[None]:
    """Have processes that begin in the block write to `path`, as this one does."""
    before = os.dup(1)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)


def _sound() -> bytes:
    with sample().open("rb") as file:
        samples = np.concatenate([*decode_windows(file, sniff(file), max_audio_s=0)])
    return (samples * 32_767).astype("<i2").tobytes()


def _kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what is in a folder, without the models: those are not of this server."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def _processes(server: RunningServer) -> str:
    own = psutil.Process(server.process.pid)
    told = [own.cmdline()]
    for child in server.children():
        with suppress(psutil.NoSuchProcess):
            told += [child.cmdline(), [f"{child.environ()}"]]
    return repr(told)


# What is left of secrets


def test_enough_was_said_to_be_found(evidence: Evidence) -> None:
    assert len(evidence.canaries.secrets) >= N_AT_LEAST
    assert len(evidence.canaries.sentences) >= N_AT_LEAST
    assert len(evidence.rows) >= N_AT_LEAST
    assert found_in(evidence.given_out[0].answer, evidence.canaries.secrets)


def test_no_secret_is_left_anywhere(evidence: Evidence) -> None:
    secrets = evidence.canaries.secrets
    left = {name: found_in(place, secrets) for name, place in evidence.places().items()}
    assert not {name: found for name, found in left.items() if found}


def test_no_answer_holds_a_secret(evidence: Evidence) -> None:
    secrets = evidence.canaries.secrets
    left = {each.label: found_in(each.answer, secrets) for each in evidence.exchanges}
    assert not {label: found for label, found in left.items() if found}


# What is left of what callers say


def test_nothing_that_callers_say_is_left_anywhere(evidence: Evidence) -> None:
    said = evidence.canaries.sentences | HEARD
    left = {name: found_in(place, said) for name, place in evidence.places().items()}
    assert not {name: found for name, found in left.items() if found}


def test_nobody_is_answered_with_what_others_say(evidence: Evidence) -> None:
    said = evidence.canaries.sentences | evidence.canaries.invented
    left = {each.label: found_in(each.answer, said) - each.own for each in evidence.exchanges}
    assert not {label: found for label, found in left.items() if found}


def test_names_of_models_are_kept_as_they_were_asked_for_and_nowhere_else(
    evidence: Evidence,
) -> None:
    invented = evidence.canaries.invented
    asked = {row["asked_model"] for row in evidence.rows}
    assert asked <= {*REAL_MODELS, *_served_by_vendors(), *invented}
    assert found_in(b"".join(evidence.kept.values()), invented)
    assert not found_in(evidence.log + evidence.out + evidence.processes, invented)


def _served_by_vendors() -> set[str]:
    return {f"from-{conduct}" for conduct in (*CONDUCT, "far-away")}


# How it is told


def test_every_line_of_the_log_is_one_event(evidence: Evidence) -> None:
    lines = evidence.log.split("\n")
    start = next(n for n, line in enumerate(lines) if line.startswith("{"))
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert not [line for line in lines[start:-1] if not line.startswith(("{", *GREETING))]
    assert {"event", "level", "timestamp"} <= set.intersection(*(set(event) for event in events))
    assert any(event["level"] == "debug" for event in events)


def test_every_answer_has_an_id(evidence: Evidence) -> None:
    assert not [each.label for each in evidence.exchanges if "x-request-id" not in each.answer]


@pytest.mark.parametrize(
    ("setting", "form"),
    [
        ("LOQUENT_LEDGER", "postgresql+psycopg://loquent:{}@127.0.0.1:1/usage"),
        ("LOQUENT_REDIS_URL", "redis://:{}@127.0.0.1:port/0"),
        ("LOQUENT_PROVIDERS", '{{"a": {{"kind": "openai", "api_key": "{}", "base_url": "x"}}}}'),
    ],
)
def test_no_secret_is_told_where_a_setting_is_wrong(
    tmp_path: Path, setting: str, form: str
) -> None:
    canaries = Canaries()
    more = {"LOQUENT_DEFAULT_MODEL": SPEAKER, "LOQUENT_LOG_LEVEL": "debug"}
    more[setting] = canaries.secret(form)
    outcome = run(tmp_path, "serve", "--port", 0, "--data-dir", tmp_path, **more)
    assert outcome.code != 0
    assert outcome.err
    assert not found_in(outcome.out + outcome.err, canaries.secrets)
