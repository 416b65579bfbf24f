"""Refuses what the API has a field for and this server does not; knows no other field.

Values that ask for nothing pass, so that clients which always send them are served.
"""

from __future__ import annotations

from loquent.api.fields import FieldReader
from loquent.domain.errors import UnsupportedOptionError

LOCAL_PROVIDER = "local"

_ABSENT_FLAGS = (
    (
        "eu_native",
        False,
        "the operator of this server has not stated where it runs. Leave the field out.",
    ),
    (
        "allow_quantization",
        True,
        "the operator of this server has chosen the precision of its weights. Leave the field out.",
    ),
)
"""Name, the value that asks for nothing, and why the other cannot be had."""
_NEUTRAL_PREFERENCE = "balanced"
_PREFERENCES = ("speed", "cost", _NEUTRAL_PREFERENCE)


def refuse_absent_features(reader: FieldReader) -> None:
    """Read the fields of every absent feature.

    Raises: UnsupportedOptionError: naming the field and what to do instead;
        InvalidRequestError: if a value is none that the field can have.
    """
    for name, neutral, reason in _ABSENT_FLAGS:
        if reader.flag(name) is (not neutral):
            raise UnsupportedOptionError(f"{name}={str(not neutral).lower()}: {reason}", param=name)
    preference = reader.choice("preference", _PREFERENCES)
    if preference not in {None, _NEUTRAL_PREFERENCE}:
        raise UnsupportedOptionError(
            f"preference={preference}: there is one provider, '{LOCAL_PROVIDER}', to choose from."
            f" Leave it out, or set it to {_NEUTRAL_PREFERENCE}.",
            param="preference",
        )
    providers = reader.words("allowed_providers")
    if providers and LOCAL_PROVIDER not in map(str.lower, providers):
        raise UnsupportedOptionError(
            f"allowed_providers does not hold '{LOCAL_PROVIDER}', the only provider here."
            " Add it, or leave the field out.",
            param="allowed_providers",
        )
