"""Does requests that carry an `Idempotency-Key` once, however often they are sent; knows no route.

Whoever is first has the request done, and its answer is kept. Others get that answer, or are told
that it is being worked on.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final, NoReturn

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loquent.accounting.sealing import AnswerSealer, Envelope, KeptAnswer
from loquent.api.credentials import credentials
from loquent.api.dialects import dialect_at
from loquent.api.errors import error_response
from loquent.api.idempotency_answers import KEY_HEADER, OwnClaim, SealedAnswers
from loquent.api.idempotency_body import RequestDigest
from loquent.api.idempotency_recording import Recording, replay
from loquent.api.request_id import row_id
from loquent.domain.accounts import Caller
from loquent.domain.errors import (
    InvalidRequestError,
    LedgerUnavailableError,
    LoquentError,
    UnsupportedOptionError,
)
from loquent.ports import AnswerStore

MAX_KEPT_BYTES: Final = 16 * 1024 * 1024
"""A larger answer is given once."""

SHORT_BODY_BYTES: Final = 64 * 1024
"""A body up to this size is read before the work begins: some addresses do not read theirs."""

_SHORT_DIGITS: Final = len(str(SHORT_BODY_BYTES))

_KEY: Final = re.compile(r"[ -~]{1,255}")


class Idempotency:
    """Stands inside of what tells who asks.

    Args:
        answers: where answers are kept; None for nowhere, and then the header is refused.
        sealer: seals them; there is one wherever answers are kept.
        max_kept_bytes: the largest body of an answer that is kept.
    """

    def __init__(
        self,
        app: ASGIApp,
        answers: AnswerStore | None,
        sealer: AnswerSealer | None,
        max_kept_bytes: int = MAX_KEPT_BYTES,
    ) -> None:
        self._app = app
        self._answers = SealedAnswers(answers) if answers else None
        self._sealer = sealer
        self._max_kept_bytes = max_kept_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        keys = Headers(scope=scope).getlist(KEY_HEADER) if is_post else []
        if not keys:
            await self._app(scope, receive, send)
            return
        try:
            turn = self._turn(scope, receive, send, keys)
        except InvalidRequestError as error:
            await _refuse(error, scope, receive, send)
            return
        decision = await turn.run(self._app)
        if isinstance(decision, LoquentError):
            await _refuse(decision, scope, receive, send)
        elif decision is not None:
            await replay(decision, send)

    def _turn(self, scope: Scope, receive: Receive, send: Send, keys: list[str]) -> _Turn:
        """Raises: InvalidRequestError: if the header cannot be honoured."""
        if self._answers is None or self._sealer is None:
            raise UnsupportedOptionError(
                f"{KEY_HEADER} needs the ledger, which this server runs without. Leave the header"
                " out.",
                param=KEY_HEADER,
            )
        caller: Caller = scope["loquent.caller"]
        credential = next(filter(None, credentials(scope)), "")
        envelope = self._sealer.envelope(caller.key_id, credential, _checked(keys))
        recording = Recording(send, self._max_kept_bytes)
        return _Turn(scope, receive, recording, envelope, self._answers)


def _checked(keys: list[str]) -> str:
    """Raises: InvalidRequestError."""
    if len(keys) > 1:
        raise InvalidRequestError(
            f"The request carries {len(keys)} {KEY_HEADER} headers. Send one.", param=KEY_HEADER
        )
    if not _KEY.fullmatch(keys[0]):
        raise InvalidRequestError(
            f"{KEY_HEADER} must be 1 to 255 printable ASCII characters, a new UUID for example.",
            param=KEY_HEADER,
        )
    return keys[0]


class _DecidedError(Exception):
    """Ends the work of the application: the request is answered without it."""


class _Turn:
    """One request with a key: its body on its way in, its answer on its way out.

    The last of the body is not handed over before the request is claimed, and the last of the
    answer does not leave before the answer is kept. Within the application the scope holds
    `loquent.claimed_id`, the id of its row of usage; `loquent.has_failed` may be set there, where
    an answer of status 200 ends in an error, and `loquent.is_row_doubtful`, where the row may have
    been written or not.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        recording: Recording,
        envelope: Envelope,
        answers: SealedAnswers,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._recording = recording
        self._envelope = envelope
        self._answers = answers
        self._digest = RequestDigest(scope)
        self._read_ahead: deque[Message] = deque()
        self._has_ended = False
        self._own: OwnClaim | None = None
        self._decision: LoquentError | KeptAnswer | None = None

    async def run(self, app: ASGIApp) -> LoquentError | KeptAnswer | None:
        """Have the request done; return what to answer where that is not what `app` answers.

        Raises: LedgerUnavailableError: if an answer that has begun could not be kept.
        """
        try:
            if _is_short(Headers(scope=self._scope)):
                await self._read_all()
            await app(self._scope, self.receive, self.send)
        except _DecidedError:
            _name_route(self._scope)
        finally:
            await self._drop()
        if isinstance(self._decision, LoquentError) and self._recording.has_left:
            raise self._decision
        return self._decision

    async def receive(self) -> Message:
        """Hand the next message to the application."""
        return self._read_ahead.popleft() if self._read_ahead else await self._next()

    async def send(self, message: Message) -> None:
        """Take the next message from the application."""
        if self._decision is not None:
            return  # it answers what is answered otherwise
        if message["type"] == "http.response.start" and not 200 <= message["status"] < 300:
            await self._drop()
        if self._own is None:
            await self._recording.pass_on(message)
        elif message.get("more_body", False) or message["type"] != "http.response.body":
            await self._recording.take(message)
        else:
            await self._finish(message, self._own)

    async def _read_all(self) -> None:
        while not self._has_ended:
            message = await self._next()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._read_ahead.append(message)

    async def _next(self) -> Message:
        if self._decision is not None:
            raise _DecidedError
        message = await self._receive()
        if message["type"] == "http.request" and not self._has_ended:
            self._digest.update(message.get("body", b""))
            if not message.get("more_body", False):
                self._has_ended = True
                await self._claim()
        return message

    async def _claim(self) -> None:
        if self._recording.has_begun:
            return  # what is answered before the body has ended does not depend on it
        digest, row = self._digest.digest(), row_id(self._scope)
        try:
            found = await self._answers.claim(self._envelope, digest, row)
        except LoquentError as error:
            self._decide(error)
        if isinstance(found, KeptAnswer):
            self._decide(found)
        self._own = found
        self._scope["loquent.claimed_id"] = found.row_id

    async def _finish(self, message: Message, own: OwnClaim) -> None:
        if self._scope.get("loquent.has_failed", False):
            await self._drop()
        else:
            self._own = None  # from here on it is kept, or ends by itself
            try:
                await self._answers.keep(own, self._recording.whole(message))
            except LedgerUnavailableError as error:
                self._decide(error)
        await self._recording.pass_on(message)

    async def _drop(self) -> None:
        own, self._own = self._own, None
        if own is not None and self._scope.get("loquent.is_row_doubtful", False):
            await self._answers.release(own)
        elif own is not None:
            await self._answers.drop(own)

    def _decide(self, decision: LoquentError | KeptAnswer) -> NoReturn:
        self._decision = decision
        raise _DecidedError


async def _refuse(error: LoquentError, scope: Scope, receive: Receive, send: Send) -> None:
    response = error_response(error, dialect_at(scope["path"]).error_style, location="header")
    await response(scope, receive, send)


def _is_short(headers: Headers) -> bool:
    """Tell whether the body is known to be short, or not to be."""
    length = headers.get("content-length", "0")
    is_known = "transfer-encoding" not in headers and length.isdecimal()
    return is_known and len(length) <= _SHORT_DIGITS and int(length) <= SHORT_BODY_BYTES


def _name_route(scope: Scope) -> None:
    """Say whose answer it is, where the request was not handed on: logs and metrics ask."""
    if "route" in scope or "app" not in scope:
        return
    matches = (route for route in scope["app"].routes if route.matches(scope)[0] is Match.FULL)
    if (route := next(matches, None)) is not None:
        scope["route"] = route
