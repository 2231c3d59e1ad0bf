"""Core registers by name or number; floating-point registers as numbers or raw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from onchip.errors import UsageError
from pyOCD.target.connected import Connected
from pyOCD.utility.conversion import float2int, int2float

CORE_REGISTER = {
    **{f"r{n}": n for n in range(13)},
    "sp": 13,
    "r13": 13,
    "lr": 14,
    "r14": 14,
    "pc": 15,
    "r15": 15,
    "xpsr": 16,
    "msp": 17,
    "psp": 18,
    "cfbp": 20,
    "control": -4,
    "faultmask": -3,
    "basepri": -2,
    "primask": -1,
    "fpscr": 33,
    **{f"s{n}": 0x40 + n for n in range(32)},
}
"""The classic number of each register."""

_NAMES = {number: name for name, number in reversed(CORE_REGISTER.items())}
_CFBP = ("control", "faultmask", "basepri", "primask")


class Registers(Connected):
    """The part of a target that has core registers. The core has to be halted."""

    def readCoreRegister(self, id: str | int) -> int | float:
        """Return a register by name or number; s0-s31 as floating-point numbers."""
        name = _name(id)
        raw = self.readCoreRegisterRaw(name)
        return int2float(raw) if _is_float(name) else raw

    def writeCoreRegister(self, id: str | int, data: float) -> None:
        name = _name(id)
        self.writeCoreRegisterRaw(name, float2int(data) if _is_float(name) else int(data))

    def readCoreRegisterRaw(self, reg: str | int) -> int:
        return self.readCoreRegistersRaw([reg])[0]

    def readCoreRegistersRaw(self, reg_list: Sequence[str | int]) -> list[int]:
        """Return several registers, which travel together."""
        names = [_name(reg) for reg in reg_list]
        wanted = dict.fromkeys(part for name in names for part in _parts(name))
        values = self.session.core.read_registers(tuple(wanted))
        return [_join(values[part] for part in _parts(name)) for name in names]

    def writeCoreRegisterRaw(self, reg: str | int, data: int) -> None:
        self.writeCoreRegistersRaw([reg], [data])

    def writeCoreRegistersRaw(
        self, reg_list: Sequence[str | int], data_list: Sequence[int]
    ) -> None:
        """Write several registers, which travel together."""
        if len(reg_list) != len(data_list):
            raise UsageError(f"{len(reg_list)} registers, but {len(data_list)} values")
        values: dict[str, int] = {}
        for reg, data in zip(reg_list, data_list, strict=True):
            parts = _parts(_name(reg))
            if len(parts) == 1:
                values[parts[0]] = data
            else:
                values.update(zip(parts, data.to_bytes(4, "big"), strict=True))
        self.session.core.write_registers(values)


def _name(register: str | int) -> str:
    if isinstance(register, str):
        return register.lower()
    if register not in _NAMES:
        raise UsageError(f"there is no core register number {register}")
    return _NAMES[register]


def _is_float(name: str) -> bool:
    return name[0] == "s" and name[1:].isdecimal()


def _parts(name: str) -> tuple[str, ...]:
    return _CFBP if name == "cfbp" else (name,)


def _join(values: Iterable[int]) -> int:
    joined = 0
    for value in values:
        joined = joined << 8 | value
    return joined
