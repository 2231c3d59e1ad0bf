"""`onchip gdbserver`: let GDB debug the chip."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.cli.classic import add_classic, add_classic_server, erase_mode, settle, stays
from onchip.cli.options import add_connection, add_flash_breakpoints, open_session, port
from onchip.cli.signals import stop_requests
from onchip.cli.verbs.fault import load_symbols
from onchip.errors import ProbeError, ProbeLost, TransferError

if TYPE_CHECKING:
    from onchip.services.gdb import GdbOptions
    from onchip.services.telnet_console import TelnetConsole
    from onchip.session import Session
    from onchip.symbols.dwarf import DebugInfo

_LOOK_S = 0.05
"""How often to look whether the service ended by itself."""

_SEARCH_S = 1.0
"""How often to look whether a probe that was lost is back."""

EPILOG = """\
examples:
  onchip gdbserver
  onchip gdbserver --probe virtual:stm32f407 --port 3334

then, in another terminal:
  gdb-multiarch firmware.elf -ex 'target extended-remote localhost:3333'

It also takes the options with which Cortex-Debug and Zephyr's west start `pyocd gdbserver`
(docs/ide.md).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("-p", "--port", type=port, default=3333, help="TCP port (default: 3333)")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen on every interface, not on loopback only",
    )
    stay = parser.add_mutually_exclusive_group()
    stay.add_argument(
        "--persist",
        action="store_true",
        default=None,
        help="wait for the next GDB when the last has left: the default, but for --telnet-port; "
        "where it is said, a probe that is unplugged is waited for, too",
    )
    stay.add_argument(
        "--once", dest="persist", action="store_false", help="end when the last GDB has left"
    )
    parser.add_argument(
        "-e",
        "--erase",
        metavar="{sector,chip}",
        type=erase_mode,
        default="sector",
        help="for GDB's load (default: sector)",
    )
    parser.add_argument(
        "--step-into-interrupts", action="store_true", help="let exceptions be taken while stepping"
    )
    parser.add_argument(
        "--hardware-breakpoints", action="store_true", help="never put BKPT instructions into RAM"
    )
    add_flash_breakpoints(parser)
    parser.add_argument(
        "--semihosting", action="store_true", help="serve the calls of BKPT 0xAB: the console"
    )
    parser.add_argument(
        "--semihosting-dir",
        type=Path,
        metavar="DIR",
        help="... and files below DIR (default: no files)",
    )
    parser.add_argument(
        "--semihosting-port",
        type=port,
        metavar="PORT",
        help="... the console also on this TCP port of loopback, for telnet; what is typed is read",
    )
    parser.add_argument(
        "--semihosting-gdb",
        action="store_true",
        help="... console and files are those of the machine where GDB runs",
    )
    parser.add_argument(
        "--elf", metavar="FILE", help="the program, so that `monitor` commands know its names"
    )
    add_connection(parser)
    add_classic(parser)
    add_classic_server(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; with ``--once``, or started by an IDE, until the last client leaves."""
    from onchip.services.gdb import GdbOptions
    from onchip.services.semihosting import Directory, SemihostingOptions

    settle(arguments)
    debug = load_symbols(arguments.elf)
    folder = arguments.semihosting_dir
    directory = None if folder is None else Directory(folder)
    options = GdbOptions(
        persist=stays(arguments),
        resume_on_detach=arguments.resume_on_detach,
        erase=arguments.erase,
        read_back=arguments.verify == "full",
        vector_catch=arguments.vector_catch,
        step_into_interrupts=arguments.step_into_interrupts,
        hardware_breakpoints_only=arguments.hardware_breakpoints,
        semihosting=arguments.semihosting
        or arguments.semihosting_gdb
        or arguments.semihosting_port is not None
        or directory is not None,
        gdb_files=arguments.semihosting_gdb,
        semihosting_options=SemihostingOptions(directory=directory),
        debug=debug,
    )
    try:
        return _serve_while_there(arguments, options)
    finally:
        if directory is not None:
            directory.close()


def _serve_while_there(arguments: argparse.Namespace, options: GdbOptions) -> int:
    """Serve; a probe that was lost ends it, or is waited for where ``--persist`` says so."""
    session: Session | None = open_session(arguments)
    while session is not None:
        try:
            return _serve(session, arguments, options)
        except ProbeLost as lost:
            if arguments.persist is not True:
                raise
            print(f"{lost}; waiting until it is back", file=sys.stderr, flush=True)
        session = _open_again(arguments)
    return 0


def _open_again(arguments: argparse.Namespace) -> Session | None:
    """Wait for the probe, and for a chip behind it that answers; None: somebody stopped it."""
    with stop_requests() as stop:
        while not stop.wait(_SEARCH_S):
            with contextlib.suppress(ProbeError, TransferError):
                return open_session(arguments)
    print("stopped", file=sys.stderr)
    return None


def _serve(session: Session, arguments: argparse.Namespace, options: GdbOptions) -> int:
    from onchip.services.gdb import GdbServer
    from onchip.services.gdb.semihosting.console import no_input

    with session, _console(arguments.semihosting_port) as console:
        server = GdbServer(
            session,
            arguments.port,
            host="0.0.0.0" if arguments.allow_remote else "127.0.0.1",
            options=options,
            on_listening=lambda number: print(f"GDB server started on port {number}", flush=True),
            on_log=lambda text: print(text, file=sys.stderr, flush=True),
            on_console=_print_console if console is None else _both(console),
            read_input=no_input if console is None else console.read,
            files={"core.elf": lambda: _core_file(session, options.debug)},
        )
        with stop_requests() as stop:
            server.start()
            while server.is_alive and not stop.wait(_LOOK_S):
                pass
            server.stop()
            if server.is_alive:
                print("waiting for the job on the flash to come to an end ...", file=sys.stderr)
                server.join()
            if server.failure is None:
                _leave(session)  # no second signal breaks it off half way
        if server.failure is not None:
            raise server.failure
        if stop.is_set():
            print("stopped", file=sys.stderr)
    return 0


def _leave(session: Session) -> None:
    """Close the session; where flash has to be put back, which may take long, say so first."""
    count = len(session.core.breakpoints.opcodes.in_flash)
    if count:
        which = "a breakpoint" if count == 1 else f"{count} breakpoints"
        print(f"taking {which} out of flash ...", file=sys.stderr, flush=True)
    session.close()


@contextlib.contextmanager
def _console(number: int | None) -> Iterator[TelnetConsole | None]:
    """Listen for telnet, if that is wanted."""
    if number is None:
        yield None
        return
    from onchip.services.telnet_console import TelnetConsole

    console = TelnetConsole(number)
    console.start()
    print(f"semihosting console on port {console.port}", file=sys.stderr, flush=True)
    try:
        yield console
    finally:
        console.close()


def _both(console: TelnetConsole) -> Callable[[str], None]:
    def show(text: str) -> None:
        _print_console(text)
        console.write(text)

    return show


def _core_file(session: Session, debug: DebugInfo | None) -> bytes:
    from onchip.services.core_dump import take_dump

    chip = session.chip_name
    return take_dump(session.core, session.memory_map, debug, chip=chip).data


def _print_console(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
