"""A vocabulary in which every byte is a token, with the control tokens that Whisper has."""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

N_BYTES = 256

CONTROL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|de|>",
    "<|zh|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)

N_TIMESTAMPS = 1_501


def byte_tokenizer() -> Tokenizer:
    """Build it; text tokens come first, then `CONTROL`, then the timestamps."""
    symbols = sorted(ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE(vocab={symbol: i for i, symbol in enumerate(symbols)}, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    times = [f"<|{i * 0.02:.2f}|>" for i in range(N_TIMESTAMPS)]
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in CONTROL])
    tokenizer.add_tokens([AddedToken(name) for name in times])
    return tokenizer


def save_byte_tokenizer(folder: Path) -> None:
    byte_tokenizer().save(str(folder / "tokenizer.json"))
