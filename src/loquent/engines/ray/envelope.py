"""Frames what a gateway and its bridge tell each other; runs no code that either supplies.

A frame is a prefix of kind and lengths, a header in JSON and a body of bytes. The bodies of calls
and answers are frames of the engines' own protocol, which a bridge hands on unread.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from loquent.engines.host import protocol
from loquent.engines.host.messages import CONFIG
from loquent.engines.host.protocol import ProtocolError
from loquent.engines.ray.plans import ModelPlan
from loquent.engines.ray.statuses import CopyStatus

MAX_HEADER_BYTES: Final = 1 << 20
MAX_BODY_BYTES: Final = (
    protocol.PREFIX_BYTES + protocol.MAX_HEADER_BYTES + protocol.MAX_SAMPLES_BYTES
)
MAX_MESSAGE_CHARACTERS: Final = 2_000

_PREFIX = struct.Struct("!cII")
PREFIX_BYTES: Final = _PREFIX.size

Number: TypeAlias = Annotated[int, Field(ge=0)]
Text: TypeAlias = Annotated[str, Field(max_length=MAX_MESSAGE_CHARACTERS)]


@dataclass(frozen=True, slots=True)
class Connect:
    """To the bridge, once, before all else: which cluster to speak to.

    Attributes:
        address: host and port of its control store.
        node: module and name of the function that tells a node of the cluster about itself.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    address: str
    node: str


@dataclass(frozen=True, slots=True)
class Deploy:
    """To the bridge: have the cluster run a model, which it may do already."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Number
    plan: ModelPlan


@dataclass(frozen=True, slots=True)
class Call:
    """To the bridge: the body is an order for a copy of a model.

    Attributes:
        due_in_s: from now; no clock is the same on two machines.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Number
    app: str
    due_in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the bridge: nobody waits for that call or deployment any more."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Number


@dataclass(frozen=True, slots=True)
class Hold:
    """To the bridge: the names of all models that the gateway wants to stay."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    apps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """From the bridge, once: the cluster has let it in."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    n_nodes: Number


@dataclass(frozen=True, slots=True)
class Deployed:
    """From the bridge: a copy of the model can be called."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Number
    status: CopyStatus


@dataclass(frozen=True, slots=True)
class Done:
    """From the bridge: the body is what a copy answered."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Number


@dataclass(frozen=True, slots=True)
class Failed:
    """From the bridge: a call or a deployment failed, or the bridge itself where `id` is None.

    Attributes:
        code: of the error that the gateway raises.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Number | None
    code: str
    message: Text


@dataclass(frozen=True, slots=True)
class Board:
    """From the bridge, again and again: what the copies of the models held are doing."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    copies: Mapping[str, tuple[CopyStatus, ...]]


Order: TypeAlias = Connect | Deploy | Call | Cancel | Hold
Answer: TypeAlias = Connected | Deployed | Done | Failed | Board
Message: TypeAlias = Order | Answer

_KINDS: Final[Mapping[bytes, type[Message]]] = {
    b"C": Connect,
    b"D": Deploy,
    b"Q": Call,
    b"X": Cancel,
    b"H": Hold,
    b"c": Connected,
    b"d": Deployed,
    b"a": Done,
    b"f": Failed,
    b"b": Board,
}
_LETTERS: Final = {kind: letter for letter, kind in _KINDS.items()}
_HEADERS: Final[Mapping[type[Message], TypeAdapter[Any]]] = {
    kind: TypeAdapter(kind) for kind in _LETTERS
}
_HAVE_BODIES: Final = frozenset({Call, Done})


class Prefix(NamedTuple):
    """What follows in a frame."""

    kind: type[Message]
    n_header_bytes: int
    n_body_bytes: int


def encode(message: Message, body: bytes = b"") -> bytes:
    """Return the frame of `message`.

    Raises: ProtocolError: if it is too large.
    """
    kind = type(message)
    header = _HEADERS[kind].dump_json(message)
    _check_sizes(kind, len(header), len(body))
    return _PREFIX.pack(_LETTERS[kind], len(header), len(body)) + header + body


def parse_prefix(raw: bytes) -> Prefix:
    """Return kind and lengths of the frame that begins with `raw`.

    Raises: ProtocolError: at an unknown kind, or a length beyond the limits.
    """
    letter, n_header_bytes, n_body_bytes = _PREFIX.unpack(raw)
    kind = _KINDS.get(letter)
    if kind is None:
        raise ProtocolError(f"unknown message {letter!r}")
    _check_sizes(kind, n_header_bytes, n_body_bytes)
    return Prefix(kind, n_header_bytes, n_body_bytes)


def parse(kind: type[Message], header: bytes) -> Message:
    """Return the message in a frame.

    Raises: ProtocolError.
    """
    try:
        message: Message = _HEADERS[kind].validate_json(header)
    except ValidationError as error:
        complaint = error.errors(include_url=False, include_input=False)[0]
        raise ProtocolError(f"{kind.__name__}: {complaint['loc']}: {complaint['msg']}") from error
    return message


def _check_sizes(kind: type[Message], n_header_bytes: int, n_body_bytes: int) -> None:
    most = MAX_BODY_BYTES if kind in _HAVE_BODIES else 0
    if n_header_bytes > MAX_HEADER_BYTES or n_body_bytes > most:
        raise ProtocolError(f"{kind.__name__} of {n_header_bytes} + {n_body_bytes} bytes")
