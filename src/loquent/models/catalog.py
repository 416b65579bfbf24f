"""Read the catalog: the list of models that can be pulled by name.

It checks what it reads and looks nothing up anywhere else.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from loquent.domain.errors import ModelNotFoundError
from loquent.domain.model import Capability, Gender, Knob, ModelCard, Voice
from loquent.models.entry import (
    Archive,
    ArchiveKind,
    CatalogEntry,
    HubLocation,
    Member,
    ModelFile,
    entry_of_piper_voice,
    entry_of_repository,
)

_MULTILINGUAL = "whisper"
_EACH_LANGUAGE = "one for each language"


@dataclass(frozen=True, slots=True)
class Catalog:
    """Models by id, and the ids of those that a fresh install starts with."""

    entries: Mapping[str, CatalogEntry]
    defaults: tuple[str, ...]
    languages: tuple[str, ...] = ()
    """What a multilingual Whisper understands."""

    @classmethod
    def load(cls, path: Path | None = None) -> Catalog:
        """Read the catalog at `path`, or the one that comes with the package.

        Raises: ValueError: if the file is not a catalog; OSError: if it cannot be read.
        """
        shipped = resources.files("loquent.models") / "catalog.toml"
        text = (path or shipped).read_text(encoding="utf-8")
        try:
            return _parse(tomllib.loads(text))
        except (KeyError, TypeError) as exc:
            raise ValueError(f"the catalog lacks or misspells a field: {exc}") from exc

    def find(self, name: str) -> CatalogEntry:
        """Return the model called `name`: an id, or a hub repository as "owner/name[@revision]".

        A repository that a listed model comes from stands for that model.

        Raises: ModelNotFoundError: naming ids that are spelled alike.
        """
        if name in self.entries:
            return self.entries[name]
        for entry in self.entries.values():
            if entry.hub is not None and entry.hub.repo == name:
                return entry
        if "/" in name:
            return self._of_repository(name)
        if voice := entry_of_piper_voice(name):
            return voice
        raise ModelNotFoundError(f"No model is called {name!r}.{self._hint(name)}", param="model")

    def _of_repository(self, reference: str) -> CatalogEntry:
        try:
            return entry_of_repository(reference, self.languages)
        except ValueError as exc:
            raise ModelNotFoundError(f"No model can be called so: {exc}.", param="model") from exc

    def _hint(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.entries, n=3, cutoff=0.4)
        return f" Did you mean {' or '.join(near)}?" if near else ""


def _parse(table: Mapping[str, Any]) -> Catalog:
    groups = {name: tuple(codes) for name, codes in table.get("language_groups", {}).items()}
    entries: dict[str, CatalogEntry] = {}
    for row in table["model"]:
        entry = _entry(row, groups)
        if entry.id in entries:
            raise ValueError(f"the catalog lists {entry.id!r} twice")
        entries[entry.id] = entry
    defaults = tuple(table.get("defaults", ()))
    if unlisted := set(defaults) - set(entries):
        raise ValueError(f"the catalog's defaults are not among its models: {sorted(unlisted)}")
    return Catalog(MappingProxyType(entries), defaults, groups.get(_MULTILINGUAL, ()))


def _entry(row: Mapping[str, Any], groups: Mapping[str, tuple[str, ...]]) -> CatalogEntry:
    archives = tuple(
        Archive(**{**archive, "kind": ArchiveKind(archive["kind"])})
        for archive in row.get("archives", ())
    )
    entry = CatalogEntry(
        model=_card(row, groups),
        engine=row["engine"],
        files=tuple(_file(file) for file in row.get("files", ())),
        hub=HubLocation(**row["hub"]) if "hub" in row else None,
        archives=archives,
        text=row.get("text", ""),
    )
    carried = {member.package for file in entry.files for member in file.members}
    if carried != {archive.package for archive in archives}:
        raise ValueError(f"{entry.id!r} names other packages in its files than in its archives")
    return entry


def _card(row: Mapping[str, Any], groups: Mapping[str, tuple[str, ...]]) -> ModelCard:
    languages: str | Sequence[str] = row["languages"]
    return ModelCard(
        id=row["id"],
        capabilities=frozenset(Capability(name) for name in row["capabilities"]),
        languages=groups[languages] if isinstance(languages, str) else tuple(languages),
        owned_by=row["owned_by"],
        license=row["license"],
        quantization=row["quantization"],
        created_s=_unix_s(row["created"]),
        voices=_voices(row.get("voices", ()), languages),
        knobs=tuple(Knob(**knob) for knob in row.get("knobs", ())),
    )


def _voices(
    rows: str | Sequence[Mapping[str, str]], languages: str | Sequence[str]
) -> tuple[Voice, ...]:
    """Read the voices of a model; some have one for each language, called after it."""
    if rows == _EACH_LANGUAGE:
        return tuple(Voice(code, code, Gender.NEUTRAL) for code in languages)
    assert not isinstance(rows, str)
    return tuple(Voice(row["id"], row["language"], Gender(row["gender"])) for row in rows)


def _file(row: Mapping[str, Any]) -> ModelFile:
    members = tuple(Member(**member) for member in row.get("members", ()))
    made_by = row.get("made_by")
    digest = row["sha256"] if made_by is None else row.get("sha256")
    return ModelFile(row["path"], row["n_bytes"], digest, members, made_by)


def _unix_s(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
