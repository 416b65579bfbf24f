"""The child process: decodes one recording after another in its cage; opens no file by name.

Run as `python -m loquent.codec.child MAX_AUDIO_S MAX_MEMORY_BYTES MAX_CPU_S`, a Unix socket as
standard input.
"""

from __future__ import annotations

import io
import os
import socket
import sys
import wave
from typing import BinaryIO

from loquent.codec import cage, protocol
from loquent.codec.decoder import decode_windows
from loquent.codec.protocol import Kind
from loquent.codec.sniff import sniff
from loquent.domain.errors import InvalidRequestError


def main(arguments: list[str]) -> None:
    """Serve recordings until the parent closes the socket."""
    max_audio_s, max_memory_bytes, max_cpu_s = (
        float(arguments[0]),
        int(arguments[1]),
        int(arguments[2]),
    )
    channel = socket.socket(fileno=sys.stdin.fileno())
    cage.confine(max_memory_bytes)
    _rehearse()
    channel.sendall(protocol.header(Kind.READY))
    may_go_on = True
    while may_go_on and (recording := _next_recording(channel)) is not None:
        cage.grant_cpu(max_cpu_s)
        with recording:
            may_go_on = _serve(channel, recording, max_audio_s)


def _serve(channel: socket.socket, recording: BinaryIO, max_audio_s: float) -> bool:
    """Send the windows of `recording` and how it ended; tell whether another one may follow."""
    try:
        for window in decode_windows(recording, sniff(recording), max_audio_s=max_audio_s):
            channel.sendall(protocol.header(Kind.SAMPLES, window.nbytes))
            channel.sendall(window.data)
        channel.sendall(protocol.header(Kind.DONE))
    except InvalidRequestError as error:
        _send_error(channel, str(error.code), error.message)
    except MemoryError:
        _send_error(channel, protocol.OUT_OF_MEMORY, "")
        return False
    except Exception as error:  # noqa: BLE001  the edge of the worker: only this recording fails
        _send_error(channel, protocol.UNEXPECTED, type(error).__name__)
    return True


def _send_error(channel: socket.socket, code: str, text: str) -> None:
    payload = protocol.error_payload(code, text)
    channel.sendall(protocol.header(Kind.ERROR, len(payload)) + payload)


def _next_recording(channel: socket.socket) -> BinaryIO | None:
    """Wait for the next open file; None once the parent has closed the channel."""
    job, descriptors, _, _ = socket.recv_fds(channel, len(protocol.JOB), maxfds=1)
    return os.fdopen(descriptors[0], "rb", buffering=0) if job else None


def _rehearse() -> None:
    """Decode a little silence, so that the first recording finds code and tables in memory."""
    silence = io.BytesIO()
    with wave.open(silence, "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(1_600))
    for _ in decode_windows(silence, "wav", max_audio_s=0):
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
