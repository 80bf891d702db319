"""What the generated messages are written in terms of: single fields, checked both ways.

The functions check a field on its way out and raise InvalidValue; the methods of FieldReader
check one on its way in and raise ProtocolError.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import ClassVar, Generic, TypeVar

from ..errors import InvalidValue, ProtocolError

ResultT_co = TypeVar("ResultT_co", covariant=True)
RecordT = TypeVar("RecordT")
EnumT = TypeVar("EnumT", bound=IntEnum)

U32_MAX = 0xFFFFFFFF


class Request(ABC, Generic[ResultT_co]):
    """The params of one method, and the type of its result."""

    __slots__ = ()

    METHOD: ClassVar[str]

    @abstractmethod
    def to_wire(self) -> list[object]:
        """The params as they go into a body; raises InvalidValue."""

    @abstractmethod
    def decode_result(self, value: object) -> ResultT_co:
        """The result that came back; raises ProtocolError."""


def integer(name: str, value: int, minimum: int, maximum: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValue(f"{name} must be an integer, not {value!r}.")
    if not minimum <= value <= maximum:
        raise InvalidValue(f"{name} is {value}; it must be from {minimum} to {maximum}.")
    return int(value)


def enum(name: str, value: IntEnum) -> int:
    if not isinstance(value, IntEnum):
        raise InvalidValue(f"{name} is {value!r}, which has no meaning.")
    return value.value


def boolean(name: str, value: bool) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(f"{name} must be True or False, not {value!r}.")
    return value


def f32(
    name: str, value: float, minimum: float | None = None, maximum: float | None = None
) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidValue(f"{name} must be a number, not {value!r}.")
    rounded = round_to_f32(value)
    if not _inside(rounded, minimum, maximum):
        raise InvalidValue(f"{name} is {value}; it must be from {minimum} to {maximum}.")
    return rounded


def string(name: str, value: str, max_bytes: int) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"{name} must be text, not {value!r}.")
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidValue(f"{name} contains half of a surrogate pair.") from None
    _check_size(name, size_bytes, max_bytes, "bytes")
    return value


def binary(name: str, value: bytes, max_bytes: int) -> bytes:
    if not isinstance(value, bytes):
        raise InvalidValue(f"{name} must be bytes, not {type(value).__name__}.")
    _check_size(name, len(value), max_bytes, "bytes")
    return value


def integers(name: str, values: Sequence[int], max_items: int) -> list[int]:
    _check_size(name, len(values), max_items, "items")
    return [integer(name, value, 0, U32_MAX) for value in values]


def binaries(name: str, values: Sequence[bytes], max_items: int, max_bytes: int) -> list[bytes]:
    _check_size(name, len(values), max_items, "items")
    return [binary(name, value, max_bytes) for value in values]


def round_to_f32(value: float) -> float:
    """The nearest float32; infinite where the value is beyond its range."""
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return rounded


def _inside(value: float, minimum: float | None, maximum: float | None) -> bool:
    # The bounds are rounded as well: what a device may send as its largest float32 must pass.
    return (minimum is None or round_to_f32(minimum) <= value) and (
        maximum is None or value <= round_to_f32(maximum)
    )


def _check_size(name: str, size: int, maximum: int, unit: str) -> None:
    if size > maximum:
        raise InvalidValue(f"{name} has {size} {unit}; at most {maximum} are possible.")


class FieldReader:
    """Takes the fields of `message` from a positional array, one after another.

    Fields that a newer peer has appended are left; one that an older peer did not send has its
    default, if it has one.
    """

    __slots__ = ("_fields", "_message", "_next")

    def __init__(self, message: str, value: object) -> None:
        self._message = message
        self._next = 0
        if not isinstance(value, list | tuple):
            raise ProtocolError(f"The device sent {message} as {type(value).__name__}.")
        self._fields: Sequence[object] = value

    def integer(self, name: str, minimum: int, maximum: int, *, default: int | None = None) -> int:
        if default is not None and self._ended():
            return default
        return self._integer(name, self._take(name), minimum, maximum)

    def enum(self, name: str, kind: type[EnumT], *, default: EnumT | None = None) -> EnumT:
        if default is not None and self._ended():
            return default
        value = self._integer(name, self._take(name), 0, 0xFF)
        try:
            return kind(value)
        except ValueError:
            raise self._wrong(name, f"{value}, which has no meaning") from None

    def boolean(self, name: str, *, default: bool | None = None) -> bool:
        if default is not None and self._ended():
            return default
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._wrong(name, f"{type(value).__name__} in place of bool")
        return value

    def f32(
        self,
        name: str,
        minimum: float | None = None,
        maximum: float | None = None,
        *,
        default: float | None = None,
    ) -> float:
        if default is not None and self._ended():
            return default
        value = self._take(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(name, f"{type(value).__name__} in place of a number")
        rounded = round_to_f32(value)
        if not _inside(rounded, minimum, maximum):
            raise self._wrong(name, f"{value}, outside {minimum} to {maximum}")
        return rounded

    def string(self, name: str, max_bytes: int, *, default: str | None = None) -> str:
        if default is not None and self._ended():
            return default
        value = self._take(name)
        if not isinstance(value, str):
            raise self._wrong(name, f"{type(value).__name__} in place of text")
        # Text that is not UTF-8 has been decoded with surrogates; they count as the bytes they are.
        size_bytes = len(value.encode(errors="surrogateescape"))
        self._check_size(name, size_bytes, max_bytes, "bytes")
        return value

    def binary(self, name: str, max_bytes: int) -> bytes:
        return self._binary(name, self._take(name), max_bytes)

    def integers(self, name: str, max_items: int) -> tuple[int, ...]:
        items = self._items(name, max_items)
        return tuple(self._integer(name, item, 0, U32_MAX) for item in items)

    def binaries(self, name: str, max_items: int, max_bytes: int) -> tuple[bytes, ...]:
        items = self._items(name, max_items)
        return tuple(self._binary(name, item, max_bytes) for item in items)

    def record(self, name: str, from_wire: Callable[[object], RecordT]) -> RecordT:
        return from_wire(self._take(name))

    def _ended(self) -> bool:
        return self._next >= len(self._fields)

    def _take(self, name: str) -> object:
        if self._ended():
            raise ProtocolError(f"The device sent {self._message} without {name}.")
        value = self._fields[self._next]
        self._next += 1
        return value

    def _items(self, name: str, max_items: int) -> Sequence[object]:
        value = self._take(name)
        if not isinstance(value, list | tuple):
            raise self._wrong(name, f"{type(value).__name__} in place of an array")
        self._check_size(name, len(value), max_items, "items")
        return value

    def _integer(self, name: str, value: object, minimum: int, maximum: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(name, f"{type(value).__name__} in place of an integer")
        if not minimum <= value <= maximum:
            raise self._wrong(name, f"{value}, outside {minimum} to {maximum}")
        return value

    def _binary(self, name: str, value: object, max_bytes: int) -> bytes:
        if not isinstance(value, bytes):
            raise self._wrong(name, f"{type(value).__name__} in place of bytes")
        self._check_size(name, len(value), max_bytes, "bytes")
        return value

    def _check_size(self, name: str, size: int, maximum: int, unit: str) -> None:
        if size > maximum:
            raise self._wrong(name, f"{size} {unit}, more than {maximum}")

    def _wrong(self, name: str, what: str) -> ProtocolError:
        return ProtocolError(f"The device sent {self._message}.{name} as {what}.")
