"""The figures that plans for more than one machine rest on, and where each one is from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

NOTES = "bench/NOTES.md"
LOOSE = "a table of bench/results/ that is not committed"
README = "README of SYSTRAN/faster-whisper, benchmark of large-v2 on an RTX 3070 Ti"


class Kind(StrEnum):
    """How far a figure can be trusted."""

    MEASURED = "measured"
    PUBLISHED = "published by others"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that goes into the plan.

    Attributes:
        source: a file of the repository and its section, or who published it, or why it is so.
        quote: words of that file that hold the number.
        low, high: what it may be as well.
    """

    name: str
    value: float
    unit: str
    kind: Kind
    source: str
    quote: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def file(self) -> str:
        """The file that `quote` stands in."""
        return self.source.partition(",")[0]


def _measured(name: str, value: float, unit: str, section: str, quote: str) -> Figure:
    return Figure(name, value, unit, Kind.MEASURED, f"{NOTES}, {section}", quote)


def _loose(name: str, value: float, unit: str, table: str) -> Figure:
    return Figure(name, value, unit, Kind.MEASURED, f"{LOOSE}: {table}")


def _assumed(name: str, value: float, unit: str, why: str, low: float, high: float) -> Figure:
    return Figure(name, value, unit, Kind.ASSUMED, why, low=low, high=high)


def _published(name: str, value: float, unit: str, source: str) -> Figure:
    return Figure(name, value, unit, Kind.PUBLISHED, source)


CORES = 2
"""Of the machine that everything was measured on, and of one worker here."""

STANDS = "Where it stands"
CLIPS_SPEED = _measured(
    "short clips from eight callers, two cores", 25.2, "s of audio a second", STANDS,
    "| 50 clips of test-other, 8 clients over HTTP | 25.2 s of audio a second",
)  # fmt: skip
FILE_SPEED = _measured(
    "one long file, two cores", 25.9, "s of audio a second", STANDS,
    "| one file of 12.5 min | 25.9 s of audio a second",
)  # fmt: skip
STRETCH_S = _measured(
    "length of the stretches that recordings are cut into, at most", 15, "s",
    "What was tried, and what it gave", "| Regions joined up to 15 s in place of 29 s",
)  # fmt: skip
SERVER_BYTES = _measured(
    "a server with whisper-base loaded, idle", 608e6, "bytes", STANDS, "608 MB idle",
)  # fmt: skip
SERVER_PEAK_BYTES = _measured(
    "the same while an hour is transcribed, at most", 1_282e6, "bytes", STANDS, "1282 MB at most",
)  # fmt: skip
BARE_BYTES = _measured(
    "a server without a model", 135.4e6, "bytes", STANDS,
    "| 200 loads and unloads | 135.4 MB before",
)  # fmt: skip
STREAMS = _measured(
    "live streams of unbroken speech on two cores, finals within 2.5 s at p95", 6, "streams",
    "Live", "| >= 4, >= 2.5 times those of 30 s contexts | 6 (1.78 s, later 1.92)",
)  # fmt: skip
STREAMS_LET_IN = _measured(
    "live streams that two cores let in before they refuse", 10, "streams", "Live",
    "10 of 18 callers let in",
)  # fmt: skip
STREAMS_LET_IN_P50_S = _measured(
    "finals of ten streams, p50", 1.56, "s", "Live", "finals 1.56 / 2.94 s"
)
STREAMS_LET_IN_P95_S = _measured(
    "finals of ten streams, p95", 2.94, "s", "Live", "finals 1.56 / 2.94 s"
)
ONE_P50_S = _measured("finals of one stream, p50", 1.03, "s", "Live", "1.03 / 1.69 s")
ONE_P95_S = _measured("finals of one stream, p95", 1.69, "s", "Live", "1.03 / 1.69 s")
STREAMS_P50_S = _loose(
    "finals of six streams, p50", 1.17, "s", "20261121T220458-live-load-whisper-base"
)
STREAMS_P95_S = _measured(
    "finals of six streams, p95, the later run", 1.92, "s", "Live", "6 (1.78 s, later 1.92)"
)
OVERLOAD_P50_S = _loose(
    "finals of eighteen streams let in at once, p50 in their third minute; not used, for a check",
    13.33, "s", "20261121T194049-live-overload-whisper-base",
)  # fmt: skip
STREAM_BYTES = _loose(
    "memory of a live stream, the engine's buffers counted in: (1180 - 897 MB) / 10",
    28.3e6, "bytes", "20261121T194838-live-overload-whisper-base",
)  # fmt: skip
REQUESTS = _measured(
    "requests of one gateway core, without the ledger, 2.6 ms added at the median", 200,
    "requests/s", "Router: what callers notice", "| added at 200 requests a second, p50 / p95",
)  # fmt: skip
REQUESTS_WITH_BOOKS = _measured(
    "the same with keys, limits and a row, 2.4 ms more", 100, "requests/s", "Bookkeeping",
    "| added by key, limits and row at 100 requests a second, p50 / p95, SQLite",
)  # fmt: skip
ROW_S = _measured(
    "a row of the ledger alone, one at a time, SQLite", 1.06e-3, "s", "Bookkeeping", "| | 1.06 ms;"
)
POSTGRES_ADDED_S = _measured(
    "added by key, limits and row at 100 requests a second, PostgreSQL, p50", 2.5e-3, "s",
    "Bookkeeping", "| <= 4 ms at p50 | 2.50 / 4.2 ms |",
)  # fmt: skip
POSTGRES_BUDGET_S = _measured(
    "the same with a budget", 22.5e-3, "s", "Bookkeeping", "22.5 ms PostgreSQL"
)
GATEWAY_STREAM = _measured(
    "core of a gateway for one stream of speech, its model elsewhere", 0.0120, "cores",
    "Growing past one machine", "| 1.20 % of a core",
)  # fmt: skip
GATEWAY_SILENT = _measured(
    "the same while nobody speaks",
    0.0091,
    "cores",
    "Growing past one machine",
    "| 0.91 % of a core",
)
LOAD_S = _measured(
    "from the start of a server until whisper-base can serve",
    4.2,
    "s",
    "Growing past one machine",
    "| 4.2 s",
)

