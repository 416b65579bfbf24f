"""The signs in which Kokoro reads speech; knows no language."""
# ruff: noqa: RUF001 - letters of the phonetic alphabet look like others

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_RUNS: Final[Mapping[int, str]] = {
    1: ";:,.!?",
    9: '—…"()“” \u0303ʣʥʦʨᵝ\uab67AI',
    31: "O",
    33: "Q",
    35: "ST",
    39: "W",
    41: "Yᵊabcdef",
    50: "hijklmnopqrstuvwxyzɑɐɒæ",
    75: "βɔɕç",
    80: "ɖðʤə",
    85: "ɚɛɜ",
    90: "ɟ",
    92: "ɡ",
    99: "ɥ",
    101: "ɨɪʝ",
    110: "ɯɰŋɳɲɴø",
    118: "ɸθœ",
    123: "ɹ",
    125: "ɾɻ",
    128: "ʁɽʂʃʈʧ",
    135: "ʊʋ",
    138: "ʌɣɤ",
    142: "χʎ",
    147: "ʒʔ",
    156: "ˈˌː",
    162: "ʰ",
    164: "ʲ",
    169: "↓",
    171: "→↗↘",
    177: "ᵻ",
}
"""The first id of a run of signs whose ids follow each other. Source: config.json of Kokoro-82M."""

IDS: Final[Mapping[str, int]] = {
    sign: first + offset for first, run in _RUNS.items() for offset, sign in enumerate(run)
}
"""Sign -> its id in the model's input."""

PAD: Final = 0
"""Stands at both ends of the input."""

MAX_SIGNS: Final = 510
"""What the model can read at once. Source: the shape of its voices."""


def known(signs: str) -> str:
    """Return `signs` without those that the model has none for."""
    return "".join(sign for sign in signs if sign in IDS)
