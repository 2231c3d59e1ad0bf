"""A probe behind a TCP port, for several programs at once: one client's batch at a time.

A client joins with its first packet that may touch the target, and leaves with DAP_Disconnect or
with its end. As long as it is alone its packets pass as they are. With company three things keep
clients from harming each other (docs/adr/0016): between two clients' batches the port's registers
are swapped (`Wire`), what would take the target from the others is changed on its way (`Screen`,
`Guard`), and clients of ours are told when others drove the core, so that their caches are void.

What a batch is, a client of ours says with TURN and DONE. Another program's batch ends when nothing
of it is in flight and nothing has come for 10 ms.

One thread does everything. It writes ahead as far as the probe takes it, and looks at the sockets
at least every 10 ms while it waits, so that a DAP_TransferAbort is not kept waiting.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from onchip.errors import OnchipError, ProbeBusy, ProbeError, ProbeLost, ProbeTimeout
from onchip.probe.link import Link
from onchip.services.listening import PortServer
from onchip.services.share.client import LINGER_S, Client
from onchip.services.share.disarm import disarm, disarm_one
from onchip.services.share.guard import Guard
from onchip.services.share.screen import POWER, Passage, is_harmless
from onchip.services.share.swap import Wire
from onchip.wire.cmsis_dap import CommandId
from onchip.wire.dap_tcp import DEFAULT_PORT, Kind, Reason, encode

_SLICE_S = 0.010
_SILENCE_S = 5.0
"""A response that has not come by then will not: what waits behind it is let go on."""
_PAUSE_S = 0.010
"""So long the next packet of a batch may take to come, where the client does not say DONE."""
_TURN_S = 0.2
"""The longest turn of a client that does not say DONE."""
_IDLE_TURN_S = 10.0
"""A client that says TURN, and then nothing for that long, has lost it."""
_UNAWARE_S = 0.25
"""So long one that thought itself alone may be quiet between the calls of one job."""
_MOST_WAITING = 256
"""Packets of one client that may wait here; who writes further ahead waits itself."""
_ABORT = bytes((CommandId.TransferAbort,))


_STATES = {True: "the core runs", False: "the core is halted", None: "there is no core"}


class _Sent(NamedTuple):
    """A packet in flight. One that is answered here is never seen by the probe."""

    client: Client
    packet: bytes | None
    passage: Passage
    at: float


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
        self._clients: dict[socket.socket, Client] = {}
        self._guard = Guard()
        self._wire = Wire(link)
        self._last: Client | None = None
        self._turn_began = 0.0
        self._in_flight: deque[_Sent] = deque()

    @property
    def users(self) -> list[str]:
        """Who uses the probe now."""
        return [client.name for client in list(self._clients.values()) if client.connected]

    def serve_forever(self, *, handle_signals: bool = False) -> None:
        """Serve until ``stop``; see `PortServer.serve_forever`.

        Raises:
            ProbeLost: the probe is gone.
        """
        try:
            super().serve_forever(handle_signals=handle_signals)
        except ProbeLost:
            self.close()  # so that no client waits for an answer
            raise

    def _leave_clients(self) -> None:
        for client in list(self._clients.values()):
            self._bury(client)

    # ---- one turn of the loop

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is self._listener:
                self._accept()
            elif not self._woke(key.fileobj) and key.fileobj in self._clients:
                assert isinstance(key.fileobj, socket.socket)
                self._receive(self._clients[key.fileobj])
        for client in sorted(self._clients.values(), key=lambda client: client.waits_since):
            self._serve(client)
        if self._in_flight:
            self._answer()
        for client in list(self._clients.values()):
            late = client.leaving_at is not None and time.monotonic() > client.leaving_at
            if (late or (client.ended and not client.packets)) and not self._in_flight:
                self._bury(client)

    def _patience(self) -> float | None:
        """Return how long the sockets may be waited for."""
        clients = self._clients.values()
        if self._in_flight:
            return 0.0
        if any(client.ended for client in clients):
            return 0.0
        if any(client.wants for client in clients):
            return 0.0 if self._free else _PAUSE_S / 4
        return LINGER_S if any(c.leaving_at is not None for c in clients) else None

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # gone before it was met
        self._clients[connection] = Client(connection, self._guard, token=self._token)
        self._selector.register(connection, selectors.EVENT_READ)

    def _receive(self, client: Client) -> None:
        client.receive(self._refuse)
        if client.ended or len(client.packets) > _MOST_WAITING:
            self._deafen(client)

    def _deafen(self, client: Client) -> None:
        """Stop looking at a client's socket: it has ended, or has said enough for now."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(client.connection)

    def _listen_again(self, client: Client) -> None:
        if not client.ended and client.connection not in self._selector.get_map():
            self._selector.register(client.connection, selectors.EVENT_READ)

    # ---- whose turn it is

    @property
    def _free(self) -> bool:
        """Whether the one who had the last turn is done with it."""
        last, now = self._last, time.monotonic()
        if last is None or last.connection not in self._clients or not last.connected:
            return not self._in_flight
        if self._in_flight:
            return False
        quiet = now - last.active_at
        if last.holds or last.holds_reset:
            return quiet > _IDLE_TURN_S
        if last.may_be_busy or last.line_open:
            return quiet > _UNAWARE_S
        return quiet > _PAUSE_S or now - self._turn_began > _TURN_S

    def _take_turn(self, client: Client) -> bool:
        """Give ``client`` the turn, if it can be had; whether it has it."""
        if self._last is client:
            return True
        if not client.joins:
            client.joins = True
            self._tell_company()
        if not self._free:
            return False
        if self._last is not None:
            self._last.holds = False
        self._last = client
        self._turn_began = client.active_at = time.monotonic()
        return True

    def _serve(self, client: Client) -> None:
        if client.asked and self._take_turn(client):
            client.asked, client.holds = False, True
            client.active_at = time.monotonic()
            client.tell_company(self._company(client))
            client.send(encode(Kind.TURN))
        if _ABORT in client.packets and self._in_flight and self._in_flight[0].client is client:
            client.packets.remove(_ABORT)  # meant for what is running
            self.link.write(_ABORT)
        while client.packets and len(self._in_flight) < self._packet_count:
            if self._in_flight and self._in_flight[0].client is not client:
                return  # another one's batch
            packet = client.packets[0]
            if is_harmless(packet):
                passage = Passage(packet, lambda response: response)
            elif not self._take_turn(client):
                return
            else:
                try:
                    passage = self._pass(client, packet)
                except ProbeBusy as error:
                    self._refuse(client, Reason.BUSY, error.message)
                    return
            client.packets.popleft()
            client.active_at = client.waits_since = time.monotonic()
            if passage.packet is not None:
                self.link.write(passage.packet)
            if packet[:1] != _ABORT:
                self._in_flight.append(_Sent(client, passage.packet, passage, client.active_at))
        if len(client.packets) < _MOST_WAITING // 2:
            self._listen_again(client)

    # ---- packets

    def _pass(self, client: Client, packet: bytes) -> Passage:
        """Make probe and ports hold what ``client`` expects, and see what becomes of its packet."""
        others = [c for c in self._clients.values() if c.connected and c is not client]
        power = 0
        for other in others:
            power |= (other.screen.state.ctrl_stat or 0) & POWER
        self._wire.give(client.screen.state, power)
        passage = client.screen.passage(packet, company=bool(others), power=power)
        if passage.resets is not None:
            client.holds_reset = passage.resets
        if passage.line is not None:
            client.line_open = passage.line
        if self._guard.disturbed:
            self._guard.disturbed = False
            for other in others:
                other.disturbed = True
        if not client.connected:
            client.connected = True
            self._log(f"{client.name} has joined" if others else f"{client.name} has the probe")
            client.company = len(others)
            client.tell_company(len(others))
        return passage

    def _company(self, client: Client) -> int:
        return sum(other.joins for other in self._clients.values() if other is not client)

    def _tell_company(self) -> None:
        """Tell everybody how many they are; who is in the middle of something, may end it."""
        for client in self._clients.values():
            if client.connected and (count := self._company(client)) != client.company:
                client.may_be_busy = client.ours and not client.company
                client.company = count
                client.tell_company(count)

    def _answer(self) -> None:
        """Pass on the next response, if it comes soon."""
        sent = self._in_flight[0]
        response = b""
        if sent.packet is not None:
            try:
                response = self.link.read(_SLICE_S)
            except ProbeTimeout:
                if time.monotonic() - sent.at > _SILENCE_S:
                    self._in_flight.popleft()
                    self._log(f"the probe did not answer {sent.client.name}")
                return
            except ProbeLost:
                raise
            except ProbeError as error:
                self._in_flight.popleft()
                self._log(str(error))
                return
            sent.client.planted.saw(sent.packet, response)
        self._in_flight.popleft()
        sent.client.active_at = time.monotonic()
        sent.client.send(encode(Kind.RESPONSE, sent.passage.answer(response)))
        if sent.passage.disconnects:
            self._part(sent.client)

    def _part(self, client: Client) -> None:
        """Let go of a client that has let go of the port; it may come back."""
        self._guard.leave(client)
        self._log(f"{client.name} has given the probe back")
        self._left(client)

    def _left(self, client: Client) -> None:
        self._wire.drop(client.screen.state)
        client.start_over()
        client.company = 0
        if self._last is client:
            self._last = None
        self._tell_company()

    # ---- the end of a client

    def _refuse(self, client: Client, reason: Reason, text: str) -> None:
        """Say why, and hang up; wait a little, so that the client can read it."""
        client.turn_away(reason, text)
        self._log(f"{client.name} was turned away: the probe {text}")

    def _bury(self, client: Client) -> None:
        """Clean up after a client that has ended. Nothing is in flight, but for its own packets."""
        self._deafen(client)
        while self._in_flight:
            with contextlib.suppress(ProbeError):  # nobody waits for it any more
                if self._in_flight[0].packet is not None:
                    self.link.read(_SILENCE_S)
            self._in_flight.popleft()
        self._clients.pop(client.connection, None)
        client.connection.close()
        if client.connected:
            self._clean_up(client)
            self._left(client)

    def _clean_up(self, client: Client) -> None:
        writes = self._guard.leave(client)
        try:
            if self._company(client):
                self._wire.save()
                disarm_one(self.link, writes, client.planted.originals)
                state = "what others have armed stays"
            else:
                runs = disarm(self.link, client.planted.originals)
                state = _STATES[runs]
        except OnchipError as error:
            self._log(f"{client.name} vanished, and its chip could not be disarmed: {error}")
            return
        finally:
            self._wire.forget()
        self._log(f"{client.name} vanished: breakpoints and watchpoints are cleared, {state}")
