"""Word what a caller wants as a job of AssemblyAI's; knows no connection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.providers.answers import asks_for_channels, terms
from loquent.providers.upstream import Json

_FLAGS: Final = {"true": True, "false": False}
_MAX_WORDS: Final = 6
_MAX_TERMS: Final = 1_000
_MAX_TERMS_OF_OLD: Final = 200
_OLD_MODEL: Final = "universal-2"


def _flag(value: str) -> bool:
    return _FLAGS[value.lower()]


def _number(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",")]


_FIELDS: Final[Mapping[str, Callable[[str], Json]]] = MappingProxyType(
    {
        "audio_end_at": int,
        "audio_start_from": int,
        "disfluencies": _flag,
        "filter_profanity": _flag,
        "redact_pii": _flag,
        "redact_pii_policies": _names,
        "redact_pii_sub": str,
        "speech_threshold": _number,
    }
)

EXTENSIONS: Final = frozenset(_FIELDS)
"""Fields that are handed on. Source: AssemblyAI's API reference, submit transcript."""


def wishes(endpoint: Endpoint, request: TranscriptionRequest) -> dict[str, Json]:
    """Return the body of `/v2/transcript`, but for the address of the recording.

    Raises: UnsupportedOptionError: if an extra field has a value of the wrong type.
    """
    return {
        "speech_models": [endpoint.upstream_model],
        **_language(request),
        "punctuate": True,
        "format_text": True,
        **_speakers(endpoint, request),
        **_guidance(endpoint, request),
        **_extras(endpoint, request),
    }


def _language(request: TranscriptionRequest) -> dict[str, Json]:
    if request.language:
        return {"language_code": request.language}
    return {"language_detection": True}


def _speakers(endpoint: Endpoint, request: TranscriptionRequest) -> dict[str, Json]:
    search = request.speakers
    if search is None or Detail.SPEAKERS not in endpoint.details:
        return {}
    if asks_for_channels(request):
        return {"multichannel": True}
    is_countable = Detail.SPEAKER_COUNT in endpoint.details
    return {"speaker_labels": True, **(_count(search) if is_countable else {})}


def _count(search: SpeakerSearch) -> dict[str, Json]:
    if search.n_speakers is not None:
        return {"speakers_expected": search.n_speakers}
    bounds: dict[str, Json] = {}
    if search.min_speakers > 1:
        bounds["min_speakers_expected"] = search.min_speakers
    if search.max_speakers is not None:
        bounds["max_speakers_expected"] = search.max_speakers
    return {"speaker_options": bounds} if bounds else {}


def _guidance(endpoint: Endpoint, request: TranscriptionRequest) -> dict[str, Json]:
    """Word the prompt and the terms, which exclude each other: with a prompt, they end it.

    Source: AssemblyAI's guides, keyterms prompting and its combination with prompts.
    """
    prompt = request.prompt.strip() if Detail.PROMPT in endpoint.details else ""
    expected = _terms(endpoint, request)
    if prompt and expected:
        return {"prompt": f"{prompt}\n\nContext: {', '.join(expected)}"}
    if prompt:
        return {"prompt": prompt}
    return {"keyterms_prompt": expected} if expected else {}


def _terms(endpoint: Endpoint, request: TranscriptionRequest) -> list[str]:
    if Detail.HOTWORDS not in endpoint.details:
        return []
    short = [term for term in terms(request.hotwords) if len(term.split()) <= _MAX_WORDS]
    is_old = endpoint.upstream_model == _OLD_MODEL
    return short[: _MAX_TERMS_OF_OLD if is_old else _MAX_TERMS]


def _extras(endpoint: Endpoint, request: TranscriptionRequest) -> dict[str, Json]:
    names = sorted(endpoint.extensions & request.extras.keys())
    return {name: _extra(name, request.extras[name]) for name in names}


def _extra(name: str, value: str) -> Json:
    try:
        return _FIELDS.get(name, str)(value)
    except (KeyError, ValueError) as error:
        raise UnsupportedOptionError(
            f"{name} has a value that AssemblyAI does not know; see its API reference.", param=name
        ) from error
