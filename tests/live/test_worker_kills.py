"""Processes that run a model are killed under load, and those who use it notice a pause at most."""

from __future__ import annotations

import asyncio
import difflib
import json
import random
import re
import sys
import threading
import time
import wave
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from sqlalchemy import select
from websockets.sync.client import connect

from loquent.codec.decoder import decode_windows
from loquent.codec.sniff import sniff
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.storage.opening import Database
from loquent.storage.tables import USAGE
from tests.assets import clip, sample
from tests.live.books import Home
from tests.live.server import RunningServer, serving, wait_for

N_COPIES = 2
N_IN_FLIGHT = 20
LIMIT_S = 120.0
FRAME_S = 0.1
MODEL = "whisper-tiny.en"
LIVE_PATH = f"/v1/audio/transcriptions-realtime?model={MODEL}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.of(tmp_path)


@contextmanager
def copies(home: Home, n_sessions: int = 0) -> Iterator[RunningServer]:
    """Serve with two copies of a small model, both of them in memory."""
    with serving(
        LOQUENT_DEFAULT_MODEL=MODEL,
        LOQUENT_MIN_REPLICAS=N_COPIES,
        LOQUENT_MAX_REPLICAS=N_COPIES,
        LOQUENT_MAX_QUEUE_S=0,
        LOQUENT_MAX_LIVE_SESSIONS=n_sessions,
        LOQUENT_LEDGER=home.url,
    ) as server:
        wait_for(lambda: len(engines(server)) == N_COPIES, LIMIT_S)
        yield server


def engines(server: RunningServer) -> list[psutil.Process]:
    """Return the processes that run the model, also those that still load it."""
    found = []
    for child in server.children():
        try:
            if "loquent.engines.host.child" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def kill_one(server: RunningServer, chance: random.Random) -> None:
    """Kill some copy; wait for one where none is there at this moment."""
    wait_for(lambda: bool(engines(server)), LIMIT_S)
    victim = chance.choice(engines(server))
    victim.kill()
    victim.wait()


# Recordings


@dataclass
class Campaign:
    """Callers that each send one recording after the other, and what they were answered.

    Attributes:
        took_s: of each request.
        wrong: answers other than those without anybody dying.
    """

    server: RunningServer
    recordings: Sequence[Path]
    expected: Sequence[str]
    n_requests: int
    request_ids: list[str] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _n_begun: int = 0

    def run(self) -> None:
        with ThreadPoolExecutor(N_IN_FLIGHT) as callers:
            for done in [callers.submit(self._call_on) for _ in range(N_IN_FLIGHT)]:
                done.result()

    def _call_on(self) -> None:
        with requests.Session() as http:
            while True:
                with self._lock:
                    number, self._n_begun = self._n_begun, self._n_begun + 1
                if number >= self.n_requests:
                    return
                self._call(http, number % len(self.recordings))

    def _call(self, http: requests.Session, which: int) -> None:
        began_s = time.monotonic()
        answer = http.post(
            f"{self.server.url}/v1/audio/transcriptions",
            files={"file": ("a.wav", self.recordings[which].read_bytes())},
            data={"model": MODEL, "language": "en"},
            timeout=LIMIT_S,
        )
        took_s = time.monotonic() - began_s
        with self._lock:
            self.took_s.append(took_s)
            self.request_ids.append(answer.headers["x-request-id"])
            if answer.status_code != 200 or answer.json()["text"] != self.expected[which]:
                self.wrong.append(f"{which}: {answer.status_code} {answer.text}")

    def wait_until_done(self, n_requests: float) -> None:
        wait_for(lambda: len(self.took_s) >= n_requests, 30 * LIMIT_S)

    def quantile_s(self, share: float) -> float:
        return float(np.quantile(self.took_s, share))


def recordings_in(folder: Path) -> list[Path]:
    """Write three short recordings that nobody confuses."""
    beckett = samples_of(clip("beckett"))
    parts = [samples_of(sample()), beckett[: 3 * SAMPLE_RATE_HZ], beckett[5 * SAMPLE_RATE_HZ :]]
    return [_written(folder / f"{n}.wav", part) for n, part in enumerate(parts)]


