"""Databases to test on: a file of SQLite, or a PostgreSQL that is started here."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Place:
    """A database of its own for one test, and how it goes away and comes back."""

    url: str
    leave: Callable[[], None]
    come_back: Callable[[], None]


def sqlite_place(folder: Path) -> Place:
    home, elsewhere = folder / "home", folder / "elsewhere"

    def leave() -> None:
        home.rename(elsewhere)

    def come_back() -> None:
        elsewhere.rename(home)

    return Place(f"sqlite+aiosqlite:///{home}/usage.db", leave, come_back)


class Postgres:
    """One server on a socket in a folder; root starts it as the user `postgres`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = "postgres" if os.geteuid() == 0 else None
        self._numbers = count()

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses="
        self._run("pg_ctl", "start", "-w", "-o", options, "-l", f"{self._folder}/log", *self._home)

    def stop(self) -> None:
        """Stop as a crash does: no farewell to clients, no checkpoint."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", *self._home)

    def make(self) -> None:
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "-U", "postgres", "--auth=trust", "-E", "UTF8", *self._home)

    def new_place(self) -> Place:
        name = f"test_{next(self._numbers)}"
        self._run("createdb", "-h", str(self._folder), "-U", "postgres", name)
        url = f"postgresql+psycopg://postgres@/{name}?host={self._folder}"
        return Place(url, leave=self.stop, come_back=self.start)

    @property
    def _home(self) -> tuple[str, str]:
        return "-D", f"{self._folder}/db"

    def _run(self, program: str, *arguments: str) -> None:
        # Without a pipe: the server inherits what its starter holds, and would keep it open.
        subprocess.run(
            [_program(program), *arguments],
            check=True,
            user=self._user,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    if not _program("pg_ctl") or not _program("initdb"):
        pytest.skip("no PostgreSQL is installed here: its programs pg_ctl and initdb are missing")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("the driver of PostgreSQL is missing: pip install 'loquent[postgres]'")
    # The folder of a test is closed to the user who runs the server, and its name may be too long.
    folder = Path(tempfile.mkdtemp(prefix="loquent-pg-"))
    server = Postgres(folder)
    try:
        server.make()
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)


def _program(name: str) -> str:
    usual = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(usual[-1]) if usual else "")
