"""Keeps sound on disk for those who ask for the same again; knows nothing of how it was made.

One file for each request: a line of JSON, then 16-bit samples, chunk behind chunk. Files are
written whole or not at all; where there are too many bytes, the least recently used go first.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np

from loquent.domain.speech import (
    Casting,
    SpeechChunk,
    SpeechPlan,
    SpeechRequest,
    SpokenWord,
    Waveform,
)
from loquent.ports import Speaker

_FORMAT: Final = 1
_SUFFIX: Final = ".speech"
_FULL_SCALE: Final = np.float32(32_767)
_MAX_HEADER_BYTES: Final = 64 * 1024 * 1024
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class SoundCache:
    """A folder of sound, of at most so many bytes."""

    folder: Path
    max_bytes: int

    def read(self, key: str) -> list[SpeechPlan | SpeechChunk] | None:
        """Return what is kept under `key`, and count it as used; None if nothing legible is."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                header = json.loads(file.readline(_MAX_HEADER_BYTES))
                items = _items(header, np.frombuffer(file.read(), "<i2"))
            os.utime(path)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return items

    def write(self, key: str, plan: SpeechPlan, chunks: list[SpeechChunk]) -> None:
        """Keep a whole answer, unless it alone is too large; make room for it."""
        samples = [np.rint(chunk.samples * _FULL_SCALE).astype("<i2") for chunk in chunks]
        header = json.dumps(_header(plan, chunks)).encode() + b"\n"
        n_bytes = len(header) + sum(part.nbytes for part in samples)
        if n_bytes > self.max_bytes:
            return
        with suppress(OSError):  # a full disk costs the cache, not the answer
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(n_bytes)
            scratch = self.folder / f".{uuid4().hex}"
            try:
                handle = os.open(scratch, os.O_CREAT | os.O_WRONLY, _OWNER_ONLY)
                with os.fdopen(handle, "wb") as file:
                    file.writelines([header, *(part.tobytes() for part in samples)])
                scratch.replace(self._path(key))
            finally:
                scratch.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _make_room(self, n_bytes: int) -> None:
        kept = [(path, path.stat()) for path in self.folder.glob(f"*{_SUFFIX}")]
        total = n_bytes + sum(stat.st_size for _, stat in kept)
        for path, stat in sorted(kept, key=lambda entry: entry[1].st_mtime_ns):
            if total <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= stat.st_size


class CachingSpeaker:
    """A `Speaker` that makes each sound once."""

    def __init__(self, inner: Speaker, casting: Casting, cache: SoundCache, edition: str) -> None:
        """Take who makes the sound, and what tells one edition of the model from another."""
        self._inner = inner
        self._casting = casting
        self._cache = cache
        self._edition = edition

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        """Yield what is kept, or what is made; what was made to its end is kept."""
        key = self._key(request)
        kept = await asyncio.to_thread(self._cache.read, key)
        if kept is not None:
            for item in kept:
                yield item
            return
        plan: SpeechPlan | None = None
        chunks: list[SpeechChunk] = []
        async with aclosing(self._inner.speak(request)) as items:
            async for item in items:
                if isinstance(item, SpeechPlan):
                    plan = item
                else:
                    chunks.append(item)
                yield item
        assert plan is not None, "a speaker begins with a plan"
        await asyncio.to_thread(self._cache.write, key, plan, chunks)

    def _key(self, request: SpeechRequest) -> str:
        wish = [
            _FORMAT,
            self._edition,
            asdict(self._casting),
            request.text,
            request.speed,
            request.word_times,
        ]
        return hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).hexdigest()


def _header(plan: SpeechPlan, chunks: list[SpeechChunk]) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "plan": asdict(plan),
        "chunks": [
            {"n": len(c.samples), "text": c.text, "words": [asdict(word) for word in c.words]}
            for c in chunks
        ],
    }


def _items(header: dict[str, Any], samples: np.ndarray) -> list[SpeechPlan | SpeechChunk]:
    """Read what `_header` wrote.

    Raises: ValueError, KeyError, TypeError: if it is anything else.
    """
    if header["format"] != _FORMAT or sum(c["n"] for c in header["chunks"]) != len(samples):
        raise ValueError("not a whole file of this format")
    casting = header["plan"]["casting"]
    casting["voices"] = tuple((name, share) for name, share in casting["voices"])
    casting["ignored"] = tuple(casting["ignored"])
    items: list[SpeechPlan | SpeechChunk] = [
        SpeechPlan(**{**header["plan"], "casting": Casting(**casting)})
    ]
    sound: Waveform = samples.astype(np.float32) / _FULL_SCALE
    start = 0
    for chunk in header["chunks"]:
        words = tuple(SpokenWord(**word) for word in chunk["words"])
        items.append(SpeechChunk(sound[start : start + chunk["n"]], chunk["text"], words))
        start += chunk["n"]
    return items
