"""Which device a run belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ..rpc.messages import Hello


@dataclass(frozen=True)
class Identity:
    """What tells a device from others; any virtual device is as good as another of its board."""

    board: str
    virtual: bool
    number: str
    """The chip's MAC address in hex; empty if the firmware does not tell it."""

    @classmethod
    def of(cls, hello: Hello) -> Self:
        number = f"{hello.device_id:012x}" if hello.device_id else ""
        return cls(hello.board, hello.virtual_device, number)

    @classmethod
    def from_values(cls, values: object) -> Self:
        """Raises TypeError if `values` is not a table of an identity."""
        if not isinstance(values, dict):
            raise TypeError("identity is not a table")
        made = cls(**values)
        kinds = ((made.board, str), (made.virtual, bool), (made.number, str))
        if not all(isinstance(value, kind) for value, kind in kinds):
            raise TypeError("identity is not that of a device")
        return made

    def is_same_as(self, other: Identity) -> bool:
        """Whether a run of one device goes on on the other."""
        if self.virtual or other.virtual or not (self.number and other.number):
            return (self.virtual, self.board) == (other.virtual, other.board)
        return self.number == other.number

    def is_another_virtual(self, other: Identity) -> bool:
        """Whether both are virtual devices, known to be two."""
        numbers = {self.number, other.number}
        return self.virtual and other.virtual and len(numbers) == 2 and "" not in numbers

    def __str__(self) -> str:
        if self.virtual:
            return f"a virtual device (board {self.board})"
        number = f", number {self.number}" if self.number else ""
        return f"a board ({self.board}{number})"
