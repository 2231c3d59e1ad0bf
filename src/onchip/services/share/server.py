"""A probe behind a TCP port, for one program at a time.

The unit of sharing is what stands between DAP_Connect and DAP_Disconnect: a client's first packet
that may touch the target takes the probe, its DAP_Disconnect or its end gives it back. Who asks
meanwhile is told who has it. DAP_Info and DAP_HostStatus touch nothing: they are answered for
everybody, between two of the holder's batches (docs/adr/0013).

One thread does everything. It writes ahead as far as the probe takes it, and looks at the sockets
at least every 10 ms while it waits, so that a DAP_TransferAbort is not kept waiting.
"""

from __future__ import annotations

import contextlib
import hmac
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import cached_property

from onchip.errors import OnchipError, ProbeError, ProbeLost, ProbeTimeout, WireError
from onchip.probe.link import Link
from onchip.services.listening import PortServer
from onchip.services.peers import peer_name
from onchip.services.share.disarm import disarm
from onchip.services.share.planted import Planted
from onchip.wire.cmsis_dap import CommandId, ExecuteCommands, decode_request
from onchip.wire.dap_tcp import DEFAULT_PORT, Decoder, Kind, Reason, encode, encode_refusal

_SLICE_S = 0.010
_SILENCE_S = 5.0
"""A response that has not come by then will not: what waits behind it is let go on."""
_LINGER_S = 2.0
"""So long a client that was turned away may read why."""
_SEND_TIMEOUT_S = 5.0
_MOST_WAITING = 256
"""Packets of one client that may wait here; who writes further ahead waits itself."""
_RECEIVE = 65_536
_HARMLESS = (CommandId.Info, CommandId.HostStatus)
_ABORT = bytes((CommandId.TransferAbort,))


class _Client:
    """One connection, and what of it has not been served yet."""

    def __init__(self, connection: socket.socket, *, admitted: bool) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_SEND_TIMEOUT_S)
        self.connection = connection
        self.admitted = admitted
        self.packets: deque[bytes] = deque()
        self.ended = False
        self.armed = False
        self.leaving_at: float | None = None
        self.planted = Planted()
        self._decoder = Decoder()

    @cached_property
    def name(self) -> str:
        """Who it is; asked when it is wanted, since the answer takes a look at every process."""
        return peer_name(self.connection)

    def receive(self) -> list[tuple[int, bytes]]:
        """Return the frames that have arrived; ``ended`` if that was all, or is no framing."""
        try:
            data = self.connection.recv(_RECEIVE)
            frames = self._decoder.feed(data)
        except (OSError, WireError):
            self.ended = True
            return []
        self.ended = not data
        return [(frame.kind, frame.payload) for frame in frames]

    def send(self, frame: bytes) -> None:
        """Send one frame; ``ended`` if the client is gone, or does not read."""
        try:
            self.connection.sendall(frame)
        except OSError:
            self.ended = True
            self.packets.clear()


