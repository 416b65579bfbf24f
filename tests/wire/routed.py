"""A server whose requests are routed among a few endpoints, each of which follows a script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx2

from loquent.api.app import ApiOptions, create_app
from loquent.domain.endpoints import Endpoint
from loquent.domain.speech import SpeechRequest
from loquent.ports import Ledger, Speaker, Transcriber
from loquent.routing.attempts import Attempts
from loquent.routing.board import EndpointBoard
from loquent.routing.directory import ServedModels
from loquent.routing.planner import Planner
from loquent.routing.ranking import Candidate
from loquent.routing.router import Router, SpeechRouter
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.fakes.services import fake_services
from tests.unit.routing.models import BASE, names
from tests.unit.routing.places import planner
from tests.vendors.server import serving
from tests.wire.conftest import KEY

LOCAL = f"local/{BASE.id}"


@dataclass
class Places:
    """Endpoints beside the local one, and what happens at each.

    Attributes:
        transcribers: by ids of endpoints; one that is missing says hello in its own name.
    """

    remote: tuple[Endpoint, ...] = ()
    transcribers: dict[str, Transcriber] = field(default_factory=dict)
    speakers: Mapping[str, Speaker] = field(default_factory=dict)
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    board: EndpointBoard = field(default_factory=EndpointBoard)

    @property
    def planner(self) -> Planner:
        installed = names(BASE, whisper_1=BASE.id)
        return planner(installed, *self.remote, board=self.board, pools=self.pools)

    def transcriber(self, candidate: Candidate) -> Transcriber:
        self.asked.append(candidate.endpoint.id)
        says_hello = FakeTranscriber(provider=candidate.endpoint.provider)
        return self.transcribers.setdefault(candidate.endpoint.id, says_hello)

    def speaker(self, candidate: Candidate, _request: SpeechRequest) -> Speaker:
        self.asked.append(candidate.endpoint.id)
        return self.speakers[candidate.endpoint.id]


@asynccontextmanager
async def routed(
    places: Places, options: ApiOptions | None = None, ledger: Ledger | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve a router over `places`; yield a caller with a key."""
    chooser, attempts = places.planner, Attempts(places.board)
    services = replace(
        fake_services(chooser=chooser, ledger=ledger),
        transcriber=Router(chooser, attempts, places.transcriber),
        speaker=SpeechRouter(chooser, attempts, places.speaker),
        directory=ServedModels(chooser.book, lambda: {BASE.id}, BASE.id),
    )
    app = create_app(services, options or ApiOptions(api_key=KEY))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        serving(app) as url,
        httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as client,
    ):
        yield client
