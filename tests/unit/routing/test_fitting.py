"""Whether an endpoint can serve a request: of its own, with help from here, or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loquent.domain.endpoints import DataProtection, Detail, Endpoint, RoutingLimits
from loquent.domain.model import Capability
from loquent.domain.speech import SpeechRequest
from loquent.routing.fitting import LENGTH_DOUBT, Fit, Refusal, Rules, fit, param_of
from loquent.routing.need import Need, need_of_text
from tests.unit.routing.places import ALL_DETAILS, place

SPEAKERS = (Detail.SPEAKERS, Detail.KNOWN_SPEAKERS, Detail.SPEAKER_COUNT)
TELLING = Rules(tells_speakers=True)
IGNORED = {
    Detail.LANGUAGE: "language",
    Detail.PROMPT: "prompt",
    Detail.HOTWORDS: "hotwords",
    Detail.TEMPERATURE: "temperature",
    Detail.INSTRUCTIONS: "instructions",
}
REFUSED = {
    Detail.WORDS: "timestamp_granularities",
    Detail.LOGPROBS: "include",
    Detail.COMMIT: "turn_detection",
    Detail.SPEED: "speed",
    Detail.WORD_TIMES: "timestamps",
}
REFUSED_SPEAKERS = {
    Detail.SPEAKERS: "diarise",
    Detail.KNOWN_SPEAKERS: "known_speaker_names",
    Detail.SPEAKER_COUNT: "num_speakers",
}
DERIVED = {Detail.SEGMENTS: "response_format", Detail.STREAM: "stream"}


def need(*details: Detail, capability: Capability = Capability.TRANSCRIPTION) -> Need:
    return Need("large", capability, frozenset(details))


def lacking(*details: Detail) -> Endpoint:
    return place("vendor", details=ALL_DETAILS - set(details))


def within(limits: RoutingLimits) -> Need:
    return replace(need(), limits=limits)


def params(found: Fit) -> list[str | None]:
    return [refusal.param for refusal in found.refusals]


def test_every_detail_is_ignored_refused_or_made_here() -> None:
    assert {*IGNORED, *REFUSED, *REFUSED_SPEAKERS, *DERIVED} == set(Detail)


@pytest.mark.parametrize("detail", Detail)
def test_what_an_endpoint_does_itself_is_native(detail: Detail) -> None:
    found = fit(place("vendor", details=frozenset({detail})), need(detail), Rules())
    assert found == Fit()
    assert found.is_native


@pytest.mark.parametrize("detail", Detail)
def test_what_nobody_asks_for_may_be_missing(detail: Detail) -> None:
    assert fit(lacking(detail), need(), Rules()) == Fit()


@pytest.mark.parametrize(("detail", "param"), IGNORED.items())
def test_what_can_be_overlooked_is_told_by_its_field(detail: Detail, param: str) -> None:
    found = fit(lacking(detail), need(detail), Rules())
    assert found == Fit(ignored=(param,))
    assert not found.is_native


@pytest.mark.parametrize(("detail", "param"), (REFUSED | REFUSED_SPEAKERS).items())
def test_what_cannot_be_done_without_is_refused_by_its_field(detail: Detail, param: str) -> None:
    found = fit(lacking(detail), need(detail), Rules())
    assert found.refusals == (Refusal(f"it does not offer {detail.value}", param),)
    assert param_of(detail) == param
    assert (found.derived, found.ignored) == ((), ())


@pytest.mark.parametrize(("detail", "param"), REFUSED.items())
def test_what_can_only_be_heard_by_the_endpoint_is_never_made_here(
    detail: Detail, param: str
) -> None:
    assert params(fit(lacking(detail), need(detail), TELLING)) == [param]


@pytest.mark.parametrize("detail", DERIVED)
@pytest.mark.parametrize("capability", [Capability.TRANSCRIPTION, Capability.TRANSLATION])
def test_segments_and_streams_are_made_of_any_text(detail: Detail, capability: Capability) -> None:
    bare = place("vendor", details=frozenset())
    found = fit(bare, need(detail, capability=capability), Rules())
    assert found == Fit(derived=(detail,))
    assert not found.is_native


@pytest.mark.parametrize("detail", SPEAKERS)
@pytest.mark.parametrize("times", [Detail.WORDS, Detail.SEGMENTS])
def test_speakers_are_told_apart_here_where_the_endpoint_tells_times(
    detail: Detail, times: Detail
) -> None:
    timed = place("vendor", details=frozenset({times}))
    assert fit(timed, need(detail), TELLING) == Fit(derived=(detail,))


@pytest.mark.parametrize(("detail", "param"), REFUSED_SPEAKERS.items())
def test_a_bare_text_has_no_speakers(detail: Detail, param: str) -> None:
    bare = place("vendor", details=frozenset())
    assert params(fit(bare, need(detail), TELLING)) == [param]


@pytest.mark.parametrize("capability", [Capability.REALTIME, Capability.SPEECH])
@pytest.mark.parametrize("detail", [*DERIVED, *SPEAKERS])
def test_only_what_is_told_of_recordings_is_completed_here(
    capability: Capability, detail: Detail
) -> None:
    found = fit(lacking(detail), need(detail, capability=capability), TELLING)
    assert found.derived == ()
    assert params(found) == [param_of(detail)]


def test_several_details_are_sorted_out_one_by_one() -> None:
    asked = need(Detail.STREAM, Detail.PROMPT, Detail.LANGUAGE, Detail.LOGPROBS, Detail.SPEAKERS)
    found = fit(place("vendor", details=frozenset({Detail.WORDS})), asked, TELLING)
    assert found.derived == (Detail.SPEAKERS, Detail.STREAM)
    assert found.ignored == ("language", "prompt")
    assert params(found) == ["include"]


def test_fields_that_an_endpoint_does_not_know_have_no_effect_there() -> None:
    asked = replace(need(), extras=frozenset({"smart_format", "numerals", "best"}))
    found = fit(place("vendor", extensions=frozenset({"smart_format"})), asked, Rules())
    assert found.ignored == ("best", "numerals")


@pytest.mark.parametrize("capability", Capability)
def test_a_capability_that_it_lacks_is_refused_by_the_model(capability: Capability) -> None:
    others = [other for other in Capability if other is not capability]
    found = fit(place("vendor", "large", *others), need(capability=capability), Rules())
    assert found.refusals == (Refusal(f"it does not offer {capability.value}", "model"),)


@pytest.mark.parametrize(
    ("limits", "param"),
    [
        (RoutingLimits(allowed_providers=frozenset({"other"})), "allowed_providers"),
        (RoutingLimits(allowed_providers=frozenset()), "allowed_providers"),
        (RoutingLimits(eu_native=True), "eu_native"),
        (RoutingLimits(allow_quantization=False), "allow_quantization"),
    ],
)
def test_a_limit_of_the_caller_is_refused_by_its_field(limits: RoutingLimits, param: str) -> None:
    found = fit(place("vendor", is_quantized=True), within(limits), Rules())
    assert params(found) == [param]
    assert param in found.refusals[0].reason


@pytest.mark.parametrize("is_quantized", [True, None])
def test_weights_of_unknown_precision_count_as_quantised(is_quantized: bool | None) -> None:
    limits = RoutingLimits(allow_quantization=False)
    endpoint = place("vendor", is_quantized=is_quantized)
    assert params(fit(endpoint, within(limits), Rules())) == ["allow_quantization"]
    assert fit(place("vendor", is_quantized=False), within(limits), Rules()) == Fit()


def test_an_endpoint_within_all_limits_is_not_refused() -> None:
    limits = RoutingLimits(
        allowed_providers=frozenset({"vendor"}), eu_native=True, allow_quantization=False
    )
    endpoint = place("vendor", eu_native=True, is_quantized=False)
    assert fit(endpoint, within(limits), Rules(require_gdpr=True)) == Fit()


@pytest.mark.parametrize("gdpr", [DataProtection.NO, DataProtection.UNKNOWN])
def test_what_the_operator_requires_is_no_field_of_the_caller(gdpr: DataProtection) -> None:
    found = fit(place("vendor", gdpr=gdpr), need(), Rules(require_gdpr=True))
    assert params(found) == [None]
    assert "GDPR" in found.refusals[0].reason
    assert fit(place("vendor", gdpr=gdpr), need(), Rules()) == Fit()


def test_each_limit_that_forbids_is_told() -> None:
    limits = RoutingLimits(allowed_providers=frozenset(), eu_native=True, allow_quantization=False)
    found = fit(
        place("vendor", is_quantized=None, gdpr=DataProtection.NO),
        within(limits),
        Rules(require_gdpr=True),
    )
    assert params(found) == ["allowed_providers", "eu_native", "allow_quantization", None]


@pytest.mark.parametrize(("n_bytes", "refused"), [(999, []), (1_000, []), (1_001, ["file"])])
def test_a_recording_may_be_too_large(n_bytes: int, refused: list[str]) -> None:
    small = place("vendor", max_file_bytes=1_000)
    found = fit(small, replace(need(), n_bytes=n_bytes), Rules())
    assert params(found) == refused
    assert fit(place("vendor"), replace(need(), n_bytes=n_bytes), Rules()) == Fit()


@pytest.mark.parametrize(
    ("audio_s", "refused"),
    [(100.0, []), (100.0 * LENGTH_DOUBT, []), (101.0 * LENGTH_DOUBT, ["file"])],
)
def test_a_recording_is_too_long_once_a_wrong_guess_is_no_excuse(
    audio_s: float, refused: list[str]
) -> None:
    short = replace(place("vendor"), max_audio_s=100.0)
    assert params(fit(short, replace(need(), audio_s=audio_s), Rules())) == refused


@pytest.mark.parametrize(
    ("container", "refused"), [("wav", []), ("mp3", []), ("", []), ("amr", ["file"])]
)
def test_a_recording_may_be_of_a_type_that_is_not_read(container: str, refused: list[str]) -> None:
    choosy = place("vendor", file_types=frozenset({"wav", "mp3"}))
    assert params(fit(choosy, replace(need(), container=container), Rules())) == refused
    assert fit(place("vendor"), replace(need(), container=container), Rules()) == Fit()


@pytest.mark.parametrize("capability", [Capability.SPEECH, Capability.REALTIME])
def test_limits_of_files_say_nothing_where_there_is_none(capability: Capability) -> None:
    tiny = replace(
        place("vendor", max_file_bytes=1, file_types=frozenset({"wav"})), max_audio_s=0.1
    )
    asked = replace(need(capability=capability), n_bytes=9, audio_s=60.0, container="amr")
    assert fit(tiny, asked, Rules()) == Fit()


@pytest.mark.parametrize(("language", "refused"), [("de", []), (None, []), ("yue", ["language"])])
def test_a_language_may_be_unknown_to_it(language: str | None, refused: list[str]) -> None:
    found = fit(
        place("vendor", languages=("de", "en")), replace(need(), language=language), Rules()
    )
    assert params(found) == refused
    if refused:
        assert "it knows de, en" in found.refusals[0].reason


def test_who_states_no_languages_is_believed_to_know_all() -> None:
    assert fit(place("vendor"), replace(need(), language="yue"), Rules()) == Fit()


@pytest.mark.parametrize("language", ["en", "EN", "en-GB", "EN-gb"])
def test_a_region_in_the_language_of_a_text_keeps_nobody_away(language: str) -> None:
    asked = need_of_text(SpeechRequest("large", "hello", language=language))
    assert fit(place("vendor", languages=("de", "en")), asked, Rules()) == Fit()


def test_what_one_capability_tells_another_may_lack() -> None:
    endpoint = replace(
        place("vendor"), powers={Capability.TRANSLATION: frozenset({Detail.SEGMENTS})}
    )
    assert fit(endpoint, need(Detail.WORDS), Rules()) == Fit()
    translation = need(Detail.WORDS, capability=Capability.TRANSLATION)
    assert params(fit(endpoint, translation, Rules())) == ["timestamp_granularities"]
