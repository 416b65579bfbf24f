"""Put sentences together from a text that comes in pieces; knows no speech."""

from __future__ import annotations

from loquent.pipeline.script.borders import Strength, borders


class Sentences:
    """A text while it is being written; what is whole of it can be taken."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, text: str) -> str:
        """Add to the text, and take the sentences that are whole by now, "" if none is."""
        self._text += text
        ends = [at for at, strength in borders(self._text) if strength >= Strength.SENTENCE]
        end = ends[-1] if ends else 0
        whole, self._text = self._text[:end], self._text[end:]
        return whole.strip()

    def rest(self) -> str:
        """Take what is left."""
        rest, self._text = self._text, ""
        return rest.strip()
