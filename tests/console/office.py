"""A server whose books are full: keys, a month of usage, models to get, and providers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loquent.domain.model import Capability
from loquent.domain.usage import UsageRow
from loquent.settings import load_settings
from loquent.wiring import open_ledger
from tests.cli import process as cli
from tests.live import server as live

HERE, AWAY = "acme/whisper-here", "acme/whisper-away"
"""Models that no catalog lists: one that is installed, one that can be."""

CONTENT = {"config.json": b"{}", "model.bin": bytes(3_000_000), "tokenizer.json": b"{}"}
N_DAYS = 30
ALL_SCOPES = ("--scope", "inference", "--scope", "usage", "--scope", "admin", "--reach", "server")


@dataclass(frozen=True)
class Office:
    """A running server, and keys to it.

    Attributes:
        boss: may do all.
        clerk: may only transcribe.
    """

    url: str
    boss: str
    clerk: str


@contextmanager
def furnished(folder: Path, hostile_name: str = "kiosk") -> Iterator[Office]:
    """Serve over full books until the block ends.

    Args:
        hostile_name: what one of the keys is called.
    """
    mirror = _mirror(folder / "mirror")
    home = folder / "data"
    shell = {"LOQUENT_DATA_DIR": home, "LOQUENT_MODEL_DIR": mirror, "LOQUENT_OFFLINE": "true"}
    boss = _run(shell, "keys", "create", "--name", "boss", *ALL_SCOPES)
    clerk = _run(shell, "keys", "create", "--name", hostile_name, "--budget", "10.00/month")
    _run(shell, "models", "pull", HERE)
    with ThreadPoolExecutor(1) as apart:  # a browser has the loop of this thread
        books = _keep_books(home, [_id_of(boss), _id_of(clerk)])
        apart.submit(asyncio.run, books).result()
    with live.serving(
        "--data-dir",
        home,
        LOQUENT_DEFAULT_MODEL="espeak",
        LOQUENT_MODEL_DIR=mirror,
        LOQUENT_OFFLINE="true",
        LOQUENT_PROVIDERS=json.dumps({name: {"api_key": "secret"} for name in ("groq", "ovh")}),
    ) as server:
        yield Office(server.url, boss, clerk)


@contextmanager
def beside_hub(folder: Path, hub_url: str) -> Iterator[Office]:
    """Serve beside a hub of models until the block ends; nothing but espeak is installed."""
    boss = _run({"LOQUENT_DATA_DIR": folder}, "keys", "create", "--name", "boss", *ALL_SCOPES)
    with live.serving(
        "--data-dir", folder, LOQUENT_DEFAULT_MODEL="espeak", HF_ENDPOINT=hub_url
    ) as server:
        yield Office(server.url, boss, clerk=boss)


@contextmanager
def open_house(folder: Path) -> Iterator[str]:
    """Serve where no key was ever made and nothing was used; yield the address."""
    with live.serving("--data-dir", folder, LOQUENT_DEFAULT_MODEL="espeak") as server:
        yield server.url


def _mirror(folder: Path) -> Path:
    for name in (HERE, AWAY):
        home = folder / name.replace("/", "--")
        home.mkdir(parents=True)
        for path, content in CONTENT.items():
            (home / path).write_bytes(content)
    return folder


def _run(shell: dict[str, object], *words: str) -> str:
    done = cli.run(Path.cwd(), *words, **shell)
    assert done.code == 0, done.err
    return done.out.strip()


def _id_of(key: str) -> str:
    return key.split("_")[1]


async def _keep_books(home: Path, keys: Sequence[str]) -> None:
    """Write down what was used in the last days, more of it on some than on others."""
    async with open_ledger(load_settings(data_dir=home)) as ledger:
        assert ledger is not None
        for row in _rows(keys):
            await ledger.record(row)


def _rows(keys: Sequence[str]) -> Iterator[UsageRow]:
    midday = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    places = (
        ("local", "whisper-base", 0),
        ("groq", "whisper-large-v3-turbo", 650),
        ("ovh", "whisper-large-v3", 2_695),
    )
    for ago in range(N_DAYS):
        for nth, (provider, model, micros) in enumerate(places):
            for number in range((ago * 7 + nth * 5) % 9 + (2 - nth)):
                yield UsageRow(
                    request_id=f"req_{ago}_{nth}_{number}",
                    began_at=midday - timedelta(days=ago, seconds=number),
                    key=keys[(ago + number) % len(keys)],
                    capability=Capability.TRANSCRIPTION,
                    asked_model=model,
                    outcome="upstream_timeout" if number == 6 else "ok",
                    status=504 if number == 6 else 200,
                    endpoint=f"{provider}/{model}",
                    provider=provider,
                    model=model,
                    n_attempts=1,
                    audio_ms=60_000 + 7_919 * number,
                    price_micros=micros,
                    took_ms=900,
                )
