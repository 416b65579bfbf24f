"""Speech: is it understood, how soon and how fast does it come, is every format whole."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import requests
from rich.table import Table

from bench.arena import MEGABYTE, MemoryWatch
from bench.kokoro_peer import KokoroPeer
from bench.scoring import corpus_error_rate, word_errors
from loquent.domain.speech import Waveform
from tests.assets import clip_text, sample
from tests.live.server import RunningServer, serving

SENTENCES = Path(__file__).with_name("sentences.toml")
VOICES = {
    "en": ("kokoro", "af_heart"),
    "fr": ("kokoro", "ff_siwis"),
    "es": ("kokoro", "ef_dora"),
    "it": ("kokoro", "if_sara"),
    "pt": ("kokoro", "pf_dora"),
    "de": ("espeak", "de"),
}
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
RATES_HZ = (8_000, 16_000, 24_000, 48_000)
N_WORDS = 1_000
N_ROUNDS = 5
N_LONG_REQUESTS = 100
N_WORDS_EACH = 40
PCM_RATE_HZ = 24_000
PCM_BYTES_PER_SECOND = 2 * PCM_RATE_HZ


def round_trip(model: str) -> Table:
    """Speak sentences, transcribe them, count the words that changed."""
    table = Table("language", "voice", "sentences", "words", "WER", box=None, title="Round trip")
    sentences: dict[str, list[str]] = tomllib.loads(SENTENCES.read_text(encoding="utf-8"))
    with _server() as server, tempfile.TemporaryDirectory() as folder:
        for language, texts in sentences.items():
            speaker, voice = VOICES[language]
            errors = []
            for number, text in enumerate(texts):
                path = Path(folder) / f"{language}{number}.wav"
                path.write_bytes(_spoken(server, text, speaker, voice=voice, response_format="wav"))
                answer = server.post(path, model=model, language=language)
                errors.append(word_errors(text, answer.json()["text"], language))
            rate = corpus_error_rate(errors)
            counts = str(len(texts)), str(rate.n_words)
            table.add_row(language, f"{speaker} {voice}", *counts, f"{rate.percent:.1f} %")
    return table


def first_sound() -> Table:
    """Time the first bytes of a long text, on an idle server."""
    title = f"First sound of a text of {N_WORDS} words"
    table = Table("model", "median", "slowest", box=None, title=title)
    with _server() as server:
        for model in ("kokoro", "piper-en-us-joe", "espeak"):
            _spoken(server, "Warm up.", model, response_format="pcm")
            waits = [_first_byte_s(server, model) for _ in range(N_ROUNDS)]
            median = f"{statistics.median(waits):.2f} s"
            table.add_row(model, median, f"{max(waits):.2f} s")
    return table


def whole(peer_model: Path) -> Table:
    """Time a whole text beside kokoro-onnx on the same weights, in alternating order."""
    title = f"A text of {N_WORDS // 2} words, whole"
    table = Table("who", "took", "sound", "real-time factor", box=None, title=title)
    text = _long_text(N_WORDS // 2)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    peer = KokoroPeer(peer_model)
    with _server() as server:
        _spoken(server, "Warm up.", "kokoro")
        peer.speak("Warm up.")
        for _ in range(3):
            began_s = time.perf_counter()
            sound = _spoken(server, text, "kokoro", response_format="pcm")
            ours.append((time.perf_counter() - began_s, len(sound) / PCM_BYTES_PER_SECOND))
            theirs.append(peer.speak(text))
    for who, runs in (("loquent over HTTP", ours), ("kokoro-onnx create", theirs)):
        took_s, sound_s = sorted(runs)[1]
        table.add_row(who, f"{took_s:.1f} s", f"{sound_s:.1f} s", f"{took_s / sound_s:.3f}")
    return table


def formats() -> Table:
    """Decode every format at every rate, and compare it with the samples it was made from."""
    table = Table("format", *map(str, RATES_HZ), box=None, title="Length, loudness, peak: largest")
    with _server() as server:
        for form in FORMATS:
            row = [_difference(server, form, rate_hz) for rate_hz in RATES_HZ]
            table.add_row(form, *row)
    return table


def memory() -> Table:
    """Speak long texts one after the other, and watch the server's processes."""
    title = f"Memory over {N_LONG_REQUESTS} texts of {N_WORDS_EACH} words"
    table = Table("after", "resident", box=None, title=title)
    with _server() as server:
        watch = MemoryWatch(server.process.pid)
        text = _long_text(N_WORDS_EACH)
        for number in range(N_LONG_REQUESTS + 1):
            if number in (1, 5, 10, 25, 50, 75, N_LONG_REQUESTS):
                table.add_row(str(number), f"{watch.now_bytes() / MEGABYTE:.0f} MB")
            _spoken(server, text, "kokoro")
        watch.stop()
    return table


