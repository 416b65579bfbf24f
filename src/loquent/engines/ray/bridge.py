"""The bridge: a gateway's child that knows Ray, and speaks to a cluster for it.

Run as `python -m loquent.engines.ray.bridge`, a Unix socket as standard input. A driver of Ray may
end with its cluster: then this process does, and the gateway starts another one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine
from typing import Any, Final
from uuid import uuid4

import ray
from ray import serve
from ray.serve.config import HTTPOptions
from ray.serve.exceptions import DeploymentUnavailableError, RayServeException

from loquent.domain.errors import EngineError, ModelLoadError, WorkerCrashedError
from loquent.engines.host.child import stay_with_parent
from loquent.engines.host.messages import UNEXPECTED
from loquent.engines.host.protocol import ProtocolError
from loquent.engines.ray import envelope, serving
from loquent.engines.ray.envelope import (
    MAX_MESSAGE_CHARACTERS,
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
from loquent.engines.ray.failures import GONE, REFUSED, load_failure, name_of
from loquent.engines.ray.plans import APP_PREFIX
from loquent.engines.ray.statuses import CopyStatus

BEAT_S: Final = 1.0
"""How often the cluster is asked whether it is there."""

BEAT_TIMEOUT_S: Final = 3.0
MAX_MISSED_BEATS: Final = 2
MAX_SILENCE_S: Final = 15.0
"""How long the board of the cluster may take to answer: its node may have died, and it starts anew
on another one."""

_POLL_S: Final = 0.3


class Bridge:
    """Does the orders of a gateway; belongs to one event loop."""

    def __init__(
        self, connect: Connect, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._connect = connect
        self._reader = reader
        self._writer = writer
        self._gateway = uuid4().hex
        self._handles: dict[str, Any] = {}
        self._held: tuple[str, ...] = ()
        self._work: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Do orders until the gateway closes the socket, or the cluster is lost.

        Raises: EOFError, ConnectionError: the gateway is gone; ProtocolError; ClusterLostError.
        """
        await self._send(Connected(len(ray.nodes())))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._tell())
            group.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            order, body = await receive(self._reader)
            match order:
                case Deploy(identifier):
                    self._begin(identifier, self._deploy(order))
                case Call(identifier):
                    self._begin(identifier, self._call(order, body))
                case Cancel(identifier):
                    if task := self._work.get(identifier):
                        task.cancel()
                case Hold(apps):
                    self._held = apps
                case _:
                    raise ProtocolError(f"{type(order).__name__} out of turn")

    def _begin(self, identifier: int, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._reported(identifier, work))
        self._work[identifier] = task
        task.add_done_callback(lambda _task: self._work.pop(identifier, None))

    async def _reported(self, identifier: int, work: Coroutine[Any, Any, None]) -> None:
        """Do work of the gateway, and tell it of what goes wrong."""
        try:
            await work
        except EngineError as error:
            await self._fail(identifier, str(error.code), error.message)
        except DeploymentUnavailableError:
            await self._fail(identifier, GONE, "The cluster does not run that model any more.")
        except ray.exceptions.RayTaskError as error:
            await self._fail(identifier, UNEXPECTED, name_of(error))
        except (ray.exceptions.RayError, RayServeException) as error:
            await self._fail(identifier, str(WorkerCrashedError.code), type(error).__name__)

    async def _call(self, call: Call, body: bytes) -> None:
        handle = self._handles.get(call.app)
        if handle is None:
            raise DeploymentUnavailableError(call.app)
        response = handle.perform.remote(body, call.due_in_s)
        try:
            answer = await response
        except asyncio.CancelledError:
            response.cancel()
            raise
        await self._send(Done(call.id), answer)

    async def _deploy(self, order: Deploy) -> None:
        """Have a model run, and wait until a copy of it answers.

        Raises: ModelLoadError.
        """
        name = order.plan.name
        is_asked = False
        while (state := await asyncio.to_thread(_state_of, name)) != "RUNNING":
            if state is None or (state in {"DEPLOY_FAILED", "UNHEALTHY"} and not is_asked):
                await asyncio.to_thread(_run, order, self._connect.node)
                is_asked = True
            elif state == "DEPLOY_FAILED":
                raise ModelLoadError(await asyncio.to_thread(_failure_of, name))
            await asyncio.sleep(_POLL_S)
        handle = serve.get_app_handle(name)
        status = CopyStatus.from_json(await handle.status.remote())
        self._handles[name] = handle
        await self._send(Deployed(order.id, status))

    async def _beat(self) -> None:
        """Ask whether the control store of the cluster is there.

        Raises: ClusterLostError.
        """
        host, _, port = self._connect.address.rpartition(":")
        n_missed = 0
        while n_missed < MAX_MISSED_BEATS:
            await asyncio.sleep(BEAT_S)
            n_missed = 0 if await _answers(host.strip("[]"), int(port)) else n_missed + 1
        raise ClusterLostError

    async def _tell(self) -> None:
        """Hold the models of the gateway, and tell it what their copies do.

        Raises: ClusterLostError.
        """
        last_s = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(BEAT_S)
            now_s = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(MAX_SILENCE_S):
                    board = serving.board()
                    told = await board.hold.remote(list(self._held))
                    forsaken = await board.forsaken.remote()
                last_s = now_s
            except (TimeoutError, ray.exceptions.RayError) as error:
                if now_s - last_s > MAX_SILENCE_S:
                    raise ClusterLostError from error
                continue
            copies = {app: tuple(map(CopyStatus.from_json, each)) for app, each in told.items()}
            await self._send(Board(copies))
            for app in forsaken:
                await asyncio.to_thread(_delete, app)

    async def _fail(self, identifier: int, code: str, message: str) -> None:
        await self._send(Failed(identifier, code, message[:MAX_MESSAGE_CHARACTERS]))

    async def _send(self, answer: Answer, body: bytes = b"") -> None:
        self._writer.write(envelope.encode(answer, body))
        await self._writer.drain()


