"""The server under many callers, beside the peer that does the same clips one after another."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles

import requests
from rich.table import Table

from bench.arena import Contender, contenders
from bench.corpus import PACKAGED, Recording, has_set, recordings
from bench.scoring import corpus_error_rate, word_errors
from tests.live.server import serving

PEERS = ("faster-whisper", "faster-whisper-batched")
N_CLIENTS = 8
N_ROUNDS = 3
SHORT_S = (3.0, 5.0)
LIBRISPEECH = "librispeech_test_other"
LONG = ("longform", "english_long*")


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over some recordings."""

    took_s: float
    latencies_s: tuple[float, ...]
    wer_percent: float


class Client:
    """Callers of one server."""

    def __init__(self, url: str, model: str) -> None:
        self._address = f"{url}/v1/audio/transcriptions"
        self._model = model
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=2 * N_CLIENTS)
        self._session.mount("http://", adapter)

    def transcribe(self, recording: Recording) -> tuple[str, float]:
        """Return the text and how long it took, the upload included."""
        began_s = time.perf_counter()
        form = {"model": self._model, "response_format": "text"}
        if recording.language:
            form["language"] = recording.language
        with recording.path.open("rb") as file:
            answer = self._session.post(self._address, data=form, files={"file": file})
        answer.raise_for_status()
        return answer.text.strip(), time.perf_counter() - began_s

    def run(self, clips: list[Recording], n_clients: int) -> Run:
        """Send all clips, `n_clients` at a time."""
        began_s = time.perf_counter()
        with ThreadPoolExecutor(n_clients) as callers:
            heard = list(callers.map(self.transcribe, clips))
        return _run(clips, heard, time.perf_counter() - began_s)


def _run(clips: list[Recording], heard: list[tuple[str, float]], took_s: float) -> Run:
    rates = [
        word_errors(clip.text or "", text, clip.language)
        for clip, (text, _) in zip(clips, heard, strict=True)
    ]
    wer_percent = corpus_error_rate(rates).percent
    return Run(took_s, tuple(latency_s for _, latency_s in heard), wer_percent)


def _peer_run(peer: Contender, clips: list[Recording]) -> Run:
    answers = [peer.hear(clip) for clip in clips]
    heard = [(answer.text, answer.took_s) for answer in answers]
    return _run(clips, heard, sum(answer.took_s for answer in answers))


def throughput(model: str) -> Table:
    """Many callers with short clips, and one with a long file, against the peers."""
    table = _table("Throughput beside the peers, medians of 3", "audio a second", "WER")
    clips = _clips()
    sets = {f"{len(clips)} clips, {N_CLIENTS} clients": (clips, N_CLIENTS)}
    if has_set(LONG[0]):
        sets["one long file"] = (recordings(*LONG), 1)
    with _arena(model) as (client, peers):
        for name, (recorded, n_clients) in sets.items():
            audio_s = sum(r.duration_s for r in recorded)
            ours: list[Run] = []
            theirs: dict[str, list[Run]] = {peer.name: [] for peer in peers}
            for _ in range(N_ROUNDS):
                ours.append(client.run(recorded, n_clients))
                for peer in peers:
                    theirs[peer.name].append(_peer_run(peer, recorded))
            best = median(run.took_s for run in ours)
            _row(table, name, "loquent", f"{audio_s / best:.1f}", ours, 1.0)
            for peer_name, runs in theirs.items():
                took_s = median(run.took_s for run in runs)
                _row(table, name, peer_name, f"{audio_s / took_s:.1f}", runs, took_s / best)
    return table


def latency(model: str) -> Table:
    """One short clip after another on an idle server, against the peer."""
    table = _table("Latency of one clip of 3 to 5 s", "median", "WER")
    clips = [c for c in _clips() if SHORT_S[0] <= c.duration_s <= SHORT_S[1]] or _clips()[:3]
    with _arena(model, PEERS[:1]) as (client, (peer,)):
        ours, theirs = [], []
        for _ in range(N_ROUNDS):
            ours.append(client.run(clips, 1))
            theirs.append(_peer_run(peer, clips))
        mine, other = (
            median(s for run in runs for s in run.latencies_s) for runs in (ours, theirs)
        )
        _row(table, f"{len(clips)} clips", "loquent", f"{mine * 1000:.0f} ms", ours, 1.0)
        _row(
            table, f"{len(clips)} clips", peer.name, f"{other * 1000:.0f} ms", theirs, other / mine
        )
    return table


def crowding(model: str) -> Table:
    """Short clips of eight callers, first alone, then while a long file is being transcribed."""
    table = Table(
        "short clips",
        "p50",
        "p95",
        "ratio of p95",
        box=None,
        title="Short clips beside a long file",
    )
    clips = [c for c in _clips() if c.duration_s <= SHORT_S[1]] or _clips()
    long = recordings(*LONG)[0] if has_set(LONG[0]) else max(_clips(), key=lambda c: c.duration_s)
    with serving() as server:
        client = Client(server.url, model)
        client.run(clips, N_CLIENTS)
        alone = client.run(clips * N_ROUNDS, N_CLIENTS)
        with ThreadPoolExecutor(1) as background:
            busy = background.submit(Client(server.url, model).transcribe, long)
            time.sleep(1.0)
            crowded = client.run(clips * N_ROUNDS, N_CLIENTS)
            still_busy = not busy.done()
            busy.result()
    p95s = [quantiles(run.latencies_s, n=20)[-1] for run in (alone, crowded)]
    for name, run, p95 in zip(("alone", "beside a long file"), (alone, crowded), p95s, strict=True):
        table.add_row(
            name, f"{median(run.latencies_s):.2f} s", f"{p95:.2f} s", f"{p95 / p95s[0]:.2f}"
        )
    table.caption = "the long file ran all the time" if still_busy else "the long file ended early"
    return table


def _clips() -> list[Recording]:
    """Return clips in an order that mixes their lengths, the same every time."""
    found = recordings(LIBRISPEECH if has_set(LIBRISPEECH) else PACKAGED)
    random.Random(0).shuffle(found)
    return found


@contextmanager
def _arena(model: str, peers: tuple[str, ...] = PEERS) -> Iterator[tuple[Client, list[Contender]]]:
    with serving() as server, contenders(peers, model) as running:
        client = Client(server.url, model)
        warm_up = recordings(PACKAGED)[:1]
        client.run(warm_up, 1)
        for peer in running:
            _peer_run(peer, warm_up)
        yield client, running


def _table(title: str, figure: str, *more: str) -> Table:
    return Table("work", "who", figure, *more, "loquent is faster by", box=None, title=title)


def _row(table: Table, work: str, who: str, figure: str, runs: list[Run], ratio: float) -> None:
    wer = median(run.wer_percent for run in runs)
    table.add_row(work, who, figure, f"{wer:.2f} %", "" if who == "loquent" else f"{ratio:.2f}x")
