"""Whisper's tokens: prompts, suppression and text; runs no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faster_whisper.tokenizer import Tokenizer
from tokenizers import Tokenizer as TokenizerFile

from loquent.domain.errors import ModelLoadError
from loquent.domain.transcript import Task
from loquent.engines.whisper.timestamps import SECONDS_PER_TIMESTAMP

MAX_TOKENS = 448
"""Text context of the decoder. Source: openai/whisper, `n_text_ctx`."""

MAX_PROMPT_TOKENS = MAX_TOKENS // 2 - 1
"""Longest prompt that leaves room for an answer. Source: openai/whisper, `decoding.py`."""

MAX_HOTWORD_TOKENS = MAX_PROMPT_TOKENS // 2
"""Hotwords leave half of the room to the prompt."""


def _byte_of_symbol() -> dict[str, int]:
    """Map the printable symbols of a byte-level vocabulary to the bytes they stand for.

    Printable Latin-1 stands for itself, every other byte for the code points from 256 on.
    Source: GPT-2's byte-level BPE.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {
        chr(256 + i): byte for i, byte in enumerate(others)
    }


_BYTE_OF_SYMBOL: Final = _byte_of_symbol()


@dataclass(frozen=True, slots=True)
class WordTokens:
    """A word as the tokenizer splits it; `text` keeps a leading space."""

    text: str
    n_tokens: int


class Vocabulary:
    """The tokens of one task in one language."""

    def __init__(
        self, file: TokenizerFile, *, multilingual: bool, task: Task, language: str
    ) -> None:
        self._file = file
        self._tokens = Tokenizer(file, multilingual, task=task.value, language=language)
        self.end_of_text: int = self._tokens.eot
        self.first_timestamp: int = self._tokens.timestamp_begin
        self.start: list[int] = list(self._tokens.sot_sequence)
        self.suppressed: list[int] = self._suppressed()

    def _suppressed(self) -> list[int]:
        """List tokens that are never speech: symbols, and control tokens inside a text."""
        tokens = self._tokens
        control = (
            tokens.transcribe,
            tokens.translate,
            tokens.sot,
            tokens.sot_prev,
            tokens.sot_lm,
            tokens.no_speech,
        )
        present = (token for token in control if token is not None)
        return sorted({*tokens.non_speech_tokens, *present})

    def prompt(self, text: str, hotwords: str = "") -> list[int]:
        """Return the decoder's start, preceded by what it shall believe to have been said.

        That is the beginning of `hotwords` and the end of `text`, as far as there is room.
        """
        expected = self.encode(hotwords)[:MAX_HOTWORD_TOKENS]
        before = self.encode(text)[len(expected) - MAX_PROMPT_TOKENS :]
        if not expected and not before:
            return self.start
        return [self._tokens.sot_prev, *expected, *before, *self.start]

    def untimed_prompt(self, text: str, hotwords: str = "") -> list[int]:
        """Return the same for an answer without timestamps."""
        return [*self.prompt(text, hotwords), self._tokens.no_timestamps]

    def beginning(self, text: str) -> list[int]:
        """Tokenise the beginning of an answer, exactly as it stands."""
        return list(self._tokens.encode(text)) if text else []

    def said_before(self, text: str, until_s: float) -> list[int]:
        """Return a first segment, up to `until_s`, and the time at which the next one begins."""
        if not text:
            return []
        until = self.first_timestamp + round(until_s / SECONDS_PER_TIMESTAMP)
        return [self.first_timestamp, *self.beginning(text), until, until]

    def n_prompt_tokens(self, text: str, hotwords: str = "") -> int:
        """Count the tokens that `prompt` adds for the caller's words."""
        return max(0, len(self.prompt(text, hotwords)) - len(self.start) - 1)

    def encode(self, text: str) -> list[int]:
        """Tokenise `text` as if it had been said before."""
        return list(self._tokens.encode(" " + text.strip())) if text.strip() else []

    def text(self, tokens: Sequence[int]) -> str:
        """Join text tokens; control and timestamp tokens vanish."""
        return str(self._tokens.decode(list(tokens)))

    def last_time_s(self, tokens: Sequence[int]) -> float:
        """Return the latest timestamp among `tokens`, 0 if there is none."""
        latest = max(tokens, default=0)
        return max(0, latest - self.first_timestamp) * SECONDS_PER_TIMESTAMP

    def text_tokens(self, tokens: Sequence[int]) -> list[int]:
        """Keep what is text."""
        return [token for token in tokens if token < self.end_of_text]

    def utf8(self, token: int) -> bytes:
        """Return the bytes that a text token stands for, possibly a part of a character."""
        symbols = self._file.id_to_token(token) or ""
        return bytes(_BYTE_OF_SYMBOL[symbol] for symbol in symbols)

    def words(self, text_tokens: Sequence[int]) -> list[WordTokens]:
        """Split text tokens into words, or into characters where the script has no spaces."""
        texts, groups = self._tokens.split_to_word_tokens([*text_tokens, self.end_of_text])
        # A character that was not finished takes the end into its group, or is left out.
        counts = [len(self.text_tokens(group)) for group in groups]
        words = [WordTokens(text, n) for text, n in zip(texts, counts, strict=True) if n]
        n_left = len(text_tokens) - sum(counts)
        rest = text_tokens[len(text_tokens) - n_left :]
        return [*words, WordTokens(self.text(rest), n_left)] if n_left else words


class Vocabularies:
    """The vocabularies of one model, one for each task and language."""

    def __init__(self, folder: Path, *, is_multilingual: bool) -> None:
        """Read `tokenizer.json`.

        Raises: ModelLoadError.
        """
        try:
            self._file = TokenizerFile.from_file(str(folder / "tokenizer.json"))
        except Exception as exc:  # the library raises nothing more specific
            raise ModelLoadError(f"the vocabulary of {folder.name} could not be read") from exc
        self._is_multilingual = is_multilingual
        self._known: dict[tuple[Task, str], Vocabulary] = {}

    def of(self, task: Task, language: str) -> Vocabulary:
        """Return the tokens of one task in one language; equal arguments give the same object."""
        key = (task, language)
        if key not in self._known:
            made = Vocabulary(
                self._file, multilingual=self._is_multilingual, task=task, language=language
            )
            self._known.setdefault(key, made)
        return self._known[key]