def samples_of(path: Path) -> Samples:
    with path.open("rb") as file:
        return np.concatenate([*decode_windows(file, sniff(file), max_audio_s=0)])


def _written(path: Path, samples: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        file.writeframes(pcm(samples))
    return path


def pcm(samples: Samples) -> bytes:
    return (samples * 32_767).astype("<i2").tobytes()


def texts(server: RunningServer, recordings: Sequence[Path]) -> list[str]:
    answers = [server.post(path, model=MODEL, language="en") for path in recordings]
    return [answer.json()["text"] for answer in answers]


async def _rows(home: Home) -> Counter[str]:
    """Count the rows of the ledger by request."""
    database = Database.at(home.url)
    async with database.reading() as connection:
        rows = (await connection.execute(select(USAGE.c.request_id))).all()
    await database.close()
    return Counter(row.request_id for row in rows)


def _loses_nothing(home: Home, folder: Path, *, n_requests: int, n_kills: int) -> None:
    chance = random.Random(10)
    with copies(home) as server:
        recordings = recordings_in(folder)
        expected = texts(server, recordings)
        assert all(expected)
        assert len(set(expected)) == len(expected)
        calm = Campaign(server, recordings, expected, n_requests // 2)
        calm.run()
        rough = Campaign(server, recordings, expected, n_requests)
        running = threading.Thread(target=rough.run)
        running.start()
        for number in range(n_kills):
            rough.wait_until_done(n_requests * (number + chance.random()) / (n_kills + 1))
            kill_one(server, chance)
        running.join()
        wait_for(lambda: server.n_in_flight() == 0, LIMIT_S)
    assert not rough.wrong, rough.wrong[:3]
    assert not calm.wrong, calm.wrong[:3]
    rows = asyncio.run(_rows(home))
    assert len(rough.request_ids) == n_requests
    lost = [request for request in rough.request_ids if rows[request] == 0]
    doubled = [request for request, n in rows.items() if n > 1]
    assert (lost, doubled) == ([], [])
    tell(f"{n_requests} requests, {n_kills} kills: 0 lost, 0 doubled")
    for share in (0.5, 0.95, 0.99):
        after_s, before_s = rough.quantile_s(share), calm.quantile_s(share)
        added_s = after_s - before_s
        tell(f"p{100 * share:.0f} {before_s:.2f} s undisturbed, {after_s:.2f} s, {added_s:+.2f} s")


def tell(line: str) -> None:
    """Print a figure, for whoever runs this with `-s`."""
    sys.stdout.write(f"\n{line}")


@pytest.mark.xdist_group("worker-kills")
def test_no_recording_is_lost_over_three_kills(home: Home, tmp_path: Path) -> None:
    _loses_nothing(home, tmp_path, n_requests=60, n_kills=3)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_no_recording_is_lost_over_twenty_kills(home: Home, tmp_path: Path) -> None:
    _loses_nothing(home, tmp_path, n_requests=2_000, n_kills=20)


# Live sessions


@dataclass
class Heard:
    """What one session was told, and when.

    Attributes:
        times_s: of everything, also the beginning and the end.
        ended_s: when the last word was known for good, from the beginning.
    """

    finals: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    ended_s: float = 0.0

    @property
    def text(self) -> str:
        return re.sub(r"\W+", " ", " ".join(self.finals)).lower().strip()

    @property
    def gap_s(self) -> float:
        """For how long nothing was told, at most."""
        return max(after - before for before, after in pairwise(self.times_s))


def _follow(server: RunningServer, speech: bytes, delay_s: float) -> Heard:
    """Speak into a session as fast as people do, and listen to the end of it."""
    heard = Heard()
    url = server.url.replace("http", "ws", 1) + LIVE_PATH
    time.sleep(delay_s)
    with connect(url, additional_headers=server.headers, proxy=None) as connection:
        connection.send(json.dumps({"sample_rate": SAMPLE_RATE_HZ, "language": "en"}))
        began_s = time.monotonic()
        heard.times_s.append(began_s)
        speaking = threading.Thread(target=_speak, args=(connection, speech, began_s))
        speaking.start()
        for frame in connection:
            heard.times_s.append(time.monotonic())
            told: dict[str, Any] = json.loads(frame)
            if told["message_type"] == "FinalTranscript":
                heard.finals.append(told["text"])
                heard.ended_s = heard.times_s[-1] - began_s
        speaking.join()
    return heard


def _speak(connection: Any, speech: bytes, began_s: float) -> None:
    n_bytes = 2 * round(FRAME_S * SAMPLE_RATE_HZ)
    for number, begin in enumerate(range(0, len(speech), n_bytes)):
        time.sleep(max(0.0, began_s + number * FRAME_S - time.monotonic()))
        connection.send(speech[begin : begin + n_bytes])
    connection.send('{"done": true}')


def _sessions(server: RunningServer, speech: bytes, n_sessions: int) -> Iterator[Heard]:
    """Follow sessions that begin one after the other, within some seconds."""
    delays_s = [n * 5.0 / n_sessions for n in range(n_sessions)]
    with ThreadPoolExecutor(n_sessions) as callers:
        yield from callers.map(lambda delay_s: _follow(server, speech, delay_s), delays_s)


def _costs_no_words(home: Home, speech: bytes, *, n_sessions: int, n_kills: int) -> None:
    chance = random.Random(10)
    with copies(home, n_sessions) as server:
        calm = list(_sessions(server, speech, n_sessions))
        lasts_s = len(speech) / (2 * SAMPLE_RATE_HZ)
        over = threading.Event()
        killing = threading.Thread(
            target=_kill_at, args=(server, chance, _moments(chance, n_kills, lasts_s), over)
        )
        killing.start()
        rough = list(_sessions(server, speech, n_sessions))
        over.set()
        killing.join()
    (expected,) = {heard.text for heard in calm}
    assert [change for heard in rough for change in _changes(expected, heard.text)] == []
    pairs = list(zip(rough, calm, strict=True))
    later_s = [one.ended_s - other.ended_s for one, other in pairs]
    tell(f"{n_sessions} sessions, {n_kills} kills: 0 words lost")
    tell(f"the longest gap {_most(calm):.2f} s undisturbed, {_most(rough):.2f} s")
    tell(
        f"the end came later by {np.median(later_s):+.2f} s (median), {max(later_s):+.2f} s (most)"
    )


def _changes(expected: str, text: str) -> list[str]:
    """List the words that are not as expected."""
    found = difflib.unified_diff(expected.split(), text.split(), n=2, lineterm="")
    return [" ".join(found)] if expected != text else []


def _most(sessions: Sequence[Heard]) -> float:
    return max(heard.gap_s for heard in sessions)


def _moments(chance: random.Random, n_kills: int, lasts_s: float) -> list[float]:
    """Return when to kill: somewhere in each part of the time that people talk."""
    return [2.0 + lasts_s * (n + chance.random()) / n_kills for n in range(n_kills)]


def _kill_at(
    server: RunningServer, chance: random.Random, moments_s: Sequence[float], over: threading.Event
) -> None:
    for pause_s in (after - before for before, after in pairwise([0.0, *moments_s])):
        if over.wait(pause_s):
            return
        kill_one(server, chance)


@pytest.mark.xdist_group("worker-kills")
def test_no_word_is_lost_of_those_who_are_speaking(home: Home) -> None:
    speech = pcm(np.tile(samples_of(sample()), 2))
    _costs_no_words(home, speech, n_sessions=3, n_kills=1)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_no_word_is_lost_of_twenty_who_are_speaking(home: Home) -> None:
    opening = samples_of(clip("two-cities"))[: 22 * SAMPLE_RATE_HZ]
    speech = pcm(np.concatenate([samples_of(sample()), opening, samples_of(sample())]))
    _costs_no_words(home, speech, n_sessions=20, n_kills=3)
