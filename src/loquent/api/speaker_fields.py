"""Reads the fields that say how speakers are told apart; knows no other field and opens no URL."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias

from loquent.api.fields import FieldReader, shown
from loquent.api.parts import REFERENCES_FIELD
from loquent.domain.errors import InvalidRequestError
from loquent.domain.speakers import Channels, SpeakerSearch

MAX_SPEAKERS = 50
"""The most that a caller may expect; nobody follows a talk of more."""

MAX_NAME_CHARACTERS = 64

SPEAKERS_SUFFIX = "-diarize"
"""Who asks for a model of such a name expects speakers, as from gpt-4o-transcribe-diarize."""

_SWITCHES = ("diarise", "diarize")
_NAMES_FIELD = "known_speaker_names"


@dataclass(frozen=True, slots=True)
class NamedVoice:
    """A known speaker as it was sent.

    Attributes:
        url: a data URL that holds a recording of the voice, not looked into yet.
    """

    name: str
    url: str


Voices: TypeAlias = tuple[NamedVoice, ...]


def implies_speakers(requested_model: str) -> bool:
    """Tell whether callers of `requested_model` expect speakers without asking."""
    return requested_model.endswith(SPEAKERS_SUFFIX)


def read_speakers(
    reader: FieldReader, max_known: int, *, is_implied: bool
) -> tuple[SpeakerSearch | None, Voices]:
    """Read whether to tell speakers apart, and how.

    Args:
        max_known: how many voices may be named.
        is_implied: speakers are wanted whatever the switches say.

    Returns: how, with nobody known by name yet, and who is to be; None not to tell them apart.
    Raises: InvalidRequestError: naming the field at fault; also if there is a field that says how
        and nothing that says to.
    """
    switches = [reader.flag(name) for name in _SWITCHES]
    sent = _read(reader)
    if is_implied or any(switches):
        return _understood(sent, max_known)
    name = sent.first()
    if name is not None:
        raise InvalidRequestError(
            f"{name} says how to tell speakers apart, but nothing asks to do so: add diarise=true,"
            f" or leave {name} out.",
            param=name,
        )
    return None, ()


def read_speaker_search(reader: FieldReader, max_known: int) -> tuple[SpeakerSearch, Voices]:
    """Read how to tell speakers apart, where nothing else is asked for.

    Args:
        max_known: how many voices may be named.

    Returns: as `read_speakers`.
    Raises: InvalidRequestError: naming the field at fault.
    """
    return _understood(_read(reader), max_known)


@dataclass(frozen=True, slots=True)
class _Sent:
    """The fields by their names on the wire, each right by itself; None or empty if left out."""

    num_speakers: int | None
    min_speakers: int | None
    max_speakers: int | None
    known_speaker_names: tuple[str, ...]
    known_speaker_references: tuple[str, ...]
    channels: Channels

    def first(self) -> str | None:
        """Name the first field that asks for something."""
        neutral = (None, (), Channels.MIXED)
        names = (field.name for field in fields(self))
        return next((name for name in names if getattr(self, name) not in neutral), None)


def _read(reader: FieldReader) -> _Sent:
    return _Sent(
        num_speakers=reader.whole_number("num_speakers", 1, MAX_SPEAKERS),
        min_speakers=reader.whole_number("min_speakers", 1, MAX_SPEAKERS),
        max_speakers=reader.whole_number("max_speakers", 1, MAX_SPEAKERS),
        known_speaker_names=reader.texts(_NAMES_FIELD),
        known_speaker_references=reader.data_urls(REFERENCES_FIELD),
        channels=Channels(reader.choice("channels", tuple(Channels)) or Channels.MIXED),
    )


def _understood(sent: _Sent, max_known: int) -> tuple[SpeakerSearch, Voices]:
    _check_channels(sent)
    _check_numbers(sent)
    _check_voices(sent, max_known)
    is_exact = sent.num_speakers is not None
    least, most = (None, None) if is_exact else (sent.min_speakers, sent.max_speakers)
    search = SpeakerSearch(
        n_speakers=sent.num_speakers,
        min_speakers=least or SpeakerSearch().min_speakers,
        max_speakers=most,
        channels=sent.channels,
    )
    pairs = zip(sent.known_speaker_names, sent.known_speaker_references, strict=True)
    return search, tuple(NamedVoice(name, url) for name, url in pairs)


def _check_channels(sent: _Sent) -> None:
    name = sent.first()
    if sent.channels is Channels.SEPARATE and name != "channels":
        raise InvalidRequestError(
            f"channels=separate takes each channel for one speaker; leave {name} out, or send"
            " channels=mixed.",
            param=name,
        )


def _check_numbers(sent: _Sent) -> None:
    least, most, exact = sent.min_speakers, sent.max_speakers, sent.num_speakers
    if least is not None and most is not None and least > most:
        raise InvalidRequestError(
            f"min_speakers={least} is more than max_speakers={most}.", param="min_speakers"
        )
    for name, bound, is_broken in (
        ("min_speakers", least, exact is not None and least is not None and exact < least),
        ("max_speakers", most, exact is not None and most is not None and exact > most),
    ):
        if is_broken:
            raise InvalidRequestError(
                f"num_speakers={exact} contradicts {name}={bound}; send num_speakers alone where"
                " you know the number.",
                param="num_speakers",
            )


def _check_voices(sent: _Sent, max_known: int) -> None:
    names, n_references = sent.known_speaker_names, len(sent.known_speaker_references)
    if len(names) != n_references:
        raise InvalidRequestError(
            f"{_NAMES_FIELD}[] has {len(names)} entries and {REFERENCES_FIELD}[] has"
            f" {n_references}, empty ones not counted; send one recording for each name, in the"
            " same order.",
            param=_NAMES_FIELD if len(names) < n_references else REFERENCES_FIELD,
        )
    if len(names) > max_known:
        raise InvalidRequestError(
            f"{_NAMES_FIELD}[] has {len(names)} entries; this server takes at most {max_known}.",
            param=_NAMES_FIELD,
        )
    for number, name in enumerate(names):
        if len(name) > MAX_NAME_CHARACTERS:
            raise InvalidRequestError(
                f"{_NAMES_FIELD}[] holds {shown(name)}, which is longer than"
                f" {MAX_NAME_CHARACTERS} characters.",
                param=_NAMES_FIELD,
            )
        if name in names[:number]:
            raise InvalidRequestError(
                f"{_NAMES_FIELD}[] holds {shown(name)} twice; give each voice a name of its own.",
                param=_NAMES_FIELD,
            )
