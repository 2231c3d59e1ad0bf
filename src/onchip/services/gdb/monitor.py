"""``monitor`` commands: a small table of verbs, each a function with its help in the docstring."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onchip.cortex_m import ResetKind
from onchip.errors import UsageError
from onchip.services.crash import as_text, collect

if TYPE_CHECKING:
    from onchip.services.gdb.stub import Stub

_WORDS_PER_LINE = 16
_MOST_UNITS = 0x4000


@dataclass(frozen=True, slots=True)
class Command:
    """A verb: what it is called, how it is used, what it does in one line."""

    names: tuple[str, ...]
    usage: str
    help: str
    serve: Callable[[Stub, Sequence[str]], None]


def run_command(stub: Stub, line: str) -> None:
    """Run one line.

    Raises:
        OnchipError: the command is not known, is used wrongly, or fails.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"monitor {line}: {error}") from None
    if not words:
        _help(stub, ())
        return
    command = _BY_NAME.get(words[0].lower())
    if command is None:
        raise UsageError(
            f"there is no monitor command {words[0]!r}", hint="monitor help lists them"
        )
    command.serve(stub, words[1:])


def _help(stub: Stub, args: Sequence[str]) -> None:
    commands = [_BY_NAME[name] for name in args if name in _BY_NAME] or COMMANDS
    width = max(len(command.usage) for command in commands)
    for command in commands:
        others = ", ".join(command.names[1:])
        stub.print(f"{command.usage:{width}}  {command.help}{f' ({others})' if others else ''}\n")


def _halt(stub: Stub, args: Sequence[str]) -> None:
    _no_more(args)
    run = stub.target.run
    stub.attach()
    if run.running:
        run.interrupt()
        stub.target.poll()
    else:
        run.attach()
    stub.print(f"halted at {_place(stub)}\n")


def _resume(stub: Stub, args: Sequence[str]) -> None:
    _no_more(args)
    stub.attach()
    if not stub.target.run.running:
        stub.target.run.resume()
    stub.print("running; monitor halt, or continue and Ctrl-C, stops it\n")


def _reset(stub: Stub, args: Sequence[str]) -> None:
    words = {word.lower() for word in args}
    stays = bool(words & {"halt", "init"})
    unknown = words - {"halt", "init", "run", "system", "core", "hardware"}
    kinds = words & {kind.value for kind in ResetKind}
    if unknown or len(kinds) > 1 or (stays and "run" in words):
        raise UsageError("use reset [halt|run] [system|core|hardware]")
    stub.attach()
    kind = ResetKind(kinds.pop()) if kinds else ResetKind.SYSTEM
    stub.target.reset(kind, halt=stays or "run" not in words)
    if "run" not in words:
        stub.print(f"reset, halted at {_place(stub)}\n")
        return
    stub.print("reset, running\n")


def _init(stub: Stub, args: Sequence[str]) -> None:
    """Scripts written for other servers begin with it; here everything is set up already."""


def _info(stub: Stub, args: Sequence[str]) -> None:
    _no_more(args)
    session, core = stub.target.session, stub.target.core
    stub.print(f"chip   {session.chip_name}\ncore   {core.name} ({core.architecture})\n")
    stub.print(f"probe  {session.link.description}\nstate  {core.state().value}\n")
    stub.print(f"free   {core.breakpoints.available} breakpoints, ")
    stub.print(f"{core.watchpoints.available} watchpoints\n")
    for region in session.memory_map:
        stub.print(f"memory {region.kind.value:6} {region}\n")


def _fault(stub: Stub, args: Sequence[str]) -> None:
    _no_more(args)
    stub.target.run.need_halted("reading a fault")
    session = stub.target.session
    report = collect(session.core, session.memory_map, chip=session.chip_name)
    stub.print("no fault is recorded\n" if report.fault is None else f"{as_text(report)}\n")


def _registers(stub: Stub, args: Sequence[str]) -> None:
    core = stub.target.core
    stub.target.run.need_halted("reading registers")
    names = [name.lower() for name in args] or [spec.name for spec in stub.target.layout.specs]
    for name in names:
        if name not in core.register_names and name not in stub.target.layout.by_name:
            raise UsageError(f"{core.name} has no register {name!r}")
    for name, value in core.read_registers(names).items():
        stub.print(f"{name:10} 0x{value:08x}\n")


