"""What a request may take, as a test says it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class FakeEstimate:
    """An estimate.

    Attributes:
        micros_per_s: what a second of sound costs.
        measured: how often the recording was measured.
    """

    length_s: float = 0.0
    n_characters: int = 0
    micros_per_s: int = 0
    measured: list[float] = field(default_factory=list)

    async def audio_s(self) -> float:
        self.measured.append(self.length_s)
        return self.length_s

    async def micros(self) -> int:
        return self.micros_for(self.length_s)

    def micros_for(self, audio_s: float) -> int:
        return round(self.micros_per_s * audio_s)


FREE = FakeEstimate()
