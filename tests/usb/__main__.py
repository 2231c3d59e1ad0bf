"""Run commands in the USB machine with a virtual board plugged in: see docs/usb-vm.md."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from onchip.virtual_board.board import VirtualBoard

from .machine import session
from .plug import plugged
from .usbredir import Speed


def main() -> None:
    """Plug in, run each command, print what it printed."""
    parser = argparse.ArgumentParser(prog="python -m tests.usb", description=__doc__)
    parser.add_argument("--chip", default="stm32f407")
    parser.add_argument("--probe-model", default="bulk-512x4")
    parser.add_argument("--speed", choices=["full", "high"], default="high")
    parser.add_argument("--interfaces", choices=["v1", "v2", "both"], default="both")
    parser.add_argument("--swo", action="store_true", help="with the third endpoint")
    parser.add_argument("command", nargs="+", help="a shell command for the machine")
    options = parser.parse_args()
    speed = Speed[options.speed.upper()]
    with tempfile.TemporaryDirectory(prefix="onchip-usb-") as name:
        folder = Path(name)
        with (
            session(folder) as prepared,
            VirtualBoard(options.chip, options.probe_model) as board,
            plugged(
                board, folder, speed=speed, interfaces=options.interfaces, swo=options.swo
            ) as plug,
            prepared.machine() as machine,
        ):
            machine.plug_in(plug.path)
            machine.run("udevadm settle")
            for command in options.command:
                print(f"$ {command}", flush=True)
                done = machine.run(command, timeout_s=300, check=False)
                print(done.output + done.errors, end="")
                print(f"[status {done.status}, {done.seconds:.1f} s]", flush=True)


if __name__ == "__main__":
    main()
