"""The configuration of one transcription session: changed, asked of the core, shown; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from loquent.api.live.openai_fields import (
    DELAYS_S,
    LOGPROBS,
    PCM,
    SILENCES_MS,
    Format,
    Input,
    SemanticVad,
    ServerVad,
    SessionFields,
    Transcription,
    complaint,
)
from loquent.api.speaker_fields import implies_speakers
from loquent.domain.errors import InvalidRequestError, UnsupportedOptionError
from loquent.domain.live import LiveRequest, SoundEncoding, SoundFormat
from loquent.domain.request import SpeechDetection
from loquent.render.payload import JsonObject

_ENCODINGS: Mapping[str, SoundEncoding] = MappingProxyType(
    {
        PCM: SoundEncoding.PCM_S16LE,
        "audio/pcmu": SoundEncoding.PCM_MULAW,
        "audio/pcma": SoundEncoding.PCM_ALAW,
    }
)


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What a session does.

    Attributes:
        default_model: who transcribes as long as the caller names no model.
    """

    default_model: str
    fields: SessionFields = field(default_factory=SessionFields)

    def changed(self, wishes: object) -> SessionConfig:
        """Return this with what `wishes` names put in place of what was.

        Args:
            wishes: `session` as the caller sent it.
        Raises: InvalidRequestError, UnsupportedOptionError: naming the field.
        """
        if not isinstance(wishes, Mapping):
            raise InvalidRequestError(
                "session: it should be an object.", param="session", code="invalid_value"
            )
        _check_type(wishes)
        try:
            fields = SessionFields.model_validate(_overlaid(self.fields.model_dump(), wishes))
        except ValidationError as error:
            raise complaint(error, "session") from error
        return replace(self, fields=fields)

    def with_model(self, name: str) -> SessionConfig:
        """Return this with the model that the address names.

        Raises: InvalidRequestError.
        """
        return self.changed({"audio": {"input": {"transcription": {"model": name}}}})

    @property
    def is_model_named(self) -> bool:
        return self._input.transcription.model is not None

    @property
    def model(self) -> str:
        """The name of the model, as the caller spells it."""
        return self._input.transcription.model or self.default_model

    @property
    def sound(self) -> SoundFormat:
        form = self._input.format
        return SoundFormat(form.sample_rate_hz, _ENCODINGS[form.type])

    @property
    def bytes_per_s(self) -> int:
        return self.sound.sample_rate_hz * self.sound.n_sample_bytes

    @property
    def ends_by_silence(self) -> bool:
        """Utterances end by themselves; otherwise the caller commits them."""
        return self._input.turn_detection is not None

    @property
    def logprobs(self) -> bool:
        return LOGPROBS in (self.fields.include or ())

    @property
    def names_speakers(self) -> bool:
        """Who speaks is told: the model's name promises it, or a field asks for it."""
        wishes = self._input.transcription
        return implies_speakers(self.model) or bool(wishes.diarise or wishes.diarize)

    def request(self) -> LiveRequest:
        """Return what is asked of the core."""
        wishes = self._input.transcription
        return LiveRequest(
            model=self.model,
            sound=self.sound,
            language=_language(wishes),
            prompt=wishes.prompt or "",
            hotwords=", ".join(wishes.keywords or ()),
            detection=_detection(self._input.turn_detection),
            ends_by_silence=self.ends_by_silence,
            interim_s=DELAYS_S[wishes.delay] if wishes.delay else 0.0,
            token_scores=self.logprobs,
            speakers=self.names_speakers,
        )

    def shown(self, session_id: str) -> JsonObject:
        """Return the whole session as it takes effect."""
        return {
            "id": session_id,
            "object": "realtime.transcription_session",
            "type": self.fields.type,
            "audio": {"input": self._shown_input()},
            "include": self.fields.include or None,
        }

    def _shown_input(self) -> JsonObject:
        turns = self._input.turn_detection
        return {
            "format": _shown_format(self._input.format),
            "noise_reduction": None,
            "transcription": self._shown_transcription(),
            "turn_detection": turns.model_dump(exclude=_WITHOUT_EFFECT) if turns else None,
        }

    def _shown_transcription(self) -> JsonObject:
        fields = self._input.transcription.model_dump()
        unsaid = {name for name in _EXTENSIONS if fields[name] is None}
        return {n: v for n, v in fields.items() if n not in unsaid} | {"model": self.model}

    @property
    def _input(self) -> Input:
        return self.fields.audio.input


_WITHOUT_EFFECT = {"create_response", "interrupt_response", "idle_timeout_ms"}

_EXTENSIONS = ("diarise", "diarize")
"""Fields of ours in a transcription: callers who send none see none."""


def _check_type(wishes: Mapping[str, Any]) -> None:
    """Refuse other sessions before their fields are looked at, which all are unknown here."""
    kind = wishes.get("type", "transcription")
    if kind != "transcription":
        raise UnsupportedOptionError(
            "session.type: only 'transcription' is served here: sound in, text out. "
            "Sessions that answer ('realtime') or translate are not.",
            param="session.type",
        )


def _overlaid(old: object, new: object) -> object:
    """Put `new` in place of `old`; of objects of one type only the fields that `new` has."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    if "type" in new and new["type"] != old.get("type"):
        return new
    return {**old, **{name: _overlaid(old.get(name), value) for name, value in new.items()}}


def _language(wishes: Transcription) -> str | None:
    """Return the language if there is but one; among several the model decides."""
    languages = {*(wishes.languages or ()), *([wishes.language] if wishes.language else [])}
    return wishes.language or (languages.pop() if len(languages) == 1 else None)


def _detection(turns: ServerVad | SemanticVad | None) -> SpeechDetection:
    if isinstance(turns, ServerVad):
        return SpeechDetection(turns.threshold, turns.prefix_padding_ms, turns.silence_duration_ms)
    if isinstance(turns, SemanticVad):
        return SpeechDetection(silence_duration_ms=SILENCES_MS[turns.eagerness])
    return SpeechDetection()


def _shown_format(form: Format) -> JsonObject:
    return {"type": form.type} | ({"rate": form.sample_rate_hz} if form.type == PCM else {})
