"""Decide who speaks a text; a pure rule over what is installed."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from loquent.domain.errors import InvalidRequestError, ModelLoadError, UnsupportedOptionError
from loquent.domain.languages import name_of
from loquent.domain.model import Capability, ModelCard, Voice
from loquent.domain.scripts import LANGUAGE_OF_SCRIPT, LATIN, can_read, main_script, scripts
from loquent.domain.speech import Casting, SpeechRequest, VoiceMix
from loquent.routing.names import ModelNames

MAX_VOICES: Final = 8

_PART: Final = re.compile(r"\s*([^\s()+]{1,100})\s*(?:\(\s*([0-9.]{1,10})\s*\))?\s*")


def cast(
    request: SpeechRequest, names: ModelNames, voice_names: Mapping[str, str], stand_in: str
) -> Casting:
    """Choose the model, the voices and the language for a text.

    The language is the caller's, or that of the voice where its script is the text's; a text in
    another script is read in the language that is usually written so. Where the model cannot read
    that, the one called `stand_in` speaks, if it can.

    Args:
        voice_names: other names of voices, each with what it stands for.
        stand_in: id of a model that knows more languages than any other.

    Raises: ModelNotFoundError; UnsupportedOptionError: naming what would do; InvalidRequestError.
    """
    card = names.able(request.model, Capability.SPEECH)
    if not card.voices:
        raise ModelLoadError(f"The model '{card.id}' came without voices; pull it again.")
    voices = _voices(request.voice, card, voice_names)
    language = _language(request, card, voices)
    reason = ""
    code = language.partition("-")[0]
    if code not in card.languages:
        reason = f"{card.id} has no voice that reads {name_of(code).capitalize()}"
        card = _substitute(names, stand_in, code, reason)
        voices, language = ((code, 1.0),), code
    settings, ignored = _settings(request.settings, card)
    return Casting(card.id, voices, language, settings, ignored, reason)


def _voices(wish: str, card: ModelCard, voice_names: Mapping[str, str]) -> VoiceMix:
    """Read "a(2)+b(1)" with the model's voices.

    Raises: InvalidRequestError, UnsupportedOptionError.
    """
    if not wish.strip():
        return ((card.voices[0].id, 1.0),)
    parts = [_PART.fullmatch(part) for part in wish.split("+")]
    if len(parts) > MAX_VOICES or None in parts:
        raise InvalidRequestError(
            f"voice: name a voice, or mix up to {MAX_VOICES} as in 'af_heart(2)+af_sky(1)'",
            param="voice",
        )
    mix = [
        (name, share * weight)
        for part in parts
        if part is not None
        for name, share in _named(part[1], card, voice_names)
        if (weight := _weight(part[2])) > 0
    ]
    total = math.fsum(weight for _, weight in mix)
    if not total or not math.isfinite(total):
        raise InvalidRequestError("voice: at least one share must be above 0", param="voice")
    shares: dict[str, float] = defaultdict(float)
    for name, weight in mix:
        shares[name] += weight / total
    return tuple(shares.items())


def _weight(digits: str | None) -> float:
    try:
        return float(digits) if digits is not None else 1.0
    except ValueError:
        raise InvalidRequestError(f"voice: {digits} is not a share", param="voice") from None


def _named(name: str, card: ModelCard, voice_names: Mapping[str, str]) -> VoiceMix:
    """Return the voice, or the voices, that `name` stands for in a model."""
    known = {voice.id for voice in card.voices}
    if name in known:
        return ((name, 1.0),)
    target = voice_names.get(name.lower())
    if target is None:
        near = get_close_matches(name, [*known, *voice_names], n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it has {_some(known)}."
        raise UnsupportedOptionError(
            f"the model '{card.id}' has no voice '{name}'; {hint}"
            " `loquent voices` and GET /v1/audio/voices list all.",
            param="voice",
        )
    if {part.partition("(")[0].strip() for part in target.split("+")} <= known:
        return _voices(target, card, {})
    return ((card.voices[0].id, 1.0),)


def _language(request: SpeechRequest, card: ModelCard, voices: VoiceMix) -> str:
    """Return the language to read in, as BCP 47 has it."""
    speaker = max(voices, key=lambda voice: voice[1])[0]
    voice = next(voice for voice in card.voices if voice.id == speaker)
    if request.language is not None:
        return _regional(request.language, voice, card)
    script = main_script(request.text)
    foreign = scripts(request.text).keys() - {LATIN}  # Latin names stand in texts of any script
    if any(can_read(voice.language_code, found) for found in {script, *foreign}):
        return voice.language
    usual = LANGUAGE_OF_SCRIPT.get(script)
    if usual is None:
        raise UnsupportedOptionError(
            f"no voice here can read the script of the input, {script.capitalize()}", param="input"
        )
    return _regional(usual, voice, card)


def _regional(language: str, voice: Voice, card: ModelCard) -> str:
    """Return `language` as it is spoken by the voice, or else by another one of the model."""
    tag = language.lower()
    code = tag.partition("-")[0]
    spoken = [candidate.language for candidate in (voice, *card.voices)]
    exact = (known for known in spoken if known.lower() == tag)
    alike = (known for known in spoken if known.lower().partition("-")[0] == code)
    return next(exact, None) or next(alike, code)


def _substitute(names: ModelNames, stand_in: str, language: str, reason: str) -> ModelCard:
    card = names.cards.get(stand_in)
    if card is not None and language in card.languages:
        return card
    able = sorted(
        f"{voice.id} of {model.id}"
        for model in names.cards.values()
        for voice in model.voices
        if voice.language_code == language
    )
    hint = f"these voices do: {_some(able)}" if able else "no installed model does"
    raise UnsupportedOptionError(f"{reason}; {hint}", param="language")


def _settings(
    wishes: Mapping[str, float], card: ModelCard
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Part what the model can be set to from what means nothing to it.

    Raises: InvalidRequestError: if a value is beyond its limits.
    """
    knobs = {knob.name: knob for knob in card.knobs}
    for name in wishes.keys() & knobs.keys():
        if not knobs[name].least <= wishes[name] <= knobs[name].most:
            raise InvalidRequestError(
                f"model_extensions.{name} must be from {knobs[name].least:g} "
                f"to {knobs[name].most:g}",
                param=f"model_extensions.{name}",
            )
    known = {name: value for name, value in wishes.items() if name in knobs}
    ignored = tuple(f"model_extensions.{name}" for name in wishes if name not in knobs)
    return known, ignored


def _some(names: Iterable[str]) -> str:
    """List a few, and tell that there are more."""
    ordered = sorted(names)
    return ", ".join(ordered[:5]) + (" and more" if len(ordered) > 5 else "")
