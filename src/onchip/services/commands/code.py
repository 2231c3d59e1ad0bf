"""Commands about the program: where it stands, its names, lines and instructions, its faults."""

from __future__ import annotations

from pathlib import Path

from onchip.errors import UsageError
from onchip.services.commands.command import Command, Words
from onchip.services.commands.machine import Machine
from onchip.services.crash import CrashReport, as_text, collect
from onchip.services.crash.disassembly import DisassembledLine, disassemble
from onchip.symbols.dwarf import DebugInfo, SourceLine

_LINES_AROUND = 5
_MOST_SYMBOLS = 100


def _where(machine: Machine, words: Words) -> int:
    """Say which function and line an address is in; without one, where the core stands."""
    address = words.number() if words else _pc(machine)
    words.end()
    machine.print(f"{machine.place(address)}\n")
    if machine.debug is not None:
        for call in machine.debug.inlined_at(address):
            machine.print(f"  {call.function}, in line at {call.called_at}\n")
    return address


def _backtrace(machine: Machine, words: Words) -> list[int]:
    words.end()
    machine.need_halted("a backtrace")
    report = _report(machine)
    for number, frame in enumerate(report.frames):
        by = f"  interrupted by {frame.interrupted_by}" if frame.interrupted_by else ""
        machine.print(f"#{number:<3} {machine.place(frame.pc)}{by}\n")
    if not report.complete:
        machine.print(f"     {report.end}\n")
    return [frame.pc for frame in report.frames]


def _symbol(machine: Machine, words: Words) -> dict[str, int]:
    """Look names up: whole, or with ``*`` for whatever."""
    names = [words.next(), *words.rest()]
    debug = _debug(machine)
    found: dict[str, int] = {}
    for name in names:
        matches = debug.symbols_like(name)
        if not matches:
            raise UsageError(f"the program has no symbol {name!r}", hint="symbol ma* finds main")
        for symbol in matches[:_MOST_SYMBOLS]:
            kind = "function" if symbol.is_function else "variable"
            found[symbol.name] = symbol.start
            machine.print(f"0x{symbol.start:08x} {symbol.size:6} {kind} {symbol.name}\n")
        if len(matches) > _MOST_SYMBOLS:
            machine.print(f"... and {len(matches) - _MOST_SYMBOLS} more\n")
    return found


def _disasm(machine: Machine, words: Words) -> list[DisassembledLine]:
    address = words.number() if words else _pc(machine)
    count = words.number(8)
    words.end()
    here = _pc(machine) if machine.core.halted else None
    lines = disassemble(address, machine.core.memory.read, count)
    for line in lines:
        name = None if machine.debug is None else machine.debug.name_of(line.address)
        if name is not None and "+" not in name:
            machine.print(f"{name}:\n")
        mark = ">" if line.address == here else " "
        machine.print(f"{mark} 0x{line.address:08x}  {line.code.hex():8}  {line.text}\n")
    return lines


def _list(machine: Machine, words: Words) -> SourceLine:
    """Show source lines around an address, where the files are as the compiler found them."""
    debug = _debug(machine)
    address = words.number() if words else _pc(machine)
    words.end()
    line = debug.line_at(address)
    if line is None:
        raise UsageError(f"no source line is known for 0x{address:08x}", hint="compile with -g")
    try:
        text = Path(line.file).read_text(errors="replace").splitlines()
    except OSError:
        raise UsageError(f"{line} is the place, but that file is not here") from None
    machine.print(f"{line}\n")
    for number in range(max(1, line.line - _LINES_AROUND), line.line + _LINES_AROUND + 1):
        if number <= len(text):
            mark = ">" if number == line.line else " "
            machine.print(f"{mark}{number:5}  {text[number - 1]}\n")
    return line


def _fault(machine: Machine, words: Words) -> CrashReport | None:
    words.end()
    machine.need_halted("reading a fault")
    report = _report(machine)
    if report.fault is None:
        machine.print("no fault is recorded\n")
        return None
    machine.print(f"{as_text(report)}\n")
    return report


def _report(machine: Machine) -> CrashReport:
    session = machine.session
    return collect(session.core, session.memory_map, machine.debug, chip=session.chip_name)


def _pc(machine: Machine) -> int:
    machine.need_halted("the place of the core")
    return machine.core.read_register("pc")


def _debug(machine: Machine) -> DebugInfo:
    if machine.debug is None:
        raise UsageError(
            "this needs the program's ELF file",
            hint="onchip shell FILE.elf, or onchip gdbserver --elf FILE.elf",
        )
    return machine.debug


COMMANDS = (
    Command(
        ("where",),
        "where [ADDRESS]",
        "say which function and line that is",
        _where,
        "where lr; without an address, where the core stands. Names need the program's ELF file.",
    ),
    Command(
        ("backtrace", "bt"),
        "backtrace",
        "show the calls that led here",
        _backtrace,
        "Over exception frames too: who was interrupted, and by what. It says why it ends.",
    ),
    Command(
        ("symbol", "sym"),
        "symbol NAME...",
        "show where functions and variables are",
        _symbol,
        "symbol main; symbol uart_*",
    ),
    Command(
        ("disasm", "disassemble", "u"),
        "disasm [ADDRESS] [COUNT]",
        "show instructions, from pc if no address is given",
        _disasm,
        "disasm main 20; 8 without a count. `>` marks where the core stands.",
    ),
    Command(
        ("list", "l"),
        "list [ADDRESS]",
        "show the source around pc, or an address",
        _list,
        "list main; the files have to be where the compiler found them.",
    ),
    Command(
        ("fault",),
        "fault",
        "explain the last fault",
        _fault,
        "What the program did, where, why that is a fault, and the calls that led there.",
    ),
)
