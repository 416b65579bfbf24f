"""Everything that the web application calls, as fakes."""

from __future__ import annotations

from collections.abc import Sequence

from loquent.api.app import Services
from loquent.domain.activity import ModelActivity
from loquent.domain.audio import AudioSource
from loquent.ports import Ledger, ModelStock
from loquent.routing.estimates import Estimates
from loquent.routing.planner import Planner
from tests.fakes.fake_diarizer import FakeDiarizer
from tests.fakes.fake_directory import FakeDirectory
from tests.fakes.fake_live_transcriber import FakeLiveTranscriber
from tests.fakes.fake_speaker import FakeSpeaker, FakeVoices
from tests.fakes.fake_stock import FakeStock
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.unit.routing.models import BASE, names
from tests.unit.routing.places import planner


class FakeBoard:
    """One busy model."""

    def activity(self) -> Sequence[ModelActivity]:
        return [ModelActivity("fake/big", is_loaded=True, n_waiting={"short": 2})]


async def _a_minute(_source: AudioSource) -> float:
    return 60.0


def fake_services(
    transcriber: FakeTranscriber | None = None,
    directory: FakeDirectory | None = None,
    speaker: FakeSpeaker | None = None,
    live: FakeLiveTranscriber | None = None,
    diarizer: FakeDiarizer | None = None,
    chooser: Planner | None = None,
    *,
    ledger: Ledger | None = None,
    stock: ModelStock | None = None,
) -> Services:
    follower = live or FakeLiveTranscriber()
    chosen = chooser or planner(names(BASE))
    return Services(
        transcriber=transcriber or FakeTranscriber(),
        diarizer=diarizer or FakeDiarizer(),
        live=follower,
        speaker=speaker or FakeSpeaker(),
        directory=directory or FakeDirectory(),
        voices=FakeVoices(),
        board=FakeBoard(),
        live_board=follower,
        planner=chosen,
        estimates=Estimates(chosen, _a_minute),
        stock=stock or FakeStock(),
        ledger=ledger,
    )
