"""What the copies of a model on a cluster tell of their work, taken together; asks nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field, TypeAdapter

from loquent.engines.due_order import DueStatus
from loquent.engines.scheduling.cost import CostModel
from loquent.engines.scheduling.scheduler import SchedulerStatus
from loquent.ports import Lane

_Count = Annotated[int, Field(ge=0)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class CopyStatus:
    """What one copy is doing and has done.

    Attributes:
        n_waiting: by the name of the lane; one lane where there are none.
        sample_rate_hz: of what it speaks, 0 where it does not.
        n_live_streams: that it can follow, 0 where it does not listen.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")
    n_workers: Annotated[int, Field(ge=1)] = 1
    n_running: _Count = 0
    n_waiting: Mapping[str, _Count] = field(default_factory=dict)
    estimated_wait_s: _Seconds = 0.0
    n_done: _Count = 0
    n_utterances: _Count = 0
    n_repairs: _Count = 0
    n_live_streams: _Count = 0
    sample_rate_hz: _Count = 0
    memory_bytes: _Count = 0

    def to_json(self) -> str:
        """Return what `from_json` reads."""
        return _STATUS.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> CopyStatus:
        """Return what `to_json` wrote.

        Raises: pydantic.ValidationError.
        """
        return _STATUS.validate_json(text)

    @property
    def n_calls(self) -> int:
        """How many calls it has begun, or has in its queue; batches count once."""
        return self.n_running + sum(self.n_waiting.values())


def as_scheduler(copies: Sequence[CopyStatus]) -> SchedulerStatus:
    """Return what copies that recognise do, as if they were one."""
    n_waiting: Counter[str] = Counter()
    for copy in copies:
        n_waiting.update(copy.n_waiting)
    n_workers = sum(copy.n_workers for copy in copies)
    return SchedulerStatus(
        n_workers=n_workers,
        n_waiting={lane: n_waiting[lane.name.lower()] for lane in Lane},
        n_running=sum(copy.n_running for copy in copies),
        estimated_wait_s=wait_s(copies),
        n_batches=sum(copy.n_done for copy in copies),
        n_utterances=sum(copy.n_utterances for copy in copies),
        n_repairs=sum(copy.n_repairs for copy in copies),
        cost=CostModel(max(1, n_workers)),
    )


def as_due_order(copies: Sequence[CopyStatus]) -> DueStatus:
    """Return what copies do whose work is done in the order in which it is due."""
    return DueStatus(
        n_workers=sum(copy.n_workers for copy in copies),
        n_running=sum(copy.n_running for copy in copies),
        n_waiting=sum(sum(copy.n_waiting.values()) for copy in copies),
        n_done=sum(copy.n_done for copy in copies),
        estimated_wait_s=wait_s(copies),
    )


def wait_s(copies: Sequence[CopyStatus]) -> float:
    """Return how long a newcomer would wait: a call goes to the less busy of two."""
    return sum(c.estimated_wait_s for c in copies) / len(copies) if copies else 0.0


_STATUS: Final[TypeAdapter[CopyStatus]] = TypeAdapter(CopyStatus)
