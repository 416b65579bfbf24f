"""A microphone against a library that pretends to have one."""

from __future__ import annotations

import asyncio
import sys
import wave
from pathlib import Path

import pytest

from loquent.cli import microphone
from loquent.cli.microphone import open_microphone
from loquent.domain.errors import InvalidRequestError
from loquent.domain.live import SoundFormat
from tests.fakes.microphones import sounddevice

SPOKEN = bytes(range(256)) * 10


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)


def _plug_in(monkeypatch: pytest.MonkeyPatch, folder: Path, rate_hz: int) -> None:
    """Have a microphone that knows one sample rate."""
    target = folder / "spoken.wav"
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(SPOKEN)
    monkeypatch.setenv("FAKE_MICROPHONE", str(target))


@pytest.mark.parametrize("device", [None, "1", "FAKE"])
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
async def test_what_is_heard_is_told_at_a_rate_that_the_device_knows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str | None, rate_hz: int
) -> None:
    _plug_in(monkeypatch, tmp_path, rate_hz)
    warnings: list[str] = []
    with open_microphone(device, warnings.append) as sound:
        assert sound.format == SoundFormat(rate_hz)
        piece = await anext(sound.pieces)
        await sound.pieces.aclose()
    assert len(piece) == 2 * rate_hz // 10
    assert piece[: len(SPOKEN)] == SPOKEN
    assert warnings == []


async def test_a_rate_beyond_what_is_followed_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _plug_in(monkeypatch, tmp_path, 96_000)
    with pytest.raises(InvalidRequestError, match="sample rate"), open_microphone(None, print):
        pass


async def test_a_microphone_that_stops_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _plug_in(monkeypatch, tmp_path, 16_000)
    with open_microphone(None, print) as sound:
        await anext(sound.pieces)
    with pytest.raises(InvalidRequestError, match="the microphone has stopped"):
        async for _ in sound.pieces:
            pass


async def test_sound_that_nobody_takes_is_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _plug_in(monkeypatch, tmp_path, 16_000)
    monkeypatch.setattr(microphone, "MAX_WAITING_S", 0)
    warnings: list[str] = []
    with open_microphone(None, warnings.append) as sound:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.35):
                await anext(sound.pieces)
        await sound.pieces.aclose()
    (warning,) = warnings
    assert "s of sound were left out" in warning
    assert "--model" in warning


def test_a_missing_library_of_the_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        """Stands for `import sounddevice` where PortAudio is not installed."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(InvalidRequestError, match="libportaudio2"), open_microphone(None, print):
        pass