def sharing(model: str) -> Table:
    """Transcribe a short clip over and over, and speak a text, alone and at the same time."""
    table = Table(
        "work", "alone", "beside the other", "ratio", box=None, title="Sharing the machine"
    )
    text = _long_text(120)
    with _server() as server, ThreadPoolExecutor() as callers:
        _spoken(server, "Warm up.", "kokoro")
        speaking_s = _took_s(lambda: _spoken(server, text, "kokoro"))
        listening_s = [_took_s(lambda: server.post(sample(), model=model)) for _ in range(12)]
        speech = callers.submit(_took_s, lambda: _spoken(server, text, "kokoro"))
        beside_s: list[float] = []
        while not speech.done():
            beside_s.append(_took_s(lambda: server.post(sample(), model=model)))
    alone_s, both_s = statistics.median(listening_s), statistics.median(beside_s)
    table.add_row("a clip of 5 s", f"{alone_s:.2f} s", f"{both_s:.2f} s", f"{both_s / alone_s:.2f}")
    spoken_s = speech.result()
    ratio = f"{spoken_s / speaking_s:.2f}"
    table.add_row("a text of 120 words", f"{speaking_s:.1f} s", f"{spoken_s:.1f} s", ratio)
    return table


def _took_s(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


@contextmanager
def _server() -> Iterator[RunningServer]:
    with serving(LOQUENT_MAX_INPUT_CHARACTERS=0, LOQUENT_MAX_LOADED=3) as server:
        yield server


def _spoken(server: RunningServer, text: str, model: str, **fields: object) -> bytes:
    body = {"model": model, "input": text, **fields}
    answer = requests.post(f"{server.url}/v1/audio/speech", json=body, timeout=900)
    answer.raise_for_status()
    return answer.content


def _first_byte_s(server: RunningServer, model: str) -> float:
    body = {"model": model, "input": _long_text(N_WORDS), "response_format": "pcm"}
    began_s = time.perf_counter()
    with requests.post(
        f"{server.url}/v1/audio/speech", json=body, stream=True, timeout=60
    ) as answer:
        answer.raise_for_status()
        next(answer.iter_content(1024))
        took_s = time.perf_counter() - began_s
    time.sleep(3)  # what was begun for the caller who left
    return took_s


def _long_text(n_words: int) -> str:
    words = clip_text("two-cities").split()
    return " ".join((words * (n_words // len(words) + 1))[:n_words])


def _difference(server: RunningServer, form: str, rate_hz: int) -> str:
    """Say how far a file is from the samples: milliseconds, and decibels of loudness and peak."""
    text = _long_text(25)
    body = _spoken(server, text, "kokoro", response_format=form, sample_rate=rate_hz)
    reference = _samples(_spoken(server, text, "kokoro", response_format="wav"), None)
    got = _samples(body, rate_hz if form == "pcm" else None)
    length_ms = 1000 * (len(got[0]) / got[1] - len(reference[0]) / reference[1])
    loudness_db = _decibels(_rms(got[0]) / _rms(reference[0]))
    peak_db = _decibels(np.abs(got[0]).max() / np.abs(reference[0]).max())
    return f"{length_ms:+.0f} ms {loudness_db:+.2f} dB {peak_db:+.2f} dB"


def _samples(body: bytes, raw_rate_hz: int | None) -> tuple[Waveform, int]:
    if raw_rate_hz is not None:
        return np.frombuffer(body, "<i2").astype(np.float32) / np.float32(32_768), raw_rate_hz
    with av.open(io.BytesIO(body), "r") as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("fltp", "mono")
        frames = [f for frame in container.decode(stream) for f in resampler.resample(frame)]
        rate_hz = stream.rate
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]), rate_hz


def _rms(samples: Waveform) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _decibels(ratio: float) -> float:
    return float(20 * np.log10(ratio))
