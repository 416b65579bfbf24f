"""Claims requests and keeps their answers sealed; knows no HTTP message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from loquent.accounting.sealing import Envelope, KeptAnswer
from loquent.domain.errors import (
    AnswerNotKeptError,
    IdempotencyKeyReusedError,
    LedgerUnavailableError,
    RequestInProgressError,
)
from loquent.domain.idempotency import (
    AnsweredClaim,
    Claim,
    FirstClaim,
    OtherClaim,
    RunningClaim,
)
from loquent.ports import AnswerStore

KEY_HEADER: Final = "Idempotency-Key"

RETRY_AFTER_S: Final = 1.0
"""When to ask again for what is being worked on, or for what could not be kept."""

_INLINE_BYTES: Final = 128 * 1024
"""So much is encrypted sooner than a thread would begin to."""

_log = structlog.get_logger("loquent.api")

T = TypeVar("T")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class OwnClaim:
    """A request that is this caller's to have done.

    Attributes:
        row_id: of its row of usage.
    """

    claim: Claim
    envelope: Envelope
    row_id: str


class SealedAnswers:
    """A store of answers, each in the envelope of its request."""

    def __init__(self, store: AnswerStore) -> None:
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()

    async def claim(
        self, envelope: Envelope, content_digest: bytes, request_id: str
    ) -> OwnClaim | KeptAnswer:
        """Claim a request, or return the answer that it had before.

        Raises:
            RequestInProgressError, IdempotencyKeyReusedError.
            AnswerNotKeptError: if its answer cannot be had any more.
            LedgerUnavailableError.
        """
        claim = Claim(envelope.claim_id, envelope.digest(content_digest), request_id)
        with _retryable():
            found = await self._store.claim(claim)
        match found:
            case FirstClaim(row_id):
                return OwnClaim(claim, envelope, row_id)
            case RunningClaim():
                raise RequestInProgressError(
                    f"A request with this {KEY_HEADER} is being worked on. Send it again in a"
                    " second to have its answer.",
                    retry_after_s=RETRY_AFTER_S,
                )
            case OtherClaim():
                raise IdempotencyKeyReusedError(
                    f"This {KEY_HEADER} came with another request before. Choose a new one for each"
                    " request, and keep it only to send the same one again.",
                    param=KEY_HEADER,
                )
            case AnsweredClaim(sealed):
                return await _opened(envelope, sealed)

    async def keep(self, own: OwnClaim, answer: KeptAnswer | None) -> None:
        """Keep an answer, None for one that is too large; nobody who hangs up stops that.

        Raises: LedgerUnavailableError: then the answer must not be given. The claim stays until it
            ends by itself, so that whoever takes it over has no second row of usage.
        """
        await self._undisturbed(self._keep(own, answer))

    async def drop(self, own: OwnClaim) -> None:
        """Give a request up, so that it can be sent again at once; if that fails, in a while."""
        with suppress(LedgerUnavailableError):
            await self._undisturbed(self._store.drop(own.claim))
            return
        _log.warning("claim not dropped", request_id=own.row_id)

    async def release(self, own: OwnClaim) -> None:
        """Give a request up whose row may have been written; whoever is next has that row, too."""
        with suppress(LedgerUnavailableError):  # then its lease runs out
            await self._undisturbed(self._store.release(own.claim))

    async def _keep(self, own: OwnClaim, answer: KeptAnswer | None) -> None:
        sealed = None
        if answer is not None:
            sealed = await _off_loop(own.envelope.seal, answer, n_bytes=len(answer.body))
        with _retryable():
            await self._store.keep(own.claim, sealed)

    async def _undisturbed(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, which goes on if whoever awaits it is stopped."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits is told; nobody may be left waiting


@contextmanager
def _retryable() -> Iterator[None]:
    """Say when to come back, where the store does not."""
    try:
        yield
    except LedgerUnavailableError as error:
        if error.retry_after_s is None:
            error.retry_after_s = RETRY_AFTER_S
        raise


async def _opened(envelope: Envelope, sealed: bytes | None) -> KeptAnswer:
    """Raises: AnswerNotKeptError: if the answer cannot be had any more."""
    if sealed is None:
        raise _answer_lost("was too large to be kept")
    answer = await _off_loop(envelope.open, sealed, n_bytes=len(sealed))
    if answer is None:
        raise _answer_lost("can only be had with the API key that it was made with")
    return answer


def _answer_lost(why: str) -> AnswerNotKeptError:
    return AnswerNotKeptError(
        f"This request was done before, but its answer {why}. Send it with a new {KEY_HEADER} to"
        " have it done again."
    )


async def _off_loop(work: Callable[[V], T], content: V, *, n_bytes: int) -> T:
    """Do what takes as long as there are bytes, in a thread where there are many."""
    return await asyncio.to_thread(work, content) if n_bytes > _INLINE_BYTES else work(content)
