"""Runs contenders side by side and watches what they use; keeps no score."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psutil

from bench.corpus import Recording
from loquent.domain.transcript import Task

SAMPLING_S = 0.1
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What a contender made of a recording, and how long it took."""

    text: str
    took_s: float


class MemoryWatch:
    """The most memory that a process and its children held at once; sampled."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_bytes = self.now_bytes()
        self._thread.start()

    def now_bytes(self) -> int:
        """Add up the resident memory of all processes, shared pages counted in each."""
        total = 0
        with suppress(psutil.NoSuchProcess):
            for process in (self._process, *self._process.children(recursive=True)):
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    total += process.memory_info().rss
        return total

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(SAMPLING_S):
            self.peak_bytes = max(self.peak_bytes, self.now_bytes())


class Contender:
    """A contender at work in its own process."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process
        self._receive()
        self.memory = MemoryWatch(process.pid)
        self.idle_bytes = self.memory.peak_bytes

    def hear(self, recording: Recording, task: Task = Task.TRANSCRIBE) -> Heard:
        """Hand a recording over and wait for the text."""
        job = {"path": str(recording.path), "language": recording.language, "task": task.value}
        assert self._process.stdin is not None
        print(json.dumps(job), file=self._process.stdin, flush=True)
        answer = self._receive()
        return Heard(str(answer["text"]), float(answer["took_s"]))

    def _receive(self) -> dict[str, str | float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        answer: dict[str, str | float] = json.loads(line)
        return answer


@contextmanager
def contenders(names: tuple[str, ...], model: str) -> Iterator[list[Contender]]:
    """Start contenders that run `model`, end them with the block."""
    with ExitStack() as stack:
        running = []
        for name in names:
            command = [sys.executable, "-m", "bench.contender", name, model]
            process = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            running.append(Contender(name, process))
            stack.callback(running[-1].memory.stop)
        yield running
