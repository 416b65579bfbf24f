"""How much an adapter takes from a provider; the time of a whole call is its caller's to bound."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Caps on what one call may take.

    Attributes:
        connect_timeout_s: until the connection stands, TLS included.
        idle_timeout_s: between two bytes, either way, and until the first one.
        max_answer_bytes: of an answer that is read as a whole.
        max_event_bytes: of one event of a stream, or one message of a socket.
        max_sound_bytes: of sound that is streamed.
        max_connections: to one provider at a time.
    """

    connect_timeout_s: float = 5.0
    idle_timeout_s: float = 600.0
    max_answer_bytes: int = 64 * 1024 * 1024
    max_event_bytes: int = 4 * 1024 * 1024
    max_sound_bytes: int = 1024 * 1024 * 1024
    max_connections: int = 200
