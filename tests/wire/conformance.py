"""Every provider asked for every form of answer, and the page that tells what came back.

Each cell is a real request to a real application, whose adapters speak to the stand-ins over HTTP.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import httpx2
import numpy as np

from loquent.api.app import ApiOptions, create_app
from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.model import Capability
from loquent.domain.speakers import Diarization, SpeakerTurn
from loquent.pipeline.completing import CompletedTranscriber
from loquent.pipeline.transcription import LocalTranscriber
from loquent.ports import Transcriber
from loquent.render import ResponseFormat
from loquent.routing.attempts import Attempts
from loquent.routing.fitting import Fit, Rules, fit
from loquent.routing.need import Need
from loquent.routing.ranking import Candidate, Policy
from loquent.routing.router import Router
from tests.assets import ROOT
from tests.fakes.fake_diarizer import FakeDiarizer
from tests.fakes.fake_speech import FakeDecoder, FakeDetector, FakeRecognizer, Line, silence, spoken
from tests.fakes.fake_voices import VOICES_MODEL, FakeAnalyst, following
from tests.fakes.services import fake_services
from tests.unit.routing.models import BASE, names
from tests.unit.routing.places import planner
from tests.wire.providers import (
    DURATION_S,
    HEARING,
    RECORDING,
    SENTENCES,
    STAND_INS,
    TURNS,
    Running,
    running,
)

PAGE = ROOT / "docs" / "reference" / "conformance.md"
HINT = "run scripts/write-conformance"

RULES = Rules(tells_speakers=True)

LOCAL = "local/whisper-base"
LOCAL_DURATION_S = 22.0

PLACES: Mapping[str, str] = {LOCAL: "the engines of this process", **HEARING}
"""Endpoints by id, and what they stand for."""

_TIMED = {"srt", "vtt", "verbose_json", "diarized_json"}
_UNSTREAMED = {"srt", "vtt", "verbose_json"}
_SHOWS_WORDS = "verbose_json"

COLUMNS = ("plain", "words", "diarise", "both")

HEAD = """\
# Conformance

What each kind of provider makes of each form of answer. `scripts/write-conformance` writes this
page from a run of every cell against stand-ins that speak each provider's documented format, and a
test repeats the run. It shows what we make of that format, not that a company keeps to it.

| Cell | Meaning |
| --- | --- |
| native | served; the provider tells all of it |
| derived: … | served; this was made here of what the provider told, as `x-loquent-derived` says |
| refused: … | error 400 with this reason, before anything leaves |
| refused: wire | error 400 whoever serves, see the next table |

