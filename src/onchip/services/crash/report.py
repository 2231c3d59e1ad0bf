"""Collects a crash report: the fault, where it was, the stack, the registers and what they mean.

The registers shown are those of the code that faulted, not of its handler: the frame that the
exception stacked gives r0-r3, r12, lr, pc and sp, the unwinding of the handler the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from onchip.arch.exceptions import exception_name
from onchip.cortex_m import Core
from onchip.cortex_m.fault import FaultReport
from onchip.rtos import Inspector, Snapshot
from onchip.services.crash.disassembly import DisassembledLine, disassemble_around
from onchip.symbols.dwarf import DebugInfo, InlinedCall, SourceLine
from onchip.symbols.unwind import Backtrace, Frame, ReadMemory, in_blocks, is_exc_return, unwind
from onchip.target.memory_map import MemoryMap, RegionKind

_FAULTS = range(3, 7)
_NAMES = (*[f"r{n}" for n in range(13)], "sp", "lr", "pc")
_READ = (*_NAMES, "xpsr", "msp", "psp")
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Place:
    """An address in the program: ``function`` is ``name+offset``; what is not known is None.

    ``line`` may be that of a function which was put in line there: ``inlined`` has those, innermost
    first.
    """

    address: int
    function: str | None
    line: SourceLine | None
    inlined: tuple[InlinedCall, ...] = ()

    def __str__(self) -> str:
        where = self.function or f"{self.address:#010x}"
        return where if self.line is None else f"{where} at {self.line}"


@dataclass(frozen=True, slots=True)
class ReportFrame:
    """A frame of the backtrace; ``interrupted_by`` names the exception that came upon it."""

    pc: int
    sp: int
    place: Place
    interrupted_by: str | None


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A register with what its value means, if it means anything."""

    name: str
    value: int
    meaning: str = ""
    suspicious: bool = False


@dataclass(frozen=True, slots=True)
class CrashReport:
    """Everything that is known about a crash.

    ``fault`` is None when none is recorded: then the rest tells where the core stands. ``end`` says
    why the backtrace ends, ``complete`` whether that is as it should be.
    """

    chip: str
    core: str
    fault: FaultReport | None
    place: Place
    frames: tuple[ReportFrame, ...]
    end: str
    complete: bool
    registers: tuple[NamedValue, ...]
    suspicions: tuple[str, ...]
    instructions: tuple[DisassembledLine, ...]
    threads: Snapshot | None = None
    """The kernel's threads, where the program has a kernel that runs."""

    def __repr__(self) -> str:
        what = "no fault" if self.fault is None else f"{self.fault.name}: {self.fault.headline}"
        return f"<CrashReport of {self.chip}, {what}>"


def collect(
    core: Core, memory_map: MemoryMap, debug: DebugInfo | None = None, *, chip: str = ""
) -> CrashReport:
    """Look at a halted core.

    Raises:
        CoreStateError: the core runs.
        TransferError: the debug hardware did not answer.
    """
    fault = core.fault()
    now = core.read_registers(_READ)
    read = in_blocks(core.memory.read)
    symbols = _Symbols(debug, memory_map)
    walk = unwind(now, read, debug, is_code=symbols.is_code)
    culprit = _culprit(walk)
    if culprit is None and fault is not None and fault.frame_address is not None:
        walk = _from_frame(fault, now, read, debug, symbols)
        culprit = walk.frames[0]
    shown = culprit or walk.frames[0]
    registers = tuple(symbols.explain(n, shown.registers[n], fault) for n in shown.registers)
    return CrashReport(
        chip=chip or core.name,
        core=core.name,
        fault=fault,
        place=symbols.place(shown.pc),
        frames=tuple(_frame(frame, symbols) for frame in walk.frames),
        end=walk.end,
        complete=walk.complete,
        registers=registers,
        suspicions=tuple(
            f"{r.name} {r.value:#010x}: {r.meaning}" for r in registers if r.suspicious
        ),
        instructions=disassemble_around(shown.pc, read, symbols.start_of(shown.pc)),
        threads=_threads(core, memory_map, debug),
    )


def _threads(core: Core, memory_map: MemoryMap, debug: DebugInfo | None) -> Snapshot | None:
    found = None if debug is None else Inspector(core, memory_map, debug)
    if found is None or found.kernel is None:
        return None
    snapshot = found.snapshot()
    return snapshot if snapshot.started else None


