"""The registers as GDB sees them: numbers, widths, the order in ``g``.

The numbers are ours to choose, since the target description says them. ``g`` answers what
a stop needs, the general registers and both stack pointers; GDB asks for the others with ``p`` when
it wants them, so that a step does not have to fetch an FPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onchip.errors import UsageError

GENERAL: tuple[str, ...] = (*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr")
"""The general registers of the core by name, in the order of their numbers."""

EXPEDITED: tuple[str, ...] = (*GENERAL, "msp", "psp")
"""Told with every stop, and in the order of ``g``; GDB's unwinder wants both stack pointers."""


@dataclass(frozen=True, slots=True)
class RegisterSpec:
    """One register: its number for GDB, its name for the core, ``bits`` 32 or 64."""

    number: int
    name: str
    bits: int
    type: str
    feature: str
    group: str | None = None

    @property
    def unavailable(self) -> bytes:
        """Return what ``g`` and ``p`` answer in its place when it is not known."""
        return b"x" * (self.bits // 4)

    def encode(self, value: int) -> bytes:
        """Return ``value`` in target byte order."""
        return (value & ((1 << self.bits) - 1)).to_bytes(self.bits // 8, "little")


class RegisterLayout:
    """All registers of one core, in the order of their numbers."""

    def __init__(self, *, has_fpu: bool, mainline: bool) -> None:
        self.specs = tuple(_specs(has_fpu=has_fpu, mainline=mainline))
        self.by_name: Mapping[str, RegisterSpec] = {spec.name: spec for spec in self.specs}

    def find(self, number: int) -> RegisterSpec:
        """Return the register that GDB calls ``number``.

        Raises:
            UsageError: there is none.
        """
        if number >= len(self.specs):
            raise UsageError(f"this core has no register number {number}")
        return self.specs[number]

    def encode_general(self, values: Mapping[str, int]) -> bytes:
        """Return the seventeen general registers in the order of ``g``."""
        return b"".join(self.by_name[name].encode(values[name]) for name in GENERAL)

    def decode(self, data: bytes) -> dict[str, int]:
        """Return the registers that a ``G`` holds; it may stop after any register.

        Raises:
            UsageError: the data ends within a register or goes past the last one.
        """
        values: dict[str, int] = {}
        offset = 0
        for spec in self.specs:
            if offset == len(data):
                return values
            part = data[offset : offset + spec.bits // 8]
            if len(part) < spec.bits // 8:
                raise UsageError(f"{len(data)} bytes of registers end within {spec.name}")
            values[spec.name] = int.from_bytes(part, "little")
            offset += len(part)
        if offset != len(data):
            raise UsageError(f"{len(data)} bytes are more than this core's registers")
        return values


M_PROFILE = "org.gnu.gdb.arm.m-profile"
M_SYSTEM = "org.gnu.gdb.arm.m-system"
VFP = "org.gnu.gdb.arm.vfp"


def _specs(*, has_fpu: bool, mainline: bool) -> Iterable[RegisterSpec]:
    types = {"sp": "data_ptr", "pc": "code_ptr"}
    rows: list[tuple[str, int, str, str, str | None]] = [
        (name, 32, types.get(name, "int"), M_PROFILE, "general") for name in GENERAL
    ]
    rows += [(name, 32, "data_ptr", M_SYSTEM, "system") for name in ("msp", "psp")]
    specials = ("primask", "basepri", "faultmask") if mainline else ("primask",)
    rows += [(name, 32, "int", M_SYSTEM, "system") for name in (*specials, "control")]
    if has_fpu:
        rows += [(f"d{n}", 64, "ieee_double", VFP, "float") for n in range(16)]
        rows += [("fpscr", 32, "int", VFP, "float")]
    for number, (name, bits, kind, feature, group) in enumerate(rows):
        yield RegisterSpec(number, name, bits, kind, feature, group)
