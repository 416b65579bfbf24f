"""Turns the fields of a form into a call; knows no HTTP, no file and no model.

A field is honoured, refused, or listed in `TranscriptionCall.ignored`; none is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Self

from loquent.api.decoding_fields import read_detection, read_search
from loquent.api.fields import FieldReader
from loquent.api.parts import MAX_KNOWN_SPEAKERS
from loquent.api.routing_fields import read_limits
from loquent.api.speaker_fields import NamedVoice, implies_speakers, read_speakers
from loquent.api.subtitle_fields import SUBTITLES, read_subtitles
from loquent.api.unknown_fields import part_unknown_fields
from loquent.domain.endpoints import Detail
from loquent.domain.errors import InvalidRequestError, UnsupportedOptionError
from loquent.domain.languages import parse_language
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import KnownSpeaker
from loquent.domain.transcript import Task
from loquent.render import Granularity, ResponseFormat, SubtitleOptions

_STREAMABLE = frozenset({ResponseFormat.JSON, ResponseFormat.TEXT, ResponseFormat.DIARIZED_JSON})
_TIMED = SUBTITLES | {ResponseFormat.VERBOSE_JSON, ResponseFormat.DIARIZED_JSON}
TRANSLATED_FORMATS = tuple(
    form for form in ResponseFormat if form is not ResponseFormat.DIARIZED_JSON
)
_UNTRANSLATED = ("language", "languages", "timestamp_granularities", "include")

_LOGPROBS = "logprobs"


@dataclass(frozen=True, slots=True)
class FormRules:
    """What a dialect decides about forms.

    Attributes:
        default_format: the format where none is asked for.
        always_segments: segments are shown whatever the granularities, and granularities that do
            not fit the format are ignored instead of refused.
        unknown_fields: list them as ignored, or refuse the call.
        max_known_speakers: how many voices may be named.
        extensions: names of fields that endpoints have of their own.
    """

    default_format: ResponseFormat = ResponseFormat.JSON
    always_segments: bool = False
    unknown_fields: Literal["warn", "strict"] = "warn"
    max_known_speakers: int = MAX_KNOWN_SPEAKERS
    extensions: frozenset[str] = frozenset()

    @property
    def is_strict(self) -> bool:
        return self.unknown_fields == "strict"


@dataclass(frozen=True, slots=True)
class TranscriptionCall:
    """A form understood.

    Attributes:
        request: names no known speaker until `knowing` is told of them.
        granularities: the lists of times that a verbose answer shows.
        ignored: fields without effect, safe to put in a header.
        voices: known speakers whose recordings are to be decoded.
        subtitles: how cues are cut; None where nothing is said about it.
    """

    request: TranscriptionRequest
    format: ResponseFormat
    granularities: frozenset[Granularity]
    stream: bool
    logprobs: bool
    ignored: tuple[str, ...]
    voices: tuple[NamedVoice, ...] = ()
    subtitles: SubtitleOptions | None = None

    def knowing(self, known: tuple[KnownSpeaker, ...]) -> Self:
        """Return the call with its voices as recordings on disk."""
        assert self.request.speakers is not None, "voices are named to tell speakers apart"
        speakers = replace(self.request.speakers, known=known)
        return replace(self, request=replace(self.request, speakers=speakers), voices=())


def parse_transcription(fields: Iterable[tuple[str, str]], rules: FormRules) -> TranscriptionCall:
    """Understand the form of a transcription.

    Raises: InvalidRequestError, UnsupportedOptionError: naming the field at fault.
    """
    reader = FieldReader(fields)
    ignored: list[str] = []
    model = _model(reader)
    is_stream = reader.flag("stream") or False
    default = ResponseFormat.JSON if is_stream else rules.default_format
    form = _format(reader, tuple(ResponseFormat), default)
    _check_streamable(form, is_stream=is_stream)
    granularities = _granularities(reader, form, rules, ignored, is_stream=is_stream)
    logprobs = _logprobs(reader, form, is_stream=is_stream)
    subtitles = read_subtitles(reader, form)
    limits = read_limits(reader)
    is_implied = form is ResponseFormat.DIARIZED_JSON or implies_speakers(model)
    speakers, voices = read_speakers(reader, rules.max_known_speakers, is_implied=is_implied)
    language, prompt = _language(reader, ignored), _prompt(reader)
    temperature = reader.number("temperature", 0, 1) or 0.0
    hotwords = reader.text("hotwords") or ""
    search, detection = read_search(reader), read_detection(reader)
    extras, unknown = part_unknown_fields(reader, rules.extensions, is_strict=rules.is_strict)
    request = TranscriptionRequest(
        model=model,
        task=Task.TRANSCRIBE,
        language=language,
        prompt=prompt,
        temperature=temperature,
        word_timestamps=Granularity.WORD in granularities or form in SUBTITLES,
        token_scores=logprobs,
        hotwords=hotwords,
        search=search,
        detection=detection,
        speakers=speakers,
        needs=_needs(form, granularities, subtitles, is_stream=is_stream),
        extras=extras,
        limits=limits,
    )
    ignored += unknown
    return TranscriptionCall(
        request, form, granularities, is_stream, logprobs, tuple(ignored), voices, subtitles
    )


def parse_translation(fields: Iterable[tuple[str, str]], rules: FormRules) -> TranscriptionCall:
    """Understand the form of a translation, whose answer is always English and never streamed.

    Raises: InvalidRequestError, UnsupportedOptionError: naming the field at fault.
    """
    reader = FieldReader(fields)
    model = _model(reader)
    form = _format(reader, TRANSLATED_FORMATS, rules.default_format)
    if reader.flag("stream"):
        raise UnsupportedOptionError(
            "Translations are not streamed; leave stream out, or set it to false.", param="stream"
        )
    subtitles = read_subtitles(reader, form)
    limits = read_limits(reader)
    is_implied = implies_speakers(model)
    speakers, voices = read_speakers(reader, rules.max_known_speakers, is_implied=is_implied)
    request = TranscriptionRequest(
        model=model,
        task=Task.TRANSLATE,
        prompt=_prompt(reader),
        temperature=reader.number("temperature", 0, 1) or 0.0,
        word_timestamps=subtitles is not None,
        hotwords=reader.text("hotwords") or "",
        search=read_search(reader),
        detection=read_detection(reader),
        speakers=speakers,
        needs=_needs(form, frozenset(), subtitles, is_stream=False),
        limits=limits,
    )
    ignored = _untranslated(reader)
    extras, unknown = part_unknown_fields(reader, rules.extensions, is_strict=rules.is_strict)
    request = replace(request, extras=extras)
    ignored += unknown
    return TranscriptionCall(
        request,
        form,
        granularities=frozenset({Granularity.SEGMENT}),
        stream=False,
        logprobs=False,
        ignored=tuple(ignored),
        voices=voices,
        subtitles=subtitles,
    )


def _model(reader: FieldReader) -> str:
    model = reader.text("model")
    if model is None:
        raise InvalidRequestError("you must provide a model parameter", param="model")
    return model


def _format(
    reader: FieldReader, allowed: tuple[ResponseFormat, ...], default: ResponseFormat
) -> ResponseFormat:
    word = reader.choice("response_format", allowed)
    return ResponseFormat(word) if word else default


def _check_streamable(form: ResponseFormat, *, is_stream: bool) -> None:
    if is_stream and form not in _STREAMABLE:
        raise UnsupportedOptionError(
            f"stream=true works with response_format json, text or diarized_json. '{form}' is sent"
            " in one piece: leave stream out, or ask for json.",
            param="stream",
        )


def _needs(
    form: ResponseFormat,
    granularities: frozenset[Granularity],
    subtitles: SubtitleOptions | None,
    *,
    is_stream: bool,
) -> frozenset[Detail]:
    """Return what the form of the answer must have."""
    needs = {
        Detail.SEGMENTS: form in _TIMED,
        Detail.WORDS: Granularity.WORD in granularities
        or bool(subtitles and subtitles.highlight_words),
        Detail.STREAM: is_stream,
    }
    return frozenset(detail for detail, is_needed in needs.items() if is_needed)


def _granularities(
    reader: FieldReader,
    form: ResponseFormat,
    rules: FormRules,
    ignored: list[str],
    *,
    is_stream: bool,
) -> frozenset[Granularity]:
    name = "timestamp_granularities"
    asked = frozenset(map(Granularity, reader.choices(name, tuple(Granularity))))
    if is_stream:
        return asked
    if asked and form is not ResponseFormat.VERBOSE_JSON:
        if not rules.always_segments:
            raise UnsupportedOptionError(
                f"{name} needs response_format=verbose_json or stream=true.",
                param=name,
            )
        ignored.append(name)
        asked = frozenset()
    if rules.always_segments or not asked:
        return asked | {Granularity.SEGMENT}
    return asked


def _logprobs(reader: FieldReader, form: ResponseFormat, *, is_stream: bool) -> bool:
    is_asked = bool(reader.choices("include", (_LOGPROBS,)))
    if is_asked and form is not ResponseFormat.JSON and not is_stream:
        raise UnsupportedOptionError(
            f"include[]=logprobs needs response_format=json, not '{form}'.", param="include"
        )
    return is_asked


def _language(reader: FieldReader, ignored: list[str]) -> str | None:
    """Read the language; a single entry of `languages` says the same.

    Detection cannot be narrowed to several languages, so that hint is ignored.
    """
    text = reader.text("language")
    language = None if text is None else parse_language(text)
    candidates = {parse_language(entry) for entry in reader.words("languages")}
    if len(candidates) > 1:
        ignored.append("languages")
        return language
    if language and candidates - {language}:
        raise InvalidRequestError("language and languages[] disagree; send one.", param="languages")
    return language or next(iter(candidates), None)


def _prompt(reader: FieldReader) -> str:
    """Read the prompt, with the keywords as its last sentence.

    The model knows no other way to hear of them, and its memory of a prompt is best at the end.
    """
    prompt = reader.text("prompt") or ""
    keywords = ", ".join(reader.texts("keywords"))
    return f"{prompt} {keywords}.".lstrip() if keywords else prompt


def _untranslated(reader: FieldReader) -> list[str]:
    """List what has no effect on a translation, though transcriptions know it."""
    sent = {name: reader.words(name) for name in _UNTRANSLATED}
    neutral = {"timestamp_granularities": (Granularity.SEGMENT.value,)}
    return [name for name, words in sent.items() if words and words != neutral.get(name)]