def _display(size: int) -> Callable[[Stub, Sequence[str]], None]:
    def serve(stub: Stub, args: Sequence[str]) -> None:
        if not 1 <= len(args) <= 2:
            raise UsageError("use an address and, if you like, a count")
        address = _number(args[0])
        count = min(_number(args[1]) if len(args) == 2 else 1, _MOST_UNITS)
        data = stub.target.core.memory.read(address, count * size)
        per_line = _WORDS_PER_LINE // size
        for first in range(0, count, per_line):
            units = range(first, min(first + per_line, count))
            values = (int.from_bytes(data[i * size : i * size + size], "little") for i in units)
            shown = " ".join(f"{value:0{2 * size}x}" for value in values)
            stub.print(f"0x{address + first * size:08x}: {shown}\n")

    return serve


def _store(size: int) -> Callable[[Stub, Sequence[str]], None]:
    def serve(stub: Stub, args: Sequence[str]) -> None:
        if len(args) < 2:
            raise UsageError("use an address and one value or more")
        values = [_number(word) for word in args[1:]]
        if any(value >> (8 * size) for value in values):
            raise UsageError(f"a value does not fit {size} bytes")
        data = b"".join(value.to_bytes(size, "little") for value in values)
        stub.target.core.memory.write(_number(args[0]), data)

    return serve


def _erase(stub: Stub, args: Sequence[str]) -> None:
    session, run = stub.target.session, stub.target.run
    run.need_halted("erasing flash")
    stub.attach()
    run.points.settle()
    match args:
        case ["chip"]:
            session.erase_chip(reset=False)
        case [start, length]:
            session.erase(_number(start), _number(length), reset=False)
        case _:
            raise UsageError("use erase chip, or erase ADDRESS LENGTH")
    stub.target.reset(halt=True)
    stub.print("erased; reset, halted\n")


def _speed(stub: Stub, args: Sequence[str]) -> None:
    raise UsageError(
        "the SWD clock is set when the server starts", hint="onchip gdbserver --frequency HZ"
    )


def _no_more(args: Sequence[str]) -> None:
    if args:
        raise UsageError(f"nothing is expected after this command, not {' '.join(args)!r}")


def _number(word: str) -> int:
    try:
        value = int(word, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        raise UsageError(f"{word!r} is not a number of 32 bits", hint="write 0x20000000 or 64")
    return value


def _place(stub: Stub) -> str:
    values = stub.target.core.read_registers(("pc", "sp"))
    return f"pc 0x{values['pc']:08x}, sp 0x{values['sp']:08x}"


COMMANDS: tuple[Command, ...] = (
    Command(("help", "?"), "help [COMMAND]", "list the commands", _help),
    Command(("halt",), "halt", "stop the core", _halt),
    Command(("resume", "go"), "resume", "let the core run", _resume),
    Command(
        ("reset",),
        "reset [halt|run] [KIND]",
        "reset the chip (KIND: system, core, hardware) and halt it, or let it run",
        _reset,
    ),
    Command(("init",), "init", "accepted for other servers' scripts; does nothing", _init),
    Command(("info",), "info", "show chip, core, probe and memory map", _info),
    Command(("fault",), "fault", "explain the last fault", _fault),
    Command(("reg", "regs"), "reg [NAME...]", "show registers", _registers),
    Command(("mdw",), "mdw ADDRESS [COUNT]", "display words", _display(4)),
    Command(("mdh",), "mdh ADDRESS [COUNT]", "display halfwords", _display(2)),
    Command(("mdb",), "mdb ADDRESS [COUNT]", "display bytes", _display(1)),
    Command(("mww",), "mww ADDRESS VALUE...", "write words", _store(4)),
    Command(("mwh",), "mwh ADDRESS VALUE...", "write halfwords", _store(2)),
    Command(("mwb",), "mwb ADDRESS VALUE...", "write bytes", _store(1)),
    Command(("erase",), "erase chip | ADDRESS LENGTH", "erase flash", _erase),
    Command(("speed", "frequency"), "speed", "the SWD clock", _speed),
)
_BY_NAME = {name: command for command in COMMANDS for name in command.names}
