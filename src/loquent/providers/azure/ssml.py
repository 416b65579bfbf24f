"""Write what Azure's voices read: a text marked up in SSML; pure.

Source: Microsoft's documentation of Speech Synthesis Markup Language.
"""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no document may hold, not even escaped. Source: XML 1.0, 2.2."""


def ssml(text: str, voice: str, language: str, *, is_foreign: bool, speed: float = 1.0) -> bytes:
    """Return a document in which `voice` says `text`, which may hold anything.

    Args:
        language: as BCP 47 has it.
        is_foreign: the voice speaks several languages and is told to take this one.
        speed: 1 is the voice's own pace.
    """
    spoken = escape(_FORBIDDEN.sub("", text))
    if speed != 1.0:
        spoken = f'<prosody rate="{speed:g}">{spoken}</prosody>'
    if is_foreign:
        spoken = f"<lang xml:lang={_quoted(language)}>{spoken}</lang>"
    document = (
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis"'
        f" xml:lang={_quoted(language)}><voice name={_quoted(voice)}>{spoken}</voice></speak>"
    )
    return document.encode()


def _quoted(value: str) -> str:
    return quoteattr(_FORBIDDEN.sub("", value))
