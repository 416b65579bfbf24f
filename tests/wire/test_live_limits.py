"""The routing fields in the address of a live socket, in both dialects."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from loquent.api.app import ApiOptions
from loquent.domain.endpoints import Preference, RoutingLimits
from tests.fakes.scripted_live import ScriptedTranscriber
from tests.wire.conftest import KEY
from tests.wire.realtime import ADDRESS, RealtimeServer, realtime_server

A15T = "/v1/audio/transcriptions-realtime?model=whisper-1"
INIT = '{"sample_rate": 16000}'
DONE = '{"done": true}'

QUERIES = [
    ([], RoutingLimits()),
    ([("preference", "null"), ("allowed_providers", ""), ("eu_native", "")], RoutingLimits()),
    ([("preference", "Speed")], RoutingLimits(Preference.SPEED)),
    ([("allowed_providers", "a,B")], RoutingLimits(allowed_providers=frozenset("ab"))),
    ([("allowed_providers[]", "a"), ("allowed_providers[]", "b")],
     RoutingLimits(allowed_providers=frozenset("ab"))),
    ([("allowed_providers", '["a", "b"]')], RoutingLimits(allowed_providers=frozenset("ab"))),
    ([("eu_native", "1"), ("allow_quantization", "FALSE")],
     RoutingLimits(eu_native=True, allow_quantization=False)),
]  # fmt: skip

WRONG = [
    ("preference", "fastest", "speed, cost, balanced"),
    ("eu_native", "perhaps", "true or false"),
    ("allow_quantization", "2", "true or false"),
    ("allowed_providers", '[["a"]]', "a list of texts"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[RealtimeServer]:
    with realtime_server(ScriptedTranscriber(), ApiOptions(api_key=KEY)) as server:
        yield server


@pytest.mark.parametrize(("query", "limits"), QUERIES)
def test_a15t_reads_them_in_every_spelling(
    server: RealtimeServer, query: list[tuple[str, str]], limits: RoutingLimits
) -> None:
    with server.knock(f"{A15T}&{urlencode(query)}") as caller:
        caller.send_raw(INIT)
        caller.send_raw(DONE)
        caller.connection.recv(timeout=10)
        assert caller.closing() == (1000, "")
    assert server.live.request.limits == limits


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
@pytest.mark.parametrize(("query", "limits"), QUERIES)
def test_openai_reads_them_in_every_spelling(
    server: RealtimeServer, prefix: str, query: list[tuple[str, str]], limits: RoutingLimits
) -> None:
    address = f"{prefix}{ADDRESS.removeprefix('/v1')}&model=whisper-1&{urlencode(query)}"
    with server.open(address) as caller:
        caller.update_input(transcription={"language": "de"})
    changed = server.live.scripted[-1].requests
    assert [request.limits for request in changed] == [limits, limits]


def test_they_hold_for_a_model_that_is_named_later(server: RealtimeServer) -> None:
    with server.open(f"{ADDRESS}&eu_native=true") as caller:
        caller.update_input(transcription={"model": "whisper-1"})
    assert server.live.request.limits == RoutingLimits(eu_native=True)


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
@pytest.mark.parametrize("address", [A15T, f"{ADDRESS}&model=whisper-1", ADDRESS])
def test_a_wrong_value_closes_the_socket_with_what_would_be_right(
    server: RealtimeServer, address: str, name: str, value: str, said: str
) -> None:
    n_opened = len(server.live.opened)
    with server.knock(f"{address}&{urlencode({name: value})}") as caller:
        code, reason = caller.closing()
    assert code == 1008
    assert name in reason
    assert said in reason
    assert len(server.live.opened) == n_opened
