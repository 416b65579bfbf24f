"""A request with a key is done once: who comes again gets its answer, or learns why not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from loquent.domain.accounts import Caller
from loquent.domain.errors import LedgerUnavailableError
from loquent.domain.idempotency import Claim
from loquent.ports.idempotency import Claimed
from tests.fakes.fake_answers import FakeAnswers
from tests.unit.api.asked_twice import (
    ANNA,
    GONE,
    Asked,
    Work,
    answering,
    around,
    chunk,
)


async def test_who_asks_twice_gets_the_same_answer() -> None:
    work, answers = Work(answering(b"Hello.")), FakeAnswers()
    app = around(work, answers)
    first, second = await Asked().of(app), await Asked().of(app)
    assert len(work.rows) == 1
    assert (first.status, first.body, first.is_replayed) == (200, b"Hello.", False)
    assert (second.status, second.body, second.is_replayed) == (200, b"Hello.", True)
    assert second.headers["content-type"] == "text/plain"
    assert not {"X-Request-Id", "connection"} & set(second.headers)
    assert {"X-Request-Id", "connection"} <= set(first.headers)
    (sealed,) = answers.kept.values()
    assert sealed is not None
    assert b"Hello" not in sealed


@pytest.mark.parametrize("asked", [{"key": None}, {"method": "GET"}, {"method": "PUT"}])
async def test_others_are_left_alone(asked: dict[str, Any]) -> None:
    work, answers = Work(answering(b"Hello.")), FakeAnswers()
    app = around(work, answers)
    for _ in range(2):
        assert not (await Asked(**asked).of(app)).is_replayed
    assert work.rows == [None, None]
    assert not answers.kept


async def test_sockets_are_left_alone() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    scope = {"type": "websocket", "headers": [(b"idempotency-key", b"key")]}

    async def nothing() -> Message:
        raise AssertionError

    async def nowhere(_message: Message) -> None:
        raise AssertionError

    await around(app, FakeAnswers())(scope, nothing, nowhere)
    assert seen == [scope]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "caf\xe9"])
async def test_a_key_that_is_none_is_refused(key: str) -> None:
    work = Work(answering(b"Hello."))
    told = await Asked(key).of(around(work, FakeAnswers()))
    assert told.status == 400
    assert told.error["param"] == "Idempotency-Key"
    assert told.headers["x-should-retry"] == "false"
    assert not work.rows


@pytest.mark.parametrize("key", ["x", "~ !" * 85])
async def test_a_key_may_have_255_characters(key: str) -> None:
    assert (await Asked(key).of(around(Work(answering(b"")), FakeAnswers()))).status == 200


async def test_two_keys_are_refused() -> None:
    asked = Asked(headers=[(b"idempotency-key", b"key")])
    told = await asked.of(around(Work(answering(b"")), FakeAnswers()))
    assert (told.status, told.error["param"]) == (400, "Idempotency-Key")


async def test_a_dialect_words_a_refusal_as_it_does() -> None:
    told = await Asked("", path="/v0/audio/speech").of(around(Work(answering(b"")), FakeAnswers()))
    assert told.status == 422
    assert json.loads(told.body)["detail"][0]["loc"] == ["header", "Idempotency-Key"]


async def test_a_key_is_refused_where_no_answer_is_kept() -> None:
    work = Work(answering(b"Hello."))
    told = await Asked().of(around(work, None))
    assert (told.status, told.error["code"]) == (400, "unsupported_value")
    assert told.error["param"] == "Idempotency-Key"
    assert (await Asked(None).of(around(work, None))).body == b"Hello."


@pytest.mark.parametrize("is_long", [False, True], ids=["read ahead", "read by the application"])
@pytest.mark.parametrize(
    "other",
    [
        {"body": (chunk(b"{ }", is_last=True),)},
        {"path": "/v1/audio/speech/captions"},
        {"headers": [(b"content-type", b"application/json")]},
    ],
)
async def test_a_key_for_another_request_is_refused(other: dict[str, Any], is_long: bool) -> None:
    work = Work(answering(b"Hello."))
    app = around(work, FakeAnswers())
    await Asked().of(app)
    told = await Asked(**other, is_long=is_long).of(app)
    assert (told.status, told.error["code"]) == (400, "idempotency_key_reused")
    assert told.error["param"] == "Idempotency-Key"
    assert len(work.rows) == 1
    assert (await Asked().of(app)).is_replayed


async def test_callers_never_meet() -> None:
    work = Work(answering(b"Hello."))
    app = around(work, FakeAnswers())
    for caller in (ANNA, Caller("bert"), Caller(), Caller("static")):
        assert not (await Asked(caller=caller).of(app)).is_replayed
    assert len(work.rows) == 4


async def test_who_has_another_credential_cannot_have_the_answer() -> None:
    work = Work(answering(b"Hello."))
    app = around(work, FakeAnswers())
    await Asked().of(app)
    told = await Asked(credential="lq_rotated").of(app)
    assert (told.status, told.error["code"]) == (409, "idempotency_answer_not_kept")
    assert told.headers["x-should-retry"] == "false"
    assert b"Hello" not in told.body
    assert len(work.rows) == 1


@pytest.mark.parametrize("is_long", [False, True], ids=["read ahead", "read by the application"])
async def test_who_comes_too_early_is_told_to_come_again(is_long: bool) -> None:
    opened = asyncio.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await opened.wait()
        await answering(b"Hello.")(scope, receive, send)

    work = Work(wait)
    app = around(work, FakeAnswers())
    first = asyncio.create_task(Asked(is_long=is_long).of(app))
    await work.begun.wait()
    early = await Asked(is_long=is_long).of(app)
    assert (early.status, early.error["code"]) == (409, "idempotency_in_progress")
    assert early.headers["retry-after"] == "1"
    assert "x-should-retry" not in early.headers
    opened.set()
    assert (await first).body == b"Hello."
    assert (await Asked(is_long=is_long).of(app)).is_replayed
    assert len(work.rows) == 1


async def test_a_row_has_the_id_of_the_first_try() -> None:
    answers = FakeAnswers()

    async def die(scope: Scope, receive: Receive, send: Send) -> None:
        answers.end_leases()
        await asyncio.Event().wait()

    first, second = Work(die), Work(answering(b"Hello."))
    dying = asyncio.create_task(Asked().of(around(first, answers)))
    await first.begun.wait()
    assert (await Asked().of(around(second, answers))).body == b"Hello."
    assert first.rows == second.rows
    assert first.rows[0] is not None
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)


async def test_the_body_arrives_as_it_was_sent() -> None:
    messages = [chunk(b"one "), chunk(b""), chunk(b"two"), chunk(b"", is_last=True)]
    for is_long in (False, True):
        work = Work(answering(b""))
        await Asked(body=messages, is_long=is_long).of(around(work, FakeAnswers()))
        assert work.bodies == [b"one two"]


async def test_a_long_body_is_not_read_ahead() -> None:
    work, answers = Work(answering(b"no", status=413), reads=False), FakeAnswers()
    told = await Asked(body=(), is_long=True).of(around(work, answers))
    assert (told.status, told.body) == (413, b"no")
    assert work.rows == [None]
    assert not answers.dropped


@pytest.mark.parametrize(
    "body", [[chunk(b"", is_last=True)], [chunk(b"{"), chunk(b"}", is_last=True)]]
)
async def test_what_reads_no_body_is_done_once_too(body: list[Message]) -> None:
    work = Work(answering(b"Hello."), reads=False)
    app = around(work, FakeAnswers())
    await Asked(body=body).of(app)
    assert (await Asked(body=body).of(app)).is_replayed
    assert len(work.rows) == 1


async def test_what_comes_after_the_body_is_handed_on() -> None:
    later = chunk(b"", is_last=True)

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        assert [await receive(), await receive()] == [later, GONE]
        await answering(b"Hello.")(scope, receive, send)

    for is_long in (False, True):
        messages = [chunk(b"{}", is_last=True), later, GONE]
        told = await Asked(body=messages, is_long=is_long).of(around(Work(listen), FakeAnswers()))
        assert told.body == b"Hello."


@pytest.mark.parametrize("is_long", [False, True], ids=["read ahead", "read by the application"])
async def test_half_a_request_is_no_request(is_long: bool) -> None:
    work, answers = Work(answering(b"Hello.")), FakeAnswers()
    app = around(work, answers)
    with pytest.raises(ClientDisconnect):
        await Asked(body=[chunk(b"{"), GONE], is_long=is_long).of(app)
    assert not work.rows
    assert not (await Asked(is_long=is_long).of(app)).is_replayed


async def test_who_cannot_be_served_now_learns_when_to_come_back() -> None:
    class SilentAnswers(FakeAnswers):
        async def claim(self, claim: Claim) -> Claimed:
            raise LedgerUnavailableError("away")

    told = await Asked().of(around(Work(answering(b"Hello.")), SilentAnswers()))
    assert (told.status, told.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("is_long", [False, True], ids=["read ahead", "read by the application"])
async def test_nothing_is_done_that_cannot_be_claimed(is_long: bool) -> None:
    work = Work(answering(b"Hello."))
    told = await Asked(is_long=is_long).of(around(work, FakeAnswers(is_down=True)))
    assert (told.status, told.error["code"]) == (503, "ledger_unavailable")
    assert not work.rows
