"""A stock of one model that comes at once and goes at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from loquent.domain.stock import Phase, PullEvent, StockedModel
from tests.fakes.fake_directory import TINY


class FakeStock:
    """Notes what was asked of it.

    Attributes:
        asked: what was done, and to which model.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def listed(self) -> Sequence[StockedModel]:
        return [StockedModel(TINY.card, 75_000_000, is_installed=False)]

    async def pull(self, name: str) -> AsyncGenerator[PullEvent]:
        self.asked.append(("pull", name))
        yield PullEvent(name, Phase.RESOLVING)
        yield PullEvent(name, Phase.DONE, "hub", 75_000_000, 75_000_000)

    async def remove(self, model_id: str) -> None:
        self.asked.append(("remove", model_id))

    async def unload(self, name: str) -> str:
        self.asked.append(("unload", name))
        return name
