"""A Redis to test on, started here, which can hang, die and be let age."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

PASSWORD = "hush-hush"
SOON_S = 20.0
_MISSING = "no Redis is installed here: its program redis-server is missing"

_AGE = """
local ms = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
    if redis.call('TYPE', key).ok == 'zset' then
        for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
            redis.call('ZINCRBY', key, -ms, member)
        end
    end
    local left_ms = redis.call('PTTL', key) - ms
    if left_ms > 0 then redis.call('PEXPIRE', key, left_ms) else redis.call('DEL', key) end
end
"""


class RedisServer:
    """One server on a socket in a folder, and on a port if there is one, which keeps nothing."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._port = port
        self._socket = folder / "redis.sock"
        self._client = redis.Redis.from_url(self.url, decode_responses=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}?password={PASSWORD}"

    @property
    def tcp_url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self._port}"

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip(_MISSING)
        options = {
            "--port": str(self._port),
            "--unixsocket": str(self._socket),
            "--requirepass": PASSWORD,
            "--save": "",
            "--dir": str(self._folder),
            "--logfile": str(self._folder / "log"),
        }
        self._process = subprocess.Popen(
            [program, *(part for pair in options.items() for part in pair)]
        )
        deadline_s = time.monotonic() + SOON_S
        while not self._answers():
            assert time.monotonic() < deadline_s, (self._folder / "log").read_text()
            time.sleep(0.01)

    def hang(self) -> None:
        self._tell(signal.SIGSTOP)

    def go_on(self) -> None:
        self._tell(signal.SIGCONT)

    def die(self) -> None:
        self._tell(signal.SIGKILL)
        if self._process:
            self._process.wait()
        self._socket.unlink(missing_ok=True)

    def stop(self) -> None:
        self._client.close()
        self.die()

    def forget(self) -> None:
        self._client.flushall()

    def keys(self) -> list[str]:
        return sorted(map(str, self._client.keys()))

    def age(self, seconds: float) -> None:
        """Have all that it keeps be older; it knows of time only how long each has left."""
        self._client.eval(_AGE, 0, str(round(1000 * seconds)))

    def _answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False

    def _tell(self, word: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(word)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def running_redis(port: int = 0) -> Iterator[RedisServer]:
    # The name of a folder of a test may be too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="loquent-redis-"))
    server = RedisServer(folder, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
