"""Answers are kept before they are whole, and only those that are worth it."""

from __future__ import annotations

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from loquent.api.idempotency import Idempotency
from loquent.domain.errors import EngineError, LedgerUnavailableError
from loquent.domain.idempotency import Claim
from tests.fakes.fake_answers import FakeAnswers
from tests.unit.api.asked_twice import (
    MAX_KEPT_BYTES,
    SEALER,
    Asked,
    Work,
    answering,
    around,
)


@pytest.mark.parametrize("status", [100, 302, 400, 429, 500, 503])
async def test_a_failure_is_not_kept(status: int) -> None:
    work, answers = Work(answering(b"no", status=status)), FakeAnswers()
    app = around(work, answers)
    for n in (1, 2):
        told = await Asked().of(app)
        assert (told.status, told.body, told.is_whole) == (status, b"no", True)
        assert (len(work.rows), len(answers.dropped)) == (n, n)
    assert work.rows[0] != work.rows[1]


async def test_a_failure_is_given_up_before_its_caller_can_ask_again() -> None:
    answers = FakeAnswers()
    asked = Asked()

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})
        assert len(answers.dropped) == len(asked.told.messages) == 1
        await send({"type": "http.response.body", "body": b"no"})

    await asked.of(around(Work(fail), answers))


async def test_an_error_at_the_end_of_a_stream_is_not_kept() -> None:
    failing = answering(b"some", b"error", b"", **{"loquent.has_failed": True})
    work, answers = Work(failing), FakeAnswers()
    app = around(work, answers)
    for _ in range(2):
        told = await Asked().of(app)
        assert (told.status, told.body, told.is_whole) == (200, b"someerror", True)
    assert len(work.rows) == len(answers.dropped) == 2
    assert not answers.kept


async def test_whoever_follows_a_row_in_doubt_has_the_same_row() -> None:
    doubtful = answering(b"no", status=503, **{"loquent.is_row_doubtful": True})
    work, answers = Work(doubtful), FakeAnswers()
    app = around(work, answers)
    for _ in range(2):
        assert (await Asked().of(app)).status == 503
    assert work.rows[0] == work.rows[1]
    assert (len(answers.released), answers.dropped) == (2, [])


