"""Places outside of this process that serve models: what each adapter must offer."""

from __future__ import annotations

from typing import Protocol

from loquent.domain.endpoints import Endpoint
from loquent.ports.listening import Transcriber
from loquent.ports.live import LiveTranscriber
from loquent.ports.speaking import Speaker


class Provider(Protocol):
    """One company, or one server, that serves models.

    What it hands out works with the endpoint it was asked for, whatever the request names as its
    model, and refuses with PermissionDeniedError whatever the limits of the request forbid there.
    It tries once: who calls decides whether to try again. Its failures are `UpstreamError`s, its
    messages hold neither keys nor addresses. Only endpoints whose capabilities say so are asked
    for a path.
    """

    def transcriber(self, endpoint: Endpoint) -> Transcriber:
        """Return the path that transcribes and translates recordings.

        Its transcripts hold what `endpoint.details` promises, and of the rest nothing that the
        provider did not tell: no segments where it told a text alone, and then a duration of 0
        where it told none.
        """
        ...

    def speaker(self, endpoint: Endpoint) -> Speaker:
        """Return the path that speaks texts."""
        ...

    def live(self, endpoint: Endpoint) -> LiveTranscriber:
        """Return the path that follows live streams.

        A session whose provider fails raises UpstreamError from `updates`, and from whichever
        method is called next.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...