GPU_ALONE = _published(
    "large-v2 on a GPU, one at a time: 13 min in 63 s", 780 / 63, "s of audio a second", README
)
GPU_BATCHED = _published(
    "large-v2 on a GPU, batches of 8: 13 min in 17 s", 780 / 17, "s of audio a second", README
)
GPU_LARGE = _published(
    "large-v3 on an A100: 150 min in 98 s", 9_000 / 98, "s of audio a second",
    "issue 44 of Vaibhavs10/insanely-fast-whisper",
)  # fmt: skip
GPU_BYTES = _published("memory of large-v2 on a GPU, batches of 8", 6_090e6, "bytes", README)

BUSY = _assumed(
    "share of the cores that is planned to be busy", 0.7, "of 1",
    "the share that the scheduler leaves to finals of live streams", 0.5, 0.85,
)  # fmt: skip
NODE_START_S = _assumed(
    "from the wish for a node until it takes a container", 180, "s", "clouds differ", 60, 600
)
NOTICE_S = _assumed(
    "until a lost worker is noticed", 2, "s", "a broken connection is noticed at once, a lost "
    "machine after a time-out", 1, 10,
)  # fmt: skip
OUTAGE_S = _assumed("how long a zone is away", 2_700, "s", "an example", 600, 7_200)
AUDIO_MEDIAN_S = _assumed(
    "length of a recording, median", 30, "s", "as on the days of `bench preferences`", 10, 300
)
AUDIO_SPREAD = _assumed("standard deviation of its logarithm", 1.3, "", "likewise", 0.8, 1.6)
AUDIO_LONGEST_S = _assumed("the longest recording", 1_800, "s", "likewise", 600, 14_400)
WORK_SPREAD = _assumed(
    "standard deviation of the logarithm of the work for a second of audio", 0.3, "",
    "sets of clips differ by a factor of three in speed", 0.1, 0.5,
)  # fmt: skip
DECODED = _assumed(
    "audio that a core of a gateway decodes", 1_000, "s of audio a second",
    "not measured apart: every figure of recordings holds it", 300, 1_500,
)  # fmt: skip
SESSION_MEDIAN_S = _assumed(
    "length of a live session, median", 360, "s", "a telephone call", 60, 1_800
)
SESSION_SPREAD = _assumed("standard deviation of its logarithm", 1.0, "", "likewise", 0.5, 1.5)

FIGURES: Sequence[Figure] = (
    CLIPS_SPEED,
    FILE_SPEED,
    STRETCH_S,
    SERVER_BYTES,
    SERVER_PEAK_BYTES,
    BARE_BYTES,
    STREAMS,
    STREAMS_LET_IN,
    ONE_P50_S,
    ONE_P95_S,
    STREAMS_P50_S,
    STREAMS_P95_S,
    STREAMS_LET_IN_P50_S,
    STREAMS_LET_IN_P95_S,
    OVERLOAD_P50_S,
    STREAM_BYTES,
    REQUESTS,
    REQUESTS_WITH_BOOKS,
    ROW_S,
    POSTGRES_ADDED_S,
    POSTGRES_BUDGET_S,
    GATEWAY_STREAM,
    GATEWAY_SILENT,
    LOAD_S,
    GPU_ALONE,
    GPU_BATCHED,
    GPU_LARGE,
    GPU_BYTES,
    BUSY,
    NODE_START_S,
    NOTICE_S,
    OUTAGE_S,
    AUDIO_MEDIAN_S,
    AUDIO_SPREAD,
    AUDIO_LONGEST_S,
    WORK_SPREAD,
    DECODED,
    SESSION_MEDIAN_S,
    SESSION_SPREAD,
)
