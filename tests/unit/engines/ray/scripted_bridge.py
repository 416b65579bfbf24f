"""A bridge without a cluster: does what the name of the model says; run as a child."""

from __future__ import annotations

import os
import socket
import sys

from loquent.engines.ray import envelope
from loquent.engines.ray.envelope import (
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
    Message,
)
from loquent.engines.ray.statuses import CopyStatus

STATUS = CopyStatus(n_workers=3)


class Script:
    """What is done with each order."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rwb")
        self._n_cancelled = 0

    def run(self) -> None:
        while head := self._file.read(envelope.PREFIX_BYTES):
            prefix = envelope.parse_prefix(head)
            order = envelope.parse(prefix.kind, self._file.read(prefix.n_header_bytes))
            body = self._file.read(prefix.n_body_bytes)
            match order:
                case Connect(_, node):
                    self._greet(node)
                case Deploy(identifier, plan):
                    self._deploy(identifier, plan.model_id)
                case Call():
                    self._call(order, body)
                case Cancel():
                    self._n_cancelled += 1
                case Hold(apps):
                    self._send(Board(dict.fromkeys(apps, (STATUS,))))

    def _greet(self, node: str) -> None:
        match node:
            case "refuse":
                self._send(Failed(None, "refused", "AuthenticationError"))
            case "die":
                os._exit(1)
            case "lie":
                self._send(Done(0))
            case _:
                self._send(Connected(1))

    def _deploy(self, identifier: int, model_id: str) -> None:
        if model_id == "damaged":
            self._send(Failed(identifier, "model_load_failed", "The weights are damaged."))
        elif model_id != "slow":
            self._send(Deployed(identifier, STATUS))

    def _call(self, call: Call, body: bytes) -> None:
        match call.app:
            case "echo":
                self._send(Done(call.id), body + f" in {call.due_in_s:g} s".encode())
            case "cancelled":
                self._send(Done(call.id), str(self._n_cancelled).encode())
            case "lost":
                self._send(Failed(call.id, "worker_crashed", "ActorDiedError"))
            case "die":
                os._exit(1)

    def _send(self, message: Message, body: bytes = b"") -> None:
        self._file.write(envelope.encode(message, body))
        self._file.flush()


Script(socket.socket(fileno=sys.stdin.fileno())).run()
