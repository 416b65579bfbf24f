"""Requests that may go to several places: who answers, what headers tell of it, what goes wrong."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from loquent.api.app import ApiOptions
from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import (
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from loquent.domain.model import Capability
from loquent.domain.pricing import Price, PriceUnit
from loquent.domain.transcript import TokenCount
from tests.fakes.fake_speaker import FakeSpeaker
from tests.fakes.fake_transcriber import HELLO, FakeTranscriber
from tests.unit.routing.places import ALL_DETAILS, per_hour, place
from tests.wire.conftest import KEY
from tests.wire.envelopes import assert_envelope
from tests.wire.routed import LOCAL, Places, routed

PATH = "/v1/audio/transcriptions"
CHEAP = place("near", prices=per_hour(360_000), eu_native=True)
"""A hundred millionths a second."""

DEAR = place("far", prices=per_hour(7_200_000), stated_speed=200.0)
BOTH = (CHEAP, DEAR)
SOUND = bytes(120_000)
"""Ten seconds, as far as can be told at a glance."""

DOWN = UpstreamUnavailableError("near does not take connections.")


async def transcribed(
    http: httpx2.AsyncClient, path: str = PATH, model: str = "large", **fields: str
) -> httpx2.Response:
    return await http.post(path, data={"model": model, **fields}, files={"file": SOUND})


def failing(error: Exception, endpoint: Endpoint = CHEAP) -> Places:
    return Places((endpoint,), {endpoint.id: FakeTranscriber([error])})


async def test_the_answer_and_its_headers_say_who_served() -> None:
    async with routed(Places(BOTH)) as http:
        response = await transcribed(http, preference="cost")
    assert response.json()["provider"] == "near"
    assert response.headers["x-loquent-provider"] == "near"
    assert response.headers["x-loquent-attempts"] == "near/large=ok"
    assert response.headers["x-loquent-model"] == response.json()["model"]
    assert float(response.headers["x-loquent-seconds"]) >= 0
    assert "x-loquent-derived" not in response.headers
    assert "x-loquent-ignored" not in response.headers


async def test_a_model_of_this_server_is_served_by_the_provider_local() -> None:
    async with routed(Places(BOTH)) as http:
        response = await transcribed(http, model="whisper-1")
    assert response.headers["x-loquent-provider"] == response.json()["provider"] == "local"
    assert response.headers["x-loquent-attempts"] == f"{LOCAL}=ok"
    assert response.headers["x-loquent-price"] == "0.000000 USD"


@pytest.mark.parametrize(
    ("fields", "provider"),
    [
        ({"preference": "cost"}, "near"),
        ({"preference": "speed"}, "far"),
        ({"preference": "speed", "eu_native": "true"}, "near"),
        ({"preference": "cost", "allowed_providers": "FAR"}, "far"),
        ({"model": "far/large"}, "far"),
        ({"model": "near/large", "preference": "speed"}, "near"),
        ({"model": "anywhere", "allowed_providers": "far,elsewhere"}, "far"),
    ],
)
async def test_the_fields_of_a_form_decide_who_serves(
    fields: dict[str, str], provider: str
) -> None:
    places = Places(BOTH, pools={"anywhere": ("near/large", "far/large")})
    async with routed(places) as http:
        response = await transcribed(http, **fields)
    assert response.headers["x-loquent-provider"] == provider
    assert places.asked == [f"{provider}/large"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("allowed_providers[]", "elsewhere"), ("eu_native", "true"), ("allow_quantization", "false")],
)
@pytest.mark.parametrize(("prefix", "status"), [("/v1", 400), ("/v0", 422), ("", 400)])
async def test_what_nobody_within_the_limits_can_do_goes_nowhere(
    name: str, value: str, prefix: str, status: int
) -> None:
    places = Places((place("far", is_quantized=True), place("off", is_quantized=None)))
    async with routed(places) as http:
        path = f"{prefix}/audio/transcriptions"
        response = await transcribed(http, path, **{name: value})
    error = assert_envelope(response, status)
    assert (error["param"], error["code"]) == (name.removesuffix("[]"), "unsupported_value")
    assert "far/large" in error["message"]
    assert "off/large" in error["message"]
    assert places.asked == []


async def test_after_a_failure_the_next_one_answers_and_both_are_told() -> None:
    places = Places(BOTH, {"near/large": FakeTranscriber([DOWN])})
    async with routed(places) as http:
        response = await transcribed(http, preference="cost")
    assert response.status_code == 200
    assert response.json()["provider"] == response.headers["x-loquent-provider"] == "far"
    attempts = response.headers["x-loquent-attempts"]
    assert attempts == "near/large=upstream_unavailable, far/large=ok"


async def test_half_of_an_answer_is_not_shown_where_another_one_takes_over() -> None:
    places = Places(BOTH, {"near/large": FakeTranscriber([HELLO[0], DOWN])})
    async with routed(places) as http:
        response = await transcribed(http, preference="cost")
    assert response.json()["text"] == "Hello there. General speech."
    assert response.headers["x-loquent-provider"] == "far"


@pytest.mark.parametrize(
    ("endpoint", "price"),
    [
        (CHEAP, "0.000247 USD"),
        (DEAR, "0.004940 USD"),
        (place("free"), "0.000000 USD"),
        (place("call", prices=(Price(PriceUnit.REQUEST, 1_234_567),)), "1.234567 USD"),
        (place("step", prices=(Price(PriceUnit.SECOND, 100, step_s=15.0),)), "0.001500 USD"),
        (place("least", prices=(Price(PriceUnit.SECOND, 1, minimum_s=10.0),)), "0.000010 USD"),
    ],
)
async def test_the_price_is_that_of_what_was_heard(endpoint: Endpoint, price: str) -> None:
    async with routed(Places((endpoint,))) as http:
        response = await transcribed(http)
    assert response.headers["x-loquent-price"] == price  # of the 2.47 s of every fake


async def test_tokens_that_a_provider_counted_are_what_is_charged() -> None:
    endpoint = place("near", prices=(Price(PriceUnit.MILLION_AUDIO_TOKENS, 6_000_000),))
    counted = FakeTranscriber(counted=TokenCount(n_text=0, n_audio=1_000, n_output=9))
    silent = FakeTranscriber()
    async with routed(Places((endpoint,), {endpoint.id: counted})) as http:
        assert (await transcribed(http)).headers["x-loquent-price"] == "0.006000 USD"
    async with routed(Places((endpoint,), {endpoint.id: silent})) as http:
        assert "x-loquent-price" not in (await transcribed(http)).headers


async def test_the_price_is_in_the_currency_of_the_operator() -> None:
    options = ApiOptions(api_key=KEY, currency="EUR")
    async with routed(Places((CHEAP,)), options) as http:
        assert (await transcribed(http)).headers["x-loquent-price"] == "0.000247 EUR"


async def test_what_is_made_here_and_what_has_no_effect_there_is_told() -> None:
    lacking = {Detail.SEGMENTS, Detail.PROMPT, Detail.TEMPERATURE}
    plain = place("near", details=ALL_DETAILS - lacking)
    fields = {"prompt": "Dear all,", "temperature": "0.5", "pitch": "2"}
    async with routed(Places((plain,))) as http:
        response = await transcribed(http, response_format="srt", **fields)
        simple = await transcribed(http, response_format="text")
    assert response.headers["x-loquent-derived"] == "segments"
    assert response.headers["x-loquent-ignored"] == "pitch, prompt, temperature"
    assert "x-loquent-derived" not in simple.headers


async def test_a_field_of_one_provider_is_handed_on_there_and_told_to_be_lost_elsewhere() -> None:
    fluent = place("far", extensions=frozenset({"smart_format"}), prices=per_hour(9_000_000))
    heard = FakeTranscriber()
    options = ApiOptions(
        api_key=KEY, extensions=frozenset({"smart_format"}), unknown_fields="strict"
    )
    async with routed(Places((CHEAP, fluent), {fluent.id: heard}), options) as http:
        chosen = await transcribed(http, smart_format="true", preference="cost")
        pinned = await transcribed(http, model=CHEAP.id, smart_format="true")
        refused = await transcribed(http, smart_fromat="true")
    assert chosen.headers["x-loquent-provider"] == "far"
    assert heard.calls[-1].request.extras == {"smart_format": "true"}
    assert "x-loquent-ignored" not in chosen.headers
    assert pinned.headers["x-loquent-ignored"] == "smart_format"
    assert assert_envelope(refused, 400)["param"] == "smart_fromat"


def _deltas(response: httpx2.Response) -> list[Any]:
    frames = [frame.removeprefix("data: ") for frame in response.text.split("\n\n")[:-1]]
    return [json.loads(frame) for frame in frames if frame != "[DONE]"]


async def test_a_stream_says_who_serves_before_it_begins() -> None:
    places = Places(BOTH, {"near/large": FakeTranscriber([DOWN])})
    async with routed(places) as http:
        response = await transcribed(http, preference="cost", stream="true")
    assert response.headers["x-loquent-provider"] == "far"
    attempts = response.headers["x-loquent-attempts"]
    assert attempts == "near/large=upstream_unavailable, far/large=ok"
    assert "x-loquent-price" not in response.headers
    assert _deltas(response)[-1]["text"] == "Hello there. General speech."


async def test_a_stream_that_breaks_ends_with_the_error_and_is_not_begun_again() -> None:
    places = Places(BOTH, {"near/large": FakeTranscriber([HELLO[0], DOWN])})
    async with routed(places) as http:
        response = await transcribed(http, preference="cost", stream="true")
    assert response.status_code == 200
    *_, last = _deltas(response)
    assert last["error"]["code"] == "upstream_unavailable"
    assert places.asked == ["near/large"]


@pytest.mark.parametrize("stream", ["false", "true"])
@pytest.mark.parametrize(
    ("error", "status", "kind", "is_final"),
    [
        (UpstreamError("It answered in riddles."), 502, "server_error", False),
        (UpstreamRejectedError("It knows no flac."), 400, "invalid_request_error", True),
        (UpstreamKeyError("It does not want our key."), 502, "server_error", True),
        (UpstreamThrottledError("Too fast.", retry_after_s=6.2), 429, "rate_limit_error", False),
        (DOWN, 503, "server_error", False),
        (UpstreamTimeoutError("It is silent."), 504, "server_error", False),
    ],
    ids=lambda value: getattr(value, "code", None),
)
async def test_an_error_of_a_provider_is_told_in_the_envelope(
    stream: str, error: UpstreamError, status: int, kind: str, *, is_final: bool
) -> None:
    endpoints = {prefix: place(f"under{prefix[1:]}") for prefix in ("/v1", "/v0", "")}
    broken = {endpoint.id: FakeTranscriber([error]) for endpoint in endpoints.values()}
    fields = {"stream": stream, "response_format": "json"}
    async with routed(Places(tuple(endpoints.values()), dict(broken))) as http:
        for prefix, endpoint in endpoints.items():
            path = f"{prefix}/audio/transcriptions"
            response = await transcribed(http, path, endpoint.id, **fields)
            told = assert_envelope(response, 422 if (prefix, status) == ("/v0", 400) else status)
            assert told == {
                "message": error.message,
                "type": kind,
                "param": None,
                "code": error.code,
            }
            assert response.headers.get("x-should-retry") == ("false" if is_final else None)
            assert response.headers.get("retry-after") == ("7" if error.retry_after_s else None)


async def test_an_endpoint_that_is_left_alone_is_not_asked_again() -> None:
    places = failing(UpstreamThrottledError("Too fast.", retry_after_s=30))
    async with routed(places) as http:
        await transcribed(http)
        response = await transcribed(http)
    assert assert_envelope(response, 503)["code"] == "no_endpoint"
    assert 28 <= int(response.headers["retry-after"]) <= 30
    assert "x-should-retry" not in response.headers
    assert places.asked == ["near/large"]


async def test_a_translation_is_routed_and_told_alike() -> None:
    hearing = place("near", "large", Capability.TRANSCRIPTION)
    able = place("far", "large", Capability.TRANSLATION, prices=per_hour(3_600_000))
    async with routed(Places((hearing, able))) as http:
        response = await transcribed(http, "/v1/audio/translations")
    assert response.headers["x-loquent-provider"] == response.json()["provider"] == "far"
    assert response.headers["x-loquent-price"] == "0.002470 USD"


TALKS = place(
    "near", "voice", Capability.SPEECH, prices=(Price(PriceUnit.MILLION_CHARACTERS, 15_000_000),)
)
TALKS_TOO = place("far", "voice", Capability.SPEECH, prices=TALKS.prices * 2)


async def spoken(http: httpx2.AsyncClient, **fields: object) -> httpx2.Response:
    wishes = {"model": "voice", "input": "hello there", "response_format": "pcm", **fields}
    return await http.post("/v1/audio/speech", json=wishes)


@pytest.mark.parametrize("text", ["hello there", "hello"])
async def test_speech_says_who_spoke_and_what_its_characters_cost(text: str) -> None:
    places = Places((TALKS, TALKS_TOO), speakers={TALKS.id: FakeSpeaker()})
    async with routed(places) as http:
        response = await spoken(http, input=text, preference="COST", allow_quantization="1")
    assert response.headers["x-loquent-provider"] == "near"
    assert response.headers["x-loquent-attempts"] == "near/voice=ok"
    assert response.headers["x-loquent-price"] == f"{15e-6 * len(text):.6f} USD"


async def test_speech_goes_elsewhere_where_a_place_fails_before_the_first_sound() -> None:
    speakers = {TALKS.id: FakeSpeaker(error=DOWN), TALKS_TOO.id: FakeSpeaker()}
    async with routed(Places((TALKS, TALKS_TOO), speakers=speakers)) as http:
        response = await spoken(http, preference="cost")
        pinned = await spoken(http, model=TALKS.id)
    attempts = response.headers["x-loquent-attempts"]
    assert attempts == "near/voice=upstream_unavailable, far/voice=ok"
    assert assert_envelope(pinned, 503)["code"] == "upstream_unavailable"


async def test_speech_that_no_allowed_provider_offers_is_refused() -> None:
    async with routed(Places((TALKS,))) as http:
        response = await spoken(http, allowed_providers=["far"])
    assert assert_envelope(response, 400)["param"] == "allowed_providers"


async def test_instructions_that_have_no_effect_are_listed() -> None:
    mute = place("near", "voice", Capability.SPEECH, details=frozenset())
    async with routed(Places((mute,), speakers={mute.id: FakeSpeaker()})) as http:
        response = await spoken(http, instructions="Whisper.", fallback=1)
    assert response.headers["x-loquent-ignored"] == "fallback, instructions"


async def test_the_list_of_models_tells_where_each_is_served() -> None:
    same = place("near", "whisper-base", prices=per_hour(1))
    async with routed(Places((*BOTH, same))) as http:
        listed = {entry["id"]: entry for entry in (await http.get("/v1/models")).json()["data"]}
        shown = (await http.get("/v0/models/near/large")).json()
    assert [e["id"] for e in listed["large"]["endpoints"]] == ["far/large", "near/large"]
    here = [e["id"] for e in listed["whisper-1"]["endpoints"]]
    assert here == [LOCAL, f"{LOCAL}@float32", "near/whisper-base"]
    assert {"near/large", "far/large", "near/whisper-base"} <= set(listed)
    assert (shown["id"], shown["served_by"]) == ("near/large", "large")
    local = listed["whisper-base"]["endpoints"][0]
    assert local == {
        "id": LOCAL,
        "provider": "local",
        "region": None,
        "eu_native": False,
        "gdpr": "unknown",
        "quantization": "int8",
        "capabilities": ["realtime", "transcription", "translation"],
        "details": local["details"],
        "max_file_bytes": None,
        "max_audio_seconds": None,
        "file_types": [],
    }
    assert {"words", "segments", "speakers", "stream"} <= set(local["details"])
