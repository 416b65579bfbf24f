"""Who speaks a text: the voice asked for, a mix of voices, or another model that can."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.errors import (
    InvalidRequestError,
    LoquentError,
    ModelNotFoundError,
    UnsupportedOptionError,
)
from loquent.domain.model import Capability, Gender, Knob, ModelCard, Voice
from loquent.domain.speech import Casting, SpeechRequest
from loquent.routing.casting import MAX_VOICES, cast
from loquent.routing.names import ModelNames
from tests.unit.routing.models import BASE

CHINESE, KOREAN, RUSSIAN = "早上好", "안녕하세요", "Доброе утро"
VOICE_NAMES = {
    "alloy": "a_ann",
    "nova": "a_sky",
    "duet": "a_ann(3)+b_bob(1)",
    "ghost": "z_nobody",
    "half": "a_sky+z_nobody",
}


def speaking(model_id: str, *voices: tuple[str, str], knobs: tuple[Knob, ...] = ()) -> ModelCard:
    return ModelCard(
        id=model_id,
        capabilities=frozenset({Capability.SPEECH}),
        languages=tuple(dict.fromkeys(tag.partition("-")[0] for _, tag in voices)),
        owned_by="somebody",
        license="MIT",
        quantization="none",
        created_s=0,
        voices=tuple(Voice(name, tag, Gender.NEUTRAL) for name, tag in voices),
        knobs=knobs,
    )


CHOIR = speaking(
    "choir",
    ("a_ann", "en-US"),
    ("a_sky", "en-US"),
    ("b_bob", "en-GB"),
    ("z_zhu", "zh"),
    knobs=(Knob("pitch", 0.0, 100.0),),
)
SOLO = speaking("solo", ("joe", "en-US"))
ROBOT = speaking("robot", ("en", "en"), ("ko", "ko"), ("ru", "ru"), ("uk", "uk"))
INSTALLED = (CHOIR, SOLO, ROBOT, BASE)


def casting(
    text: str = "hello",
    *,
    model: str = CHOIR.id,
    voice: str = "",
    language: str | None = None,
    settings: Mapping[str, float] | None = None,
    installed: tuple[ModelCard, ...] = INSTALLED,
) -> Casting:
    names = ModelNames({card.id: card for card in installed}, {"tts-1": CHOIR.id}, BASE.id)
    request = SpeechRequest(model, text, voice, language=language, settings=settings or {})
    return cast(request, names, VOICE_NAMES, ROBOT.id)


@pytest.mark.parametrize("voice", ["", " \t"])
@pytest.mark.parametrize("model", [CHOIR.id, "tts-1"])
def test_who_names_no_voice_gets_the_first(voice: str, model: str) -> None:
    assert casting(voice=voice, model=model) == Casting(CHOIR.id, (("a_ann", 1.0),), "en-US")


@pytest.mark.parametrize("voice", [voice.id for voice in CHOIR.voices])
def test_who_names_a_voice_gets_it(voice: str) -> None:
    assert casting(voice=f" {voice} ").voices == ((voice, 1.0),)


@pytest.mark.parametrize("name", ["nova", "Nova", "NOVA"])
def test_a_voice_answers_to_other_names_in_any_case(name: str) -> None:
    assert casting(voice=name).voices == (("a_sky", 1.0),)


def test_another_name_may_stand_for_a_mix() -> None:
    assert casting(voice="duet").voices == (("a_ann", 0.75), ("b_bob", 0.25))
    assert casting(voice="duet+a_sky").voices == (
        ("a_ann", 0.375),
        ("b_bob", 0.125),
        ("a_sky", 0.5),
    )


@pytest.mark.parametrize(
    ("model", "voice", "first"),
    [(CHOIR.id, "ghost", "a_ann"), (CHOIR.id, "half", "a_ann"), (SOLO.id, "nova", "joe")],
)
def test_where_the_model_lacks_what_a_name_stands_for_its_first_voice_speaks(
    model: str, voice: str, first: str
) -> None:
    assert casting(model=model, voice=voice).voices == ((first, 1.0),)


@pytest.mark.parametrize(
    ("voice", "mix"),
    [
        ("a_ann(2)+b_bob(1)", {"a_ann": 2 / 3, "b_bob": 1 / 3}),
        ("a_ann+b_bob", {"a_ann": 0.5, "b_bob": 0.5}),
        (" a_ann ( 3 ) + b_bob ", {"a_ann": 0.75, "b_bob": 0.25}),
        ("a_ann(.5)+b_bob(1.5)", {"a_ann": 0.25, "b_bob": 0.75}),
        ("a_ann(0)+b_bob(7)", {"b_bob": 1.0}),
        ("a_ann(9999999999)+b_bob(9999999999)", {"a_ann": 0.5, "b_bob": 0.5}),
        ("alloy(1)+b_bob(3)", {"a_ann": 0.25, "b_bob": 0.75}),
    ],
)
def test_the_shares_of_a_mix_sum_to_one(voice: str, mix: dict[str, float]) -> None:
    assert dict(casting(voice=voice).voices) == pytest.approx(mix)


@given(st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=MAX_VOICES))
def test_any_shares_above_zero_sum_to_one_and_keep_their_proportions(shares: list[int]) -> None:
    names = itertools.cycle(("a_ann", "b_bob"))
    mix = casting(voice="+".join(f"{next(names)}({share})" for share in shares)).voices
    assert math.fsum(share for _, share in mix) == pytest.approx(1.0)
    assert dict(mix)["a_ann"] == pytest.approx(sum(shares[::2]) / sum(shares))


@pytest.mark.parametrize(
    "voice",
    [
        "a_ann(0)",
        "a_ann(0)+b_bob(0.0)",
        "a_ann(-1)",
        "a_ann(1e3)",
        "a_ann(99999999999)",
        "a_ann(1.2.3)",
        "a_ann(.)",
        "a_ann()",
        "a_ann(nan)",
        "a_ann(inf)",
        "a_ann(2",
        "a_ann)2(",
        "a_ann b_bob",
        "a_ann+",
        "+",
        "(2)",
        "x" * 101,
        "+".join(["a_ann"] * (MAX_VOICES + 1)),
    ],
)
def test_a_mix_that_cannot_be_read_is_refused(voice: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        casting(voice=voice)
    assert raised.value.param == "voice"
    assert len(raised.value.message) < 200


@pytest.mark.parametrize(
    ("voice", "near"),
    [("a_an", "a_ann"), ("bbob", "b_bob"), ("novva", "nova"), ("a_ann+a_skye", "a_sky")],
)
def test_an_unknown_voice_is_answered_with_near_ones(voice: str, near: str) -> None:
    with pytest.raises(UnsupportedOptionError, match=f"did you mean .*{near}") as raised:
        casting(voice=voice)
    assert raised.value.param == "voice"


def test_a_voice_like_no_other_is_answered_with_some_of_those_there_are() -> None:
    with pytest.raises(UnsupportedOptionError, match="a_ann, a_sky, b_bob, z_zhu") as raised:
        casting(voice="qqqqqq")
    assert "'choir' has no voice 'qqqqqq'" in raised.value.message


def test_of_many_voices_only_a_few_are_named() -> None:
    crowd = speaking("crowd", *((f"voice{n:02}", "en") for n in range(50)))
    with pytest.raises(UnsupportedOptionError, match="voice04 and more"):
        casting(model="crowd", voice="qqqqqq", installed=(crowd,))


@pytest.mark.parametrize(
    ("voice", "text", "language"),
    [
        ("a_ann", "hello", "en-US"),
        ("b_bob", "hello", "en-GB"),
        ("z_zhu", CHINESE, "zh"),
        ("a_ann(1)+b_bob(2)", "hello", "en-GB"),
        ("a_ann(2)+b_bob(1)", "hello", "en-US"),
        ("b_bob", "42", "en-GB"),
    ],
)
def test_a_text_is_read_in_the_language_of_the_main_voice(
    voice: str, text: str, language: str
) -> None:
    assert casting(text, voice=voice).language == language


def test_a_voice_named_twice_has_the_sum_of_its_shares() -> None:
    cast_ = casting(voice="a_ann+a_ann+b_bob(1.5)")
    assert cast_.language == "en-US"


def test_what_is_said_of_an_unknown_voice_is_made_of_sentences() -> None:
    with pytest.raises(UnsupportedOptionError) as raised:
        casting(voice="qqqqqq")
    assert re.search(r"z_zhu\. `loquent voices`", raised.value.message)


@pytest.mark.parametrize(
    ("wish", "voice", "language"),
    [
        ("en-GB", "a_ann", "en-GB"),
        ("EN-gb", "a_ann", "en-GB"),
        ("en", "b_bob", "en-GB"),
        ("en", "a_ann", "en-US"),
        ("en-AU", "b_bob", "en-GB"),
        ("zh", "a_ann", "zh"),
        ("zh-CN", "a_ann", "zh"),
        ("en", "z_zhu", "en-US"),
    ],
)
def test_the_callers_language_is_read_as_the_model_knows_it(
    wish: str, voice: str, language: str
) -> None:
    cast_ = casting(voice=voice, language=wish)
    assert (cast_.model, cast_.language) == (CHOIR.id, language)
    assert cast_.voices == ((voice, 1.0),)


@pytest.mark.parametrize(
    ("text", "voice", "language"), [(CHINESE, "a_ann", "zh"), ("hello", "z_zhu", "en-US")]
)
def test_a_text_in_another_script_is_read_in_its_own_language_by_the_same_model(
    text: str, voice: str, language: str
) -> None:
    assert casting(text, voice=voice) == Casting(CHOIR.id, ((voice, 1.0),), language)


@pytest.mark.parametrize(
    ("text", "wish", "code", "name"),
    [
        (KOREAN, None, "ko", "Korean"),
        (RUSSIAN, None, "ru", "Russian"),
        (RUSSIAN, "uk", "uk", "Ukrainian"),
        ("annyeong", "ko-KR", "ko", "Korean"),
    ],
)
def test_what_the_model_cannot_read_the_stand_in_speaks_and_why_is_told(
    text: str, wish: str | None, code: str, name: str
) -> None:
    cast_ = casting(text, language=wish)
    assert cast_ == Casting(
        ROBOT.id, ((code, 1.0),), code, stand_in=f"choir has no voice that reads {name}"
    )


def test_the_stand_in_asked_for_by_name_stands_in_for_nobody() -> None:
    assert casting(KOREAN, model=ROBOT.id) == Casting(ROBOT.id, (("en", 1.0),), "ko")


def test_where_nobody_stands_in_the_voices_that_could_are_named() -> None:
    duo = speaking("duo", ("ji", "ko-KR"), ("min", "ko"))
    with pytest.raises(UnsupportedOptionError, match="ji of duo, min of duo") as raised:
        casting(KOREAN, installed=(CHOIR, duo))
    assert raised.value.param == "language"


@pytest.mark.parametrize("installed", [(CHOIR,), (CHOIR, ROBOT)])
def test_where_nobody_could_that_is_said(installed: tuple[ModelCard, ...]) -> None:
    with pytest.raises(UnsupportedOptionError, match="reads Thai; no installed model does"):
        casting("สวัสดี", installed=installed)


def test_a_script_that_nobody_here_reads_is_named() -> None:
    with pytest.raises(UnsupportedOptionError, match="Tibetan") as raised:
        casting("བཀྲ་ཤིས་བདེ་ལེགས")
    assert raised.value.param == "input"


@pytest.mark.parametrize("pitch", [0.0, 50.0, 100.0])
def test_a_setting_that_the_model_knows_is_passed_on(pitch: float) -> None:
    cast_ = casting(settings={"pitch": pitch})
    assert (cast_.settings, cast_.ignored) == ({"pitch": pitch}, ())


def test_settings_that_mean_nothing_to_the_model_are_told() -> None:
    cast_ = casting(settings={"warmth": 9e99, "pitch": 1.0, "depth": -1.0})
    assert cast_.settings == {"pitch": 1.0}
    assert cast_.ignored == ("model_extensions.warmth", "model_extensions.depth")


def test_settings_are_those_of_the_model_that_speaks_in_the_end() -> None:
    cast_ = casting(KOREAN, settings={"pitch": 1000.0})
    assert (cast_.settings, cast_.ignored) == ({}, ("model_extensions.pitch",))


@pytest.mark.parametrize("pitch", [-0.1, 100.1, math.inf, -math.inf, math.nan])
def test_a_setting_beyond_its_limits_is_refused_and_they_are_named(pitch: float) -> None:
    with pytest.raises(InvalidRequestError, match="from 0 to 100") as raised:
        casting(settings={"pitch": pitch})
    assert raised.value.param == "model_extensions.pitch"


def test_a_model_that_does_not_speak_is_refused_naming_those_that_do() -> None:
    with pytest.raises(UnsupportedOptionError, match="choir, robot, solo") as raised:
        casting(model=BASE.id)
    assert raised.value.param == "model"


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(ModelNotFoundError, match="choir"):
        casting(model="choirr")


_TEXTS = st.text(max_size=30) | st.sampled_from([CHINESE, KOREAN, RUSSIAN, "hello"])
_VOICES = st.text(max_size=30) | st.lists(
    st.sampled_from([*VOICE_NAMES, "a_ann", "b_bob", "(2)", "(0)", "(.", ")", "+", " "]), max_size=8
).map("".join)


@given(_TEXTS, _VOICES, st.none() | st.text(max_size=8) | st.sampled_from(["en-GB", "ko", "zh"]))
def test_any_wish_is_cast_or_refused_in_words(text: str, voice: str, language: str | None) -> None:
    cast_ = _answer(text, voice, language)
    if isinstance(cast_, LoquentError):
        assert cast_.param in {"voice", "input", "language"}
        return
    speaker = {CHOIR.id: CHOIR, ROBOT.id: ROBOT}[cast_.model]
    assert {name for name, _ in cast_.voices} <= {voice.id for voice in speaker.voices}
    assert math.fsum(share for _, share in cast_.voices) == pytest.approx(1.0)
    assert cast_.language.partition("-")[0] in speaker.languages
    assert bool(cast_.stand_in) is (speaker is ROBOT)


def _answer(text: str, voice: str, language: str | None) -> Casting | LoquentError:
    try:
        return casting(text, voice=voice, language=language)
    except LoquentError as refusal:
        return refusal
