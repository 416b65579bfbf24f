"""Tell whether an endpoint can serve a request: of its own, with help from here, or not; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loquent.domain.endpoints import Detail, Endpoint, violations
from loquent.domain.model import Capability
from loquent.routing.need import Need

_OF_RECORDINGS = frozenset({Capability.TRANSCRIPTION, Capability.TRANSLATION})

_OF_SPEAKERS = frozenset({Detail.SPEAKERS, Detail.KNOWN_SPEAKERS, Detail.SPEAKER_COUNT})

_DERIVABLE = frozenset({Detail.SEGMENTS, Detail.STREAM}) | _OF_SPEAKERS
"""What can be made here of what an endpoint tells of a recording."""

_IGNORABLE = frozenset(
    {Detail.LANGUAGE, Detail.PROMPT, Detail.HOTWORDS, Detail.TEMPERATURE, Detail.INSTRUCTIONS}
)
"""What an endpoint that does not know it may overlook, if the caller is told."""

LENGTH_DOUBT = 4.0
"""A recording whose length is guessed may be so many times shorter; short of that its provider
decides."""

_PARAMS = {
    Detail.SEGMENTS: "response_format",
    Detail.WORDS: "timestamp_granularities",
    Detail.SPEAKERS: "diarise",
    Detail.KNOWN_SPEAKERS: "known_speaker_names",
    Detail.SPEAKER_COUNT: "num_speakers",
    Detail.LOGPROBS: "include",
    Detail.COMMIT: "turn_detection",
    Detail.WORD_TIMES: "timestamps",
}
"""Fields on the wire that are called otherwise than the detail they ask for."""


def param_of(detail: Detail) -> str:
    """Return the request field that asks for a detail, as spelled on the wire."""
    return _PARAMS.get(detail, detail.value)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an endpoint cannot serve a request.

    Attributes:
        param: the request field that it cannot meet, as spelled on the wire.
    """

    reason: str
    param: str | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How an endpoint meets a request.

    Attributes:
        derived: details that would be made here.
        ignored: request fields that would have no effect, as spelled on the wire.
        refusals: why it cannot serve; empty where it can.
    """

    derived: tuple[Detail, ...] = ()
    ignored: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def is_native(self) -> bool:
        """Whether the endpoint does all of it itself."""
        return not self.derived and not self.ignored


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decides about who may serve.

    Attributes:
        require_gdpr: only providers that state to follow the GDPR.
        tells_speakers: whether speakers can be told apart here for providers that do not.
    """

    require_gdpr: bool = False
    tells_speakers: bool = False


def fit(endpoint: Endpoint, need: Need, rules: Rules) -> Fit:
    """Tell how `endpoint` meets `need`."""
    told = endpoint.details_for(need.capability)
    lacking = need.details - told
    ignored = lacking & _IGNORABLE
    derived = _derived(told, lacking, need.capability, rules)
    missing = lacking - ignored - derived
    extras = need.extras - endpoint.extensions
    return Fit(
        derived=tuple(sorted(derived)),
        ignored=(*map(param_of, sorted(ignored)), *sorted(extras)),
        refusals=(
            *_limits(endpoint, need, rules),
            *_abilities(endpoint, need),
            *(Refusal(f"it does not offer {d.value}", param_of(d)) for d in sorted(missing)),
        ),
    )


def _derived(
    told: frozenset[Detail], lacking: frozenset[Detail], capability: Capability, rules: Rules
) -> frozenset[Detail]:
    """Return what of `lacking` is made here where `told` is told."""
    if capability not in _OF_RECORDINGS:
        return frozenset()
    has_times = bool(told & {Detail.WORDS, Detail.SEGMENTS})
    tells_speakers = rules.tells_speakers and has_times
    return lacking & (_DERIVABLE if tells_speakers else _DERIVABLE - _OF_SPEAKERS)


def _limits(endpoint: Endpoint, need: Need, rules: Rules) -> Iterator[Refusal]:
    for reason in violations(endpoint, need.limits, require_gdpr=rules.require_gdpr):
        name = reason.partition(" ")[0]
        is_field = name in {"allowed_providers", "eu_native", "allow_quantization"}
        yield Refusal(reason, name if is_field else None)


def _abilities(endpoint: Endpoint, need: Need) -> Iterator[Refusal]:
    if need.capability not in endpoint.capabilities:
        yield Refusal(f"it does not offer {need.capability.value}", "model")
    if need.language and endpoint.languages and need.language not in endpoint.languages:
        knows = ", ".join(endpoint.languages)
        yield Refusal(
            f"it does not know the language '{need.language}'; it knows {knows}", "language"
        )
    if need.capability in _OF_RECORDINGS:
        yield from _recordings(endpoint, need)


def _recordings(endpoint: Endpoint, need: Need) -> Iterator[Refusal]:
    if endpoint.max_file_bytes and need.n_bytes > endpoint.max_file_bytes:
        yield Refusal(
            f"it takes files of up to {endpoint.max_file_bytes} bytes, and this one has"
            f" {need.n_bytes}",
            "file",
        )
    if endpoint.max_audio_s and need.audio_s > LENGTH_DOUBT * endpoint.max_audio_s:
        yield Refusal(f"it takes recordings of up to {endpoint.max_audio_s:g} s", "file")
    if endpoint.file_types and need.container and need.container not in endpoint.file_types:
        yield Refusal(f"it does not read files of the type {need.container}", "file")
