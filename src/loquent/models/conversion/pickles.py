"""Reads the pickles of checkpoints as plain values; imports and calls nothing that they name.

A pickle is a program for a stack machine, and may have any function of Python called. Here the few
operations that checkpoints are written in are played on a stack of our own: a name stays a name,
and what is to be called is noted as a call that nobody makes.
Source: the standard library's pickletools, which tells of every operation what it does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from loquent.models.conversion.errors import CheckpointError

MAX_PICKLE_BYTES: Final = 1 << 20
"""Seven times what describes the tensors of CAM++. A byte may cost seventy in memory."""

_MAX_NAME_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True)
class Named:
    """A class or a function that a pickle names."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """What a pickle wants to have called, and with what."""

    function: Named
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What a pickle says of something that lies beside it."""

    description: tuple[Any, ...]


IsHarmless: TypeAlias = Callable[[Named], bool]
"""Tells whether a checkpoint has any business with a name."""

_ORDERED_DICT: Final = Named("collections", "OrderedDict")


def read_pickle(raw: bytes, is_harmless: IsHarmless) -> Any:
    """Return what a pickle describes, in plain values, `Named`, `Call` and `Stored`.

    Ordered dictionaries come as dictionaries; the state that objects are to be given is left out.

    Raises: CheckpointError: if it is broken, names what is not harmless, or does what no
        checkpoint needs to do.
    """
    if len(raw) > MAX_PICKLE_BYTES:
        raise CheckpointError("the description of the tensors is too long")
    machine = _Machine(raw, is_harmless)
    try:
        return machine.result()
    except CheckpointError:
        raise
    except (ValueError, LookupError) as error:
        raise CheckpointError("the description of the tensors is broken") from error


class _Machine:
    """The stack of a pickle, and what it remembers by number."""

    def __init__(self, raw: bytes, is_harmless: IsHarmless) -> None:
        self._raw = raw
        self._place = 0
        self._is_harmless = is_harmless
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memory: dict[int, Any] = {}

    def result(self) -> Any:
        """Play the pickle to its end, and return what is on top of the stack then.

        Raises: CheckpointError, and what Python raises for nonsense.
        """
        while (operation := self.take(1)) != _STOP:
            if operation in _NUMBERS:
                self.push(self.number(_NUMBERS[operation]))
            elif operation in _CONSTANTS:
                self.push(_CONSTANTS[operation]())
            elif operation in _TUPLES:
                self.push(tuple(self.pop_last(_TUPLES[operation])))
            elif operation in _MOVES:
                _MOVES[operation](self)
            else:
                raise CheckpointError(f"the checkpoint does what none needs to do: {operation!r}")
        return self.pop()

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes of the pickle."""
        taken = self._raw[self._place : self._place + n_bytes]
        if len(taken) < n_bytes:
            raise CheckpointError("the description of the tensors is cut off")
        self._place += n_bytes
        return taken

    def number(self, form: str) -> Any:
        """Return the next number of the pickle, in a form of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """Return the next line of the pickle."""
        end = self._raw.index(b"\n", self._place)
        line = self.take(end - self._place).decode()
        self._place += 1
        return line

    def skip_protocol(self) -> None:
        self.take(1)

    def push_text(self) -> None:
        self.push(self.take(self.number("<I")).decode())

    def push_long(self) -> None:
        self.push(int.from_bytes(self.take(self.number("B")), "little", signed=True))

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        return self.pop_last(1)[0]

    def pop_last(self, n_values: int) -> list[Any]:
        """Take values from above the last mark, in the order in which they came."""
        begin = len(self._stack) - n_values
        if begin < (self._marks[-1] if self._marks else 0):
            raise CheckpointError("the description of the tensors takes what is not there")
        values = self._stack[begin:]
        del self._stack[begin:]
        return values

    def mark(self) -> None:
        self._marks.append(len(self._stack))

    def pop_to_mark(self) -> list[Any]:
        values = self.pop_last(len(self._stack) - self._marks[-1])
        self._marks.pop()
        return values

    def push_tuple(self) -> None:
        self.push(tuple(self.pop_to_mark()))

    def remember(self) -> None:
        self._memory[self.number("B")] = self._stack[-1]

    def remember_far(self) -> None:
        self._memory[self.number("<I")] = self._stack[-1]

    def recall(self) -> None:
        self.push(self._memory[self.number("B")])

    def recall_far(self) -> None:
        self.push(self._memory[self.number("<I")])

    def append(self) -> None:
        self._extend([self.pop()])

    def append_all(self) -> None:
        self._extend(self.pop_to_mark())

    def set_item(self) -> None:
        self._update(self.pop_last(2))

    def set_items(self) -> None:
        self._update(self.pop_to_mark())

    def push_name(self) -> None:
        named = Named(self.line(), self.line())
        if not self._is_harmless(named):
            full = f"{named.module}.{named.name}"[:_MAX_NAME_CHARACTERS]
            raise CheckpointError(f"the checkpoint names {full!r}")
        self.push(named)

    def note_call(self) -> None:
        function, arguments = self.pop_last(2)
        if not isinstance(function, Named) or not isinstance(arguments, tuple):
            raise CheckpointError("the checkpoint calls what is no function")
        is_dictionary = function == _ORDERED_DICT and not arguments
        self.push({} if is_dictionary else Call(function, arguments))

    def drop_state(self) -> None:
        self.pop()

    def note_stored(self) -> None:
        description = self.pop()
        if not isinstance(description, tuple):
            raise CheckpointError("the checkpoint refers to something that is no storage")
        self.push(Stored(description))

    def _extend(self, values: list[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise CheckpointError("the description of the tensors appends to what is no list")
        self._stack[-1].extend(values)

    def _update(self, pairs: list[Any]) -> None:
        names, values = pairs[::2], pairs[1::2]
        if not isinstance(self._stack[-1], dict) or len(names) != len(values):
            raise CheckpointError("the description of the tensors fills what is no dictionary")
        # Others could be nested so deep that hashing them ends the process.
        if not all(isinstance(name, str | int) for name in names):
            raise CheckpointError("the description of the tensors holds a name that is no text")
        self._stack[-1].update(zip(names, values, strict=True))


_STOP: Final = b"."
_NUMBERS: Final[Mapping[bytes, str]] = {b"J": "<i", b"K": "B", b"M": "<H", b"G": ">d"}
_CONSTANTS: Final[Mapping[bytes, Callable[[], Any]]] = {
    b"N": type(None),
    b"\x88": lambda: True,
    b"\x89": bool,
    b")": tuple,
    b"]": list,
    b"}": dict,
}
_TUPLES: Final[Mapping[bytes, int]] = {b"\x85": 1, b"\x86": 2, b"\x87": 3}
_MOVES: Final[Mapping[bytes, Callable[[_Machine], None]]] = {
    b"\x80": _Machine.skip_protocol,
    b"X": _Machine.push_text,
    b"\x8a": _Machine.push_long,
    b"(": _Machine.mark,
    b"t": _Machine.push_tuple,
    b"q": _Machine.remember,
    b"r": _Machine.remember_far,
    b"h": _Machine.recall,
    b"j": _Machine.recall_far,
    b"a": _Machine.append,
    b"e": _Machine.append_all,
    b"s": _Machine.set_item,
    b"u": _Machine.set_items,
    b"c": _Machine.push_name,
    b"R": _Machine.note_call,
    b"\x81": _Machine.note_call,
    b"b": _Machine.drop_state,
    b"Q": _Machine.note_stored,
}
"""Operations by their codes; `struct`'s forms are those of the numbers behind them."""