class ProbeServer(PortServer):
    """Serves the probe behind ``link`` at ``host``:``port``; port 0 takes any free one.

    ``packet_count`` is how many packets the probe takes ahead. With a ``token`` only clients that
    show it are served. ``on_log`` gets a line for people now and then. The link stays the caller's.
    """

    def __init__(
        self,
        link: Link,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        packet_count: int = 1,
        token: str = "",
        on_log: Callable[[str], None] = lambda text: None,
    ) -> None:
        super().__init__(host, port)
        self.link = link
        self._packet_count = packet_count
        self._token = token
        self._log = on_log
        self._clients: dict[socket.socket, _Client] = {}
        self._holder: _Client | None = None
        self._in_flight: deque[tuple[_Client, bytes, bool, float]] = deque()

    @property
    def holder(self) -> str | None:
        """Who has the probe now."""
        return None if self._holder is None else self._holder.name

    def serve_forever(self, *, handle_signals: bool = False) -> None:
        """Serve until ``stop``. ``handle_signals`` (main thread only): SIGINT, SIGTERM stop it.

        Raises:
            ProbeLost: the probe is gone.
        """
        try:
            super().serve_forever(handle_signals=handle_signals)
        except ProbeLost:
            self.close()  # so that no client waits for an answer
            raise

    # ---- one turn of the loop

    def _turn(self) -> None:
        waiting = any(client.packets for client in self._clients.values())
        leaving = any(client.leaving_at is not None for client in self._clients.values())
        timeout = 0.0 if waiting or self._in_flight else _LINGER_S if leaving else None
        for key, _ in self._selector.select(timeout):
            if key.fileobj is self._listener:
                self._accept()
            elif not self._woke(key.fileobj) and key.fileobj in self._clients:
                assert isinstance(key.fileobj, socket.socket)
                self._receive(self._clients[key.fileobj])
        for client in self._in_order():
            self._forward(client)
        if self._in_flight:
            self._answer()
        for client in list(self._clients.values()):
            busy = client.packets or any(owner is client for owner, *_ in self._in_flight)
            late = client.leaving_at is not None and time.monotonic() > client.leaving_at
            if late or (client.ended and not busy):
                self._bury(client)

    def _in_order(self) -> list[_Client]:
        """Return the clients, the holder last: it is the one with much to say."""
        return sorted(self._clients.values(), key=lambda client: client is self._holder)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # gone before it was met
        self._clients[connection] = _Client(connection, admitted=not self._token)
        self._selector.register(connection, selectors.EVENT_READ)

    def _receive(self, client: _Client) -> None:
        for kind, payload in client.receive():
            if client.leaving_at is not None:
                continue
            if kind == Kind.TOKEN and self._token:
                client.admitted = hmac.compare_digest(payload, self._token.encode())
                if not client.admitted:
                    self._refuse(client, Reason.DENIED, "was shown a wrong token")
            elif kind == Kind.REQUEST and not client.admitted:
                self._refuse(client, Reason.DENIED, "asks for a token")
            elif kind == Kind.REQUEST:
                client.packets.append(payload)
        if client.ended or len(client.packets) > _MOST_WAITING:
            self._deafen(client)

    def _deafen(self, client: _Client) -> None:
        """Stop looking at a client's socket: it has ended, or has said enough for now."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(client.connection)

    def _listen_again(self, client: _Client) -> None:
        if not client.ended and client.connection not in self._selector.get_map():
            self._selector.register(client.connection, selectors.EVENT_READ)

    # ---- packets

    def _forward(self, client: _Client) -> None:
        """Write what ``client`` may write now."""
        if self._in_flight and self._in_flight[0][0] is not client:
            return  # another one's batch
        if _ABORT in client.packets and self._in_flight:
            client.packets.remove(_ABORT)  # meant for what is running
            self.link.write(_ABORT)
        while client.packets and len(self._in_flight) < self._packet_count:
            packet = client.packets[0]
            harmless, last = _judge(packet)
            if not harmless and self._holder not in (None, client):
                assert self._holder is not None
                self._refuse(client, Reason.BUSY, f"is in use by {self._holder.name}")
                return
            if not harmless:
                if self._holder is None:
                    self._log(f"{client.name} has the probe")
                self._holder = client
                client.armed = not last
            client.packets.popleft()
            self.link.write(packet)
            if packet[:1] != _ABORT:
                self._in_flight.append((client, packet, last, time.monotonic()))
        if len(client.packets) < _MOST_WAITING // 2:
            self._listen_again(client)

    def _answer(self) -> None:
        """Pass on the next response, if it comes soon."""
        client, packet, last, since = self._in_flight[0]
        try:
            response = self.link.read(_SLICE_S)
        except ProbeTimeout:
            if time.monotonic() - since > _SILENCE_S:
                self._in_flight.popleft()
                self._log(f"the probe did not answer {client.name}")
            return
        except ProbeLost:
            raise
        except ProbeError as error:
            self._in_flight.popleft()
            self._log(str(error))
            return
        self._in_flight.popleft()
        client.planted.saw(packet, response)
        client.send(encode(Kind.RESPONSE, response))
        if last and client is self._holder and not client.armed:
            self._holder = None
            client.planted = Planted()
            self._log(f"{client.name} has given the probe back")

    # ---- the end of a client

    def _refuse(self, client: _Client, reason: Reason, text: str) -> None:
        """Say why, and hang up; wait a little, so that the client can read it."""
        client.packets.clear()
        client.send(encode_refusal(reason, text))
        with contextlib.suppress(OSError):
            client.connection.shutdown(socket.SHUT_WR)
        client.leaving_at = time.monotonic() + _LINGER_S
        self._log(f"{client.name} was turned away: the probe {text}")

    def _leave_clients(self) -> None:
        for client in list(self._clients.values()):
            self._bury(client)

    def _bury(self, client: _Client) -> None:
        self._deafen(client)
        self._clients.pop(client.connection, None)
        client.connection.close()
        while any(owner is client for owner, *_ in self._in_flight):
            with contextlib.suppress(ProbeError):  # nobody waits for it any more
                self.link.read(_SILENCE_S)
            self._in_flight.popleft()
        if self._holder is not client:
            return
        self._holder = None
        if client.armed:
            self._clean_up(client)

    def _clean_up(self, client: _Client) -> None:
        try:
            runs = disarm(self.link, client.planted.originals)
        except OnchipError as error:
            self._log(f"{client.name} vanished, and its chip could not be disarmed: {error}")
            return
        state = {True: "the core runs", False: "the core is halted", None: "there is no core"}[runs]
        self._log(f"{client.name} vanished: breakpoints and watchpoints are cleared, {state}")


def _judge(packet: bytes) -> tuple[bool, bool]:
    """Tell whether a packet touches nothing, and whether it disconnects the port at its end."""
    try:
        request = decode_request(packet)
    except WireError:
        return False, False
    commands = request.commands if isinstance(request, ExecuteCommands) else (request,)
    harmless = all(command.code in _HARMLESS for command in commands)
    return harmless, bool(commands) and commands[-1].code == CommandId.Disconnect
