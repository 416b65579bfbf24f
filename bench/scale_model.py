"""How many machines a load needs: arithmetic over measured figures; simulates nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench import scale_figures as figures
from bench.scale_day import (
    HOUR_S,
    MONTH_S,
    mean_audio_s,
    mean_session_s,
    mean_shape,
    requests_a_second,
)

NODE_CORES = 16
"""Of the machines that are counted in plans: an example."""


def hours_per_core_hour() -> float:
    """Return the hours of recordings that a core works off in an hour."""
    return figures.CLIPS_SPEED.value / figures.CORES


def streams_per_core() -> float:
    """Return the live streams that a core follows with finals in time."""
    return figures.STREAMS.value / figures.CORES


def model_bytes() -> float:
    """Return what a loaded model takes: a server with it, less a server without."""
    return figures.SERVER_BYTES.value - figures.BARE_BYTES.value


def recording_bytes() -> float:
    """Return what a worker takes at most while it works on recordings."""
    return figures.SERVER_PEAK_BYTES.value - figures.BARE_BYTES.value


def streams_per_gateway_core() -> float:
    """Return the streams of speech whose sockets a core of a gateway can hold."""
    return figures.BUSY.value / figures.GATEWAY_STREAM.value


def rows_a_second() -> float:
    """Return the rows that SQLite takes one after another."""
    return 1 / figures.ROW_S.value


@dataclass(frozen=True, slots=True)
class Load:
    """What callers ask for.

    Attributes:
        streams: live at the busiest time of a week.
        hours: of recordings in a month.
    """

    streams: float = 0.0
    hours: float = 0.0

    @property
    def requests_a_second(self) -> float:
        """Recordings of the busiest time."""
        return requests_a_second(self.hours)

    @property
    def audio_a_second(self) -> float:
        """Seconds of recordings that arrive in a second of the busiest time."""
        return self.requests_a_second * mean_audio_s()

    @property
    def stream_hours(self) -> float:
        """Hours of live sound in a month."""
        return self.streams * mean_shape() * MONTH_S / HOUR_S


@dataclass(frozen=True, slots=True)
class Plan:
    """What a load needs at the busiest time of a week, nothing broken.

    Attributes:
        live_workers, recording_workers: copies of the model, on two cores each.
        gateway_cores: for sockets, decoding and requests.
        rows: that the ledger takes in a second.
    """

    live_workers: int
    recording_workers: int
    gateway_cores: int
    rows: float

    @property
    def cores(self) -> int:
        """Cores of all together; the database is not among them."""
        return figures.CORES * (self.live_workers + self.recording_workers) + self.gateway_cores

    @property
    def nodes(self) -> int:
        """Machines of `NODE_CORES`."""
        return math.ceil(self.cores / NODE_CORES)

    @property
    def memory_bytes(self) -> float:
        """Memory of models and gateways together."""
        streams_bytes = figures.STREAMS.value * figures.STREAM_BYTES.value
        return (
            self.live_workers * (model_bytes() + streams_bytes)
            + self.recording_workers * recording_bytes()
            + self.gateway_cores * figures.BARE_BYTES.value
        )


def plan(load: Load) -> Plan:
    """Return what a load needs."""
    busy = figures.BUSY.value
    cores = load.audio_a_second / hours_per_core_hour() / busy
    gateway = (
        load.streams * figures.GATEWAY_STREAM.value + load.audio_a_second / figures.DECODED.value
    ) / busy + load.requests_a_second / figures.REQUESTS_WITH_BOOKS.value
    return Plan(
        live_workers=math.ceil(load.streams / figures.STREAMS.value),
        recording_workers=math.ceil(cores / figures.CORES),
        gateway_cores=math.ceil(gateway),
        rows=load.requests_a_second + load.streams / mean_session_s(),
    )
