"""Which files a model may consist of that no catalog lists; looks at their names alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

_WHISPER_FILES = frozenset(
    {
        "config.json",
        "model.bin",
        "preprocessor_config.json",
        "tokenizer.json",
        "vocabulary.json",
        "vocabulary.txt",
    }
)


@dataclass(frozen=True, slots=True)
class AllowedFiles:
    """The files that a model of some engine may consist of; no pickle is among them.

    Attributes:
        names: patterns of file names, as `fnmatch` reads them.
        required: patterns of which each must be met.
        kind: what such a model is called, with its article.
    """

    names: frozenset[str]
    required: tuple[str, ...]
    kind: str

    def holds(self, name: str) -> bool:
        """Tell whether a file of this name may belong to the model."""
        return any(fnmatchcase(name, pattern) for pattern in self.names)

    def missing(self, names: Iterable[str]) -> str | None:
        """Return a pattern that none of `names` meets, or None."""
        present = list(names)
        unmet = (p for p in self.required if not any(fnmatchcase(n, p) for n in present))
        return next(unmet, None)


WHISPER = AllowedFiles(
    _WHISPER_FILES, ("config.json", "model.bin", "tokenizer.json"), "a Whisper made for CTranslate2"
)
_PIPER = AllowedFiles(
    frozenset({"*.onnx", "*.onnx.json"}), ("*.onnx", "*.onnx.json"), "a voice made for Piper"
)
ALLOWED_FILES: Mapping[str, AllowedFiles] = {"whisper_ct2": WHISPER, "piper": _PIPER}
"""By the engine's name."""