class ClusterLostError(Exception):
    """The cluster does not answer any more."""


async def receive(reader: asyncio.StreamReader) -> tuple[Order, bytes]:
    """Wait for the next order, and its body.

    Raises: EOFError, ConnectionError: the gateway is gone; ProtocolError.
    """
    prefix = envelope.parse_prefix(await reader.readexactly(envelope.PREFIX_BYTES))
    message = envelope.parse(prefix.kind, await reader.readexactly(prefix.n_header_bytes))
    body = await reader.readexactly(prefix.n_body_bytes)
    if not isinstance(message, Order):
        raise ProtocolError(f"{prefix.kind.__name__} from the gateway")
    return message, body


async def main() -> int:
    """Connect to the cluster that the gateway names, and do its orders until it closes the socket.

    Returns: the exit status.
    """
    connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    status = 0
    try:
        if connect := await _connected(reader, writer):
            await Bridge(connect, reader, writer).run()
        else:
            status = 1
    except* (EOFError, ConnectionError):
        pass  # the gateway is gone
    except* ClusterLostError:
        status = 2
    except* ProtocolError as errors:
        sys.stderr.write(f"loquent bridge: {errors.exceptions[0]}\n")
        status = 1
    return status


async def _connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connect | None:
    """Return where to, once the cluster has let us in; None if it has not, which is told.

    Raises: EOFError, ConnectionError: the gateway is gone; ProtocolError.
    """
    connect, _ = await receive(reader)
    if not isinstance(connect, Connect):
        raise ProtocolError("an order before the connection")
    try:
        _enter(connect.address)  # in the main thread, as Ray wants it: nothing else runs yet
    except (ray.exceptions.RayError, RayServeException, RuntimeError, OSError) as error:
        code = REFUSED if isinstance(error, ray.exceptions.AuthenticationError) else UNEXPECTED
        message = str(error).strip().partition("\n")[0][:MAX_MESSAGE_CHARACTERS]
        writer.write(envelope.encode(Failed(None, code, message)))
        await writer.drain()
        return None
    return connect


def _enter(address: str) -> None:
    """Become a driver of the cluster, and see that Serve runs there without a door of its own."""
    ray.init(
        address=address,
        namespace=serving.NAMESPACE,
        log_to_driver=False,
        logging_level="error",
        configure_logging=False,
    )
    serving.stay_quiet()
    serve.start(proxy_location="Disabled", http_options=HTTPOptions(location="NoServer"))


def _run(order: Deploy, node: str) -> None:
    application = serving.application_of(order.plan, node)
    target = serve.RunTarget(application, name=order.plan.name, route_prefix=None)
    serve.run_many([target], wait_for_applications_running=False)


def _state_of(name: str) -> str | None:
    app = serve.status().applications.get(name)
    return app.status.value if app else None


def _failure_of(name: str) -> str:
    app = serve.status().applications.get(name)
    told = [app.message, *(each.message for each in app.deployments.values())] if app else []
    return load_failure("\n".join(told))


def _delete(name: str) -> None:
    if name.startswith(APP_PREFIX):
        serve.delete(name, _blocking=False)


async def _answers(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(BEAT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


if __name__ == "__main__":
    stay_with_parent()
    status = asyncio.run(main())
    sys.stderr.flush()
    os._exit(status)  # taking leave of a cluster that is gone takes a minute
