"""Live sessions whose provider dies go on at another one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest

from loquent.domain.errors import LoquentError, UpstreamError
from loquent.domain.live import LiveRequest, LiveUpdate
from loquent.ports import LiveSession, LiveTranscriber
from loquent.providers.limits import UpstreamLimits
from loquent.routing.relay import RelayedSession
from tests.unit.providers.live_talk import (
    WIRES,
    Wire,
    asked,
    finals,
    starts,
    talked,
    texts,
    transcriber,
)
from tests.vendors.live_hearing import Death, LiveVendor, pcm16, speech
from tests.vendors.server import serving

SOUND = pcm16(speech("alpha bravo charlie delta echo | foxtrot golf hotel | alpha bravo"))
PHRASES = ["alpha bravo charlie delta echo", "foxtrot golf hotel", "alpha bravo"]
QUICK = UpstreamLimits(connect_timeout_s=2.0, idle_timeout_s=1.0)


class _InTurn:
    """A `LiveSource` of places in a row."""

    def __init__(self, places: Sequence[LiveTranscriber]) -> None:
        self._places = list(places)

    def next_place(
        self, request: LiveRequest, failed: LoquentError | None
    ) -> AbstractAsyncContextManager[LiveSession]:
        if not self._places:
            assert failed is not None
            raise failed
        return self._places.pop(0).open(request)


@asynccontextmanager
async def _relayed(*places: tuple[Wire, LiveVendor]) -> AsyncIterator[RelayedSession]:
    async with AsyncExitStack() as owned:
        urls = [await owned.enter_async_context(serving(vendor.app)) for _, vendor in places]
        session = RelayedSession(
            asked(),
            _InTurn(
                [
                    transcriber(wire, url, limits=QUICK)
                    for (wire, _), url in zip(places, urls, strict=True)
                ]
            ),
        )
        await session.open()
        owned.push_async_callback(session.close)
        yield session


@pytest.mark.parametrize("after_s", [0.0, 1.3, 3.0, 4.4])
@pytest.mark.parametrize("second", sorted(WIRES))
@pytest.mark.parametrize("first", sorted(WIRES))
async def test_a_session_goes_on_at_another_provider_without_losing_a_word(
    first: str, second: str, after_s: float
) -> None:
    dying = WIRES[first].vendor(deaths=[Death(after_s)])
    healthy = WIRES[second].vendor()
    async with _relayed((WIRES[first], dying), (WIRES[second], healthy)) as session:
        updates = await talked(session, SOUND)
    assert texts(updates) == PHRASES
    assert starts(updates) == [final.utterance for final in finals(updates)] == [1, 2, 3]
    assert _starts_s(updates) == pytest.approx([0.7, 2.9, 4.5], abs=0.1)
    assert len(healthy.sessions) == 1


@pytest.mark.parametrize("name", sorted(WIRES))
async def test_a_provider_that_swallows_the_end_is_left_for_another(name: str) -> None:
    wire = WIRES[name]
    dying, healthy = wire.vendor(deaths=[Death(3.6, "silently")]), wire.vendor()
    async with _relayed((wire, dying), (wire, healthy)) as session:
        updates = await talked(session, SOUND)
    assert texts(updates) == PHRASES


@pytest.mark.parametrize("name", sorted(WIRES))
async def test_if_all_providers_die_the_updates_say_so(name: str) -> None:
    wire = WIRES[name]
    vendors = [wire.vendor(deaths=[Death(1.3)]) for _ in range(2)]
    async with _relayed(*((wire, vendor) for vendor in vendors)) as session:
        with pytest.raises(UpstreamError):
            await talked(session, SOUND)


def _starts_s(updates: Sequence[LiveUpdate]) -> list[float]:
    return [final.start_s for final in finals(updates)]
