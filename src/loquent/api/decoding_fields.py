"""Reads the fields that say how speech is found and searched; knows no other field."""

from __future__ import annotations

from collections.abc import Mapping

from loquent.api.fields import FieldReader, number_in, shown, whole_number_in
from loquent.domain.errors import InvalidRequestError
from loquent.domain.request import MAX_HYPOTHESES, SearchEffort, SpeechDetection

_SERVER_VAD = "server_vad"
_DETECTION_FIELDS = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
_MAX_MS = {"prefix_padding_ms": 5_000, "silence_duration_ms": 30_000}
"""Speech and its padding on both sides share the 30 s that Whisper hears at once."""


def read_search(reader: FieldReader) -> SearchEffort:
    """Read how hard to search for the best text; fields left out keep the model's defaults.

    Raises: InvalidRequestError.
    """
    return SearchEffort(
        reader.whole_number("beam_size", 1, MAX_HYPOTHESES),
        reader.whole_number("best_of", 1, MAX_HYPOTHESES),
    )


def read_detection(reader: FieldReader) -> SpeechDetection:
    """Read how speech is told from silence; fields left out keep the defaults of the house.

    Raises: InvalidRequestError.
    """
    name = "chunking_strategy"
    options = reader.mapping(name, word_for_empty="auto")
    if not options:
        return SpeechDetection()
    for key in options:
        if key not in _DETECTION_FIELDS:
            raise InvalidRequestError(
                f"{name} has no field {shown(key)}; valid ones: {', '.join(_DETECTION_FIELDS)}.",
                param=name,
            )
    if options.get("type") != _SERVER_VAD:
        raise InvalidRequestError(
            f"{name} must be 'auto' or an object whose type is '{_SERVER_VAD}'.", param=name
        )
    default = SpeechDetection()
    threshold = options.get("threshold", str(default.threshold))
    return SpeechDetection(
        threshold=number_in(f"{name}[threshold]", threshold, 0, 1),
        prefix_padding_ms=_milliseconds(options, "prefix_padding_ms", default.prefix_padding_ms),
        silence_duration_ms=_milliseconds(
            options, "silence_duration_ms", default.silence_duration_ms
        ),
    )


def _milliseconds(options: Mapping[str, str], key: str, default: int) -> int:
    name = f"chunking_strategy[{key}]"
    return whole_number_in(name, options.get(key, str(default)), 0, _MAX_MS[key])
