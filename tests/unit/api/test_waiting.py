"""Who waits for a model that is being loaded is told so while it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import pytest

from loquent.api import event_stream, waiting
from loquent.api.event_stream import event_chunks, whole
from loquent.api.recognition import recognising
from loquent.api.waiting import first_event, loading_on
from loquent.domain.activity import ModelActivity
from loquent.domain.errors import LoquentError, ModelLoadError
from loquent.domain.transcript import Segment, Task, Transcript
from loquent.render import TranscriptEvents

TRANSCRIPT = Transcript(Task.TRANSCRIBE, "Hello.", "en", 2.4, (), "coming", "local")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LOADING_S", 0.001)
    monkeypatch.setattr(event_stream, "LOADING_S", 0.001)


@dataclass
class Board:
    """Two models, one of them on its way for so many looks."""

    n_looks: int = 3
    is_there: asyncio.Event = field(default_factory=asyncio.Event)

    def activity(self) -> Sequence[ModelActivity]:
        self.n_looks -= 1
        if self.n_looks < 0:
            self.is_there.set()
        coming = ModelActivity("coming", is_loaded=self.is_there.is_set())
        return [ModelActivity("here", is_loaded=True), coming]


async def _work(
    board: Board, failure: LoquentError | None = None
) -> AsyncGenerator[Segment | Transcript]:
    await board.is_there.wait()
    if failure:
        raise failure
    yield TRANSCRIPT


async def _ignore(_told: Transcript | LoquentError) -> None:
    pass


def test_nothing_is_told_where_all_models_are_there() -> None:
    assert loading_on(Board(0))() == ""
    assert loading_on(Board(1))() == "coming is being loaded"


@pytest.mark.parametrize(
    ("failure", "end"), [(None, b"[DONE]"), (ModelLoadError("It is damaged."), b"damaged")]
)
async def test_comments_come_before_the_first_event(
    failure: LoquentError | None, end: bytes
) -> None:
    board, failed = Board(), list[LoquentError]()

    async def note(error: LoquentError) -> None:
        failed.append(error)

    async with recognising(_work(board, failure)) as recognition:
        loading = loading_on(board)
        await first_event(recognition, loading)
        events = event_chunks(
            recognition,
            TranscriptEvents(logprobs=False),
            on_transcript=_ignore,
            loading=loading,
        )
        chunks = [chunk async for chunk in whole(events, "req_1", note)]
    assert chunks[0] == b": coming is being loaded, 0 s so far\n\n"
    assert end in chunks[-1]
    assert failed == [failure] * bool(failure)


async def test_a_failure_while_nothing_is_loaded_is_told_at_once() -> None:
    board = Board(0)
    board.is_there.set()
    async with recognising(_work(board, ModelLoadError("It is damaged."))) as recognition:
        with pytest.raises(ModelLoadError):
            await first_event(recognition, loading_on(board))
