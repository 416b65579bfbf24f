"""Whatever one provider does, another one answers; where there is none, the caller is told why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx2
import pytest
from structlog.testing import capture_logs

from loquent.routing.breaker import MAX_FAILURES
from tests.vendors.faults import FAILING, OF_THE_REQUEST, TEXT, Fault, FaultyFront
from tests.vendors.gateway import (
    MODEL,
    PATH,
    STREAMING,
    WHISPER,
    gateway,
    provider,
    recording,
    settings,
)
from tests.vendors.openai_vendor import KEY, OpenAiVendor
from tests.vendors.server import serving
from tests.wire.envelopes import assert_envelope

DEADLINE_S = 30.0
LATE_DEADLINE_S = 4.0
"""Where a provider does not answer. Of this the first one gets two fifths."""

DEAR_MICROS = 1_000_000

STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "upstream_error": 502,
        "upstream_key_refused": 502,
        "upstream_unavailable": 503,
        "upstream_timeout": 504,
        "upstream_throttled": 429,
        "upstream_rejected": 400,
    }
)

_CODES: Mapping[str, tuple[Fault, ...]] = MappingProxyType(
    {
        "upstream_rejected": tuple(OF_THE_REQUEST),
        "upstream_key_refused": (Fault.STATUS_401,),
        "upstream_throttled": (
            Fault.STATUS_429,
            Fault.STATUS_429_SECONDS,
            Fault.STATUS_429_DATE,
        ),
        "upstream_timeout": (
            Fault.BLACK_HOLE,
            Fault.BLACK_HOLE_AFTER_REQUEST,
            Fault.BLACK_HOLE_AFTER_ANSWER_HEAD,
            Fault.TRICKLE,
            Fault.STATUS_504,
            Fault.ENDLESS_INTERIM,
        ),
        "upstream_error": (
            Fault.REDIRECT_302,
            Fault.REDIRECT_307,
            Fault.NO_JSON,
            Fault.JSON_OF_OTHER_SHAPE,
            Fault.EMPTY,
            Fault.OTHER_TYPE,
            Fault.LENGTH_TOO_SHORT,
            Fault.COMPRESSION_BOMB,
        ),
    }
)
CODES: Mapping[Fault, str] = MappingProxyType(
    dict.fromkeys(FAILING, "upstream_unavailable")
    | {fault: code for code, faults in _CODES.items() for fault in faults}
)
"""What each fault is called; the connection is at fault in most."""

HARMFUL = tuple(fault for fault in FAILING if fault not in OF_THE_REQUEST)


@dataclass(frozen=True)
class Stage:
    """A gateway over a provider with a fault, and a dearer one that is well."""

    front: FaultyFront
    vendor: OpenAiVendor
    client: httpx2.AsyncClient

    async def ask(self, model: str = MODEL, **fields: str) -> httpx2.Response:
        """Send a recording."""
        form = {"model": model, "response_format": "verbose_json", **fields}
        return await self.client.post(PATH, data=form, files={"file": ("a.wav", recording())})


@asynccontextmanager
async def stage(
    fault: Fault, folder: Path, *, upstream_model: str = WHISPER, elsewhere: str = ""
) -> AsyncIterator[Stage]:
    vendor = OpenAiVendor()
    async with (
        FaultyFront(fault, elsewhere=elsewhere).running() as front,
        serving(vendor.app) as well,
    ):
        providers = {
            "primary": provider(front.url, upstream_model=upstream_model),
            "secondary": provider(well, upstream_model=upstream_model, micros=DEAR_MICROS),
        }
        chosen = settings(folder, providers, deadline_s=deadline_s(fault))
        async with gateway(chosen) as client:
            yield Stage(front, vendor, client)


def deadline_s(fault: Fault) -> float:
    is_well = fault is Fault.NONE
    return DEADLINE_S if is_well or "upstream_timeout" not in names(fault) else LATE_DEADLINE_S


def names(fault: Fault) -> set[str]:
    """Return what a fault may be called: an endless answer is too large or too late."""
    if fault is Fault.ENDLESS_BODY:
        return {"upstream_timeout", "upstream_error"}
    return {CODES[fault]}


def attempts(response: httpx2.Response) -> list[str]:
    return response.headers["x-loquent-attempts"].split(", ")


async def test_the_front_answers_as_long_as_it_is_well(tmp_path: Path) -> None:
    async with stage(Fault.NONE, tmp_path) as there:
        response = await there.ask()
        assert (response.status_code, response.json()["text"]) == (200, TEXT)
        assert attempts(response) == [f"primary/{MODEL}=ok"]
        assert not there.vendor.log.asked


@pytest.mark.parametrize("fault", HARMFUL)
async def test_another_provider_answers_and_the_one_that_fails_is_left_alone(
    fault: Fault, tmp_path: Path
) -> None:
    async with stage(fault, tmp_path) as there:
        began_s = time.monotonic()
        responses = await asyncio.gather(*(there.ask() for _ in range(MAX_FAILURES)))
        assert time.monotonic() - began_s < 2 * deadline_s(fault)
        for response in responses:
            assert response.status_code == 200, response.text
            assert response.json()["text"] == there.vendor.text
            assert response.headers["x-loquent-provider"] == "secondary"
            failed, served = attempts(response)
            assert failed in {f"primary/{MODEL}={code}" for code in names(fault)}
            assert served == f"secondary/{MODEL}=ok"
        n_connections, n_requests = there.front.n_connections, there.front.n_requests
        for _ in range(3):
            assert attempts(await there.ask()) == [f"secondary/{MODEL}=ok"]
        assert (there.front.n_connections, there.front.n_requests) == (n_connections, n_requests)


@pytest.mark.parametrize("fault", FAILING)
async def test_a_fault_is_told_in_the_envelope_and_nothing_else(
    fault: Fault, tmp_path: Path
) -> None:
    async with stage(fault, tmp_path) as there:
        with capture_logs() as logs:
            response = await there.ask(f"primary/{MODEL}")
        error = assert_envelope(response, STATUSES[str(response.json()["error"]["code"])])
        assert error["code"] in names(fault)
        assert "primary" in error["message"]
        for told in (response.text, str(response.headers), str(logs)):
            assert KEY not in told
            assert there.front.url not in told
        assert not there.vendor.log.asked


@pytest.mark.parametrize("fault", sorted(OF_THE_REQUEST))
async def test_a_provider_that_does_not_want_a_few_requests_is_asked_again(
    fault: Fault, tmp_path: Path
) -> None:
    async with stage(fault, tmp_path) as there:
        for _ in range(MAX_FAILURES - 1):
            response = await there.ask()
            assert response.json()["text"] == there.vendor.text
            assert attempts(response) == [
                f"primary/{MODEL}=upstream_rejected",
                f"secondary/{MODEL}=ok",
            ]
        there.front.fault = Fault.NONE
        assert attempts(await there.ask()) == [f"primary/{MODEL}=ok"]


@pytest.mark.parametrize("fault", sorted(OF_THE_REQUEST))
async def test_a_provider_that_rejects_what_others_take_is_left_alone(
    fault: Fault, tmp_path: Path
) -> None:
    async with stage(fault, tmp_path) as there:
        for _ in range(MAX_FAILURES):
            await there.ask()
        assert attempts(await there.ask()) == [f"secondary/{MODEL}=ok"]


@pytest.mark.parametrize("fault", [Fault.STATUS_429_SECONDS, Fault.STATUS_429_DATE])
async def test_a_caller_is_told_when_to_return(fault: Fault, tmp_path: Path) -> None:
    async with stage(fault, tmp_path) as there:
        response = await there.ask(f"primary/{MODEL}")
        assert 20 <= int(response.headers["retry-after"]) <= 30
        again = await there.ask(f"primary/{MODEL}")
        assert_envelope(again, 503)
        assert 20 <= int(again.headers["retry-after"]) <= 30
        assert there.front.n_requests == 1


@pytest.mark.parametrize("fault", [Fault.REDIRECT_302, Fault.REDIRECT_307])
async def test_nothing_is_sent_where_a_redirect_leads(fault: Fault, tmp_path: Path) -> None:
    async with FaultyFront(Fault.NONE).running() as canary:
        async with stage(fault, tmp_path, elsewhere=canary.url) as there:
            assert (await there.ask()).status_code == 200
            assert (await there.ask(f"primary/{MODEL}")).status_code == 502
        assert there.front.n_requests == 2
        assert canary.n_connections == 0


async def test_a_stream_that_has_begun_ends_with_an_error_and_nobody_else_is_asked(
    tmp_path: Path,
) -> None:
    async with stage(Fault.EVENTS_CUT, tmp_path, upstream_model=STREAMING) as there:
        response = await there.ask(stream="true", response_format="json")
        assert response.status_code == 200
        assert TEXT in response.text
        assert '"code": "upstream_unavailable"' in response.text
        assert there.vendor.text not in response.text
        assert not there.vendor.log.asked


@pytest.mark.parametrize("fault", [Fault.STATUS_500, Fault.EMPTY, Fault.RESET_IN_ANSWER_HEAD])
async def test_a_stream_that_has_not_begun_comes_from_another_provider(
    fault: Fault, tmp_path: Path
) -> None:
    async with stage(fault, tmp_path, upstream_model=STREAMING) as there:
        response = await there.ask(stream="true", response_format="json")
        assert response.status_code == 200
        assert there.vendor.said[0].text in response.text
        assert len(attempts(response)) == 2
