"""Serves one deployment: its own platform behind its own application."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from loquent.api.app import create_deployment_app
from loquent.api.metrics import Metrics
from loquent.domain.deployments import Deployment, DeploymentState, DeploymentStatus
from loquent.domain.errors import LoquentError
from loquent.wiring.bookkeeping import Books
from loquent.wiring.deployed import ids_of, missing_from, settings_of
from loquent.wiring.journal import Journal
from loquent.wiring.platform import LocalPlatform
from loquent.wiring.services import options_of, services_of

GRACE_S: Final = 60.0
"""How long what runs may take to end when a deployment ends or makes room for its successor."""

_log = structlog.get_logger("loquent.wiring")


class Residence:
    """A deployment that is served by this process.

    Args:
        server: a platform over all that is installed.
        journal: of the deployment, whichever residence it has.
    """

    def __init__(
        self,
        deployment: Deployment,
        server: LocalPlatform,
        books: Books | None,
        metrics: Metrics,
        journal: Journal,
    ) -> None:
        self.deployment = deployment
        self._journal = journal
        names = server.names()
        settings = settings_of(deployment, server.settings, names)
        preload = ids_of(deployment, names) if deployment.replicas.least else ()
        self.platform = LocalPlatform(settings, preload, deployment)
        self._app = create_deployment_app(
            deployment,
            services_of(self.platform, books),
            replace(
                options_of(settings, self.platform),
                open_lists=settings.open_lists and deployment.project_id is None,
            ),
            metrics,
            self.readiness,
        )
        self._owned = AsyncExitStack()
        self._missing = _missing(missing_from(deployment, names))
        self._failures: dict[str, str] = {}
        self._copies: dict[str, int] = {}
        self._n_running = 0
        self._is_closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        self._n_running += 1
        self._idle.clear()
        try:
            await self._app(scope, receive, send)
        finally:
            self._n_running -= 1
            if not self._n_running:
                self._idle.set()

    async def open(self) -> None:
        """Start what it needs; from then on it can answer."""
        await self._owned.enter_async_context(self.platform.running())

    async def load(self) -> None:
        """Load the models that stay in memory.

        One that does not load is told in the status, and tried again when it is asked for.
        """
        if self._missing:
            self._journal.note(self._missing, "error")
        for model_id in self.platform.preload:
            await self._load(model_id)

    def look(self) -> None:
        """Note what has become of its models since the last look."""
        copies = {m.model: m.n_replicas if m.is_loaded else 0 for m in self.platform.activity()}
        for model_id in sorted(copies.keys() | self._copies.keys()):
            before, now = self._copies.get(model_id), copies.get(model_id)
            if before != now:
                self._journal.note(f"{model_id} {_condition(now)}")
        self._copies = copies

    def status(self) -> DeploymentStatus:
        """Return what it does now."""
        models = tuple(self.platform.activity())
        loaded = {model.model: model.n_replicas for model in models if model.is_loaded}
        message = self._missing or next(
            (text for model_id, text in self._failures.items() if model_id not in loaded), ""
        )
        if self._is_closing:
            state = DeploymentState.CLOSING
        elif message:
            state = DeploymentState.FAILED
        elif loaded.keys() >= set(self.platform.preload) and (loaded or not models):
            state = DeploymentState.READY if loaded else DeploymentState.ASLEEP
        else:
            state = DeploymentState.STARTING
        return DeploymentStatus(state, message, loaded, models)

    def readiness(self) -> DeploymentState:
        """Return how far it is for those who only want to know whether they may ask.

        Where nothing need be in memory, a model on its way there is no reason to stay away.
        """
        state = self.status().state
        is_waking = state is DeploymentState.STARTING and not self.deployment.replicas.least
        return DeploymentState.ASLEEP if is_waking else state

    async def drain(self) -> None:
        """Give live sessions their final text."""
        await self._app.state.drain()

    async def close(self) -> None:
        """Let what runs end, for a while, and free everything."""
        self._is_closing = True
        try:
            async with asyncio.timeout(GRACE_S):
                await self.drain()
                await self._idle.wait()
        except TimeoutError:
            n_left = self._n_running
            self._journal.note(f"{n_left} requests were cut off after {GRACE_S:g} s", "warning")
        await self._owned.aclose()

    async def _load(self, model_id: str) -> None:
        try:
            await self.platform.load(model_id)
        except LoquentError as error:
            self._failures[model_id] = f"{model_id} does not load: {error.message}"
            self._journal.note(self._failures[model_id], "error")
            _log.error("model does not load", deployment=self.deployment.id, model=model_id)


def _condition(n_copies: int | None) -> str:
    """Say how far a model is; None for one that is not in memory, 0 for one on its way there."""
    match n_copies:
        case None:
            return "is not in memory any more"
        case 0:
            return "is being loaded"
        case 1:
            return "serves"
        case _:
            return f"serves with {n_copies} copies"


def _missing(names: Sequence[str]) -> str:
    """Say which models are not here, "" if all are."""
    if not names:
        return ""
    return (
        f"not installed here: {', '.join(names)}; get it with: loquent models pull"
        f" {' '.join(names)}"
    )
