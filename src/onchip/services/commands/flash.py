"""Commands that change flash."""

from __future__ import annotations

from onchip.cortex_m import ResetKind
from onchip.services.commands.command import Command, Words
from onchip.services.commands.machine import Machine


def _load(machine: Machine, words: Words) -> int:
    """Program a file and verify it; the core then stands before its first instruction."""
    file = words.next()
    base = words.number() if words else None
    words.end()
    machine.before_flash()
    report = machine.session.flash(file, base=base, reset=False)
    machine.reset(ResetKind.SYSTEM, halt=True)
    machine.print(f"{report.verified_bytes} bytes of {file} are in place and verified; ")
    machine.print(f"{report.same_bytes} were there already. Reset, halted\n")
    return report.verified_bytes


def _erase(machine: Machine, words: Words) -> int:
    if words.choice(("chip",), ""):
        words.end()
        machine.before_flash()
        report = machine.session.erase_chip(reset=False)
    else:
        start, length = words.number(), words.number()
        words.end()
        machine.before_flash()
        report = machine.session.erase(start, length, reset=False)
    machine.reset(ResetKind.SYSTEM, halt=True)
    machine.print(f"{report.erased_bytes} bytes erased; reset, halted\n")
    return report.erased_bytes


def _unlock(machine: Machine, words: Words) -> bool:
    """Open a locked chip by erasing everything; the value says whether it was locked."""
    words.end()
    session = machine.session
    session.recognise(session.chip)  # it may have been locked or opened since
    if session.locked is None:
        machine.print(f"{session.chip_name} is not locked: nothing was erased\n")
        return False
    machine.print(f"{session.locked.message}; erasing everything on it\n")
    session.unlock()
    machine.reset(ResetKind.SYSTEM, halt=True)
    machine.print(f"{session.chip_name} is blank, and open now; reset, halted\n")
    return True


COMMANDS = (
    Command(
        ("load", "flash", "program"),
        "load FILE [BASE]",
        "program a file, and verify it",
        _load,
        "ELF, Intel HEX, S-record, UF2; a BIN goes to BASE, or the start of flash.",
    ),
    Command(
        ("erase",),
        "erase chip | ADDRESS LENGTH",
        "erase flash",
        _erase,
        "erase 0x08010000 0x4000; every sector that the range touches is erased, whole. "
        "`erase chip` erases all there is.",
    ),
    Command(
        ("unlock",),
        "unlock",
        "ERASE EVERYTHING on a locked chip, which opens it",
        _unlock,
        "A chip that is not locked is left alone; `erase chip` erases that.",
    ),
)
