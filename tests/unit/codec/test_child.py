"""One child process: its greeting, its answers, its end."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from loquent.codec import protocol
from loquent.codec.protocol import Kind
from tests.unit.codec.recordings import saved, tone, wav


@pytest.fixture
def channel() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    command = [sys.executable, "-m", "loquent.codec.child", "60.0", str(1 << 30), "60"]
    with ours, theirs, subprocess.Popen(command, stdin=theirs.fileno()) as child:
        theirs.close()
        assert receive(ours) == (Kind.READY, b"")
        yield ours
        ours.close()
        assert child.wait(20) == 0


def receive(channel: socket.socket) -> tuple[Kind, bytes]:
    header = bytearray(read(channel, protocol.HEADER_BYTES))
    kind, n_bytes = protocol.parse_header(header)
    return kind, read(channel, n_bytes)


def read(channel: socket.socket, n_bytes: int) -> bytes:
    return channel.recv(n_bytes, socket.MSG_WAITALL) if n_bytes else b""


def hand_over(channel: socket.socket, path: Path, wanted: int | None = None) -> None:
    with path.open("rb") as file:
        socket.send_fds(channel, [protocol.job(wanted)], [file.fileno()])


def test_a_child_decodes_one_recording_after_another_and_leaves_with_its_parent(
    channel: socket.socket, tmp_path: Path
) -> None:
    good = saved(tmp_path / "good", wav((tone(0.5) * 32_767).astype("i2")))
    bad = saved(tmp_path / "bad", b"#EXTM3U\n")
    for _ in range(2):
        hand_over(channel, good.path)
        kind, samples = receive(channel)
        assert (kind, len(samples)) == (Kind.SAMPLES, 4 * 8_000)
        assert receive(channel) == (Kind.DONE, b"")
        hand_over(channel, bad.path)
        kind, payload = receive(channel)
        assert kind is Kind.ERROR
        assert protocol.parse_error(bytearray(payload))[0] == "unsupported_format"


def test_a_child_decodes_the_channel_that_is_asked_for(
    channel: socket.socket, tmp_path: Path
) -> None:
    sides = np.stack([np.full(800, 8_192), np.full(800, -8_192)], axis=1).astype("i2")
    source = saved(tmp_path / "stereo", wav(sides, n_channels=2))
    for wanted, level in ((None, 0.0), (0, 0.25), (1, -0.25)):
        hand_over(channel, source.path, wanted)
        kind, samples = receive(channel)
        assert kind is Kind.SAMPLES
        assert set(np.frombuffer(samples, np.float32)) == {level}
        assert receive(channel) == (Kind.DONE, b"")
    hand_over(channel, source.path, 2)
    kind, payload = receive(channel)
    assert kind is Kind.ERROR
    assert "2 channels" in protocol.parse_error(bytearray(payload))[1]
