"""A virtual board on a TCP port, in the framing that OpenOCD's CMSIS-DAP TCP backend speaks.

One thread does everything: it serves the packets of one client and lets the board's time follow the
real time in between. A second client is told who has the board, and hung up on; so is anybody who
sends something else than the framing. A client that vanishes leaves the probe as it is, as a pulled
cable does.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import deque
from collections.abc import Callable
from functools import cached_property

from onchip.errors import WireError
from onchip.services.listening import PortServer
from onchip.services.peers import peer_name
from onchip.virtual_board.board import VirtualBoard
from onchip.wire.dap_tcp import DEFAULT_PORT, Decoder, Kind, Reason, encode, encode_refusal

from .pace import Pace

_LOOK_IN_NS = 20_000_000
"""A packet that repeats a transfer lets the server look at its socket so often (simulated)."""
_SEND_TIMEOUT_S = 5.0
_RECEIVE = 65_536
_TRANSFER_ABORT = b"\x07"


class _Client:
    """The connection of the one client, and what of it has not been served yet."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_SEND_TIMEOUT_S)
        self.connection = connection
        self.decoder = Decoder()
        self.packets: deque[bytes] = deque()
        self.ended = False
        self.deaf = False

    @cached_property
    def name(self) -> str:
        """Who it is; asked when it is wanted, since the answer takes a look at every process."""
        return peer_name(self.connection)

    @property
    def readable(self) -> bool:
        """Whether something has arrived, if only the end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            return bool(selector.select(0))

    def receive(self) -> None:
        """Take what has arrived; ``ended`` if that was all, or is not the framing."""
        try:
            data = self.connection.recv(_RECEIVE)
            frames = self.decoder.feed(data)
        except (OSError, WireError):
            self.ended = True
            return
        self.packets.extend(frame.payload for frame in frames if frame.kind == Kind.REQUEST)
        self.ended = not data

    def send(self, packet: bytes) -> None:
        """Send one response; ``ended`` if the client is gone, or does not read."""
        if self.deaf:
            return
        try:
            self.connection.sendall(encode(Kind.RESPONSE, packet))
        except OSError:
            self.ended = self.deaf = True


class BoardServer(PortServer):
    """Serves ``board`` at ``host``:``port``; port 0 takes any free one.

    ``on_uart`` receives what the chip sends on its UART, in the thread of ``serve_forever``. The
    board stays the caller's: it is not closed here.
    """

    def __init__(
        self,
        board: VirtualBoard,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        on_uart: Callable[[bytes], None] | None = None,
    ) -> None:
        super().__init__(host, port)
        self.board = board
        board.console.on_output = on_uart
        self._client: _Client | None = None
        self._pace = Pace(board)

    def close(self) -> None:
        """Close every socket. To be called when ``serve_forever`` has returned."""
        super().close()
        self.board.console.on_output = None

    @property
    def attended(self) -> bool:
        """Whether a client is connected."""
        return self._client is not None

    # ---- one turn of the loop

    def _turn(self) -> None:
        timeout = self._pace.tick(attended=self._client is not None)
        waiting = self._client is not None and self._client.packets
        for key, _ in self._selector.select(0 if waiting else timeout):
            if key.fileobj is self._listener:
                self._accept()
            elif not self._woke(key.fileobj) and self._client is not None:
                self._client.receive()
        # What came before the end is still done.
        if self._client is not None and self._client.ended and not self._client.packets:
            self._drop_client()
        # One packet a turn, so that stop() and other connections are not kept waiting.
        if self._client is not None and self._client.packets:
            self._serve(self._client, self._client.packets.popleft())

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # gone before it was met
        # Who held the probe may have hung up just before: `onchip list` only knocks.
        while self._client is not None and self._client.readable:
            self._client.receive()
            if self._client.ended:
                self._finish(self._client)
        if self._client is not None or not self.board.probe.plugged:
            if self._client is not None:
                text = f"is in use by {self._client.name}"
                with contextlib.suppress(OSError):  # it has left already
                    connection.sendall(encode_refusal(Reason.BUSY, text))
            connection.close()
            return
        self._client = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ)

    def _serve(self, client: _Client, packet: bytes) -> None:
        firmware = self.board.probe.firmware
        running = self.board.begin(packet)
        while True:
            firmware.transfers.pause_at_ns = self.board.clock.now_ns + _LOOK_IN_NS
            try:
                next(running)
            except StopIteration as finished:
                responses: list[bytes] = finished.value
                break
            if self._aborted(client):
                firmware.transfers.abort = True
        for response in responses:
            client.send(response)
        if not self.board.probe.plugged:
            self._drop_client()

    def _aborted(self, client: _Client) -> bool:
        """Look for a DAP_TransferAbort while a packet runs; stopping or leaving aborts too."""
        if self._stopping.is_set():
            return True
        if client.readable:
            client.receive()
        if client.ended:
            return True
        if _TRANSFER_ABORT in client.packets:
            client.packets.remove(_TRANSFER_ABORT)
            return True
        return False

    def _finish(self, client: _Client) -> None:
        """Do what a client that has ended still asked for, and let go of it."""
        while client is self._client and client.packets:
            self._serve(client, client.packets.popleft())
        self._drop_client()

    def _leave_clients(self) -> None:
        self._drop_client()

    def _drop_client(self) -> None:
        if self._client is None:
            return
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._client.connection)
        self._client.connection.close()
        self._client = None
        self.board.probe.firmware.forget_queue()
