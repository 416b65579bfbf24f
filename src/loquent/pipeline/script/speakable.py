"""Take out of a text what nobody would read aloud, and remember where the rest came from.

It knows nothing of voices, languages or how the text will be cut.
"""

from __future__ import annotations

import html
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_ROUNDS = 4
"""Taking markup away may uncover more of it; deeper nesting is an attack, not writing."""

_ANY = r"[^<>\"'=\s]+"
_ATTRIBUTE = rf"""\s+[A-Za-z_:][\w:.-]*\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|{_ANY})"""
_ELEMENTS = (
    "a abbr address article aside audio b bdi bdo big blockquote body br break button caption "
    "center cite code col colgroup dd del details dfn div dl dt em emphasis figcaption figure font "
    "footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label lang li "
    "link main mark meta nav ol option p phoneme picture pre prosody q s samp say-as script "
    "section select small source span speak strike strong style sub summary sup svg table tbody "
    "td tfoot th thead time title tr tt u ul var video voice w"
)
_ELEMENT = "|".join(sorted(_ELEMENTS.split(), key=len, reverse=True))
_BLOCK = (
    "address|article|blockquote|br|break|dd|div|dt|figure|h[1-6]|hr|li|ol|p|pre|section|table|tr|ul"
)

_PICTURE = (
    r"[\u2300-\u23ff\u2500-\u27bf\u2800-\u28ff\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    r"\U0001f000-\U0001f1e5\U0001f200-\U0001fbff]"
)
_TRIMMING = r"[\u20e3\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
_EMOJI = (
    rf"(?:[\U0001f1e6-\U0001f1ff]{{1,2}}|{_PICTURE}{_TRIMMING}*(?:\u200d{_PICTURE}{_TRIMMING}*)*)"
)
_CONTROL = r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]"
_NO_CHARACTER = r"[\ud800-\udfff\ue000-\uf8ff\ufff0-\uffff\U000f0000-\U0010ffff]"
_INVISIBLE = (
    r"[\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_STRAY_JOINER = r"(?<![^\s\u200c\u200d])[\u200c\u200d]+|[\u200c\u200d]+(?![^\s\u200c\u200d])"


@dataclass(frozen=True, slots=True)
class SpeakableText:
    """What is left to speak.

    Attributes:
        text: spaces are single; "\\n" is the end of a line, "\\n\\n" that of a paragraph, a
            heading or an item of a list.
        origins: for every character of `text`, ascending, its offset in what the caller wrote.
        n_dropped: characters that have no sound, an emoji of several code points counted once.
            Markup and invisible marks are not counted: nobody misses them.
    """

    text: str
    origins: array[int]
    n_dropped: int


@dataclass(frozen=True, slots=True)
class _Rule:
    """Replace each match by `before`, the group "kept" if the pattern has one, and `after`."""

    pattern: re.Pattern[str]
    before: str | Callable[[re.Match[str]], str] = ""
    after: str = ""
    counts: bool = False


def _rule(pattern: str, before: str = "", after: str = "") -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE | re.MULTILINE), before, after)


