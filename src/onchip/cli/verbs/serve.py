"""`onchip serve`: offer a probe over TCP."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from onchip.cli.options import add_probe, port
from onchip.errors import UsageError

if TYPE_CHECKING:
    from onchip.probe.discovery import PluggedBoard

EPILOG = """\
examples:
  onchip serve
  onchip serve --probe 0240 --port 4442
  ONCHIP_TOKEN=... onchip serve --allow-remote

Programs use it as --probe tcp:HOST:PORT, OpenOCD as `cmsis-dap backend tcp`; several at once, one
client's batch at a time. Breakpoints, clock and connection stay each one's own; the core is
everybody's. What a program that vanishes had armed is taken out of the chip. Other machines must
show the token:
  ONCHIP_TOKEN=... onchip info --probe tcp:HOST:PORT
Nothing is encrypted: whoever can listen on the network reads token, firmware and memory.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("-p", "--port", type=port, default=4441, help="TCP port (default: 4441)")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen on every interface, not on loopback only; needs a token",
    )
    parser.add_argument(
        "--token", metavar="TOKEN", help="what clients must show (default: ONCHIP_TOKEN)"
    )
    add_probe(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from onchip.dap.client import DapClient
    from onchip.probe.discovery import PluggedBoard, announce
    from onchip.services.share import ProbeServer
    from onchip.session import TOKEN_VARIABLE, open_link, record_link

    token = os.environ.get(TOKEN_VARIABLE, "") if arguments.token is None else arguments.token
    if arguments.allow_remote and not token:
        raise UsageError(
            "--allow-remote lets anybody on the network use the probe, and so needs a token",
            hint=f"give one with --token, or in {TOKEN_VARIABLE}",
        )
    link = open_link(arguments.probe)
    try:
        if arguments.record is not None:
            link = record_link(link, arguments.record, command=arguments.command_line)
        asked = DapClient.ask(link)
        serial = asked.info.serial or link.description
        with ProbeServer(
            link,
            "0.0.0.0" if arguments.allow_remote else "127.0.0.1",
            arguments.port,
            packet_count=asked.packet_count,
            token=token,
            on_log=lambda text: print(text, file=sys.stderr, flush=True),
        ) as server:
            name = f"{serial}@{server.port}"
            note = PluggedBoard(name, "127.0.0.1", server.port, "", asked.info.product, os.getpid())
            with announce(note):
                _greet(note, remote=arguments.allow_remote, token=bool(token))
                server.serve_forever(handle_signals=True)
    finally:
        link.close()
    print("no longer served")
    return 0


def _greet(note: PluggedBoard, *, remote: bool, token: bool) -> None:
    asks = ", for who shows the token" if token else ""
    print(f"{note.serial.rpartition('@')[0]} is served at {note.spec}{asks}")
    print("Ctrl-C ends it", flush=True)
    if remote:
        print(
            "onchip: warning: other machines can use this probe; nothing is encrypted, and the "
            "token is readable on the network",
            file=sys.stderr,
        )
