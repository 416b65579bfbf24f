"""Who tells speakers apart is found by any of its names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import RoutingLimits
from loquent.domain.errors import ModelNotFoundError, UnsupportedOptionError
from loquent.domain.model import Capability
from loquent.domain.speakers import DiarizationRequest
from loquent.routing.speakers import DiarizationRouter, NamedAnalysts
from tests.fakes.fake_diarizer import FakeDiarizer
from tests.fakes.fake_voices import FakeAnalyst
from tests.unit.routing.models import TINY, names
from tests.unit.routing.places import planner

VOICES = replace(TINY, id="voices", capabilities=frozenset({Capability.DIARIZATION}))
INSTALLED = replace(names(TINY, VOICES), aliases={"who": "voices"})


@pytest.mark.parametrize("name", ["voices", "who"])
async def test_an_analyst_is_asked_for_by_its_id(name: str) -> None:
    analyst = FakeAnalyst()
    assert await NamedAnalysts(lambda: INSTALLED, analyst).analyst(name) is analyst
    assert analyst.asked_for == ["voices"]


async def test_a_missing_model_is_told_with_how_to_get_it() -> None:
    with pytest.raises(ModelNotFoundError, match="loquent models pull pyannote") as caught:
        await NamedAnalysts(lambda: INSTALLED, FakeAnalyst()).analyst("pyannote")
    assert caught.value.param == "diarise"


async def test_a_model_that_recognises_does_not_tell_speakers_apart() -> None:
    with pytest.raises(UnsupportedOptionError, match="diarization"):
        await NamedAnalysts(lambda: INSTALLED, FakeAnalyst()).analyst(TINY.id)


async def test_a_diarization_goes_to_the_model_that_answers_to_the_name(tmp_path: Path) -> None:
    talk = tmp_path / "talk"
    talk.write_bytes(b"sound")
    fake, asked = FakeDiarizer(), list[str]()

    def deployment(model_id: str) -> FakeDiarizer:
        asked.append(model_id)
        return fake

    await DiarizationRouter(planner(INSTALLED), deployment).diarize(
        DiarizationRequest("who"), AudioSource(talk, 5)
    )
    assert asked == ["voices"]


async def test_a_diarization_that_may_not_be_done_here_is_refused(tmp_path: Path) -> None:
    router = DiarizationRouter(planner(INSTALLED), lambda _model_id: FakeDiarizer())
    request = DiarizationRequest("who", limits=RoutingLimits(eu_native=True))
    with pytest.raises(UnsupportedOptionError, match="eu_native") as caught:
        await router.diarize(request, AudioSource(tmp_path / "talk", 5))
    assert caught.value.param == "eu_native"
