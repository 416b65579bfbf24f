"""Count the sound of a live session, for the one row written at its end; knows no socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

from loquent.api.live.closing import AT_FAULT_IS_SERVER, TAKEN_LEAVE, Closing
from loquent.api.live.drain import DrainingError
from loquent.api.metering import Use
from loquent.api.usage_rows import Ending
from loquent.domain.errors import BudgetExceededError, LoquentError, RateLimitError
from loquent.domain.live import Final, LiveRequest, LiveUpdate, SoundFormat
from loquent.domain.pricing import Consumption
from loquent.domain.transcript import Transcript
from loquent.domain.usage import CLIENT_GONE, OK
from loquent.ports import LiveSession


class SessionUse:
    """What one live session uses.

    Attributes:
        asked_model: the name that was asked for last.
        is_open: some endpoint has taken the session.
        last: what was said last, which tells who serves.
        refusal: why the session may hear no more, if so.
    """

    def __init__(self, use: Use) -> None:
        self._use = use
        self._n_bytes = 0
        self._sound: SoundFormat | None = None
        self.asked_model = ""
        self.is_open = False
        self.last: Transcript | None = None
        self.refusal: LoquentError | None = None

    async def hear(self, n_bytes: int, sound: SoundFormat) -> None:
        """Count sound that the session has taken; its format stays the same from then on.

        Raises: DrainingError: if the caller may go no further, which `refusal` explains;
            LedgerUnavailableError.
        """
        self._n_bytes += n_bytes
        self._sound = sound
        try:
            await self._use.hear(self.heard_s)
        except (RateLimitError, BudgetExceededError) as error:
            self.refusal = error
            raise DrainingError from error

    @property
    def heard_s(self) -> float:
        """How long the sound lasts, of which only whole samples count."""
        if self._sound is None:
            return 0.0
        return self._n_bytes // self._sound.n_sample_bytes / self._sound.sample_rate_hz

    async def end(self, closing: Closing | None, left_with: int) -> None:
        """Write the row; what the server has failed at costs nothing.

        Args:
            closing: how the server closes, None where the caller has left.
            left_with: the code that the caller has left with.

        Raises: LedgerUnavailableError.
        """
        status = closing.code if closing else left_with
        gone = OK if left_with in TAKEN_LEAVE else CLIENT_GONE
        ending = Ending(
            closing.outcome if closing else gone,
            status,
            n_attempts=int(self.is_open),
            is_charged=self.refusal is not None or status not in AT_FAULT_IS_SERVER,
        )
        self._use.asked_model = self.asked_model
        provider, model = (self.last.provider, self.last.model) if self.last else ("", "")
        try:
            await self._use.settle(Consumption(self.heard_s), provider, model, ending)
        finally:
            await self._use.leave()


class MeteredSession:
    """A `LiveSession` whose sound is counted."""

    def __init__(self, session: LiveSession, sound: SoundFormat, use: SessionUse) -> None:
        self._session = session
        self._sound = sound
        self._use = use
        use.is_open = True

    async def hear(self, sound: bytes) -> None:
        """Take the next bytes."""
        await self._session.hear(sound)
        await self._use.hear(len(sound), self._sound)

    async def commit(self) -> int | None:
        """End the utterance here."""
        return await self._session.commit()

    async def clear(self) -> None:
        """Forget what came since the last utterance ended; it was heard all the same."""
        await self._session.clear()

    async def configure(self, request: LiveRequest) -> None:
        """Go on under other terms."""
        await self._session.configure(request)
        self._sound = request.sound

    async def finish(self) -> None:
        """End the stream."""
        await self._session.finish()

    async def updates(self) -> AsyncIterator[LiveUpdate]:
        """Yield what is found out."""
        async for update in self._session.updates():
            if isinstance(update, Final):
                self._use.last = update.transcript
            yield update
