"""Sound from a microphone, by way of PortAudio; knows no session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from loquent.cli.sounds import PIECES_PER_S, Sound
from loquent.domain.audio import SAMPLE_RATE_HZ
from loquent.domain.errors import InvalidRequestError
from loquent.domain.live import MAX_SAMPLE_RATE_HZ, SoundFormat

MAX_WAITING_S = 120
"""Sound that was heard and not taken in; what comes on top of it is left out."""

_OTHERWISE = "or listen to a recording with --file"


@contextmanager
def open_microphone(device: str | None, warn: Callable[[str], None]) -> Iterator[Sound]:
    """Open a microphone; it is silent until its pieces are asked for.

    Args:
        device: part of its name, or its number; None for the usual one.
        warn: told if sound had to be left out.

    Raises: InvalidRequestError: saying what is missing.
    """
    library = _library()
    arrivals = _Arrivals()
    with _explained(library):
        stream = _opened(library, device, arrivals)
    try:
        pieces = _pieces(library, stream, arrivals)
        yield Sound(SoundFormat(round(stream.samplerate)), pieces)
    finally:
        stream.close()
        if arrivals.n_lost:
            lost_s = arrivals.n_lost / PIECES_PER_S
            warn(
                f"{lost_s:.1f} s of sound were left out, because this machine cannot follow; "
                "try a smaller --model"
            )


class _Arrivals:
    """Sound on its way from PortAudio's thread to the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.n_lost = 0

    def take(self, sound: Any, *_: object) -> None:
        """Add a piece; called by PortAudio."""
        self._loop.call_soon_threadsafe(self._put, bytes(sound))

    def end(self) -> None:
        """Add no more; called by PortAudio."""
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, None)

    def _put(self, piece: bytes) -> None:
        if self._pieces.qsize() < MAX_WAITING_S * PIECES_PER_S:
            self._pieces.put_nowait(piece)
        else:
            self.n_lost += 1

    async def next(self) -> bytes | None:
        """Wait for the next piece, None at the end."""
        return await self._pieces.get()


def _library() -> Any:
    try:
        import sounddevice  # noqa: PLC0415 - optional, and it wakes the sound system
    except ImportError as error:
        raise InvalidRequestError(
            f"a microphone needs one more package: pip install 'loquent[microphone]'; {_OTHERWISE}"
        ) from error
    except OSError as error:
        raise InvalidRequestError(
            "a microphone needs the PortAudio library: install it, "
            f"for example with apt install libportaudio2, {_OTHERWISE}"
        ) from error
    return sounddevice


def _opened(library: Any, device: str | None, arrivals: _Arrivals) -> Any:
    """Open at our rate, or at the device's own where it knows no other."""
    name = int(device) if device and device.isdecimal() else device
    own_hz = min(
        int(library.query_devices(name, "input")["default_samplerate"]), MAX_SAMPLE_RATE_HZ
    )

    def opened(rate_hz: int) -> Any:
        return library.RawInputStream(
            samplerate=rate_hz,
            blocksize=rate_hz // PIECES_PER_S,
            device=name,
            channels=1,
            dtype="int16",
            callback=arrivals.take,
            finished_callback=arrivals.end,
        )

    try:
        return opened(SAMPLE_RATE_HZ)
    except library.PortAudioError:
        return opened(own_hz)


async def _pieces(library: Any, stream: Any, arrivals: _Arrivals) -> AsyncGenerator[bytes]:
    with _explained(library):
        stream.start()
    while (piece := await arrivals.next()) is not None:
        yield piece
    raise InvalidRequestError("the microphone has stopped")


@contextmanager
def _explained(library: Any) -> Iterator[None]:
    """Translate what PortAudio says, and tell which microphones there are."""
    try:
        yield
    except (library.PortAudioError, ValueError) as error:
        names = [d["name"] for d in library.query_devices() if d["max_input_channels"] > 0]
        advice = (
            f"there are: {', '.join(names)}; name one with --device, {_OTHERWISE}"
            if names
            else f"plug one in, {_OTHERWISE}"
        )
        raise InvalidRequestError(
            f"no microphone to listen to ({' '.join(str(error).split())}); {advice}"
        ) from error