A row is a value of `response_format`, streamed with `stream=true`. Columns: *plain* asks for
nothing else, *words* for `timestamp_granularities[]=word`, *diarise* for `diarise=true`, *both* for
both. Where several endpoints serve a model, requests go to those that can.
"""


@dataclass(frozen=True)
class Cell:
    """One way to ask one endpoint."""

    endpoint: str
    form: str
    is_streamed: bool
    words: bool
    diarise: bool

    def __str__(self) -> str:
        wishes = {"stream": self.is_streamed, "words": self.words, "diarise": self.diarise}
        return "-".join([self.endpoint, self.form, *(name for name in wishes if wishes[name])])

    @property
    def row(self) -> str:
        return f"`{self.form}`" + (", streamed" if self.is_streamed else "")

    @property
    def column(self) -> str:
        return COLUMNS[self.words + 2 * self.diarise]

    @property
    def provider(self) -> str:
        return self.endpoint.partition("/")[0]

    @property
    def model(self) -> str:
        return self.endpoint.partition("/")[2]

    @property
    def wants_speakers(self) -> bool:
        """Whether anything asks for them: the switch, the format, or the name of the model."""
        is_implied = self.form == "diarized_json" or self.endpoint.endswith("-diarize")
        return self.diarise or is_implied

    @property
    def misfit(self) -> str:
        """Return the field that the wire refuses whoever serves, "" where there is none."""
        if self.is_streamed and self.form in _UNSTREAMED:
            return "stream"
        shows_words = self.is_streamed or self.form == _SHOWS_WORDS
        return "timestamp_granularities" if self.words and not shows_words else ""

    @property
    def fields(self) -> list[tuple[str, str]]:
        fields = [("model", self.endpoint), ("response_format", self.form)]
        if self.is_streamed:
            fields.append(("stream", "true"))
        if self.words:
            fields.append(("timestamp_granularities[]", "word"))
        if self.diarise:
            fields.append(("diarise", "true"))
        return fields

    def promised(self, endpoint: Endpoint) -> Fit:
        """Return what the table of abilities promises."""
        wishes = {
            Detail.SEGMENTS: self.form in _TIMED,
            Detail.WORDS: self.words,
            Detail.SPEAKERS: self.wants_speakers,
            Detail.STREAM: self.is_streamed,
        }
        need = Need(
            self.endpoint,
            Capability.TRANSCRIPTION,
            frozenset(detail for detail, is_wanted in wishes.items() if is_wanted),
            container="wav",
            n_bytes=len(RECORDING),
            audio_s=DURATION_S,
        )
        return fit(endpoint, need, RULES)


def _cells() -> Iterator[Cell]:
    forms = [form.value for form in ResponseFormat]
    for endpoint, form, is_streamed, diarise, words in product(
        PLACES, forms, (False, True), (False, True), (False, True)
    ):
        yield Cell(endpoint, form, is_streamed, words, diarise)


CELLS = tuple(_cells())


@dataclass(frozen=True)
class Observed:
    """What came back for a cell.

    Attributes:
        n_asked: requests that the provider got.
        told_speakers: whether one of them asked it for speakers.
    """

    response: httpx2.Response
    n_asked: int
    told_speakers: bool

    @property
    def error(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.response.json()["error"]
        return found


@dataclass(frozen=True)
class Run:
    """All cells, and the endpoints that they went to."""

    endpoints: Mapping[str, Endpoint]
    cells: Mapping[Cell, Observed]


def whole_run() -> Run:
    """Ask every cell."""
    return asyncio.run(_whole_run())


async def _whole_run() -> Run:
    async with _application() as (client, providers, endpoints):
        cells = {
            cell: await _observed(client, cell, providers.get(cell.provider)) for cell in CELLS
        }
        return Run(endpoints, cells)


async def _observed(client: httpx2.AsyncClient, cell: Cell, asked_of: Running | None) -> Observed:
    n_before = len(asked_of.log.asked) if asked_of else 0
    parts = [(name, (None, value)) for name, value in cell.fields]
    response = await client.post(
        "/v1/audio/transcriptions", files=[*parts, ("file", ("talk.wav", RECORDING))]
    )
    if asked_of is None:
        return Observed(response, 0, told_speakers=False)
    asked = asked_of.log.asked[n_before:]
    return Observed(response, len(asked), any(map(asked_of.stand_in.wants_speakers, asked)))


@asynccontextmanager
async def _application() -> AsyncIterator[
    tuple[httpx2.AsyncClient, Mapping[str, Running], Mapping[str, Endpoint]]
]:
    async with AsyncExitStack() as stack:
        providers = {name: await stack.enter_async_context(running(name)) for name in STAND_INS}
        remote = [endpoint for each in providers.values() for endpoint in each.endpoints]
        chooser = planner(names(BASE), *remote, policy=Policy(RULES))
        router = Router(chooser, Attempts(chooser.board), partial(_path, providers))
        services = replace(fake_services(), transcriber=router, planner=chooser)
        app = create_app(services, ApiOptions())
        client = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://loquent")
        )
        endpoints = {endpoint.id: endpoint for endpoint in chooser.book.everything()}
        yield client, providers, endpoints


def _path(providers: Mapping[str, Running], candidate: Candidate) -> Transcriber:
    endpoint = candidate.endpoint
    if endpoint.is_local:
        return _local()
    turns = tuple(SpeakerTurn(*turn) for turn in TURNS)
    return CompletedTranscriber(
        providers[endpoint.provider].provider.transcriber(endpoint),
        frozenset(candidate.fit.derived),
        decoder=FakeDecoder([silence(DURATION_S)]),
        diarizer=FakeDiarizer(found=Diarization(turns, turns, DURATION_S, VOICES_MODEL)),
        diarization_model=VOICES_MODEL,
    )


def _local() -> LocalTranscriber:
    """Return the local path over fakes that understand the same talk, with longer pauses."""
    windows = [np.concatenate([spoken(line, 2.0), silence(9.0)]) for line in range(len(SENTENCES))]
    decoder = FakeDecoder(windows)
    return LocalTranscriber(
        BASE.id,
        decoder=decoder,
        detector=FakeDetector(),
        recognizers=FakeRecognizer([Line(sentence) for sentence in SENTENCES]),
        following=following(FakeAnalyst(), decoder),
    )


def outcome(cell: Cell, observed: Observed) -> str:
    """Return what the page says of a cell."""
    if observed.response.status_code == httpx2.codes.OK:
        derived = observed.response.headers.get("x-loquent-derived", "")
        return f"derived: {derived}" if derived else "native"
    told = re.search(rf"{re.escape(cell.endpoint)}: (.*)\.$", observed.error["message"])
    return f"refused: {told[1]}" if told else "refused: wire"


def page(run: Run) -> str:
    """Write the page."""
    parts = [HEAD, _refused_by_the_wire(run)]
    parts += (_table_of(place, run) for place in PLACES)
    return "\n".join(parts)


def _refused_by_the_wire(run: Run) -> str:
    """Tell with one example each which fields the wire refuses."""
    examples: dict[str, str] = {}
    for cell, observed in run.cells.items():
        if outcome(cell, observed) == "refused: wire":
            examples.setdefault(observed.error["param"], observed.error["message"])
    rows = [f"| `{param}` | {message} |" for param, message in sorted(examples.items())]
    return "\n".join(["| Field | What the wire says, for example |", "| --- | --- |", *rows, ""])


def _table_of(endpoint: str, run: Run) -> str:
    rows: dict[str, dict[str, str]] = {}
    for cell, observed in run.cells.items():
        if cell.endpoint == endpoint:
            rows.setdefault(cell.row, {})[cell.column] = outcome(cell, observed)
    lines = [
        f"## {endpoint}\n\n{PLACES[endpoint][:1].upper()}{PLACES[endpoint][1:]}.\n",
        f"| | {' | '.join(COLUMNS)} |",
        "| --- " * (1 + len(COLUMNS)) + "|",
        *(f"| {row} | {' | '.join(told[c] for c in COLUMNS)} |" for row, told in rows.items()),
        "",
    ]
    return "\n".join(lines)
