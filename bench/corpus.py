"""Finds recordings with references; knows no engine and no score."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

from tests.assets import SAMPLE_TEXT, SPEECH_DATA, clip, clip_text, sample

PACKAGED = "packaged"
"""The set that every machine can fetch: recordings which published packages carry."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording and what is known of it.

    Attributes:
        text: what is said, "" for nothing, None where no one wrote it down.
        english: its meaning in English, where known.
        speaker: who speaks, where one person does and is known.
        rttm: a file of who speaks when, where there is one.
    """

    path: Path
    language: str | None
    text: str | None
    english: str | None = None
    speaker: str | None = None
    rttm: Path | None = None

    @property
    def duration_s(self) -> float:
        """The length that the container states."""
        with av.open(self.path) as container:
            return (container.duration or 0) / av.time_base


def recordings(name: str, pattern: str = "*") -> list[Recording]:
    """Return the recordings of the set `name` whose files match `pattern`, sorted by name.

    Raises: FileNotFoundError: if there is no such set.
    """
    found = _packaged() if name == PACKAGED else _listed(SPEECH_DATA / name)
    return sorted((r for r in found if r.path.match(pattern)), key=lambda r: r.path)


def has_set(name: str) -> bool:
    """Tell whether the set `name` is on this machine, or can be fetched."""
    return name == PACKAGED or (SPEECH_DATA / name / "refs.jsonl").is_file()


def _listed(folder: Path) -> Iterator[Recording]:
    for line in (folder / "refs.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        language = (row.get("language") or "")[:2] or None
        english, speaker = row.get("translation_en"), row.get("speaker")
        rttm = folder / row["rttm"] if "rttm" in row else None
        yield Recording(folder / row["file"], language, row.get("text"), english, speaker, rttm)


def _packaged() -> Iterator[Recording]:
    yield Recording(sample(), "en", SAMPLE_TEXT)
    for name, language in (("two-cities", "en"), ("beckett", "en"), ("taiyi-zh", "zh")):
        yield Recording(clip(name), language, clip_text(name))
