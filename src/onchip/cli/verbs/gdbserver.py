"""`onchip gdbserver`: let GDB debug the chip."""

from __future__ import annotations

import argparse
import sys

from onchip.cli.options import add_connection, open_session, port
from onchip.cli.signals import stop_requests

_LOOK_S = 0.2
"""How often to look whether the service ended by itself."""

EPILOG = """\
examples:
  onchip gdbserver
  onchip gdbserver --probe virtual:stm32f407 --port 3334

then, in another terminal:
  gdb-multiarch firmware.elf -ex 'target extended-remote localhost:3333'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("-p", "--port", type=port, default=3333, help="TCP port (default: 3333)")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen on every interface, not on loopback only",
    )
    parser.add_argument(
        "--once", action="store_true", help="end when the first GDB leaves, instead of waiting"
    )
    parser.add_argument(
        "--erase", choices=("sector", "chip"), default="sector", help="for GDB's load"
    )
    parser.add_argument(
        "--step-into-interrupts", action="store_true", help="let exceptions be taken while stepping"
    )
    parser.add_argument(
        "--hardware-breakpoints", action="store_true", help="never put BKPT instructions into RAM"
    )
    parser.add_argument(
        "--semihosting", action="store_true", help="serve the console calls of BKPT 0xAB"
    )
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C, or with ``--once`` until the client leaves."""
    from onchip.services.gdb import GdbOptions, GdbServer

    options = GdbOptions(
        persist=not arguments.once,
        erase=arguments.erase,
        step_into_interrupts=arguments.step_into_interrupts,
        hardware_breakpoints_only=arguments.hardware_breakpoints,
        semihosting=arguments.semihosting,
    )
    with open_session(arguments) as session:
        server = GdbServer(
            session,
            arguments.port,
            host="0.0.0.0" if arguments.allow_remote else "127.0.0.1",
            options=options,
            on_listening=lambda number: print(f"GDB server started on port {number}", flush=True),
            on_log=lambda text: print(text, file=sys.stderr, flush=True),
            on_console=_print_console,
        )
        with stop_requests() as stop:
            server.start()
            while server.is_alive and not stop.wait(_LOOK_S):
                pass
            server.stop()
        if server.failure is not None:
            raise server.failure
        if stop.is_set():
            print("stopped", file=sys.stderr)
    return 0


def _print_console(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
