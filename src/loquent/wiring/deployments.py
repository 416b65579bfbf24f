"""Serves the deployments that stand in the book of accounts, as they come, change and end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog

from loquent.api.metrics import Metrics
from loquent.domain.deployments import (
    Deployment,
    DeploymentEvent,
    DeploymentState,
    DeploymentStatus,
)
from loquent.domain.errors import LoquentError
from loquent.ports import ActivityBoard, LiveBoard
from loquent.wiring.bookkeeping import Books
from loquent.wiring.journal import Journal
from loquent.wiring.platform import LocalPlatform
from loquent.wiring.residence import Residence

LOOK_S: Final = 0.5
"""How often the book is looked at; what was changed anywhere is served here soon after."""

RETRY_S: Final = 5.0
"""When a deployment that could not be opened is tried again."""

_log = structlog.get_logger("loquent.wiring")


class Deployments:
    """The `Applications` and the `DeploymentBoard` of one process.

    A deployment that changes moves: its new residence is made ready beside the old one, requests
    go there, and the old one ends when what runs in it has ended.
    """

    def __init__(self, server: LocalPlatform, books: Books) -> None:
        self._server = server
        self._books = books
        self._metrics: Metrics | None = None
        self._residences: dict[str, Residence] = {}
        self._version = -1
        self._wanted: dict[str, Deployment] = {}
        self._journals: dict[str, Journal] = {}
        self._moves: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def application(self, deployment_id: str) -> Residence | None:
        """Return who answers for a deployment; None if there is none of this id."""
        return self._residences.get(deployment_id)

    def boards(self) -> Iterable[tuple[str, ActivityBoard, LiveBoard]]:
        """Yield what each deployment does, by its id."""
        for deployment_id, residence in self._residences.items():
            yield deployment_id, residence.platform, residence.platform

    def status(self, deployment_id: str) -> DeploymentStatus | None:
        """Return what a deployment does now, None if it is not known here (yet)."""
        residence = self._residences.get(deployment_id)
        if residence is not None:
            return residence.status()
        if deployment_id in self._wanted:
            return DeploymentStatus(DeploymentState.STARTING)
        return None

    async def events(
        self, deployment_id: str, *, after: int = 0, follows: bool = False
    ) -> AsyncGenerator[DeploymentEvent]:
        """Yield what happened to a deployment, the oldest first."""
        await self._look()
        journal = self._journals.get(deployment_id)
        if journal is not None:
            async for event in journal.events(after=after, follows=follows):
                yield event

    async def drain(self) -> None:
        """Give live sessions their final text, and let those go who follow what happens."""
        for journal in self._journals.values():
            journal.close()
        await asyncio.gather(*(residence.drain() for residence in self._residences.values()))

    @asynccontextmanager
    async def running(self, metrics: Metrics) -> AsyncIterator[None]:
        """Serve what stands in the book for as long as the context is open.

        Args:
            metrics: of the shared application.
        """
        self._metrics = metrics
        await self._look()
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self._end_all()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look()
            for residence in self._residences.values():
                residence.look()

    async def _look(self) -> None:
        """Begin what differs from the book; while that cannot be read, all stays as it is."""
        store = self._books.accounts.store  # keys are read anew when somebody asks, not here
        try:
            if await store.version() == self._version:
                return
            book = await store.book()
        except LoquentError as error:
            _log.warning("deployments cannot be looked up", reason=error.message)
            return
        self._version = book.version
        wanted = {id_: each for id_, each in book.deployments.items() if each.closed_at is None}
        if wanted == self._wanted:
            return
        before, self._wanted = self._wanted, wanted
        for deployment_id in before.keys() | wanted.keys():
            if before.get(deployment_id) != wanted.get(deployment_id):
                self._begin_move(deployment_id)

    def _begin_move(self, deployment_id: str) -> None:
        """Bring one deployment to what is wanted, after what is under way for it already."""
        self._journals.setdefault(deployment_id, Journal())
        before = self._moves.get(deployment_id)
        move = asyncio.create_task(self._move(deployment_id, before))
        self._moves[deployment_id] = move
        move.add_done_callback(lambda _: self._forget(deployment_id, move))

    def _forget(self, deployment_id: str, move: asyncio.Task[None]) -> None:
        if self._moves.get(deployment_id) is move:
            del self._moves[deployment_id]
        if not move.cancelled() and (error := move.exception()):
            _log.error("deployment cannot be served", deployment=deployment_id, reason=repr(error))

    async def _move(self, deployment_id: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        old, wanted = self._residences.get(deployment_id), self._wanted.get(deployment_id)
        if wanted is None:
            self._residences.pop(deployment_id, None)
            journal = self._journals.pop(deployment_id)
            journal.note("is closed")
            journal.close()
        elif (old is not None and old.deployment == wanted) or not await self._is_settled(wanted):
            return
        if old is not None:
            leaving = asyncio.create_task(old.close())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _is_settled(self, wanted: Deployment) -> bool:
        """Try to open a residence until that succeeds, or something else is wanted."""
        while self._wanted.get(wanted.id) == wanted:
            try:
                await self._settle(wanted)
            except LoquentError as error:
                reason = f"cannot be served now: {error.message}"
                self._journals[wanted.id].note(reason, "error")
                await asyncio.sleep(RETRY_S)
            else:
                return True
        return False

    async def _settle(self, wanted: Deployment) -> None:
        """Open a residence; the first takes requests at once, a later one when it is ready."""
        assert self._metrics is not None, "deployments are running"
        journal = self._journals[wanted.id]
        residence = await asyncio.to_thread(
            Residence, wanted, self._server, self._books, self._metrics, journal
        )
        is_first = wanted.id not in self._residences
        async with AsyncExitStack() as unfinished:
            unfinished.push_async_callback(residence.close)
            await residence.open()
            if not is_first:
                await residence.load()
            unfinished.pop_all()
        journal.note("is opened" if is_first else "is changed")
        self._residences[wanted.id] = residence
        if is_first:
            await residence.load()

    async def _end_all(self) -> None:
        for move in self._moves.values():
            move.cancel()
        await asyncio.gather(*self._moves.values(), return_exceptions=True)
        for journal in self._journals.values():
            journal.close()
        await asyncio.gather(*(residence.close() for residence in self._residences.values()))
        await asyncio.gather(*self._leaving)
