"""The dry run over the wire: every candidate, and whatever can be wrong with the question."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from loquent.domain.endpoints import Detail
from loquent.domain.errors import UpstreamKeyError
from loquent.domain.model import Capability
from tests.unit.routing.places import ALL_DETAILS, per_hour, place
from tests.wire.envelopes import assert_envelope
from tests.wire.routed import LOCAL, Places, routed

NEAR = place("near", prices=per_hour(360_000), eu_native=True)
FAR = place("far", prices=per_hour(180_000), stated_speed=200.0)


async def explained(places: Places, path: str = "/v1/route", **fields: Any) -> dict[str, Any]:
    async with routed(places) as http:
        response = await http.post(path, json={"model": "large", **fields})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def asked(http: httpx2.AsyncClient, prefix: str = "/v1", **fields: Any) -> httpx2.Response:
    return await http.post(f"{prefix}/route", json={"model": "large", **fields})


def reasons(answer: dict[str, Any]) -> dict[str, list[str | None]]:
    """Return the fields that each candidate cannot meet, by its id."""
    return {c["endpoint"]: [r["param"] for r in c["reasons"]] for c in answer["candidates"]}


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
async def test_every_candidate_is_shown_and_nobody_is_asked(prefix: str) -> None:
    places = Places((NEAR, FAR))
    answer = await explained(places, f"{prefix}/route", preference="cost", audio_seconds=3600)
    assert places.asked == []
    assert {name: answer[name] for name in ("object", "model", "preference", "currency")} == {
        "object": "route",
        "model": "large",
        "preference": "cost",
        "currency": "USD",
    }
    assert answer["choice"] == "far/large"
    assert [c["endpoint"] for c in answer["candidates"]] == ["far/large", "near/large"]
    near = answer["candidates"][1]
    assert near == near | {
        "provider": "near",
        "model": "large",
        "region": None,
        "eu_native": True,
        "gdpr": "yes",
        "quantization": None,
        "is_able": True,
        "is_up": True,
        "price": "0.360000",
        "queue_wait_seconds": 0.0,
        "error_rate": 0.0,
        "retry_in_seconds": 0.0,
        "last_error": None,
        "derived": [],
        "ignored": [],
        "reasons": [],
    }
    assert near["score"] > answer["candidates"][0]["score"]
    assert near["expected_seconds"] > 0


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({"preference": "speed"}, "far/large"),
        ({"eu_native": True}, "near/large"),
        ({"eu_native": "true"}, "near/large"),
        ({"allowed_providers": ["NEAR"]}, "near/large"),
        ({"allowed_providers": "near,elsewhere"}, "near/large"),
        ({"model": "near/large"}, "near/large"),
        ({"model": "anywhere", "eu_native": 1}, "near/large"),
        ({"model": "whisper-1"}, LOCAL),
        ({"model": "whisper-1", "allow_quantization": False}, f"{LOCAL}@float32"),
    ],
)
async def test_the_fields_decide_as_in_a_request(fields: dict[str, Any], choice: str) -> None:
    places = Places((NEAR, FAR), pools={"anywhere": ("near/large", "far/large")})
    assert (await explained(places, **fields))["choice"] == choice


async def test_who_falls_out_says_why_and_by_which_field() -> None:
    picky = place(
        "picky",
        "large",
        Capability.TRANSCRIPTION,
        details=ALL_DETAILS - {Detail.WORDS},
        languages=("en", "de"),
        max_file_bytes=1_000,
        file_types=frozenset({"wav"}),
        is_quantized=None,
    )
    answer = await explained(
        Places((picky,)),
        details=["words"],
        language="fr",
        file_bytes=1_001,
        file_type="m4a",
        eu_native=True,
        allow_quantization=False,
        allowed_providers=["near"],
    )
    assert answer["choice"] is None
    assert set(reasons(answer)["picky/large"]) == {
        "timestamp_granularities", "language", "file", "eu_native", "allow_quantization",
        "allowed_providers",
    }  # fmt: skip
    (candidate,) = answer["candidates"]
    assert (candidate["is_able"], candidate["score"]) == (False, None)


async def test_what_would_be_made_here_or_have_no_effect_is_told() -> None:
    plain = place("near", details=frozenset())
    answer = await explained(Places((plain,)), details=["segments", "prompt"])
    (candidate,) = answer["candidates"]
    assert (candidate["derived"], candidate["ignored"]) == (["segments"], ["prompt"])


async def test_a_text_is_priced_by_its_characters() -> None:
    voice = place("near", "large", Capability.SPEECH)
    answer = await explained(Places((voice, FAR)), capability="speech", characters=1_000)
    assert answer["choice"] == "near/large"
    hearing_only = place("near", "large", Capability.TRANSCRIPTION)
    refused = await explained(Places((hearing_only,)), capability="speech")
    assert reasons(refused) == {"near/large": ["model"]}


async def test_who_has_failed_is_shown_with_its_error_and_its_pause() -> None:
    places = Places((NEAR,))
    places.board.begin(NEAR)
    places.board.fail(NEAR, UpstreamKeyError("It does not want our key."))
    answer = await explained(places)
    (candidate,) = answer["candidates"]
    assert answer["choice"] is None
    assert (candidate["is_able"], candidate["is_up"]) == (True, False)
    assert candidate["last_error"] == "upstream_key_refused"
    assert 50 < candidate["retry_in_seconds"] <= 60
    assert candidate["error_rate"] > 0


WRONG: list[tuple[str, Any, str]] = [
    ("model", 5, "string"),
    ("model", "", "character"),
    ("model", None, "string"),
    ("model", "x" * 201, "200"),
    ("capability", "flying", "'transcription'"),
    ("capability", 5, "'transcription'"),
    ("details", "words", "list"),
    ("details", ["horns"], "'words'"),
    ("details", [5], "'words'"),
    ("language", "English", "'en'"),
    ("language", 5, "string"),
    ("audio_seconds", -1, "0"),
    ("audio_seconds", "60", "number"),
    ("audio_seconds", 1e300, "10000000"),
    ("audio_seconds", True, "number"),
    ("file_bytes", -1, "0"),
    ("file_bytes", 1.5, "integer"),
    ("file_bytes", 10**400, "1000000000000"),
    ("file_type", "docx", "flac"),
    ("file_type", 5, "string"),
    ("characters", -1, "0"),
    ("characters", "many", "integer"),
    ("characters", 10**400, "1000000000000"),
    ("preference", "fastest", "speed, cost, balanced"),
    ("allowed_providers", 5, "list of texts"),
    ("eu_native", "perhaps", "true or false"),
    ("allow_quantization", [], "true or false"),
    ("modle", "large", "no such field"),
]


@pytest.mark.parametrize(("prefix", "status"), [("/v1", 400), ("/v0", 422), ("", 400)])
async def test_a_wrong_field_is_named_with_what_would_be_right(prefix: str, status: int) -> None:
    async with routed(Places((NEAR,))) as http:
        for name, value, said in WRONG:
            response = await asked(http, prefix, **{name: value})
            error = assert_envelope(response, status)
            assert error["param"] == name, value
            assert said in error["message"], error["message"]
            if status == 422:
                (detail,) = response.json()["detail"]
                assert detail["loc"] == ["body", name]
                assert detail["msg"] == error["message"]


async def test_null_is_as_good_as_nothing() -> None:
    names = (
        "capability", "details", "language", "audio_seconds", "file_bytes", "file_type",
        "characters", "preference", "allowed_providers", "eu_native", "allow_quantization",
    )  # fmt: skip
    async with routed(Places((NEAR, FAR))) as http:
        bare = (await asked(http)).json()
        nulls = {"model": "large", **dict.fromkeys(names)}
        assert (await http.post("/v1/route", json=nulls)).json() == bare


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
async def test_a_model_that_does_not_exist_is_404(prefix: str) -> None:
    async with routed(Places((NEAR,))) as http:
        response = await asked(http, prefix, model="whisper-bse")
    error = assert_envelope(response, 404)
    assert (error["param"], error["code"]) == ("model", "model_not_found")
    assert "whisper-base" in error["message"]


async def test_a_body_that_is_too_long_is_refused() -> None:
    async with routed(Places()) as http:
        assert_envelope(await asked(http, model="x" * 70_000), 413)
