"""A real server with two deployments of different projects, and keys that open some of it."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from loquent.accounting.registry import KeyWish
from loquent.domain.accounts import Reach, Scope
from tests.assets import data_dir
from tests.live.books import Home
from tests.live.server import RunningServer, serving, wait_for

SHARED: Final = "shared"
MODELS: Final = {"alpha": "espeak", "beta": "piper-en-us-joe"}
"""What each deployment serves, and the other one does not."""

OPENS: Final[Mapping[str, frozenset[str]]] = {
    "nobody": frozenset(),
    "stranger": frozenset(),
    "alpha-bound": frozenset({"alpha"}),
    "beta-bound": frozenset({"beta"}),
    "alpha-project": frozenset({"alpha", SHARED}),
    "beta-project": frozenset({"beta", SHARED}),
    "shared": frozenset({SHARED}),
}
"""Who may be answered where."""

START_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Deployed:
    """The server, and the keys by who holds them; none for `nobody`."""

    server: RunningServer
    keys: Mapping[str, str]

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])


@contextmanager
def two_deployments() -> Iterator[Deployed]:
    with tempfile.TemporaryDirectory(prefix="loquent-") as folder:
        home = Home.of(Path(folder))
        (home.folder / "models").symlink_to(data_dir() / "models")
        wish = KeyWish("operator", scopes=frozenset(Scope), reach=Reach.SERVER)
        operator = asyncio.run(home.new_key(wish))
        with serving(
            "--data-dir",
            home.folder,
            LOQUENT_DEFAULT_MODEL="espeak",
            LOQUENT_OPEN_LISTS="false",
            LOQUENT_CONSOLE="false",
            LOQUENT_LOG_LEVEL="info",
        ) as server:
            deployed = Deployed(server, _furnished(server.url, operator))
            wait_for(lambda: _are_open(deployed), START_S)
            yield deployed


def _furnished(url: str, operator: str) -> dict[str, str]:
    keys = {"stranger": f"lq_{'a' * 16}_{'b' * 52}"}
    keys["shared"] = _made(url, operator, "admin/keys", name="shared")["key"]
    for name, model in MODELS.items():
        project = _made(url, operator, "admin/projects", name=name)["id"]
        _made(
            url,
            operator,
            "deployments",
            id=name,
            models=[model],
            project_id=project,
            replicas={"min": 0, "max": 1},
        )
        for kind, bounds in (("project", {}), ("bound", {"deployments": [name]})):
            key = _made(url, operator, "admin/keys", name=kind, project_id=project, **bounds)
            keys[f"{name}-{kind}"] = key["key"]
    return keys


def _made(url: str, operator: str, what: str, **body: Any) -> Any:
    headers = {"Authorization": f"Bearer {operator}"}
    answer = requests.post(f"{url}/v1/{what}", json=body, headers=headers, timeout=START_S)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _are_open(deployed: Deployed) -> bool:
    return all(
        requests.get(
            f"{deployed.server.url}/deployments/{name}/v1/models",
            headers={"Authorization": f"Bearer {deployed.keys[f'{name}-bound']}"},
            timeout=START_S,
        ).ok
        for name in MODELS
    )


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def place(self) -> str:
        """Who has listed these models."""
        served = {model["id"] for model in json.loads(self.body)["data"]}
        for name, model in MODELS.items():
            if served == {model}:
                return name
        assert served >= set(MODELS.values()), served
        return SHARED


def exchange(port: int, request: bytes, limit_s: float = 5.0) -> RawAnswer:
    """Send bytes, and read until the other side ends.

    Raises: TimeoutError: if it does not.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=limit_s) as line:
        line.sendall(request)
        raw = b"".join(iter(lambda: line.recv(65536), b""))
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    parted = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in parted}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(body))
    return RawAnswer(int(status.split()[1]), headers, body)


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        n_bytes = int(size, 16)
        yield rest[:n_bytes]
        body = rest[n_bytes + 2 :]
