"""The gateway's end of its bridge: who waits for which answer; knows no Ray."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final, TypeAlias

from loquent.domain.errors import EngineError, LoquentError, ModelLoadError, WorkerCrashedError
from loquent.engines.host.link import ChildLink, open_child
from loquent.engines.host.protocol import ProtocolError
from loquent.engines.ray import envelope
from loquent.engines.ray.envelope import (
    Answer,
    Board,
    Call,
    Cancel,
    Connect,
    Connected,
    Deploy,
    Deployed,
    Done,
    Failed,
    Hold,
    Order,
)
from loquent.engines.ray.failures import REFUSED, to_error
from loquent.engines.ray.plans import ModelPlan
from loquent.engines.ray.statuses import CopyStatus

BRIDGE_MODULE: Final = "loquent.engines.ray.bridge"

_EXIT_GRACE_S: Final = 1.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClusterPlace:
    """Where a cluster is, and what its bridge needs.

    Attributes:
        address: host and port of its control store.
        node: module and name of the function that tells a node of the cluster about itself.
        environment: of the bridge; holds the token of the cluster.
    """

    address: str
    node: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class BridgeLimits:
    """How long a gateway waits for its bridge.

    Attributes:
        probe_s: for the cluster to accept a connection.
        connect_s: for the cluster to let the bridge in.
        deploy_s: for a model to be loaded there.
        call_s: for one call.
    """

    probe_s: float = 2.0
    connect_s: float = 60.0
    deploy_s: float = 300.0
    call_s: float = 600.0


class ClusterUnreachableError(Exception):
    """The cluster does not answer, or does not let us in; the message says why."""


_Answered: TypeAlias = tuple[Deployed | Done, bytes]


class BridgeProcess:
    """A bridge that is connected; belongs to one event loop. Made by `start_bridge`."""

    def __init__(self, link: ChildLink, limits: BridgeLimits) -> None:
        self._link = link
        self._limits = limits
        self._ids = count()
        self._waiting: dict[int, asyncio.Future[_Answered]] = {}
        self._copies: Mapping[str, Sequence[CopyStatus]] = {}
        self._is_over = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        return self._link.pid

    @property
    def is_over(self) -> bool:
        """Whether the bridge is gone, or its cluster; known before anybody who waits is told."""
        return self._is_over.is_set()

    def copies(self, app: str) -> Sequence[CopyStatus]:
        """Return what the copies of a model that is held last told."""
        return self._copies.get(app, ())

    async def deploy(self, plan: ModelPlan) -> CopyStatus:
        """Have the cluster run a model, and return what a copy of it tells.

        Raises: ModelLoadError; WorkerCrashedError: if the cluster is lost meanwhile.
        """
        limit_s = self._limits.deploy_s
        try:
            async with asyncio.timeout(limit_s), self._asked() as (identifier, answer):
                await self._send(Deploy(identifier, plan))
                deployed, _ = await answer
        except TimeoutError as error:
            message = f"The cluster has not loaded {plan.model_id} within {limit_s:g} s. It may"
            raise ModelLoadError(f"{message} have no room for it.") from error
        assert isinstance(deployed, Deployed)
        return deployed.status

    async def call(self, app: str, frame: bytes, due_in_s: float) -> bytes:
        """Return what a copy of a model answers; a cancelled call is cancelled there, too.

        Raises: EngineError; WorkerCrashedError: if the copy, the bridge or the cluster is lost.
        """
        try:
            async with asyncio.timeout(self._limits.call_s), self._asked() as (identifier, answer):
                await self._send(Call(identifier, app, due_in_s), frame)
                _, body = await answer
        except TimeoutError as error:
            raise WorkerCrashedError("The cluster did not answer in time. Try again.") from error
        except ProtocolError as error:
            raise EngineError("The request is too much for one call of the model.") from error
        return body

    async def hold(self, apps: Sequence[str]) -> None:
        """Name all models that are to stay on the cluster."""
        await self._send(Hold(tuple(apps)))

    async def ended(self) -> None:
        """Wait until the bridge is gone, or its cluster."""
        await self._is_over.wait()

    async def close(self) -> None:
        """End the bridge; calls that wait fail."""
        self._link.kill()
        await asyncio.wait([self._listening])

    @asynccontextmanager
    async def _asked(self) -> AsyncGenerator[tuple[int, asyncio.Future[_Answered]]]:
        """Wait for an answer inside the block; who leaves without it is heard no more."""
        if self._is_over.is_set():
            raise _lost()
        identifier = next(self._ids)
        answer: asyncio.Future[_Answered] = asyncio.get_running_loop().create_future()
        self._waiting[identifier] = answer
        try:
            yield identifier, answer
        finally:
            del self._waiting[identifier]
            if not answer.done() or answer.cancelled():
                await self._send(Cancel(identifier))

    async def _send(self, order: Order, body: bytes = b"") -> None:
        frame = envelope.encode(order, body)
        with suppress(ConnectionError):  # it is gone: who waits is told by `_listen`
            await self._link.write(frame)

    async def _listen(self) -> None:
        try:
            while True:
                self._take(*await receive(self._link))
        except (EOFError, ConnectionError):
            pass
        except ProtocolError as error:
            _logger.warning("bridge %d misbehaved: %s", self.pid, error)
        finally:
            self._is_over.set()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(_lost())
            self._link.kill()
            await self._link.end(_EXIT_GRACE_S)

    def _take(self, answer: Answer, body: bytes) -> None:
        match answer:
            case Deployed(identifier) | Done(identifier):
                if (waiting := self._waiting.get(identifier)) and not waiting.done():
                    waiting.set_result((answer, body))
            case Failed(None, _, message):
                _logger.warning("the bridge to the cluster ends: %s", message)
            case Failed(int(identifier), code, message):
                if (waiting := self._waiting.get(identifier)) and not waiting.done():
                    waiting.set_exception(to_error(code, message))
            case Board(copies):
                self._copies = copies
            case Connected():
                raise ProtocolError("a second greeting")


async def start_bridge(
    place: ClusterPlace, limits: BridgeLimits | None = None, *, module: str = BRIDGE_MODULE
) -> BridgeProcess:
    """Start a bridge to a cluster.

    Args:
        module: what the child runs.

    Raises: ClusterUnreachableError.
    """
    limits = limits or BridgeLimits()
    await _probe(place.address, limits.probe_s)
    try:
        link = ChildLink(*await open_child(module, place.environment))
    except OSError as error:
        raise ClusterUnreachableError("no process could be started for its bridge") from error
    is_connected = False
    try:
        async with asyncio.timeout(limits.connect_s):
            await link.write(envelope.encode(Connect(place.address, place.node)))
            _greeted(*await receive(link))
        is_connected = True
    except TimeoutError as error:
        raise ClusterUnreachableError(f"no greeting within {limits.connect_s:g} s") from error
    except (EOFError, ConnectionError, ProtocolError) as error:
        raise ClusterUnreachableError("the bridge ended before it was connected") from error
    finally:
        if not is_connected:
            link.kill()
            await link.end(_EXIT_GRACE_S)
    return BridgeProcess(link, limits)


async def receive(link: ChildLink) -> tuple[Answer, bytes]:
    """Wait for the next answer, and its body.

    Raises: EOFError, ConnectionError: the bridge is gone; ProtocolError.
    """
    prefix = envelope.parse_prefix(await link.read(envelope.PREFIX_BYTES))
    message = envelope.parse(prefix.kind, await link.read(prefix.n_header_bytes))
    body = await link.read(prefix.n_body_bytes)
    if not isinstance(message, Answer):
        raise ProtocolError(f"{prefix.kind.__name__} from the bridge")
    return message, body


def _greeted(answer: Answer, _body: bytes) -> None:
    match answer:
        case Connected():
            return
        case Failed(None, code) if code == REFUSED:
            raise ClusterUnreachableError("it wants another token than ours")
        case Failed(None, _, message):
            raise ClusterUnreachableError(message)
    raise ProtocolError(f"{type(answer).__name__} for a greeting")


async def _probe(address: str, limit_s: float) -> None:
    """Ask whether anybody is there, which costs less than a bridge."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(limit_s):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterUnreachableError("nobody answers there") from error
    writer.close()


def _lost() -> LoquentError:
    return WorkerCrashedError("The cluster was lost while it worked on this. Try again.")
