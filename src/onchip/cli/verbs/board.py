"""`onchip board`: plug a virtual board in."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from onchip.cli.options import port

EPILOG = """\
examples:
  onchip board stm32f407
  onchip board nrf52840 --probe-model hid-64x4 --flash-file board.flash

Other hosts can use it too: it speaks CMSIS-DAP over TCP as OpenOCD's `cmsis-dap backend tcp` does.
What the chip writes to its UART appears here; Ctrl-C unplugs the board.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("chip", metavar="CHIP", help="lpc1768, stm32f407, nrf52840, nrf51822")
    parser.add_argument("-p", "--port", type=port, default=4441, help="TCP port (default: 4441)")
    parser.add_argument(
        "--probe-model",
        metavar="MODEL",
        default="bulk-512x4",
        help="hid-64x1, hid-64x4, bulk-64x8, bulk-512x4, each also as MODEL-basic "
        "(default: bulk-512x4)",
    )
    parser.add_argument(
        "--flash-file", metavar="FILE", type=Path, help="keep the chip's flash in FILE"
    )
    parser.add_argument("--host", default="127.0.0.1", help="listen on this address")
    parser.add_argument("--allow-remote", action="store_true", help="listen on every interface")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from onchip.probe.discovery import PluggedBoard, announce
    from onchip.registry import VirtualSpec, build_board
    from onchip.services.board import BoardServer

    host = "0.0.0.0" if arguments.allow_remote else arguments.host
    chip, model = arguments.chip, arguments.probe_model
    serial = f"VB-{chip}-{arguments.port or os.getpid()}"
    with (
        build_board(VirtualSpec(chip, model, arguments.flash_file), serial=serial) as board,
        BoardServer(board, host, arguments.port, on_uart=_show_uart) as server,
    ):
        reachable = "127.0.0.1" if arguments.allow_remote else host
        note = PluggedBoard(serial, reachable, server.port, chip, model, os.getpid())
        with announce(note):
            print(f"{chip} plugged in: probe {model}, serial {serial}, {note.spec}")
            print("Ctrl-C unplugs it", flush=True)
            server.serve_forever(handle_signals=True)
    print("unplugged")
    return 0


def _show_uart(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
