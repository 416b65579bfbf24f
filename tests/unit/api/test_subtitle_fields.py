"""What the fields about subtitles mean, in forms and in JSON."""

from __future__ import annotations

from typing import Any

import pytest

from loquent.api.forms import FormRules, TranscriptionCall, parse_transcription, parse_translation
from loquent.api.speech_call import SpeechRules, parse_captions
from loquent.api.transcriptions import Parse
from loquent.domain.endpoints import Detail
from loquent.domain.errors import InvalidRequestError, LoquentError, UnsupportedOptionError
from loquent.render import SubtitleOptions

BOTH = pytest.mark.parametrize("parse", [parse_transcription, parse_translation])
ALL: dict[str, Any] = {
    "max_line_width": 32,
    "max_line_count": 1,
    "max_cps": 17.5,
    "min_cue_duration": 1,
    "max_cue_duration": 6,
    "highlight_words": True,
}
UNDERSTOOD = SubtitleOptions(32, 1, 17.5, 1.0, 6.0, highlight_words=True)


def form(parse: Parse, response_format: str = "vtt", **fields: Any) -> TranscriptionCall:
    written = tuple((name, str(value)) for name, value in fields.items())
    sent = (("model", "m"), ("response_format", response_format), *written)
    return parse(sent, FormRules())


def captions(**fields: Any) -> SubtitleOptions | None:
    return parse_captions({"model": "m", "input": "Hi.", **fields}, SpeechRules()).subtitles


@BOTH
def test_all_fields_of_a_form_are_understood(parse: Parse) -> None:
    call = form(parse, **ALL)
    assert call.subtitles == UNDERSTOOD
    assert call.ignored == ()


@BOTH
def test_a_form_without_them_says_nothing_about_subtitles(parse: Parse) -> None:
    assert form(parse).subtitles is None
    assert form(parse, highlight_words=False, max_cps="").subtitles is None


@BOTH
def test_one_field_brings_the_defaults_of_the_others(parse: Parse) -> None:
    assert form(parse, "srt", min_cue_duration=0).subtitles == SubtitleOptions()


@BOTH
def test_cues_are_cut_at_words_so_word_times_are_asked_for(parse: Parse) -> None:
    assert form(parse, max_line_width=32).request.word_timestamps
    assert Detail.WORDS not in form(parse, max_line_width=32).request.needs
    assert Detail.WORDS in form(parse, highlight_words=True).request.needs


@BOTH
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("response_format", ["json", "text", "verbose_json"])
def test_beside_another_format_they_are_refused(
    parse: Parse, name: str, response_format: str
) -> None:
    with pytest.raises(UnsupportedOptionError, match=f"{name} needs response_format") as caught:
        form(parse, response_format, **{name: ALL[name]})
    assert caught.value.param == name


BAD = [
    ("max_line_width", 0),
    ("max_line_width", 201),
    ("max_line_width", 2.5),
    ("max_line_count", 0),
    ("max_line_count", 6),
    ("max_cps", 0),
    ("max_cps", -1),
    ("min_cue_duration", 31),
    ("min_cue_duration", 8),
    ("max_cue_duration", 0.1),
    ("highlight_words", "perhaps"),
]


@BOTH
@pytest.mark.parametrize(("name", "value"), [*BAD, ("max_cps", "nan"), ("max_cps", "many")])
def test_a_bad_value_of_a_form_is_refused_by_name(parse: Parse, name: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=name) as caught:
        form(parse, **{name: value})
    assert caught.value.param == name


@pytest.mark.parametrize(("name", "value"), [*BAD, ("max_cps", float("nan")), ("max_cps", "17")])
def test_a_bad_value_of_json_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(LoquentError, match=name) as caught:
        captions(**{name: value})
    assert caught.value.param == name


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="min_cue_duration, 3, is more than") as caught:
        form(parse_transcription, min_cue_duration=3, max_cue_duration=2)
    assert caught.value.param == "min_cue_duration"


def test_captions_take_the_same_fields() -> None:
    assert captions(**ALL) == UNDERSTOOD
    assert captions() is None
    with pytest.raises(UnsupportedOptionError) as caught:
        captions(response_format="srt", highlight_words=True)
    assert caught.value.param == "highlight_words"
