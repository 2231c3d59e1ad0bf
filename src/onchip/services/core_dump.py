"""Takes a core dump: RAM, registers and fault status of a halted core, in a file that GDB opens.

Where the core stands in a fault, the first thread is the code that faulted, with its registers, and
the second its handler, where the core really stands. GDB could not always get from the one to the
other by itself: it has no process stack pointer in a core file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from onchip.arch.exceptions import exception_name
from onchip.arch.scs import CPUID, FPCCR, NVIC_ISER, SYST_CSR
from onchip.cortex_m import Core
from onchip.errors import TransferError
from onchip.services.crash import CrashReport, collect
from onchip.services.gdb.documents.target_xml import target_xml
from onchip.services.gdb.registers import M_SYSTEM, RegisterLayout
from onchip.symbols.core_file import CoreThread, encode_core
from onchip.symbols.dwarf import DebugInfo
from onchip.target.memory_map import MemoryMap, RegionKind

_SYSTEM = ((SYST_CSR, 0x10), (NVIC_ISER, 0x20), (CPUID.address, 0x90), (FPCCR.address, 0x0C))
"""SysTick, enabled interrupts, the system control block with the fault status, lazy stacking."""

_SIGNALS = {"BusFault": 7, "UsageFault": 4}
_SIGSEGV, _SIGTRAP = 11, 5


@dataclass(frozen=True, slots=True)
class CoreDump:
    """A dump: the file's bytes, what of memory is in it, and the regions that could not be read."""

    data: bytes
    memory_bytes: int
    missing: tuple[str, ...]
    crash: CrashReport
    threads: tuple[str, ...] = ()
    """What the file's threads are, from thread 1 on."""


def take_dump(
    core: Core,
    memory_map: MemoryMap,
    debug: DebugInfo | None = None,
    *,
    chip: str = "",
    flash: bool = False,
) -> CoreDump:
    """Read a halted core into a core file; ``flash`` takes the flash along.

    Raises:
        CoreStateError: the core runs.
        TransferError: the debug hardware did not answer.
    """
    crash = collect(core, memory_map, debug, chip=chip)
    kinds = {RegionKind.RAM, RegionKind.FLASH} if flash else {RegionKind.RAM}
    memory, missing = [], []
    for region in memory_map:
        if region.kind in kinds:
            try:
                memory.append((region.start, core.memory.read(region.start, region.length)))
            except TransferError:
                missing.append(region.name)
    size = sum(len(data) for _, data in memory)
    memory += _system_registers(core)
    layout = RegisterLayout(has_fpu=core.has_fpu, mainline=not core.identity.baseline)
    layout.specs = tuple(spec for spec in layout.specs if spec.feature != M_SYSTEM)
    threads = [*_contexts(core, crash), *_sleeping(crash)]
    data = encode_core([each for _, each in threads], sorted(memory), target_xml(layout))
    return CoreDump(data, size, tuple(missing), crash, tuple(name for name, _ in threads))


def _system_registers(core: Core) -> Iterator[tuple[int, bytes]]:
    for address, length in _SYSTEM:
        try:
            yield address, core.ap.read(address, length)
        except TransferError:
            continue


def _contexts(core: Core, crash: CrashReport) -> Iterator[tuple[str, CoreThread]]:
    """Give what the core does, and what it did when it faulted."""
    registers = dict(core.read_registers())
    if core.has_fpu:
        registers |= core.read_registers([f"d{n}" for n in range(16)])
    fault = crash.fault
    running = _running(crash) or "the core"
    if fault is None:
        handler = registers["xpsr"] & 0x1FF
        name = exception_name(handler) if handler else running
        yield name, CoreThread(registers, _SIGTRAP)
        return
    signal = _SIGNALS.get(fault.name, _SIGSEGV)
    if fault.registers:
        faulted = {n: v for n, v in registers.items() if n[0] == "d" or n == "fpscr"}
        faulted |= {register.name: register.value for register in crash.registers}
        faulted["xpsr"] = fault.registers["xpsr"]
        if "fpscr" in fault.registers:
            faulted |= _doubles(fault.registers)
        yield (
            f"{running}, which faulted" if crash.threads else "what faulted",
            CoreThread(faulted, signal),
        )
    yield exception_name(registers["xpsr"] & 0x1FF), CoreThread(registers, signal)


def _running(crash: CrashReport) -> str | None:
    """Return the name of the kernel's running thread."""
    threads = () if crash.threads is None else crash.threads.threads
    return next((thread.name for thread in threads if thread.is_current), None)


def _sleeping(crash: CrashReport) -> Iterator[tuple[str, CoreThread]]:
    """Give the kernel's threads that are not among the contexts already."""
    if crash.threads is None:
        return
    given = crash.fault is not None or crash.threads.interrupt is None
    for thread in crash.threads.threads:
        if thread.registers and not (thread.is_current and given):
            yield thread.name or f"{thread.address:#010x}", CoreThread(thread.registers)


def _doubles(stacked: Mapping[str, int]) -> dict[str, int]:
    """Return d0-d7 and fpscr as an extended frame holds them."""
    values = {f"d{n}": stacked[f"s{2 * n}"] | stacked[f"s{2 * n + 1}"] << 32 for n in range(8)}
    return values | {"fpscr": stacked["fpscr"]}
