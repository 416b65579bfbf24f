"""A directory of two models that were never loaded."""

from __future__ import annotations

from collections.abc import Sequence

from loquent.domain.errors import ModelNotFoundError
from loquent.domain.model import Capability, ModelCard
from loquent.domain.status import ModelStatus

BIG = ModelStatus(
    card=ModelCard(
        id="fake/big",
        capabilities=frozenset({Capability.TRANSCRIPTION, Capability.TRANSLATION}),
        languages=("de", "en"),
        owned_by="fake",
        license="mit",
        quantization="int8",
        created_s=1_700_000_000,
    ),
    aliases=("whisper-1", "gpt-4o-transcribe"),
    is_loaded=True,
)
TINY = ModelStatus(
    card=ModelCard(
        id="fake/tiny",
        capabilities=frozenset({Capability.TRANSCRIPTION}),
        languages=("en",),
        owned_by="fake",
        license="mit",
        quantization="float32",
        created_s=1_600_000_000,
    ),
)


class FakeDirectory:
    """Serves the models it was given, or fails with the error it was given.

    Attributes:
        failure: raised by every call, where it is set.
    """

    def __init__(self, statuses: Sequence[ModelStatus] = (BIG, TINY)) -> None:
        self.ready = True
        self.failure: Exception | None = None
        self._statuses = statuses

    def statuses(self) -> Sequence[ModelStatus]:
        self._fail()
        return self._statuses

    def find(self, name: str) -> ModelStatus:
        self._fail()
        for status in self._statuses:
            if name == status.card.id or name in status.aliases:
                return status
        raise ModelNotFoundError(f"The model '{name}' does not exist.", param="model")

    def is_ready(self) -> bool:
        self._fail()
        return self.ready

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
