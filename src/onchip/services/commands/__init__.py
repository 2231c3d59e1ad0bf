"""One set of commands for everybody who types: ``monitor`` in GDB, `onchip shell`, scripts, Python.

A command prints for people as it goes and returns a value for programs. It reaches the chip through
a `Machine`, which says how the core is run where the command was typed.

    from onchip.services.commands import Interpreter, SessionMachine

    with onchip.connect("virtual:stm32f407") as session:
        words = Interpreter(SessionMachine(session)).run("read32 0x20000000 4")
"""

from __future__ import annotations

from onchip.services.commands.command import Command, UnknownCommand, Words
from onchip.services.commands.interpreter import COMMANDS, Interpreter
from onchip.services.commands.machine import Machine, SessionMachine, symbols_of

__all__ = [
    "COMMANDS",
    "Command",
    "Interpreter",
    "Machine",
    "SessionMachine",
    "UnknownCommand",
    "Words",
    "symbols_of",
]
