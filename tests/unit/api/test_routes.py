"""What a described request needs, and what is said of each candidate."""

from __future__ import annotations

from typing import Any

import pytest

from loquent.api.routes import (
    DEFAULT_AUDIO_S,
    DEFAULT_CHARACTERS,
    MAX_AUDIO_S,
    MAX_SIZE,
    RouteQuestion,
    explained,
)
from loquent.codec.sniff import ACCEPTED_FORMATS
from loquent.domain.endpoints import Detail, Preference, RoutingLimits
from loquent.domain.errors import InvalidRequestError, UnsupportedOptionError
from loquent.domain.model import Capability
from loquent.routing.need import Need
from tests.unit.routing.models import BASE, names
from tests.unit.routing.places import per_hour, place, planner


def need(**fields: Any) -> Need:
    return RouteQuestion.model_validate({"model": "large", **fields}).need()


def test_a_model_alone_is_a_minute_to_be_transcribed() -> None:
    assert need() == Need("large", Capability.TRANSCRIPTION, audio_s=DEFAULT_AUDIO_S)


def test_a_text_alone_takes_about_a_minute_too() -> None:
    assert need(capability="speech") == Need(
        "large", Capability.SPEECH, n_characters=DEFAULT_CHARACTERS
    )


def test_every_field_of_a_recording_is_read() -> None:
    found = need(
        capability="translation",
        details=["words", "speakers"],
        language="DE",
        audio_seconds=90,
        file_bytes=1_000,
        file_type="m4a",
        preference="cost",
        allowed_providers=["near"],
        eu_native=True,
        allow_quantization=False,
    )
    assert found == Need(
        "large",
        Capability.TRANSLATION,
        frozenset({Detail.WORDS, Detail.SPEAKERS}),
        language="de",
        container="mov",
        n_bytes=1_000,
        audio_s=90.0,
        limits=RoutingLimits(
            Preference.COST, frozenset({"near"}), eu_native=True, allow_quantization=False
        ),
    )


def test_a_text_is_read_in_a_language_with_or_without_its_region() -> None:
    assert need(capability="speech", language="EN-GB", characters=10).language == "en"
    with pytest.raises(UnsupportedOptionError) as caught:
        need(language="en-GB")
    assert caught.value.param == "language"


@pytest.mark.parametrize("spelled", [str, str.upper, ".{}".format])
def test_every_accepted_format_is_a_type_of_file(spelled: Any) -> None:
    for name in ACCEPTED_FORMATS:
        assert need(file_type=spelled(name)).container


def test_a_type_of_file_that_does_not_exist_is_refused_listing_those_that_do() -> None:
    with pytest.raises(InvalidRequestError, match="flac, m4a, mp3") as caught:
        need(file_type="docx")
    assert caught.value.param == "file_type"


def test_the_greatest_numbers_are_reckoned_with() -> None:
    chooser = planner(names(), place("near", prices=per_hour(10**9)))
    for capability in Capability:
        asked = need(
            capability=capability,
            audio_seconds=MAX_AUDIO_S,
            characters=MAX_SIZE,
            file_bytes=MAX_SIZE,
        )
        assert explained(asked, chooser, "USD").candidates


def test_those_that_may_serve_come_first_and_the_others_say_why_not() -> None:
    chooser = planner(
        names(BASE),
        place("near", "whisper-base", prices=per_hour(360_000), eu_native=True),
        place("far", "whisper-base"),
    )
    answer = explained(need(model="whisper-base", eu_native=True), chooser, "USD")
    assert answer.choice == "near/whisper-base"
    assert [(c.endpoint, c.is_able) for c in answer.candidates] == [
        ("near/whisper-base", True),
        ("local/whisper-base", False),
        ("far/whisper-base", False),
    ]
    first, last = answer.candidates[0], answer.candidates[-1]
    assert (first.price, first.reasons, first.score is None) == ("0.006000", [], False)
    assert (last.score, last.reasons[0].param) == (None, "eu_native")
