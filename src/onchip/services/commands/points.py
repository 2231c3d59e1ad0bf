"""Commands for breakpoints and watchpoints."""

from __future__ import annotations

from onchip.cortex_m.places import Breakpoint
from onchip.services.commands.command import Command, Words
from onchip.services.commands.machine import Machine

_ACCESSES = ("write", "read", "access")


def _break(machine: Machine, words: Words) -> int | list[Breakpoint]:
    """Set a breakpoint, whose address is the value; without an address show them all."""
    if words:
        address, passed = words.number() & ~1, words.number(0)
        words.end()
        machine.set_breakpoint(address, ignore_count=passed)
        after = f", behind {passed} hits" if passed else ""
        machine.print(f"breakpoint at {machine.place(address)}{after}\n")
        return address
    points = machine.core.breakpoints
    for point in points:
        holders = points.holders(point.address) or ()
        whose = ", ".join(owner.name for owner in holders)
        where = machine.place(point.address)
        machine.print(f"breakpoint {point.kind.value:8} {where}, of {whose}\n")
    for watch in machine.core.watchpoints:
        where = machine.place(watch.address)
        machine.print(f"watchpoint {watch.access:8} {where}, {watch.length} bytes\n")
    left = f"{points.available} breakpoints and {machine.core.watchpoints.available} watchpoints"
    machine.print(f"{left} left in the chip\n")
    return list(points)


def _break_once(machine: Machine, words: Words) -> int:
    """Set a breakpoint that goes when it has stopped the core; its address is the value."""
    address = words.number() & ~1
    words.end()
    machine.set_breakpoint(address, temporary=True)
    machine.print(f"breakpoint at {machine.place(address)}, once\n")
    return address


def _unbreak(machine: Machine, words: Words) -> None:
    address = words.number() & ~1
    words.end()
    machine.remove_breakpoint(address)
    machine.print(f"no breakpoint at {machine.place(address)} any more\n")


def _watch(machine: Machine, words: Words) -> int:
    """Set a watchpoint, whose address is the value."""
    address, length, access, value = _watched(machine, words)
    machine.set_watchpoint(address, length, access, value=value)
    of = "" if value is None else f" of {value:#x}"
    machine.print(f"watchpoint on {length} bytes at {machine.place(address)}, {access}{of}\n")
    return address


def _unwatch(machine: Machine, words: Words) -> None:
    address, length, access, value = _watched(machine, words)
    machine.remove_watchpoint(address, length, access, value=value)
    machine.print(f"no {access} watchpoint at {machine.place(address)} any more\n")


def _watched(machine: Machine, words: Words) -> tuple[int, int, str, int | None]:
    """Return address, length, access and value; a symbol knows the length of its variable."""
    name = words.next()
    access = words.choice(_ACCESSES, "")
    symbol = None if machine.debug is None else machine.debug.symbol(name)
    length = words.number((symbol.size if symbol is not None else 0) or 4)
    access = access or words.choice(_ACCESSES, "write")
    value = words.number() if words else None
    words.end()
    return machine.number(name), length, access, value


COMMANDS = (
    Command(
        ("break", "b", "bp"),
        "break [ADDRESS [IGNORED]]",
        "set a breakpoint, or show what is set",
        _break,
        "break main; break spin 9 stops at the tenth hit",
    ),
    Command(
        ("tbreak", "tb"),
        "tbreak ADDRESS",
        "set a breakpoint that stops once",
        _break_once,
        "tbreak main; go; wait. It is gone when it has stopped the core.",
    ),
    Command(
        ("unbreak", "rmbreak", "rbp"),
        "unbreak ADDRESS",
        "take a breakpoint out",
        _unbreak,
        "unbreak main; `break` alone shows what is set, and whose.",
    ),
    Command(
        ("watch", "wp"),
        "watch ADDRESS [LENGTH] [write|read|access [VALUE]]",
        "stop the core when memory is accessed",
        _watch,
        "watch counter; watch 0x20000010 4 read; watch state 1 write 3 for that value alone. "
        "The core stops after the access.",
    ),
    Command(
        ("unwatch", "rmwatch", "rwp"),
        "unwatch ADDRESS [LENGTH] [write|read|access [VALUE]]",
        "take a watchpoint out, named as it was set",
        _unwatch,
        "unwatch counter; unwatch 0x20000010 4 read",
    ),
)
