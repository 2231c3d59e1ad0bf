"""`pyocd-gdbserver`: a GDB server from the command line, with the classic options."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from onchip.errors import UsageError
from pyOCD.target import Target
from pyOCD.tools import common

EPILOG = "Then, in GDB: target remote localhost:3333"

CATCH_LETTERS = {
    "h": Target.CATCH_HARD_FAULT,
    "b": Target.CATCH_BUS_FAULT,
    "m": Target.CATCH_MEM_FAULT,
    "i": Target.CATCH_INTERRUPT_ERR,
    "s": Target.CATCH_STATE_ERR,
    "c": Target.CATCH_CHECK_ERR,
    "p": Target.CATCH_COPROCESSOR_ERR,
    "r": Target.CATCH_CORE_RESET,
    "a": Target.CATCH_ALL,
    "n": Target.CATCH_NONE,
}


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="pyocd-gdbserver", description="Serve GDB for a board.", epilog=EPILOG
    )
    add = parser.add_argument
    add("-p", "--port", type=int, default=3333, help="TCP port (default: 3333)")
    add(
        "-T",
        "--telnet-port",
        type=int,
        default=4444,
        help="the console of semihosting (default: 4444)",
    )
    add("--allow-remote", action="store_true", help="listen on all interfaces, not loopback only")
    common.add_common(parser)
    add("-l", "--list", action="store_true", help="list the boards that are plugged in")
    add("--list-targets", action="store_true", help="list the chips that are known")
    add("--json", action="store_true", help="list in JSON")
    common.add_frequency(parser)
    add("-n", "--nobreak", action="store_true", help="do not stop at a HardFault")
    add("-r", "--reset-break", action="store_true", help="stop at every reset")
    add("-C", "--vector-catch", metavar="LETTERS", help=_catch_help())
    add("-s", "--step-int", action="store_true", help="let interrupts be taken while stepping")
    add("-o", "--persist", action="store_true", help="go on serving after a client has left")
    add("-bh", "--soft-bkpt-as-hard", action="store_true", help="hardware breakpoints only")
    common.add_erase(parser)
    add("-u", "--unlock", action="store_true", help="unlock a locked chip: erases all of it")
    add("-hp", "--hide_progress", action="store_true", help="show no bar while programming")
    add("-fp", "--fast_program", action="store_true", help="trust the CRC of each page alone")
    add(
        "-S",
        "--semihosting",
        action="store_true",
        help="serve semihosting: it prints to GDB, here and to --telnet-port",
    )
    add(
        "-sc",
        "--semihost-console",
        choices=("telnet", "stdx"),
        default="telnet",
        help="stdx: no Telnet (default: telnet)",
    )
    add("-G", "--gdb-syscall", action="store_true", help="accepted; see --semihosting")
    add("--elf", metavar="FILE", help="the program, so that `monitor` commands know its names")
    add(
        "-c",
        "--command",
        dest="commands",
        action="append",
        default=[],
        metavar="CMD",
        help="as Eclipse passes them: gdb_port N, telnet_port N, echo TEXT",
    )
    return parser


def _catch_help() -> str:
    return (
        "what stops the core, in the place of -n and -r: "
        "h hard, b bus, m memory fault, i interrupt, s state, c check error, p coprocessor, "
        "r reset, a all, n none"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code: 0 good, 1 failed, 2 wrong usage (from argparse)."""
    return common.guarded(build_parser().parse_args(argv), _run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.list:
        return common.list_boards(as_json=arguments.json)
    if arguments.list_targets:
        return common.list_targets(as_json=arguments.json)
    for command in arguments.commands:
        _command(arguments, command)
    return _serve(arguments)


def _command(arguments: argparse.Namespace, command: str) -> None:
    """Obey what another server's command line would have been told."""
    word, _, rest = command.partition(" ")
    if word == "echo":
        print(rest.strip().strip('"'))
    elif word in ("gdb_port", "telnet_port") and rest.strip().isdecimal():
        setattr(arguments, "port" if word == "gdb_port" else "telnet_port", int(rest))
    else:
        raise UsageError(
            f"--command {command!r} is not known", hint="use gdb_port N, telnet_port N, echo TEXT"
        )


def _serve(arguments: argparse.Namespace) -> int:
    from pyOCD.gdbserver import GDBServer

    options = _options(arguments)
    board = common.choose(arguments, arguments.frequency)
    if board is None:
        return 1
    board.target.elf = arguments.elf
    with board:
        server = GDBServer(board, arguments.port, options)
        try:
            with _sigterm_as_interrupt():
                while server.isAlive():
                    server.join(0.2)
        except KeyboardInterrupt:
            pass
        finally:
            server.stop()
    return 0


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "break_at_hardfault": not arguments.nobreak,
        "break_on_reset": arguments.reset_break,
        "vector_catch": _vector_catch(arguments.vector_catch),
        "step_into_interrupt": arguments.step_int,
        "persist": arguments.persist,
        "soft_bkpt_as_hard": arguments.soft_bkpt_as_hard,
        "chip_erase": arguments.chip_erase,
        "hide_programming_progress": arguments.hide_progress,
        "fast_program": arguments.fast_program,
        "enable_semihosting": arguments.semihosting,
        "semihost_console_type": arguments.semihost_console,
        "telnet_port": arguments.telnet_port,
        "semihost_use_syscalls": arguments.gdb_syscall,
        "serve_local_only": not arguments.allow_remote,
    }


def _vector_catch(letters: str | None) -> int | None:
    if letters is None:
        return None
    mask = Target.CATCH_NONE
    for letter in letters.lower():
        if letter not in CATCH_LETTERS:
            raise UsageError(f"--vector-catch has no {letter!r}", hint="".join(CATCH_LETTERS))
        mask |= CATCH_LETTERS[letter]
    return mask


if __name__ == "__main__":
    sys.exit(main())
