"""Tells how well a line may end between two pieces of text; knows no width and no time."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

from loquent.render.lines import pause_strength

_SENTENCE, _CLAUSE, _CONJUNCTION, _PLAIN, _TIED, _ARTICLE = 0.0, 0.2, 0.5, 1.0, 1.7, 2.5
"""What it costs to end a line there."""


def _by_language(**words: str) -> Mapping[str, frozenset[str]]:
    """Part lists of words, each by its language."""
    return {language: frozenset(listed.split()) for language, listed in words.items()}


_CONJUNCTIONS: Final = _by_language(
    en=(
        "and but or nor so because that which who when where while if although though since until"
        " before after than as whether"
    ),
    de=(
        "und aber oder denn sondern weil dass wenn als ob obwohl während bevor nachdem bis damit"
        " sowie wie wo"
    ),
    fr=("et mais ou donc car que qui quand si comme lorsque parce puisque où"),
    es=("y e pero o u sino que quien cuando si como porque aunque donde"),
    it=("e ed ma o oppure che chi quando se come perché mentre dove"),
    pt=("e mas ou que quem quando se como porque embora onde"),
    nl=("en maar of want dat die wanneer als omdat hoewel terwijl toen"),
)

_ARTICLES: Final = _by_language(
    en=("a an the my your his her its our their this these those every no"),
    de=(
        "der die das den dem des ein eine einen einem einer eines kein keine keinen mein meine"
        " meinen dein deine sein seine seinen seiner ihr ihre ihren unser unsere dieser diese"
        " dieses diesen diesem"
    ),
    fr=(
        "le la les un une des du de mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs"
        " ce cet cette ces"
    ),
    es=("el la los las un una unos unas del al mi mis tu tus su sus este esta"),
    it=("il lo la i gli le un uno una del della dei delle mio mia suo sua"),
    pt=("o a os as um uma do da dos das no na meu minha seu sua este esta"),
    nl=("de het een mijn jouw zijn haar ons onze hun deze dit"),
)

_PREPOSITIONS: Final = _by_language(
    en=("of to in on at by for from with into onto over under about not very"),
    de=(
        "von vom zu zum zur in im ins an am auf aus bei beim mit nach für über unter durch gegen"
        " ohne um nicht sehr"
    ),
    fr=("à au aux en dans sur sous par pour avec sans chez ne très"),
    es=("a de en con por para sin sobre entre no muy"),
    it=("di a da in con su per tra fra al nel non molto"),
    pt=("de a em com por para sem sobre entre ao não muito"),
    nl=("van naar in op aan bij voor met uit over onder door niet zeer"),
)

_NEVER_FIRST: Final = frozenset("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮー々〻ゝゞヽヾ")
"""Small and repeating signs. Source: JIS X 4051, characters that begin no line."""

_MARKS: Final = "\"'“”‘’«»()[]„‚¿¡,.;:!?…—"  # noqa: RUF001  (typographic marks surround words)


def break_cost(left: str, right: str, language: str) -> float:
    """Tell what it costs to end a line after `left` and begin the next with `right`.

    Args:
        language: ISO 639-1 code; "" or one without a table makes words equal.

    Returns: 0 after a sentence, up to 2.5 between an article and its noun.
    """
    strength = pause_strength(left)
    if strength:
        return _SENTENCE if strength == 1 else _CLAUSE
    if is_unspaced(left[-1]) and is_unspaced(right[0]):
        return _cost_between_signs(left[-1], right[0])
    last, first = left.strip(_MARKS).casefold(), right.strip(_MARKS).casefold()
    if last in _ARTICLES.get(language, ()):
        return _ARTICLE
    if last in _PREPOSITIONS.get(language, ()) or last in _CONJUNCTIONS.get(language, ()):
        return _TIED
    return _CONJUNCTION if first in _CONJUNCTIONS.get(language, ()) else _PLAIN


def may_break(text: str, at: int) -> bool:
    """Tell whether a line of `text` may end before the character at `at`.

    It may at spaces, and between signs of a script without spaces, but for words in katakana.
    """
    before, after = text[at - 1], text[at]
    if " " in (before, after):
        return after == " "
    if not is_unspaced(before) or unicodedata.category(before) in ("Ps", "Pi"):
        return False
    is_one_word = _kind(before) == _kind(after) == "katakana"
    is_letter = unicodedata.category(after)[0] == "L"
    return is_letter and not is_one_word and after not in _NEVER_FIRST


def is_unspaced(char: str) -> bool:
    """Tell scripts that put no space between words; Korean puts one."""
    is_wide = unicodedata.east_asian_width(char) in "WF"
    return is_wide and not "\uac00" <= char <= "\ud7a3"


def _cost_between_signs(left: str, right: str) -> float:
    """Prefer the beginning of a phrase, where Japanese goes from its endings to the next stem."""
    kinds = _kind(left), _kind(right)
    if kinds[0] == kinds[1] or kinds[1] == "hiragana":
        return _TIED
    return _CONJUNCTION if kinds[0] == "hiragana" else _PLAIN


def _kind(sign: str) -> str:
    if "\u3041" <= sign <= "\u309f":
        return "hiragana"
    is_katakana = "\u30a1" <= sign <= "\u30fe" and sign != "・"
    return "katakana" if is_katakana else "other"
