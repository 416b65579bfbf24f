"""The child alone, with a parent that speaks to it over a bare socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from loquent.domain.errors import ModelLoadError
from loquent.domain.transcript import Task
from loquent.engines.batch import Utterance, Width
from loquent.engines.host import protocol
from loquent.engines.host.child import build_performer
from loquent.engines.host.messages import Batch, Order, Start
from loquent.engines.host.performers import PerformerAddress
from loquent.ports import RecognitionOptions
from tests.unit.engines.host.fake_reader import FAKES, FakeReader

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children need Unix sockets")

START = Start(FAKES["fake"], "/models", {})
BATCH = Batch(
    0,
    Width.WIDE,
    (Utterance(np.zeros(1, np.float32), RecognitionOptions(Task.TRANSCRIBE, None)),),
)


class Parent:
    """One end of a socket, and the child at the other."""

    def __init__(self, child: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self.child = child
        self.connection = connection

    def send(self, *orders: Order) -> None:
        for order in orders:
            self.connection.sendall(protocol.encode(order))

    def last_words(self) -> str:
        assert self.child.stderr is not None
        return self.child.stderr.read().decode()


@pytest.fixture
def parent() -> Iterator[Parent]:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            child = subprocess.Popen(
                [sys.executable, "-m", "loquent.engines.host.child"],
                stdin=theirs.fileno(),
                stderr=subprocess.PIPE,
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        with child:
            yield Parent(child, ours)
            child.kill()


@pytest.mark.parametrize("orders", [(BATCH,), (START, START)], ids=["no start", "two starts"])
def test_orders_out_of_turn_end_the_child(parent: Parent, orders: tuple[Order, ...]) -> None:
    parent.send(*orders)
    assert "start" in parent.last_words()
    assert parent.child.wait() == 1


def test_nonsense_ends_the_child(parent: Parent) -> None:
    parent.connection.sendall(b"GET / HTTP/1.1\r\n")
    assert "unknown message" in parent.last_words()
    assert parent.child.wait() == 1


@pytest.mark.parametrize("n_bytes", [0, 5, 40])
def test_the_end_of_the_socket_ends_the_child(parent: Parent, n_bytes: int) -> None:
    parent.connection.sendall(protocol.encode(START)[:n_bytes])
    parent.connection.shutdown(socket.SHUT_RDWR)
    assert parent.child.wait(timeout=10) == 0
    assert parent.last_words() == ""


def test_a_child_whose_parent_left_during_a_batch_goes_without_complaint(parent: Parent) -> None:
    parent.send(START, BATCH)
    parent.connection.close()
    assert parent.child.wait(timeout=10) == 0
    assert parent.last_words() == ""


def test_a_reader_is_made_from_its_folder_and_its_options() -> None:
    reader = build_performer(Start(FAKES["fake"], "/models", {"n_workers": 3}))
    assert type(reader).__name__ == FakeReader.__name__
    assert reader.n_workers == 3


def test_a_library_that_is_missing_is_named() -> None:
    with pytest.raises(ModelLoadError, match="none_such is missing"):
        build_performer(Start(PerformerAddress("none_such", "Reader", "Options"), "/models", {}))