def _space(match: re.Match[str]) -> str:
    """Return what a run of white space amounts to."""
    text, end = match.string, match.end()
    if match.start() == 0 or end == len(text):
        return ""
    n_lines = len(re.findall(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]", match[0]))
    if n_lines > 1 or "\u2029" in match[0]:
        return "\n\n"
    # A line that goes on in lower case was only wrapped.
    return "\n" if n_lines and not text[end].islower() else " "


_RULES = (
    # First of all, so that no rule below meets a long run of spaces and walks it once from each.
    _rule(r"[^\S\n\r\x0b\x0c\x85\u2028\u2029]{2,}", " "),
    _Rule(
        re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31}\d{0,2});", re.IGNORECASE),
        lambda match: html.unescape(match[0]),
    ),
    _Rule(re.compile(rf"{_EMOJI}|{_CONTROL}|{_NO_CHARACTER}"), counts=True),
    _Rule(re.compile(rf"{_TRIMMING}|{_INVISIBLE}|{_STRAY_JOINER}")),
    _rule(r"<!--[^<>]{0,5000}-->|<!doctype[^<>]{0,500}>"),
    _rule(r"<(?P<name>script|style)\b[^<>]{0,500}>[^<]{0,20000}</(?P=name)\s*>"),
    _rule(rf"</?(?:{_BLOCK})(?:{_ATTRIBUTE}){{0,30}}\s*/?>", "\n\n"),
    _rule(rf"</?(?:{_ELEMENT})(?:{_ATTRIBUTE}){{0,30}}\s*/?>"),
    _rule(r"<(?P<kept>(?:https?://|mailto:)[^<>\s]{1,2000})>"),
    _rule(r"^[ \t]?```[\w+-]*[ \t]*$"),
    _rule(r"!?\[(?P<kept>[^\[\]\n]{0,1000})\]\([^()\s]{0,2000}(?:[ \t]+\"[^\"\n]{0,500}\")?\)"),
    _rule(r"^[ \t]?(?:[-*_=][ \t]?){3,}$", "\n\n"),
    _rule(r"^[ \t]?#{1,6}[ \t]+(?P<kept>[^\n]*)$", "\n\n", "\n\n"),
    _rule(r"^(?:[ \t]?(?:[-*+•‣◦▪]|>+)[ \t]+)+", "\n\n"),
    _rule(r"[ \t]?\|[ \t|]*(?:[:-]{2,}[ \t|:-]*)?$", "\n"),
    _rule(r"^[ \t]?\|[ \t|]*"),
    _rule(r"[ \t]?\|[ \t|]*", ", "),
    # Markers hug a word; an asterisk or a line between spaces, digits or letters says something.
    _rule(r"`+|~~|(?<![\d\s*])\*{2,3}(?![\d\s*])"),
    _rule(r"(?<!\S)[*_]+(?=[^\s\d*_])|(?<=[^\s*_])[*_]+(?!\S)|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)"),
    _Rule(re.compile(r"\s+"), _space),
)

_DEFUSE = _rule(r"[<>&*_`~#\[\]|=+•‣◦▪]|-(?=\s)|(?<=\s)-", " ")


def make_speakable(text: str) -> SpeakableText:
    """Drop markup, emoji, control and invisible characters, and tidy the white space.

    Markup is HTML, SSML and Markdown that is beyond doubt; "a < b" and "2 * 3" stay. Doing it
    twice changes nothing.
    """
    speakable = SpeakableText(text, array("q", range(len(text))), 0)
    for _ in range(MAX_ROUNDS):
        tidied = _tidy(speakable)
        if tidied.text == speakable.text:
            return tidied
        speakable = tidied
    return _settle(speakable)


def _settle(speakable: SpeakableText) -> SpeakableText:
    """Take the sense of markup from every character, so that nothing more can be uncovered."""
    tidied = _tidy(speakable)
    if tidied.text == speakable.text:
        return tidied
    return _tidy(_tidy(_apply(_DEFUSE, tidied)))


def _tidy(speakable: SpeakableText) -> SpeakableText:
    for rule in _RULES:
        speakable = _apply(rule, speakable)
    return speakable


def _apply(rule: _Rule, speakable: SpeakableText) -> SpeakableText:
    parts: list[str] = []
    origins: array[int] = array("q")
    for piece, origin in _rewritten(rule, speakable):
        parts.append(piece)
        origins.extend(origin)
    n_matches = sum(1 for _ in rule.pattern.finditer(speakable.text)) if rule.counts else 0
    return SpeakableText("".join(parts), origins, speakable.n_dropped + n_matches)


def _rewritten(rule: _Rule, speakable: SpeakableText) -> Iterator[tuple[str, array[int]]]:
    """Yield what follows each other after `rule`, with its origins; nothing for what is dropped."""
    text, origins = speakable.text, speakable.origins
    at = 0
    for match in rule.pattern.finditer(text):
        start, end = match.span()
        if start > at:
            yield text[at:start], origins[at:start]
        before = rule.before if isinstance(rule.before, str) else rule.before(match)
        yield before, array("q", [origins[start]]) * len(before)
        if "kept" in rule.pattern.groupindex:
            start, kept_end = match.span("kept")
            yield match["kept"], origins[start:kept_end]
        yield rule.after, array("q", [origins[end - 1]]) * len(rule.after)
        at = end
    if at < len(text):
        yield text[at:], origins[at:]
