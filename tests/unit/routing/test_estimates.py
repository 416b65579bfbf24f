"""What a request may cost: the dearest of those that may serve it, by the measured length."""

from __future__ import annotations

from pathlib import Path

import pytest

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import RoutingLimits
from loquent.domain.errors import InvalidAudioError, ModelNotFoundError, PermissionDeniedError
from loquent.domain.live import LiveRequest, SoundFormat
from loquent.domain.model import Capability
from loquent.domain.pricing import Price, PriceUnit
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speech import SpeechRequest
from loquent.routing.estimates import Estimates
from tests.unit.routing.places import per_hour, place, planner

NEAR = place("near", prices=per_hour(3_600_000))
DEAR = place("dear", prices=per_hour(7_200_000))
GIFT = place("gift")


class Scale:
    """Finds every recording 10 s long, and remembers that it was asked."""

    def __init__(self) -> None:
        self.n_measured = 0

    async def __call__(self, source: AudioSource) -> float:
        self.n_measured += 1
        return 10.0


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    path = tmp_path / "sound.mp3"
    path.write_bytes(b"ID3 and more")
    return AudioSource(path, 12)


async def test_the_dearest_that_may_serve_counts_and_not_the_header(source: AudioSource) -> None:
    scale = Scale()
    estimates = Estimates(planner(None, NEAR, DEAR, GIFT), scale)
    estimate = estimates.recording(TranscriptionRequest("large"), source)
    assert await estimate.micros() == 20_000
    assert await estimate.audio_s() == 10.0
    assert scale.n_measured == 1


async def test_whom_the_caller_excludes_does_not_count(source: AudioSource) -> None:
    limits = RoutingLimits(allowed_providers=frozenset({"near", "gift"}))
    estimates = Estimates(planner(None, NEAR, DEAR, GIFT), Scale())
    asked = TranscriptionRequest("large", limits=limits)
    assert await estimates.recording(asked, source).micros() == 10_000


async def test_what_is_free_is_not_measured(source: AudioSource) -> None:
    scale = Scale()
    estimate = Estimates(planner(None, GIFT), scale).recording(
        TranscriptionRequest("large"), source
    )
    assert await estimate.micros() == 0
    assert scale.n_measured == 0


async def test_what_is_charged_by_the_request_is_not_measured(source: AudioSource) -> None:
    scale = Scale()
    dear = place("near", prices=(Price(PriceUnit.REQUEST, 250),))
    estimates = Estimates(planner(None, dear, GIFT), scale)
    assert await estimates.recording(TranscriptionRequest("large"), source).micros() == 250
    assert scale.n_measured == 0


async def test_a_text_costs_its_characters() -> None:
    speaking = place(
        "near",
        "voice",
        Capability.SPEECH,
        prices=(Price(PriceUnit.MILLION_CHARACTERS, 15_000_000),),
    )
    estimate = Estimates(planner(None, speaking), Scale()).text(
        SpeechRequest("voice", "Hello", voice="")
    )
    assert estimate.n_characters == 5
    assert await estimate.micros() == 75
    assert await estimate.audio_s() == 0


async def test_a_stream_costs_as_long_as_it_lasts() -> None:
    live = place("near", "large", Capability.REALTIME, prices=per_hour(3_600_000))
    estimate = Estimates(planner(None, live), Scale()).stream(
        LiveRequest("large", SoundFormat(16_000))
    )
    assert [estimate.micros_for(s) for s in (1.0, 60.0)] == [1_000, 60_000]


async def test_an_unknown_model_is_told_at_once(source: AudioSource) -> None:
    estimate = Estimates(planner(None, NEAR), Scale()).recording(
        TranscriptionRequest("small"), source
    )
    with pytest.raises(ModelNotFoundError):
        await estimate.micros()


async def test_what_cannot_be_measured_is_told(source: AudioSource) -> None:
    async def unreadable(_source: AudioSource) -> float:
        raise InvalidAudioError("This is no sound.")

    estimate = Estimates(planner(None, NEAR), unreadable).recording(
        TranscriptionRequest("large"), source
    )
    with pytest.raises(InvalidAudioError):
        await estimate.micros()


async def test_a_model_that_the_key_may_not_use_is_refused(source: AudioSource) -> None:
    limits = RoutingLimits(allowed_models=frozenset({"small"}))
    asked = TranscriptionRequest("large", limits=limits)
    estimate = Estimates(planner(None, NEAR), Scale()).recording(asked, source)
    with pytest.raises(PermissionDeniedError, match="may not use the model 'large'"):
        await estimate.micros()


@pytest.mark.parametrize("allowed", ["large", "near/large"])
async def test_a_model_may_be_allowed_by_its_name_or_at_one_provider(
    allowed: str, source: AudioSource
) -> None:
    limits = RoutingLimits(allowed_models=frozenset({allowed}))
    asked = TranscriptionRequest("large", limits=limits)
    estimate = Estimates(planner(None, NEAR, DEAR), Scale()).recording(asked, source)
    assert await estimate.micros() == (20_000 if allowed == "large" else 10_000)
