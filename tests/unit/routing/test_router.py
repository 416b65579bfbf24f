"""Which deployment a request reaches, and as what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Served
from loquent.domain.errors import EngineError, ModelNotFoundError, UnsupportedOptionError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Segment, Task, Transcript
from loquent.routing.attempts import Attempts
from loquent.routing.names import ModelNames
from loquent.routing.ranking import Candidate
from loquent.routing.router import Router
from tests.fakes.fake_transcriber import FakeTranscriber, segment
from tests.unit.routing.models import BASE, TINY, TURBO, names
from tests.unit.routing.places import planner

INSTALLED = names(BASE, TINY, TURBO, whisper_1=BASE.id)


class Deployments:
    """A transcriber for every model, made when asked for."""

    def __init__(self, transcriber: FakeTranscriber | None = None) -> None:
        self.transcriber = transcriber or FakeTranscriber()
        self.asked: list[str] = []

    def deployment(self, candidate: Candidate) -> FakeTranscriber:
        self.asked.append(candidate.endpoint.model)
        return self.transcriber

    @property
    def router(self) -> Router:
        return routed(lambda: INSTALLED, self)

    @property
    def received(self) -> TranscriptionRequest:
        return self.transcriber.calls[-1].request


def routed(installed: Callable[[], ModelNames], behind: Deployments) -> Router:
    chooser = planner(installed)
    return Router(chooser, Attempts(chooser.board), behind.deployment)


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    path = tmp_path / "recording"
    path.write_bytes(b"sound")
    return AudioSource(path, 5)


async def answered(
    router: Router, request: TranscriptionRequest, source: AudioSource
) -> list[Served | Segment | Transcript]:
    async with aclosing(router.transcribe(request, source)) as updates:
        return [update async for update in updates]


async def test_a_request_reaches_the_model_behind_its_name(source: AudioSource) -> None:
    behind = Deployments()
    updates = await answered(behind.router, TranscriptionRequest("whisper-1", prompt="x"), source)
    assert behind.asked == [BASE.id]
    assert behind.received == TranscriptionRequest(BASE.id, prompt="x")
    assert behind.transcriber.calls[-1].content == b"sound"
    assert [type(update) for update in updates] == [Served, Segment, Segment, Transcript]


async def test_a_translation_reaches_a_model_that_can(source: AudioSource) -> None:
    behind = Deployments()
    request = TranscriptionRequest(TINY.id, task=Task.TRANSLATE, language="zh")
    await answered(behind.router, request, source)
    assert behind.asked == [BASE.id]
    assert behind.received.model == BASE.id


@pytest.mark.parametrize(("model", "language"), [(TINY.id, "de"), ("whisper-1", "yue")])
async def test_a_language_that_the_model_does_not_know_is_refused_before_any_work(
    source: AudioSource, model: str, language: str
) -> None:
    behind = Deployments()
    with pytest.raises(UnsupportedOptionError, match=f"'{language}'.*en") as raised:
        await answered(behind.router, TranscriptionRequest(model, language=language), source)
    assert raised.value.param == "language"
    assert behind.asked == []


async def test_a_language_that_the_model_knows_is_passed_on(source: AudioSource) -> None:
    behind = Deployments()
    await answered(behind.router, TranscriptionRequest(TURBO.id, language="yue"), source)
    assert behind.received.language == "yue"


async def test_a_model_that_does_not_exist_is_an_error(source: AudioSource) -> None:
    with pytest.raises(ModelNotFoundError):
        await answered(Deployments().router, TranscriptionRequest("nobody"), source)


async def test_an_error_behind_it_reaches_the_caller(source: AudioSource) -> None:
    broken = EngineError("broken")
    behind = Deployments(FakeTranscriber([segment(" One."), broken]))
    with pytest.raises(EngineError) as raised:
        await answered(behind.router, TranscriptionRequest("whisper-1"), source)
    assert raised.value is broken


async def test_who_stops_listening_stops_the_work_behind_it(source: AudioSource) -> None:
    behind = Deployments()
    async with aclosing(behind.router.transcribe(TranscriptionRequest(BASE.id), source)) as updates:
        assert isinstance(await anext(updates), Served)
        await anext(updates)
    assert behind.transcriber.was_cut_short.is_set()


async def test_what_is_installed_is_asked_anew_for_each_request(source: AudioSource) -> None:
    installed = [names(BASE)]
    behind = Deployments()
    router = routed(lambda: installed[-1], behind)
    with pytest.raises(ModelNotFoundError):
        await answered(router, TranscriptionRequest(TINY.id), source)
    installed.append(names(BASE, TINY))
    await answered(router, TranscriptionRequest(TINY.id), source)
    assert behind.asked == [TINY.id]
