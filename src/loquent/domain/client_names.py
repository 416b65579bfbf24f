"""Names that clients have written into their code, and what answers to them here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEFAULT_ALIASES: Final[Mapping[str, str]] = {
    "whisper-1": "whisper-base",
    "gpt-4o-transcribe": "whisper-base",
    "gpt-4o-mini-transcribe": "whisper-base",
    "gpt-4o-transcribe-diarize": "whisper-base",
    "gpt-transcribe": "whisper-base",
    "whisper-large-v3": "whisper-base",
    "whisper-large-v3-turbo": "whisper-base",
    "assemblyai/assemblyai": "whisper-base",
    "tts-1": "kokoro",
    "tts-1-hd": "kokoro",
    "gpt-4o-mini-tts": "kokoro",
    "skt/axtts-2-6": "kokoro",
}
"""Names of models."""

DEFAULT_VOICES: Final[Mapping[str, str]] = {
    "alloy": "af_alloy",
    "aria": "af_heart",
    "ash": "am_michael",
    "ballad": "bm_lewis",
    "cedar": "am_fenrir",
    "coral": "af_bella",
    "echo": "am_echo",
    "fable": "bm_fable",
    "marin": "af_heart",
    "nova": "af_nova",
    "onyx": "am_onyx",
    "sage": "af_sarah",
    "shimmer": "af_sky",
    "verse": "am_puck",
}
"""Voices of OpenAI, and who speaks in their place."""