@pytest.mark.parametrize("error", [EngineError("broken"), RuntimeError(), ClientDisconnect()])
async def test_what_breaks_off_is_not_kept(error: Exception) -> None:
    async def break_off(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        raise error

    asked, answers = Asked(), FakeAnswers()
    with pytest.raises(type(error)):
        await asked.of(around(Work(break_off), answers))
    assert asked.told.body == b"som"
    assert not asked.told.is_whole
    assert len(answers.dropped) == 1


async def test_what_is_cancelled_is_given_up() -> None:
    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    work, answers = Work(wait), FakeAnswers()
    asking = asyncio.create_task(Asked().of(around(work, answers)))
    await work.begun.wait()
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    assert len(answers.dropped) == 1


async def test_who_hangs_up_at_the_very_end_finds_the_answer_later() -> None:
    class SlowAnswers(FakeAnswers):
        keeping, opened, has_kept = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def keep(self, claim: Claim, sealed: bytes | None) -> None:
            self.keeping.set()
            await self.opened.wait()
            await super().keep(claim, sealed)
            self.has_kept.set()

    work, answers = Work(answering(b"Hello.")), SlowAnswers()
    app = around(work, answers)
    asked = Asked()
    asking = asyncio.create_task(asked.of(app))
    await answers.keeping.wait()
    asking.cancel()
    await asyncio.wait({asking})
    assert not asked.told.messages
    answers.opened.set()
    await answers.has_kept.wait()
    assert not answers.dropped
    assert (await Asked().of(app)).is_replayed


async def test_a_stream_is_whole_only_after_it_is_kept() -> None:
    answers = FakeAnswers()
    asked = Asked()
    seen: list[tuple[bytes, int]] = []

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"", b"one", b"", b"t", b"hree"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            seen.append((asked.told.body, len(answers.kept)))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    app = around(Work(stream), answers)
    told = await asked.of(app)
    assert seen == [(b"", 0), (b"on", 0), (b"on", 0), (b"one", 0), (b"onethre", 0)]
    assert (told.body, told.is_whole, len(answers.kept)) == (b"onethree", True, 1)
    again = await Asked().of(app)
    assert (again.body, again.is_whole, again.is_replayed) == (b"onethree", True, True)


async def test_an_answer_in_one_piece_that_cannot_be_kept_is_an_error() -> None:
    answers = FakeAnswers()

    async def lose(scope: Scope, receive: Receive, send: Send) -> None:
        answers.is_down = True
        await answering(b"Hello.")(scope, receive, send)

    told = await Asked().of(around(Work(lose), answers))
    assert (told.status, told.error["code"]) == (503, "ledger_unavailable")
    assert told.headers["retry-after"] == "1"
    assert not answers.dropped, "who takes it over later has no second row"


async def test_a_stream_that_cannot_be_kept_never_ends() -> None:
    answers = FakeAnswers()

    async def lose(scope: Scope, receive: Receive, send: Send) -> None:
        answers.is_down = True
        await answering(b"Hello ", b"there.")(scope, receive, send)

    asked = Asked()
    with pytest.raises(LedgerUnavailableError):
        await asked.of(around(Work(lose), answers))
    assert asked.told.body == b"Hello"
    assert not asked.told.is_whole


async def test_a_failure_that_cannot_be_given_up_is_told_all_the_same() -> None:
    answers = FakeAnswers()

    async def lose(scope: Scope, receive: Receive, send: Send) -> None:
        answers.is_down = True
        await answering(b"no", status=500)(scope, receive, send)

    told = await Asked().of(around(Work(lose), answers))
    assert (told.status, told.body) == (500, b"no")


@pytest.mark.parametrize("n_bytes", [MAX_KEPT_BYTES, MAX_KEPT_BYTES + 1])
async def test_an_answer_that_is_too_large_is_given_once(n_bytes: int) -> None:
    body = b"x" * n_bytes
    work, answers = Work(answering(body[:-10], body[-10:], b"")), FakeAnswers()
    app = around(work, answers)
    assert (await Asked().of(app)).body == body
    again = await Asked().of(app)
    assert len(work.rows) == 1
    if n_bytes > MAX_KEPT_BYTES:
        assert (again.status, again.error["code"]) == (409, "idempotency_answer_not_kept")
        assert again.headers["x-should-retry"] == "false"
    else:
        assert (again.body, again.is_replayed) == (body, True)


async def test_large_answers_are_kept_too() -> None:
    body = b"large" * 100_000
    work = Work(answering(body))
    app = Idempotency(work, FakeAnswers(), SEALER)
    assert (await Asked().of(app)).body == body
    again = await Asked().of(app)
    assert (again.body, again.is_replayed) == (body, True)


async def test_an_application_that_misreads_the_end_answers_nothing() -> None:
    """Frameworks turn whatever happens while they read a body into an answer of their own."""

    async def misread(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await Request(scope, receive).body()
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - as a framework does
            with pytest.raises(type(error)):
                await receive()
            await PlainTextResponse("cannot be read", 400)(scope, receive, send)
            return
        await PlainTextResponse("Hello.")(scope, receive, send)

    app = around(misread, FakeAnswers())
    await Asked(is_long=True).of(app)
    again = await Asked(is_long=True).of(app)
    assert (again.status, again.body, again.is_replayed) == (200, b"Hello.", True)


async def test_the_application_cleans_up_what_it_holds() -> None:
    n_open = 0

    async def hold(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal n_open
        n_open += 1
        try:
            await Request(scope, receive).body()
        finally:
            n_open -= 1
        await answering(b"Hello.")(scope, receive, send)

    app = around(hold, FakeAnswers())
    for _ in range(2):
        await Asked(is_long=True).of(app)
    assert n_open == 0


async def test_what_answers_before_it_has_read_is_not_claimed() -> None:
    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await Request(scope, receive).body()
        await send({"type": "http.response.body", "body": b"Hello."})

    answers = FakeAnswers()
    told = await Asked(is_long=True).of(around(hasty, answers))
    assert (told.body, told.is_whole) == (b"Hello.", True)
    assert not answers.kept


async def test_logs_and_metrics_learn_whose_answer_was_repeated() -> None:
    async def endpoint(request: Request) -> Response:
        if await request.body() == b"bad":
            raise HTTPException(400)
        return PlainTextResponse("Hello.")

    routes = [Route("/other", endpoint), Route("/v1/{name}", endpoint, methods=["POST"])]
    site = Starlette(routes=routes)
    site.add_middleware(Idempotency, answers=FakeAnswers(), sealer=SEALER)
    for is_long in (False, False, True):
        told = await Asked(path="/v1/speech", is_long=is_long).of(site)
        assert told.scope["route"].path == "/v1/{name}"
    assert told.is_replayed
    assert (await Asked("new", path="/v2", is_long=False).of(site)).status == 404
