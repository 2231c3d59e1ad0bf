"""A register value: an immutable ``int`` whose fields are spelled ``[high:low]`` as in the manual.

Reading a register never fails and never loses a reserved bit; only building one checks its fields.
"""

from __future__ import annotations

from typing import ClassVar, Generic, Self, TypeVar, overload

T = TypeVar("T", int, bool)


class Field(Generic[T]):
    """Bits ``high`` down to ``low`` of a register."""

    __slots__ = ("kind", "low", "mask", "width")

    def __init__(self, high: int, low: int, kind: type[T]) -> None:
        self.kind: type[T] = kind
        self.low = low
        self.width = high - low + 1
        self.mask = ((1 << self.width) - 1) << low

    @overload
    def __get__(self, register: None, owner: type[Register]) -> Self: ...
    @overload
    def __get__(self, register: Register, owner: type[Register]) -> T: ...
    def __get__(self, register: Register | None, owner: type[Register]) -> Self | T:
        if register is None:
            return self
        return self.kind((int(register) & self.mask) >> self.low)


def bits(high: int, low: int) -> Field[int]:
    """Declare the field ``[high:low]``."""
    return Field(high, low, int)


def bit(position: int) -> Field[bool]:
    """Declare the one-bit field ``[position]``."""
    return Field(position, position, bool)


class Register(int):
    """A 32-bit register value.

    Subclasses give ``address`` (the offset within its block, or the absolute address in the
    System Control Space) and their fields. Reserved bits are kept; no value is rejected when read.
    """

    address: ClassVar[int]
    fields: ClassVar[dict[str, Field[int] | Field[bool]]]

    def __init_subclass__(cls, *, address: int) -> None:
        cls.address = address
        cls.fields = {name: f for name, f in vars(cls).items() if isinstance(f, Field)}
        used = 0
        for name, f in cls.fields.items():
            if f.width < 1 or f.mask > 0xFFFF_FFFF or used & f.mask:
                raise TypeError(f"{cls.__name__}.{name}: bad or overlapping bit range")
            used |= f.mask

    @classmethod
    def build(cls, **fields: int) -> Self:
        """Return the value with ``fields`` set and every other bit 0.

        Raises:
            ValueError: a value does not fit its field, or no field has that name.
        """
        return cls(0).replace(**fields)

    def replace(self, **fields: int) -> Self:
        """Return a copy with ``fields`` changed and every other bit kept.

        Raises:
            ValueError: a value does not fit its field, or no field has that name.
        """
        value = int(self)
        for name, new in fields.items():
            f = self.fields.get(name)
            if f is None:
                raise ValueError(f"{type(self).__name__} has no field {name}")
            if not 0 <= new < 1 << f.width:
                raise ValueError(f"{type(self).__name__}.{name}={new:#x} needs <= {f.width} bits")
            value = value & ~f.mask | new << f.low
        return type(self)(value)

    def __repr__(self) -> str:
        shown = "".join(
            f" {name}" if f.width == 1 else f" {name}={(self & f.mask) >> f.low:#x}"
            for name, f in self.fields.items()
            if self & f.mask
        )
        return f"{type(self).__name__}({int(self):#010x}:{shown or ' no field set'})"
