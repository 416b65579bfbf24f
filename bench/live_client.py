"""Speaks to a live server in real time, from a process of its own, and notes what comes when.

Run as `python -m bench.live_client`: a job (`bench.live_values.Job`) on standard input, one JSON
object with all sessions on standard output. It keeps no score.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from bench.live_values import Job, is_refusal

BYTES_PER_SECOND = 2 * 16_000
CONNECT_S = 30.0
AHEAD = -5


@dataclass(slots=True)
class Notes:
    """What is noted of one session; see `bench.live_values.Session`."""

    stream: str
    lane: int
    began_s: float = 0.0
    frames: list[tuple[float, dict[str, object]]] = field(default_factory=list)
    sent_s: float = 0.0
    done_s: float | None = None
    closed_s: float | None = None
    close_code: int | None = None
    late_s: float = 0.0
    blocked_s: float = 0.0
    trouble: str = ""


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _send(socket: ClientConnection, sound: bytes, job: Job, stop_s: float, to: Notes) -> None:
    """Send each frame when its last sample would have been recorded, then announce the end."""
    n_bytes = BYTES_PER_SECOND * job.frame_ms // 1000
    for begin in range(0, len(sound), n_bytes):
        frame = sound[begin : begin + n_bytes]
        recorded_s = (begin + len(frame)) / BYTES_PER_SECOND
        due_s = to.began_s + recorded_s / job.pace
        if due_s > stop_s:
            break
        await asyncio.sleep(max(0.0, due_s - _now()))
        before_s = _now()
        to.late_s = max(to.late_s, before_s - due_s)
        await socket.send(frame)
        to.blocked_s = max(to.blocked_s, _now() - before_s)
        to.sent_s = recorded_s
    to.done_s = _now() - to.began_s
    await socket.send(json.dumps({"done": True}))


async def _receive(socket: ClientConnection, to: Notes) -> None:
    """Note every frame until the server closes."""
    try:
        while True:
            message = await socket.recv()
            to.frames.append((_now() - to.began_s, json.loads(message)))
    except ConnectionClosed as closed:
        to.closed_s = _now() - to.began_s
        to.close_code = closed.rcvd.code if closed.rcvd else None
        to.trouble = closed.rcvd.reason if closed.rcvd else "the connection broke"


async def _converse(
    socket: ClientConnection, sound: bytes, job: Job, stop_s: float, to: Notes
) -> None:
    to.began_s = _now()
    receiving = asyncio.create_task(_receive(socket, to))
    try:
        await socket.send(json.dumps(job.opening))
        to.began_s = _now()
        await _send(socket, sound, job, stop_s, to)
    except ConnectionClosed:
        pass  # the receiver notes why
    done, _ = await asyncio.wait({receiving}, timeout=job.patience_s)
    if not done:
        receiving.cancel()
        to.trouble = f"not closed {job.patience_s:g} s after the end"
        socket.transport.abort()


async def _session(job: Job, sound: bytes, stop_s: float, to: Notes) -> None:
    try:
        socket = await connect(
            job.url,
            compression=None,
            proxy=None,
            open_timeout=CONNECT_S,
            ping_interval=None,
            max_queue=None,
        )
    except (OSError, TimeoutError, InvalidHandshake) as error:
        to.trouble = str(error) or type(error).__name__
    else:
        await _converse(socket, sound, job, stop_s, to)


async def _lane(job: Job, number: int, began_s: float, sounds: dict[str, bytes]) -> list[Notes]:
    """Send the streams of one lane, each again and again while it is refused."""
    stop_s = began_s + job.until_s if job.until_s is not None else float("inf")
    await asyncio.sleep(number * job.stagger_s)
    sessions: list[Notes] = []
    for stream in job.lanes[number]:
        while True:
            sound = sounds[stream[1]]
            notes = Notes(stream[0], number, began_s=_now())
            await _session(job, sound, stop_s, notes)
            sessions.append(notes)
            was_refused = is_refusal(len(notes.frames), notes.close_code, notes.trouble)
            if not was_refused or job.retry_s is None or _now() + job.retry_s >= stop_s:
                break
            await asyncio.sleep(job.retry_s)
    return sessions


async def perform(job: Job, sounds: dict[str, bytes]) -> list[Notes]:
    """Run all lanes to their ends; `sounds` are the streams by the paths of their files."""
    began_s = _now()
    lanes = [_lane(job, number, began_s, sounds) for number in range(len(job.lanes))]
    return [notes for sessions in await asyncio.gather(*lanes) for notes in sessions]


def main() -> None:
    """Read a job, do it, write what happened; ahead of the server's threads, where allowed."""
    with suppress(PermissionError):
        os.nice(AHEAD)
    fields = json.load(sys.stdin)
    fields["lanes"] = [[(name, path) for name, path in lane] for lane in fields["lanes"]]
    job = Job(**fields)
    sounds = {path: Path(path).read_bytes() for lane in job.lanes for _, path in lane}
    sessions = asyncio.run(perform(job, sounds))
    json.dump({"sessions": [asdict(notes) for notes in sessions]}, sys.stdout)


if __name__ == "__main__":
    main()
