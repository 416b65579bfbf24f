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
from typing import BinaryIO, NamedTuple

from loquent.codec import cage, protocol
from loquent.codec.decoder import decode_windows
from loquent.codec.protocol import Kind
from loquent.codec.sniff import sniff
from loquent.domain.errors import InvalidRequestError


class _Job(NamedTuple):
    """An open recording, and which of its channels is wanted; None for all."""

    recording: BinaryIO
    channel: int | None


def main(arguments: list[str]) -> None:
    """Serve recordings until the parent closes the socket."""
    max_audio_s, max_memory_bytes, max_cpu_s = (
        float(arguments[0]),
        int(arguments[1]),
        int(arguments[2]),
    )
    parent = socket.socket(fileno=sys.stdin.fileno())
    cage.confine(max_memory_bytes)
    _rehearse()
    parent.sendall(protocol.header(Kind.READY))
    may_go_on = True
    while may_go_on and (job := _next_job(parent)) is not None:
        cage.grant_cpu(max_cpu_s)
        with job.recording:
            may_go_on = _serve(parent, job, max_audio_s)


def _serve(parent: socket.socket, job: _Job, max_audio_s: float) -> bool:
    """Send the windows of a recording and how it ended; tell whether another one may follow."""
    recording = job.recording
    try:
        for window in decode_windows(
            recording, sniff(recording), max_audio_s=max_audio_s, channel=job.channel
        ):
            parent.sendall(protocol.header(Kind.SAMPLES, window.nbytes))
            parent.sendall(window.data)
        parent.sendall(protocol.header(Kind.DONE))
    except InvalidRequestError as error:
        _send_error(parent, str(error.code), error.message)
    except MemoryError:
        _send_error(parent, protocol.OUT_OF_MEMORY, "")
        return False
    except Exception as error:  # noqa: BLE001  the edge of the worker: only this recording fails
        _send_error(parent, protocol.UNEXPECTED, type(error).__name__)
    return True


def _send_error(parent: socket.socket, code: str, text: str) -> None:
    payload = protocol.error_payload(code, text)
    parent.sendall(protocol.header(Kind.ERROR, len(payload)) + payload)


def _next_job(parent: socket.socket) -> _Job | None:
    """Wait for the next open file; None once the parent has closed the socket."""
    message, descriptors, _, _ = socket.recv_fds(parent, protocol.JOB_BYTES, maxfds=1)
    if not message:
        return None
    recording = os.fdopen(descriptors[0], "rb", buffering=0)
    return _Job(recording, protocol.parse_job(message))


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
