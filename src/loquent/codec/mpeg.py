"""Finds chains of MPEG audio frame headers (mp2, mp3, ADTS); never looks at what they frame."""

from __future__ import annotations

from collections.abc import Callable

_N_FRAMES_FOR_PROOF = 3
"""Headers in a row that no other data shows by chance; one in 2^11 offsets shows a lone sync."""

# Source of both tables: ISO/IEC 11172-3, 2.4.2.3, and 13818-3, 2.4.2.3; kbit/s by bitrate index.
_KBITS: dict[tuple[bool, int], tuple[int, ...]] = {
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = {0: (11_025, 12_000, 8_000), 2: (22_050, 24_000, 16_000), 3: (44_100, 48_000, 32_000)}
_LAYERS = {1: 3, 2: 2}
_HEADER_BYTES = 7


def mpeg_frame_bytes(header: bytes) -> int:
    """Return the length of the layer II or III frame that `header` begins, 0 where it begins none.

    Free-format frames, whose length no header tells, count as none.
    """
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] < 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, _LAYERS.get(header[1] >> 1 & 3)
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version not in _RATES_HZ or layer is None or bitrate in {0, 15} or rate == 3:
        return 0
    is_mpeg1 = version == 3
    bits = 1000 * _KBITS[is_mpeg1, layer][bitrate - 1]
    n_samples = 576 if layer == 3 and not is_mpeg1 else 1152
    return n_samples // 8 * bits // _RATES_HZ[version][rate] + padding


def adts_frame_bytes(header: bytes) -> int:
    """Return the length of the ADTS frame that `header` begins, 0 where it begins none.

    Source: ISO/IEC 14496-3, 1.A.3.2.
    """
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    if header[2] >> 2 & 15 > 12:
        return 0
    n_bytes = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return n_bytes if n_bytes > _HEADER_BYTES else 0


def has_adts_start(head: bytes) -> bool:
    """Tell whether `head` begins with ADTS frames."""
    return _has_chain(head, 0, adts_frame_bytes, accept_cut=True)


def has_mpeg_start(head: bytes) -> bool:
    """Tell whether `head` holds mp2 or mp3 frames, from its first byte or after other bytes."""
    if _has_chain(head, 0, mpeg_frame_bytes, accept_cut=True):
        return True
    at = head.find(b"\xff", 1)
    while at >= 0:
        if _has_chain(head, at, mpeg_frame_bytes, accept_cut=False):
            return True
        at = head.find(b"\xff", at + 1)
    return False


def _has_chain(
    head: bytes, start: int, frame_bytes: Callable[[bytes], int], *, accept_cut: bool
) -> bool:
    """Tell whether frames follow each other from `start`.

    `accept_cut` also takes fewer frames where `head` ends within or right after one of them.
    """
    at = start
    for n_found in range(_N_FRAMES_FOR_PROOF):
        n_bytes = frame_bytes(head[at : at + _HEADER_BYTES])
        if not n_bytes:
            return accept_cut and n_found > 0 and len(head) - at < _HEADER_BYTES
        at += n_bytes
    return True
