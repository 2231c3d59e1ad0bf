"""`onchip shell`: type commands."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.cli.options import add_connection, add_flash_breakpoints, open_session
from onchip.cli.signals import stop_requests
from onchip.cli.verbs.fault import load_symbols
from onchip.errors import OnchipError, UsageError

if TYPE_CHECKING:
    from onchip.services.commands import Command, Interpreter, Machine, Words

EPILOG = """\
examples:
  onchip shell firmware.elf
  onchip shell -c 'reset halt; break main; go; wait; reg pc'
  onchip shell --script bring-up.txt
  echo 'read32 0x20000000 4' | onchip shell

`help` in the shell lists the commands, `help COMMAND` teaches one; they are those of `monitor` in
GDB. Without a terminal, with -c and in a script, the first command that fails ends the shell.
"""

_LOOK_S = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="the program's ELF file, for names and lines"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "-c",
        "--command",
        metavar="COMMANDS",
        action="append",
        help="run these, `;` between them, and end",
    )
    what.add_argument("--script", metavar="FILE", type=Path, help="run the lines of FILE, and end")
    add_flash_breakpoints(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve commands until the user leaves, or the given ones are done."""
    from onchip.services.commands import Interpreter, SessionMachine

    lines = _given(arguments)
    debug = load_symbols(arguments.file)
    with stop_requests() as interrupted, open_session(arguments, when_locked="allow") as session:
        if session.locked is not None:
            text = f"{session.locked.message}; `unlock` erases everything, and so opens it"
            print(f"onchip: {text}", file=sys.stderr)
        machine = SessionMachine(session, debug, write=_write, is_interrupted=interrupted.is_set)
        interpreter = Interpreter(machine, more=(_gdbserver(interrupted),))
        if lines is None:
            _talk(interpreter, interrupted)
        else:
            interpreter.run_script(_until(lines, interrupted), _source(arguments))
            if interrupted.is_set():
                raise KeyboardInterrupt
    return 0


def _given(arguments: argparse.Namespace) -> Iterable[str] | None:
    """Return the lines to run; None to ask a user for them."""
    if arguments.command is not None:
        return list(arguments.command)
    if arguments.script is not None:
        try:
            return list(arguments.script.read_text().splitlines())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"cannot read {arguments.script}: {reason}") from error
    return None if sys.stdin.isatty() else sys.stdin


def _source(arguments: argparse.Namespace) -> str:
    return "-c" if arguments.command is not None else str(arguments.script or "standard input")


def _until(lines: Iterable[str], interrupted: threading.Event) -> Iterable[str]:
    for line in lines:
        if interrupted.is_set():
            return
        yield line


def _talk(interpreter: Interpreter, interrupted: threading.Event) -> None:
    """Ask for lines and run them; a line that fails is told, and the next one is asked for."""
    from onchip.cli.prompt import asker, lines_of

    machine = interpreter.machine
    print(f"{machine.session.chip_name}: `help` lists the commands, Ctrl-D leaves")

    def prompt() -> str:
        interrupted.clear()
        return f"{'halted' if machine.core.halted else 'running'}> "

    for line in lines_of(asker(interpreter), prompt):
        try:
            interpreter.run(line)
        except OnchipError as error:
            print(f"error: {error.message}")
            if error.hint is not None:
                print(f"  hint: {error.hint}")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _gdbserver(interrupted: threading.Event) -> Command:
    """Return the command that lets GDB in; it serves until Ctrl-C, then the shell goes on."""
    from onchip.services.commands import Command

    def serve(machine: Machine, words: Words) -> None:
        from onchip.services.gdb import GdbOptions, GdbServer

        port = words.number(3333)
        words.end()
        server = GdbServer(
            machine.session,
            port,
            options=GdbOptions(debug=machine.debug),
            on_listening=lambda number: machine.print(
                f"GDB server started on port {number}; Ctrl-C ends it\n"
            ),
            on_log=lambda text: machine.print(f"{text}\n"),
            on_console=machine.print,
        )
        server.start()
        while server.is_alive and not interrupted.wait(_LOOK_S):
            pass
        server.stop()
        interrupted.clear()
        if server.failure is not None:
            raise server.failure

    return Command(
        ("gdbserver",), "gdbserver [PORT]", "let GDB debug the chip, until Ctrl-C", serve
    )