def _culprit(walk: Backtrace) -> Frame | None:
    """Return the frame of the code that faulted, if the walk came past it."""
    return next((frame for frame in walk.frames if frame.exception in _FAULTS), None)


def _from_frame(
    fault: FaultReport,
    now: Mapping[str, int],
    read: ReadMemory,
    debug: DebugInfo | None,
    symbols: _Symbols,
) -> Backtrace:
    """Walk on from the frame that the fault's decoder found, where the handler hides it.

    r4-r11 are then not known: the handler may have saved and changed them.
    """
    known = {name: fault.registers[name] for name in ("r0", "r1", "r2", "r3", "r12", "lr", "pc")}
    known["sp"] = fault.sp or 0
    known["xpsr"] = fault.registers["xpsr"]
    on_process_stack = bool((fault.exc_return or 0) & 4)
    known["psp"] = known["sp"] if on_process_stack else now["psp"]
    walk = unwind(known, read, debug, is_code=symbols.is_code)
    first = walk.frames[0]
    marked = Frame(first.pc, first.sp, first.lookup, first.registers, fault.exception)
    return Backtrace((marked, *walk.frames[1:]), walk.end, walk.complete)


def _frame(frame: Frame, symbols: _Symbols) -> ReportFrame:
    by = None if frame.exception is None else exception_name(frame.exception)
    place = replace(symbols.place(frame.lookup), address=frame.pc)
    return ReportFrame(frame.pc, frame.sp, place, by)


class _Symbols:
    """Names for addresses, from the program and from the chip's memory map."""

    def __init__(self, debug: DebugInfo | None, memory_map: MemoryMap) -> None:
        self._debug = debug
        self._map = memory_map

    def is_code(self, address: int) -> bool:
        region = self._map.find(address)
        if self._debug is not None and self._debug.is_code(address):
            return True
        if self._debug is not None and region is not None and region.kind is RegionKind.FLASH:
            return False  # the program is known, and is not there
        return region is not None and region.kind is not RegionKind.DEVICE

    def place(self, address: int) -> Place:
        if self._debug is None:
            return Place(address, None, None)
        function = self._debug.function_at(address)
        name = self._debug.name_of(address) if function is not None else None
        line, inlined = self._debug.line_at(address), self._debug.inlined_at(address)
        return Place(address, name, line, inlined)

    def start_of(self, address: int) -> int | None:
        function = None if self._debug is None else self._debug.function_at(address)
        return None if function is None else function.start

    def explain(self, name: str, value: int, fault: FaultReport | None) -> NamedValue:
        """Say what a register's value means."""
        symbol = None if self._debug is None else self._debug.name_of(value)
        region = self._map.find(value)
        if name == "sp":
            return self._explain_sp(value, fault)
        if name == "pc":
            bad = not self.is_code(value)
            return NamedValue(name, value, "no code there" if bad else symbol or "", suspicious=bad)
        if fault is not None and fault.address is not None and value == fault.address:
            return NamedValue(name, value, "the fault address", suspicious=True)
        if name == "lr" and is_exc_return(value):
            return NamedValue(name, value, "EXC_RETURN")
        if symbol is not None and not (region is None or region.kind is RegionKind.DEVICE):
            return NamedValue(name, value, symbol)
        if region is not None and value >= _BLOCK:
            return NamedValue(name, value, f"in {region.name}")
        return NamedValue(name, value)

    def _explain_sp(self, value: int, fault: FaultReport | None) -> NamedValue:
        region = self._map.find(value - 4) if value >= 4 else None
        if region is None or region.kind is not RegionKind.RAM:
            return NamedValue(
                "sp", value, "not in RAM: stack overflow, or overwritten?", suspicious=True
            )
        variable = None if self._debug is None else self._debug.variable_at(value)
        if variable is not None:
            is_tasks = fault is not None and bool((fault.exc_return or 0) & 4)
            if is_tasks or "stack" in variable.name.lower():  # that is what it is for
                return NamedValue("sp", value, f"in {variable.name}")
            text = f"in the variable {variable.name}: stack overflow?"
            return NamedValue("sp", value, text, suspicious=True)
        return NamedValue("sp", value, f"in {region.name}")
