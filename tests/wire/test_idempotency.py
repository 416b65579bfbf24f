"""Requests that are sent twice at once are done once, and both callers get the same bytes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
import openai
import pytest

from loquent.accounting.sealing import AnswerSealer
from loquent.api.app import ApiOptions, create_app
from loquent.domain.errors import EngineError
from loquent.domain.idempotency import Claim, RunningClaim
from loquent.domain.usage import CLIENT_GONE, OK, UsageQuery
from loquent.ports import AnswerStore, Ledger
from loquent.ports.idempotency import Claimed
from loquent.storage.answers import SqlAnswerStore
from loquent.storage.ledger import SqlLedger
from loquent.storage.opening import Database
from tests.fakes.fake_answers import FakeAnswers
from tests.fakes.fake_ledger import FakeLedger
from tests.fakes.fake_speaker import FakeSpeaker
from tests.fakes.fake_transcriber import HELLO, FakeTranscriber, Gate
from tests.fakes.services import fake_services
from tests.vendors.server import serving
from tests.wire.conftest import KEY
from tests.wire.envelopes import assert_envelope

TIMEOUT_S = 60.0
N_AT_ONCE = 40
N_AT_ONCE_ON_DISK = 5
"""Those who are too early ask again at once, and each of them waits for the disk."""

SEALER = AnswerSealer(bytes(range(32)))
PATH = "/v1/audio/transcriptions"


class WatchedAnswers(FakeAnswers):
    """Tells when somebody came too early."""

    def __init__(self) -> None:
        super().__init__()
        self.n_early = asyncio.Semaphore(0)

    async def claim(self, claim: Claim) -> Claimed:
        claimed = await super().claim(claim)
        if isinstance(claimed, RunningClaim):
            self.n_early.release()
        return claimed


@dataclass
class Site:
    """A running server and what stands behind it."""

    http: httpx2.AsyncClient
    transcriber: FakeTranscriber
    speaker: FakeSpeaker

    async def transcribe(
        self, key: str, sound: bytes = b"sound", fields: Mapping[str, str] = MappingProxyType({})
    ) -> httpx2.Response:
        form = {"model": "whisper-1", **fields}
        headers = {"Idempotency-Key": key}
        return await self.http.post(PATH, data=form, files={"file": sound}, headers=headers)

    async def until_answered(self, key: str, sound: bytes = b"sound") -> httpx2.Response:
        """Ask until nobody else is being answered."""
        while (response := await self.transcribe(key, sound)).status_code == 409:
            assert response.json()["error"]["code"] == "idempotency_in_progress"
        return response

    async def speak(
        self, key: str, fields: Mapping[str, str] = MappingProxyType({})
    ) -> httpx2.Response:
        body = {"model": "tts-1", "input": "one two three", "voice": "alloy", **fields}
        headers = {"Idempotency-Key": key}
        return await self.http.post("/v1/audio/speech", json=body, headers=headers)


@asynccontextmanager
async def site(
    uploads: Path,
    ledger: Ledger,
    answers: AnswerStore | None,
    transcriber: FakeTranscriber | None = None,
) -> AsyncIterator[Site]:
    transcriber, speaker = transcriber or FakeTranscriber(), FakeSpeaker()
    services = replace(
        fake_services(transcriber, speaker=speaker, ledger=ledger), answers=answers, sealer=SEALER
    )
    app = create_app(services, ApiOptions(api_key=KEY, upload_directory=uploads))
    headers = {"Authorization": f"Bearer {KEY}"}
    limits = httpx2.Limits(max_connections=2 * N_AT_ONCE)
    async with (
        serving(app) as url,
        httpx2.AsyncClient(
            base_url=url, headers=headers, timeout=TIMEOUT_S, limits=limits
        ) as client,
    ):
        yield Site(client, transcriber, speaker)


def new_key() -> str:
    return str(uuid.uuid4())


@asynccontextmanager
async def stored(folder: Path) -> AsyncIterator[tuple[SqlLedger, SqlAnswerStore]]:
    """Open a real ledger and a real store of answers, in one file."""
    database = Database.at(f"sqlite+aiosqlite:///{folder}/loquent.db", limit_s=TIMEOUT_S)
    await database.open()
    ledger, answers = SqlLedger(database, limit_s=TIMEOUT_S), SqlAnswerStore(database)
    try:
        await ledger.open()
        await answers.open()
        yield ledger, answers
    finally:
        await answers.close()
        await ledger.close()
        await database.close()


@pytest.fixture
def uploads(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing may be left."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    yield folder
    assert not list(folder.iterdir())


async def race(here: Site, n_pairs: int, n_at_once: int) -> None:
    turns = asyncio.Semaphore(n_at_once)

    async def pair(number: int) -> tuple[httpx2.Response, httpx2.Response]:
        key, sound = new_key(), b"sound %d" % number
        async with turns:
            asking = (here.until_answered(key, sound) for _ in range(2))
            first, second = await asyncio.gather(*asking)
        return first, second

    pairs = await asyncio.gather(*map(pair, range(n_pairs)))
    assert len(here.transcriber.calls) == n_pairs
    assert len({call.content for call in here.transcriber.calls}) == n_pairs
    assert all(one.status_code == 200 for both in pairs for one in both)
    assert all(first.content == second.content for first, second in pairs)
    assert len({first.content for first, _ in pairs}) == n_pairs, "each answer has an id"
    replays = [[is_replay(one) for one in both] for both in pairs]
    assert all(sorted(both) == [False, True] for both in replays)


many = pytest.mark.parametrize("n_pairs", [50, pytest.param(1_000, marks=pytest.mark.slow)])


@many
async def test_racing_pairs_are_done_once(uploads: Path, n_pairs: int) -> None:
    async with site(uploads, ledger := FakeLedger(), FakeAnswers()) as here:
        await race(here, n_pairs, N_AT_ONCE)
    assert len(ledger.rows_written) == n_pairs


@many
async def test_racing_pairs_are_done_once_in_a_real_database(
    tmp_path: Path, uploads: Path, n_pairs: int
) -> None:
    async with stored(tmp_path) as (ledger, answers), site(uploads, ledger, answers) as here:
        await race(here, n_pairs, N_AT_ONCE_ON_DISK)
        rows = [row async for row in ledger.rows(UsageQuery())]
    assert len(rows) == n_pairs
    assert {row.outcome for row in rows} == {OK}


def is_replay(response: httpx2.Response) -> bool:
    return response.headers.get("idempotent-replayed") == "true"


async def test_who_comes_while_it_is_done_waits(uploads: Path) -> None:
    gate, answers, ledger = Gate(), WatchedAnswers(), FakeLedger()
    async with site(uploads, ledger, answers, FakeTranscriber([*HELLO, gate])) as here:
        asking = asyncio.create_task(here.transcribe("key"))
        await asyncio.to_thread(gate.reached.wait, TIMEOUT_S)
        early = await here.transcribe("key")
        assert assert_envelope(early, 409)["code"] == "idempotency_in_progress"
        assert early.headers["retry-after"] == "1"
        gate.open()
        first, second = await asking, await here.transcribe("key")
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert ledger.only().request_id == first.headers["x-request-id"]


async def test_the_official_client_waits_for_its_own_answer(uploads: Path) -> None:
    gate, answers = Gate(), WatchedAnswers()
    async with (
        site(uploads, FakeLedger(), answers, FakeTranscriber([*HELLO, gate])) as here,
        openai.AsyncOpenAI(
            base_url=f"{here.http.base_url}/v1", api_key=KEY, max_retries=2
        ) as client,
    ):

        async def ask() -> Any:
            return await client.audio.transcriptions.create(
                model="whisper-1", file=b"sound", extra_headers={"Idempotency-Key": "key"}
            )

        asking = [asyncio.create_task(ask()) for _ in range(2)]
        async with asyncio.timeout(TIMEOUT_S):
            await answers.n_early.acquire()
        await asyncio.to_thread(gate.reached.wait, TIMEOUT_S)
        gate.open()
        first, second = await asyncio.gather(*asking)
    assert first.text == second.text == "Hello there. General speech."
    assert len(here.transcriber.calls) == 1


EXACT: Mapping[str, Mapping[str, str]] = {
    "events": {"stream": "true"},
    "text": {"response_format": "text"},
    "verbose": {"response_format": "verbose_json"},
}


@pytest.mark.parametrize("fields", EXACT.values(), ids=EXACT)
async def test_transcripts_are_repeated_byte_for_byte(
    uploads: Path, fields: Mapping[str, str]
) -> None:
    async with site(uploads, ledger := FakeLedger(), FakeAnswers()) as here:
        first, second = [await here.transcribe("key", fields=fields) for _ in range(2)]
    assert_repeated(first, second)
    assert len(here.transcriber.calls) == 1
    assert ledger.only().outcome == OK


SPOKEN: Mapping[str, Mapping[str, str]] = {
    "in pieces": {"response_format": "mp3"},
    "in events": {"stream_format": "sse"},
    "in one piece": {"input": "word", "response_format": "wav"},
}


@pytest.mark.parametrize("fields", SPOKEN.values(), ids=SPOKEN)
async def test_speech_is_repeated_byte_for_byte(uploads: Path, fields: Mapping[str, str]) -> None:
    async with site(uploads, ledger := FakeLedger(), FakeAnswers()) as here:
        first, second = [await here.speak("key", fields) for _ in range(2)]
    assert_repeated(first, second)
    assert len(here.speaker.requests) == 1
    assert ledger.only().outcome == OK


def assert_repeated(first: httpx2.Response, second: httpx2.Response) -> None:
    assert first.status_code == second.status_code == 200, first.text
    assert first.content
    assert first.content == second.content
    own = {"date", "x-request-id", "idempotent-replayed"}
    told = [
        {name: value for name, value in one.headers.items() if name not in own}
        for one in (first, second)
    ]
    assert told[0] == told[1]
    assert [is_replay(first), is_replay(second)] == [False, True]


async def test_another_form_with_the_same_key_is_refused(uploads: Path) -> None:
    async with site(uploads, FakeLedger(), FakeAnswers()) as here:
        await here.transcribe("key")
        for other in (
            await here.transcribe("key", b"another sound"),
            await here.transcribe("key", fields={"language": "en"}),
            await here.transcribe("key", b"large" * 100_000),
            await here.speak("key"),
        ):
            error = assert_envelope(other, 400)
            assert (error["code"], error["param"]) == ("idempotency_key_reused", "Idempotency-Key")
            assert other.headers["x-should-retry"] == "false"
    assert len(here.transcriber.calls) == 1


async def test_a_long_upload_is_repeated_too(uploads: Path) -> None:
    async with site(uploads, FakeLedger(), FakeAnswers()) as here:
        sound = b"large" * 100_000
        first, second = [await here.transcribe("key", sound) for _ in range(2)]
    assert_repeated(first, second)
    assert [call.content for call in here.transcriber.calls] == [sound]


@pytest.mark.parametrize("fields", [{}, {"stream": "true"}], ids=["at once", "in events"])
async def test_what_failed_may_be_tried_again(uploads: Path, fields: dict[str, str]) -> None:
    failing = FakeTranscriber([HELLO[0], EngineError("broken")])
    async with site(uploads, ledger := FakeLedger(), FakeAnswers(), failing) as here:
        assert "engine_error" in (await here.transcribe("key", fields=fields)).text
        failing.script = HELLO
        again = await here.transcribe("key", fields=fields)
    assert again.status_code == 200
    assert "General speech." in again.text
    assert [row.outcome for row in ledger.rows_written] == ["engine_error", OK]


async def test_who_hung_up_may_ask_again(uploads: Path) -> None:
    gate, ledger = Gate(), FakeLedger()
    transcriber = FakeTranscriber([*HELLO, gate])
    async with site(uploads, ledger, FakeAnswers(), transcriber) as here:
        asking = asyncio.create_task(here.transcribe("key"))
        await asyncio.to_thread(gate.reached.wait, TIMEOUT_S)
        asking.cancel()
        await asyncio.to_thread(ledger.awaited)
        transcriber.script = HELLO
        again = await here.until_answered("key")
    assert again.status_code == 200
    assert not is_replay(again)
    assert [row.outcome for row in ledger.rows_written] == [CLIENT_GONE, OK]


async def test_an_answer_that_cannot_be_kept_is_not_given(uploads: Path) -> None:
    gate, answers = Gate(), FakeAnswers()
    async with site(uploads, FakeLedger(), answers, FakeTranscriber([*HELLO, gate])) as here:
        asking = asyncio.create_task(here.transcribe("key"))
        await asyncio.to_thread(gate.reached.wait, TIMEOUT_S)
        answers.is_down = True
        gate.open()
        lost = await asking
    assert assert_envelope(lost, 503)["code"] == "ledger_unavailable"
    assert "Hello" not in lost.text


async def test_a_stream_that_cannot_be_kept_is_broken_off(uploads: Path) -> None:
    gate, answers = Gate(), FakeAnswers()
    transcriber = FakeTranscriber([*HELLO, gate])
    async with site(uploads, FakeLedger(), answers, transcriber) as here:
        asking = asyncio.create_task(here.transcribe("key", fields={"stream": "true"}))
        await asyncio.to_thread(gate.reached.wait, TIMEOUT_S)
        answers.is_down = True
        gate.open()
        with pytest.raises(httpx2.RemoteProtocolError):
            await asking


async def test_a_server_without_a_ledger_says_so(uploads: Path) -> None:
    async with site(uploads, FakeLedger(), None) as here:
        refused = await here.transcribe("key")
    error = assert_envelope(refused, 400)
    assert (error["code"], error["param"]) == ("unsupported_value", "Idempotency-Key")
