"""The target of a board, under the classic camelCase names."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from onchip.errors import BreakpointError, UsageError, WatchpointError
from onchip.session import BreakpointKind

if TYPE_CHECKING:
    from onchip.session import Session
    from pyOCD.board.board import Board

# The classic numbers of registers that have no number in a stack frame.
_NUMBERED = {
    **{n: f"r{n}" for n in range(13)},
    13: "sp",
    14: "lr",
    15: "pc",
    16: "xpsr",
    17: "msp",
    18: "psp",
    33: "fpscr",
    -4: "control",
    -3: "faultmask",
    -2: "basepri",
    -1: "primask",
    **{0x40 + n: f"s{n}" for n in range(32)},
}
_CFBP = ("control", "faultmask", "basepri", "primask")


class Target:
    """Everything is handed to ``board.session``; addresses and values are plain integers."""

    TARGET_RUNNING = 1
    TARGET_HALTED = 2
    TARGET_RESET = 3
    TARGET_SLEEPING = 4
    TARGET_LOCKUP = 5

    BREAKPOINT_HW = 1
    BREAKPOINT_SW = 2
    BREAKPOINT_AUTO = 3

    WATCHPOINT_READ = 1
    WATCHPOINT_WRITE = 2
    WATCHPOINT_READ_WRITE = 3

    _STATES = {
        "running": TARGET_RUNNING,
        "halted": TARGET_HALTED,
        "held in reset": TARGET_RESET,
        "sleeping": TARGET_SLEEPING,
        "locked up": TARGET_LOCKUP,
    }
    _ACCESS = {
        WATCHPOINT_READ: "read",
        WATCHPOINT_WRITE: "write",
        WATCHPOINT_READ_WRITE: "access",
    }
    _KINDS = {BREAKPOINT_HW: "hardware", BREAKPOINT_SW: "software", BREAKPOINT_AUTO: "auto"}

    def __init__(self, board: Board) -> None:
        self.board = board
        self.halt_on_connect = True
        self.auto_unlock = False

    @property
    def _session(self) -> Session:
        return self.board.session

    # ---- run control

    def init(self) -> None:
        self.board.init()

    def disconnect(self, resume: bool = True) -> None:
        self.board.uninit(resume)

    def halt(self) -> None:
        self._session.core.halt()

    def resume(self) -> None:
        self._session.core.resume()

    def step(self, disable_interrupts: bool = True) -> None:
        self._session.core.step(interrupts=not disable_interrupts)

    def reset(self, software_reset: bool | None = None) -> None:
        """Reset and run; through nRESET where ``software_reset`` is false."""
        self._session.reset("hardware" if software_reset is False else "system")

    def resetStopOnReset(self, software_reset: bool | None = None) -> None:
        self._session.reset("hardware" if software_reset is False else "system", halt=True)

    def setTargetState(self, state: str) -> None:
        if state == "PROGRAM":
            self.resetStopOnReset()

    def getState(self) -> int:
        return self._STATES[self._session.core.state().value]

    def isRunning(self) -> bool:
        return self.getState() == self.TARGET_RUNNING

    def isHalted(self) -> bool:
        return self.getState() == self.TARGET_HALTED

    def setHaltOnConnect(self, halt: bool) -> None:
        self.halt_on_connect = halt

    def setAutoUnlock(self, doAutoUnlock: bool) -> None:
        """Remember it; nothing is ever unlocked, that is erased, unasked."""
        self.auto_unlock = doAutoUnlock

    def isLocked(self) -> bool:
        """Return False: a locked chip is refused when connecting."""
        return False

    def flush(self) -> None:
        """Do nothing: no call returns before it is done."""

    def readIDCode(self) -> int:
        return int(self._session.dp.idr)

    @property
    def part_number(self) -> str:
        chip = self._session.chip
        return "" if chip is None else chip.part

    @property
    def has_fpu(self) -> bool:
        return self._session.core.has_fpu

    # ---- registers

    def readCoreRegister(self, id: str | int) -> int | float:
        """Return a register by name or number; s0-s31 as floating-point numbers."""
        name = _name(id)
        raw = self.readCoreRegisterRaw(name)
        return struct.unpack("<f", struct.pack("<I", raw))[0] if _is_float(name) else raw

    def writeCoreRegister(self, id: str | int, data: float) -> None:
        name = _name(id)
        if _is_float(name):
            data = struct.unpack("<I", struct.pack("<f", data))[0]
        self.writeCoreRegisterRaw(name, int(data))

    def readCoreRegisterRaw(self, reg: str | int) -> int:
        return self.readCoreRegistersRaw([reg])[0]

    def readCoreRegistersRaw(self, reg_list: Sequence[str | int]) -> list[int]:
        names = [_name(reg) for reg in reg_list]
        wanted = dict.fromkeys(part for name in names for part in _parts(name))
        values = self._session.core.read_registers(tuple(wanted))
        return [_join(values[part] for part in _parts(name)) for name in names]

    def writeCoreRegisterRaw(self, reg: str | int, data: int) -> None:
        self.writeCoreRegistersRaw([reg], [data])

    def writeCoreRegistersRaw(
        self, reg_list: Sequence[str | int], data_list: Sequence[int]
    ) -> None:
        values: dict[str, int] = {}
        for reg, data in zip(reg_list, data_list, strict=True):
            parts = _parts(_name(reg))
            if len(parts) == 1:
                values[parts[0]] = data
            else:
                values.update(zip(parts, data.to_bytes(4, "big"), strict=True))
        self._session.core.write_registers(values)

    # ---- memory

    def readMemory(
        self, addr: int, transfer_size: int = 32, now: bool = True
    ) -> int | Callable[[], int]:
        """Return a value of 8, 16 or 32 bits, or with ``now`` false a function that does."""
        value = int.from_bytes(self._session.memory.read(addr, transfer_size // 8), "little")
        return value if now else lambda: value

    def writeMemory(self, addr: int, value: int, transfer_size: int = 32) -> None:
        self._session.memory.write(addr, value.to_bytes(transfer_size // 8, "little"))

    def read32(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        return self.readMemory(addr, 32, now)

    def read16(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        return self.readMemory(addr, 16, now)

    def read8(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        return self.readMemory(addr, 8, now)

    def write32(self, addr: int, value: int) -> None:
        self.writeMemory(addr, value, 32)

    def write16(self, addr: int, value: int) -> None:
        self.writeMemory(addr, value, 16)

    def write8(self, addr: int, value: int) -> None:
        self.writeMemory(addr, value, 8)

    def readBlockMemoryUnaligned8(self, addr: int, size: int) -> list[int]:
        return list(self._session.memory.read(addr, size))

    def readBlockMemoryAligned32(self, addr: int, size: int) -> list[int]:
        return list(struct.unpack(f"<{size}I", self._session.memory.read(addr, 4 * size)))

    def writeBlockMemoryUnaligned8(self, addr: int, data: Sequence[int]) -> None:
        self._session.memory.write(addr, bytes(data))

    def writeBlockMemoryAligned32(self, addr: int, data: Sequence[int]) -> None:
        self._session.memory.write(addr, struct.pack(f"<{len(data)}I", *data))

    # ---- breakpoints and watchpoints

    def setBreakpoint(self, addr: int, type: int = BREAKPOINT_AUTO) -> bool:
        """Set a breakpoint and return whether that was possible."""
        breakpoints = self._session.core.breakpoints
        try:
            breakpoints.set(addr, BreakpointKind(self._KINDS[type]))
        except BreakpointError:
            return False
        return True

    def findBreakpoint(self, addr: int) -> object:
        return self._session.core.breakpoints.find(addr)

    def getBreakpointType(self, addr: int) -> int | None:
        breakpoint = self._session.core.breakpoints.find(addr)
        if breakpoint is None:
            return None
        return self.BREAKPOINT_SW if breakpoint.kind.value == "software" else self.BREAKPOINT_HW

    def removeBreakpoint(self, addr: int) -> None:
        if self._session.core.breakpoints.find(addr) is not None:
            self._session.core.breakpoints.remove(addr)

    def availableBreakpoint(self) -> int:
        return self._session.core.breakpoints.available

    def setWatchpoint(self, addr: int, size: int, type: int) -> bool:
        """Set a watchpoint and return whether that was possible."""
        try:
            self._session.core.watchpoints.set(addr, size, self._ACCESS[type])
        except WatchpointError:
            return False
        return True

    def removeWatchpoint(self, addr: int, size: int, type: int) -> None:
        self._session.core.watchpoints.remove(addr, size, self._ACCESS[type])

    def setVectorCatchFault(self, enable: bool) -> None:
        self._catch("hardfault", enable)

    def getVectorCatchFault(self) -> bool:
        return "hardfault" in self._session.core.vector_catch

    def setVectorCatchReset(self, enable: bool) -> None:
        self._catch("reset", enable)

    def getVectorCatchReset(self) -> bool:
        return "reset" in self._session.core.vector_catch

    def _catch(self, name: str, enable: bool) -> None:
        caught = self._session.core.vector_catch
        self._session.core.vector_catch = caught | {name} if enable else caught - {name}

    # ---- the chip

    def getMemoryMap(self) -> object:
        """Return the chip's `MemoryMap`."""
        return self._session.memory_map

    memory_map = property(getMemoryMap)


def _name(register: str | int) -> str:
    if isinstance(register, str):
        return register.lower()
    if register == 20:
        return "cfbp"
    if register not in _NUMBERED:
        raise UsageError(f"there is no core register number {register}")
    return _NUMBERED[register]


def _is_float(name: str) -> bool:
    return name[0] == "s" and name[1:].isdecimal()


def _parts(name: str) -> tuple[str, ...]:
    return _CFBP if name == "cfbp" else (name,)


def _join(values: Iterable[int]) -> int:
    joined = 0
    for value in values:
        joined = joined << 8 | value
    return joined
