"""`GDBServer`: the classic name and options of `onchip.services.gdb.GdbServer`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from onchip.errors import OnchipError, UsageError
from onchip.services.commands import symbols_of
from onchip.services.gdb import GdbOptions, GdbServer
from onchip.services.telnet_console import TelnetConsole
from onchip.services.websocket_bridge import WebSocketBridge
from pyOCD.target.constants import catch_names
from pyOCD.target.target import Target
from pyOCD.utility.progress import ProgressBar, as_fractions

if TYPE_CHECKING:
    from pyOCD.board.board import Board

LOG = logging.getLogger(__name__)

DEFAULTS: Mapping[str, Any] = {
    "break_at_hardfault": True,
    "break_on_reset": False,
    "vector_catch": None,  # takes the place of the two above when given
    "step_into_interrupt": False,
    "persist": False,
    "soft_bkpt_as_hard": False,
    "chip_erase": None,  # None and False: by sectors
    "fast_program": False,  # verify by the CRC of each page alone
    "hide_programming_progress": False,
    "enable_semihosting": False,
    "serve_local_only": True,
    "server_listening_callback": None,
    "semihost_console_type": "telnet",  # or "stdx": standard output only, which "telnet" has too
    "telnet_port": 4444,
    "semihost_use_syscalls": False,  # GDB does what the program asks of files and console
    "report_core_number": False,  # taken, and without effect: there is one core
}


class GDBServer:
    """Serves GDB for a board in a thread that starts at once.

    ``port_urlWSS`` is a TCP port; 0 picks a free one. Or it is the URL of a WebSocket server,
    ``ws://`` or ``wss://``, behind which GDB is: it is connected to, and the service ends with it.
    ``board`` is connected already.
    """

    def __init__(
        self,
        board: Board,
        port_urlWSS: int | str,
        options: Mapping[str, Any] = DEFAULTS,
        core: object = None,
    ) -> None:
        unknown = sorted(set(options) - set(DEFAULTS))
        if unknown:
            raise UsageError(
                f"GDBServer has no option {', '.join(unknown)}",
                hint=f"known: {', '.join(DEFAULTS)}",
            )
        self.board = board
        self.wss_server = str(port_urlWSS) if "://" in str(port_urlWSS) else None
        self.port = 0 if self.wss_server else _port(port_urlWSS)
        self._bridge: WebSocketBridge | None = None
        self._options = {**DEFAULTS, **options}
        self._console: TelnetConsole | None = None
        self._server = self._start()

    @property
    def telnet_port(self) -> int | None:
        """Where the console of semihosting is; None without one."""
        return None if self._console is None else self._console.port

    def stop(self) -> None:
        """End the service: nothing stays armed on the chip."""
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            bridge.stop()
        self._server.stop()
        console, self._console = self._console, None
        if console is not None:
            console.close()

    def restart(self) -> None:
        """End the service and begin again, on the same port."""
        self.stop()
        self._server = self._start()

    def setBoard(self, board: Board, stop: bool = True) -> None:
        """Serve another board from now on, or with ``stop`` false from the next `restart` on."""
        self.board = board
        if stop:
            self.restart()

    def isAlive(self) -> bool:
        return self._server.is_alive

    is_alive = isAlive

    def join(self, timeout: float | None = None) -> None:
        """Wait until the service has ended."""
        self._server.join(timeout)

    def _start(self) -> GdbServer:
        callback: Callable[[GDBServer], None] | None = self._options["server_listening_callback"]

        def listening(port: int) -> None:
            self.port = port
            print(f"GDB server started on port {port}", flush=True)
            if callback is not None:
                callback(self)

        self._console = self._open_console()
        hidden = self._options["hide_programming_progress"]
        server = GdbServer(
            self.board.session,
            self.port,
            host=self._host,
            options=_translate(self._options, self.board),
            on_listening=listening,
            on_log=LOG.info,
            on_console=self._show,
            on_progress=as_fractions(_hidden if hidden else ProgressBar()),
            read_input=self._read_typed,
        )
        server.start()
        if self.wss_server is not None:
            try:
                self._bridge = WebSocketBridge(
                    self.wss_server, server.port, on_end=lambda error: _bridge_ended(server, error)
                )
            except UsageError:
                server.stop()
                raise
            self._bridge.start()
        return server

    @property
    def _host(self) -> str:
        local = self._options["serve_local_only"] or self.wss_server is not None
        return "127.0.0.1" if local else "0.0.0.0"

    def _open_console(self) -> TelnetConsole | None:
        """Listen for Telnet, if the options want it; a port that is taken is only told."""
        options = self._options
        if not options["enable_semihosting"] or options["semihost_console_type"] != "telnet":
            return None
        console = TelnetConsole(int(options["telnet_port"]), host=self._host)
        try:
            console.start()
        except UsageError as error:
            LOG.warning("%s", error)
            return None
        LOG.info("the console of semihosting is on port %d", console.port)
        return console

    def _show(self, text: str) -> None:
        print(text, end="", flush=True)
        if self._console is not None:
            self._console.write(text)

    def _read_typed(self, length: int) -> bytes:
        return b"" if self._console is None else self._console.read(length)


def _translate(options: Mapping[str, Any], board: Board) -> GdbOptions:
    baseline = board.session.core.identity.baseline
    return GdbOptions(
        persist=bool(options["persist"]),
        step_into_interrupts=bool(options["step_into_interrupt"]),
        hardware_breakpoints_only=bool(options["soft_bkpt_as_hard"]),
        erase="chip" if options["chip_erase"] else "sector",
        read_back=not options["fast_program"],
        vector_catch=catch_names(_catch_mask(options), baseline=baseline),
        semihosting=bool(options["enable_semihosting"]),
        gdb_files=bool(options["semihost_use_syscalls"]),
        debug=None if board.target.elf is None else symbols_of(board.target.elf),
    )


def _catch_mask(options: Mapping[str, Any]) -> int:
    mask = options["vector_catch"]
    if mask is not None:
        return int(mask)
    hard = Target.CATCH_HARD_FAULT if options["break_at_hardfault"] else Target.CATCH_NONE
    reset = Target.CATCH_CORE_RESET if options["break_on_reset"] else Target.CATCH_NONE
    return hard | reset


def _bridge_ended(server: GdbServer, error: OnchipError | None) -> None:
    if error is not None:
        LOG.error("%s", error)
    server.stop()


def _hidden(fraction: float) -> None:
    """Show nothing."""


def _port(port: int | str) -> int:
    try:
        number = int(port)
    except ValueError:
        raise UsageError(f"{port!r} is neither a TCP port nor a URL ws://HOST:PORT") from None
    if not 0 <= number <= 65535:
        raise UsageError(f"there is no TCP port {number}")
    return number
