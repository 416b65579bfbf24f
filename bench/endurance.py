"""Memory of the server over a long recording, and the way from a clean checkout to a transcript."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import requests
from rich.table import Table

from bench.arena import MEGABYTE, MemoryWatch
from tests.assets import ROOT, clip, sample
from tests.live.server import serving

SAMPLE_RATE_HZ = 16_000
LONGEST_WAIT_S = 900.0


def memory_over_length(hours: float, model: str) -> Table:
    """Send a recording of `hours`, made by repetition, and watch the server's processes."""
    table = Table(
        "audio", "idle", "peak", "over idle", "took", "speed", box=None, title="Memory of a server"
    )
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        _transcribe(server.url, sample(), model)
        watch = MemoryWatch(server.process.pid)
        idle = watch.peak_bytes
        recording = repeated(clip("two-cities"), hours, Path(folder) / "long.opus")
        began_s = time.perf_counter()
        _transcribe(server.url, recording, model)
        took_s = time.perf_counter() - began_s
        watch.stop()
        peak = watch.peak_bytes
    table.add_row(
        f"{hours:g} h",
        f"{idle / MEGABYTE:.0f} MB",
        f"{peak / MEGABYTE:.0f} MB",
        f"{(peak - idle) / MEGABYTE:.0f} MB",
        f"{took_s:.0f} s",
        f"{hours * 3600 / took_s:.1f}x",
    )
    return table


def first_transcript() -> Table:
    """Clone into an empty folder with an empty home and empty caches; time the steps to text."""
    table = Table("step", "after", box=None, title="From a clean checkout")
    with tempfile.TemporaryDirectory() as folder:
        clone, home = Path(folder) / "loquent", Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        began_s = time.perf_counter()
        url = "http://127.0.0.1:8000"
        with subprocess.Popen(["make", "run"], cwd=clone, env=_bare_environment(home)) as process:
            _wait_for(f"{url}/readyz", process)
            table.add_row("server ready", f"{time.perf_counter() - began_s:.0f} s")
            text = _transcribe(url, sample(), "whisper-base")
            table.add_row(f"transcript: {text}", f"{time.perf_counter() - began_s:.0f} s")
            subprocess.run(["pkill", "-INT", "-P", str(process.pid)], check=False)
    return table


def repeated(clip_path: Path, hours: float, target: Path) -> Path:
    """Write `clip_path` over and over as Opus until it is `hours` long."""
    with av.open(clip_path) as source:
        resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ)
        frames = [f for frame in source.decode(audio=0) for f in resampler.resample(frame)]
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    n_repeats = int(hours * 3600 * SAMPLE_RATE_HZ / samples.shape[1])
    with av.open(target, "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=SAMPLE_RATE_HZ, layout="mono", bit_rate=24_000)
        for _ in range(n_repeats):
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target


def _transcribe(url: str, recording: Path, model: str) -> str:
    with recording.open("rb") as file:
        answer = requests.post(
            f"{url}/v1/audio/transcriptions",
            files={"file": file},
            data={"model": model, "response_format": "text"},
            timeout=None,
        )
    answer.raise_for_status()
    return answer.text.strip()


def _bare_environment(home: Path) -> dict[str, str]:
    """Keep what reaches the package index; drop every cache and setting."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LOQUENT_", "XDG_"))}
    python = shutil.which("python3") or sys.executable
    path = f"{Path(python).parent}:{kept['PATH']}"
    return kept | {"HOME": str(home), "PATH": path, "PIP_NO_CACHE_DIR": "1"}


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up_s = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < give_up_s and process.poll() is None:
        with suppress(requests.ConnectionError):
            if requests.get(url, timeout=5).status_code == requests.codes.ok:
                return
        time.sleep(0.2)
    raise RuntimeError("the server did not get ready")
