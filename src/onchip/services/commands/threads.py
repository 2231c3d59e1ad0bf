"""The command that lists a kernel's threads."""

from __future__ import annotations

from onchip.errors import UsageError
from onchip.rtos import Snapshot
from onchip.rtos.show import as_text
from onchip.services.commands.command import Command, Words
from onchip.services.commands.machine import Machine


def _threads(machine: Machine, words: Words) -> Snapshot:
    with_calls = words.choice(("calls", "none"), "none") == "calls"
    words.end()
    machine.need_halted("listing threads")
    if machine.debug is None:
        raise UsageError(
            "threads are found through the program's ELF file",
            hint="onchip shell FILE.elf, or onchip gdbserver --elf FILE.elf",
        )
    snapshot = machine.session.threads(machine.debug)
    read = machine.core.memory.read if with_calls else None
    machine.print(f"{as_text(snapshot, machine.debug, read=read)}\n")
    return snapshot


COMMANDS = (
    Command(
        ("threads",),
        "threads [calls]",
        "list the threads of the program's kernel",
        _threads,
        "FreeRTOS, Zephyr, RTX5 and ThreadX are recognised; `calls` shows where each of them is.",
    ),
)
