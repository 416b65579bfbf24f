"""What AssemblyAI is asked for, beyond the recording itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, SpeakerSearch
from loquent.providers.assemblyai.asking import EXTENSIONS, wishes
from loquent.providers.assemblyai.provider import KIND
from tests.vendors.assemblyai_vendor import FIELDS

REQUEST = TranscriptionRequest(model="universal-3-pro", language="en")
ENDPOINT = Endpoint(
    provider="assemblyai",
    model="universal-3-pro",
    upstream_model="universal-3-pro",
    capabilities=frozenset({Capability.TRANSCRIPTION}),
    details=KIND.powers[Capability.TRANSCRIPTION],
    extensions=KIND.extensions[Capability.TRANSCRIPTION],
)


def asked_of(request: TranscriptionRequest, endpoint: Endpoint = ENDPOINT) -> dict[str, Any]:
    """Return what is asked for beyond what every recording in English is."""
    usual = {
        "speech_models": [endpoint.upstream_model],
        "language_code": "en",
        "punctuate": True,
        "format_text": True,
    }
    asked = wishes(endpoint, request)
    return {name: value for name, value in asked.items() if usual.get(name) != value}


def without(detail: Detail) -> Endpoint:
    return replace(ENDPOINT, details=ENDPOINT.details - {detail})


def test_a_plain_request_asks_for_nothing_more() -> None:
    assert asked_of(REQUEST) == {}


def test_the_language_is_detected_where_nobody_tells_it() -> None:
    assert asked_of(replace(REQUEST, language=None)) == {"language_detection": True}


@pytest.mark.parametrize(
    ("search", "asked"),
    [
        (SpeakerSearch(), {}),
        (SpeakerSearch(n_speakers=3), {"speakers_expected": 3}),
        (
            SpeakerSearch(min_speakers=2, max_speakers=5),
            {"speaker_options": {"min_speakers_expected": 2, "max_speakers_expected": 5}},
        ),
        (SpeakerSearch(max_speakers=4), {"speaker_options": {"max_speakers_expected": 4}}),
    ],
)
def test_speakers_are_labelled_and_counted_as_told(
    search: SpeakerSearch, asked: dict[str, Any]
) -> None:
    request = replace(REQUEST, speakers=search)
    assert asked_of(request) == {"speaker_labels": True, **asked}
    assert asked_of(request, without(Detail.SPEAKER_COUNT)) == {"speaker_labels": True}
    assert asked_of(request, without(Detail.SPEAKERS)) == {}


def test_separate_channels_are_heard_alone() -> None:
    search = SpeakerSearch(n_speakers=2, channels=Channels.SEPARATE)
    assert asked_of(replace(REQUEST, speakers=search)) == {"multichannel": True}


def test_terms_are_expected_if_they_are_short_enough() -> None:
    hotwords = "Kelly Byrne-Donoghue, one two three four five six seven, ACL  tear"
    request = replace(REQUEST, hotwords=hotwords)
    assert asked_of(request) == {"keyterms_prompt": ["Kelly Byrne-Donoghue", "ACL tear"]}
    assert asked_of(request, without(Detail.HOTWORDS)) == {}


@pytest.mark.parametrize(("model", "most"), [("universal-2", 200), ("universal-3-pro", 1_000)])
def test_no_more_terms_are_sent_than_the_model_takes(model: str, most: int) -> None:
    request = replace(REQUEST, hotwords=",".join(f"term{n}" for n in range(1_200)))
    endpoint = replace(ENDPOINT, upstream_model=model)
    assert len(asked_of(request, endpoint)["keyterms_prompt"]) == most


def test_a_prompt_guides_models_that_heed_one() -> None:
    request = replace(REQUEST, prompt=" A call about sports injuries. ")
    assert asked_of(request) == {"prompt": "A call about sports injuries."}
    assert asked_of(request, without(Detail.PROMPT)) == {}


def test_a_prompt_takes_the_terms_in_as_the_two_fields_exclude_each_other() -> None:
    request = replace(REQUEST, prompt="Sports.", hotwords="ACL tear, Shin splints")
    assert asked_of(request) == {"prompt": "Sports.\n\nContext: ACL tear, Shin splints"}
    assert asked_of(request, without(Detail.PROMPT)) == {
        "keyterms_prompt": ["ACL tear", "Shin splints"]
    }


def test_extra_fields_are_sent_as_what_they_are() -> None:
    extras = {
        "filter_profanity": "True",
        "disfluencies": "false",
        "redact_pii": "true",
        "redact_pii_policies": "person_name, phone_number",
        "redact_pii_sub": "hash",
        "speech_threshold": "0.5",
        "audio_start_from": "1000",
        "webhook_url": "https://evil.example",
    }
    request = replace(REQUEST, extras=extras)
    assert asked_of(request) == {
        "filter_profanity": True,
        "disfluencies": False,
        "redact_pii": True,
        "redact_pii_policies": ["person_name", "phone_number"],
        "redact_pii_sub": "hash",
        "speech_threshold": 0.5,
        "audio_start_from": 1000,
    }
    assert asked_of(request, replace(ENDPOINT, extensions=frozenset())) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [("redact_pii", "maybe"), ("audio_end_at", "soon"), ("speech_threshold", "nan")],
)
def test_values_of_the_wrong_type_are_refused_here(name: str, value: str) -> None:
    with pytest.raises(UnsupportedOptionError) as raised:
        asked_of(replace(REQUEST, extras={name: value}))
    assert raised.value.param == name


def test_every_field_that_is_handed_on_is_documented() -> None:
    assert EXTENSIONS <= FIELDS
