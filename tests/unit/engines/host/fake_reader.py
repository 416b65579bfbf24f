"""A reader without weights; what it does is told by its options and by each prompt."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loquent.domain.errors import EngineError, ModelLoadError
from loquent.engines.batch import Utterance, Width
from loquent.engines.host.performers import PerformerAddress
from loquent.ports import Recognition

STDIN = 0

FAKES = {
    "fake": PerformerAddress("tests.unit.engines.host.fake_reader", "FakeReader", "FakeOptions"),
    "absent": PerformerAddress("tests.unit.engines.host.absent", "FakeReader", "FakeOptions"),
}


@dataclass(frozen=True, slots=True)
class FakeOptions:
    """What loading comes to: "well", "damaged", "crash", "bug", "hang" or "garbage"."""

    loading: str = "well"
    n_workers: int = 2


class FakeReader:
    """Answers with the language "xx" and, in place of tokens, the number of samples."""

    def __init__(self, folder: Path, options: FakeOptions) -> None:
        self.n_workers = options.n_workers
        self._folder = folder
        match options.loading:
            case "damaged":
                raise ModelLoadError("the weights could not be loaded")
            case "bug":
                raise ZeroDivisionError
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "hang":
                time.sleep(3_600)
            case "garbage":
                os.write(STDIN, b"nonsense at length")

    def read(self, batch: Sequence[Utterance], width: Width) -> list[Recognition]:
        for utterance in batch:
            self._act(utterance.options.prompt)
        return [Recognition("xx", (), n_prompt_tokens=len(u.samples)) for u in batch]

    def _act(self, prompt: str) -> None:
        match prompt:
            case "exit":
                os._exit(3)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(3_600)
            case "garbage":
                os.write(STDIN, b"nonsense at length")
            case "fail":
                raise EngineError("nothing to be heard")
            case "bug":
                raise ZeroDivisionError("secret")
        if prompt.startswith("wait for "):
            while not Path(prompt.removeprefix("wait for ")).exists():
                time.sleep(0.005)
