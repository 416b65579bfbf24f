"""What a worker takes with it is done again, and not for ever."""

from __future__ import annotations

import pytest

from loquent.domain.errors import EngineError, LoquentError, ModelLoadError, WorkerCrashedError
from loquent.engines.host.process import StoppedWhileLoadingError
from loquent.engines.surviving import N_ATTEMPTS, surviving


class Work:
    """Fails as it is told to, and then succeeds."""

    def __init__(self, *failures: LoquentError) -> None:
        self._failures = list(failures)
        self.n_attempts = 0

    async def __call__(self) -> str:
        self.n_attempts += 1
        if self._failures:
            raise self._failures.pop(0)
        return "done"


@pytest.mark.parametrize("error", [WorkerCrashedError("gone"), StoppedWhileLoadingError("gone")])
@pytest.mark.parametrize("n_deaths", range(N_ATTEMPTS))
async def test_what_dies_is_done_again(error: LoquentError, n_deaths: int) -> None:
    work = Work(*[error] * n_deaths)
    assert await surviving(work) == "done"
    assert work.n_attempts == n_deaths + 1


async def test_what_kills_every_worker_ends() -> None:
    work = Work(*[WorkerCrashedError(f"death {n}") for n in range(10)])
    with pytest.raises(WorkerCrashedError, match=f"death {N_ATTEMPTS - 1}"):
        await surviving(work)
    assert work.n_attempts == N_ATTEMPTS


async def test_what_is_not_worth_it_is_tried_once() -> None:
    work = Work(WorkerCrashedError("gone"))
    with pytest.raises(WorkerCrashedError):
        await surviving(work, n_attempts=1)
    assert work.n_attempts == 1


@pytest.mark.parametrize("error", [EngineError("no"), ModelLoadError("damaged")])
async def test_what_would_fail_again_is_told_at_once(error: LoquentError) -> None:
    work = Work(error)
    with pytest.raises(type(error)):
        await surviving(work)
    assert work.n_attempts == 1
