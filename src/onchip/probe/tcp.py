"""A probe behind a TCP socket, in the framing of OpenOCD's ``cmsis-dap backend tcp``.

A packet is one frame each way and frames keep their order, so packets may be written ahead: the
kernel's buffers hold them. What went wrong on the socket is renamed here, once: a closed or reset
connection is ``ProbeLost``, silence is ``ProbeTimeout``.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque

from onchip.errors import (
    ProbeBusy,
    ProbeDenied,
    ProbeError,
    ProbeLost,
    ProbeNotFound,
    ProbeTimeout,
    UsageError,
    WireError,
)
from onchip.wire import dap_tcp

_RECEIVE_SIZE = 65536
_SEND_TIMEOUT_S = 5.0
"""The other end reads slowly at worst; one that does not read at all is as good as gone."""
_NOT_ANSWERING = "is `onchip board CHIP` still running there?"
_TURN_TIMEOUT_S = 60.0
"""So long another program may keep the probe to itself: it may be programming a large flash."""


class TcpLink:
    """A `Link` to the probe that listens at ``host``:``port``.

    ``token`` is shown to a server that asks for one, as `onchip serve --allow-remote` does.
    """

    def __init__(
        self, host: str, port: int, *, token: str = "", connect_timeout_s: float = 2.0
    ) -> None:
        """Open the connection.

        Raises:
            ProbeNotFound: nobody accepts connections there.
            UsageError: the token is too long for a frame.
        """
        if len(token.encode()) > dap_tcp.MAX_PAYLOAD:
            raise UsageError(f"a token has at most {dap_tcp.MAX_PAYLOAD} bytes")
        self._where = f"tcp:{host}:{port}"
        try:
            self._socket: socket.socket | None = socket.create_connection(
                (host, port), timeout=connect_timeout_s
            )
        except OSError as error:
            raise ProbeNotFound(
                f"no probe answers at {self._where} ({_reason(error)})",
                hint="start one with `onchip board stm32f407`, or use --probe virtual:stm32f407",
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._decoder = dap_tcp.Decoder()
        self._responses: deque[bytes] = deque()
        self._answered = False
        self._refusal: ProbeError | None = None
        self._greeting = dap_tcp.encode(dap_tcp.Kind.TOKEN, token.encode()) if token else b""
        self.shared = False
        self.company = 0
        self._turn = False
        self._disturbed = False

    @property
    def description(self) -> str:
        """``tcp:HOST:PORT``."""
        return self._where

    def write(self, packet: bytes) -> None:
        """Send one packet; see `Link.write`.

        Raises:
            ProbeLost: the connection is gone.
        """
        connection = self._open_socket()
        try:
            connection.settimeout(_SEND_TIMEOUT_S)
            connection.sendall(
                self._greeting + dap_tcp.encode(dap_tcp.Kind.REQUEST, packet, dap_tcp.DIALECT)
            )
        except OSError as error:
            raise self._lost(_reason(error)) from error
        self._greeting = b""

    def read(self, timeout_s: float) -> bytes:
        """Return the next response; see `Link.read`.

        Raises:
            ProbeTimeout: none came within ``timeout_s``.
            ProbeLost: the connection is gone, or speaks another protocol.
            ProbeBusy: the other end serves somebody else, or closed before it ever answered.
            ProbeDenied: it asks for a token.
        """
        deadline = time.monotonic() + timeout_s
        while not self._responses:
            self._receive(deadline, timeout_s)
        self._answered = True
        return self._responses.popleft()

    # ---- turns, where others share the probe (docs/adr/0016)

    def take_turn(self) -> bool:
        """Wait for the probe, if others use it; see `SharedLink.take_turn`.

        Raises:
            ProbeBusy: another program keeps it.
            ProbeLost: the connection is gone.
        """
        if self._socket is None or not self._answered:
            return False  # the first answer tells whether there is company
        while select.select((self._socket,), (), (), 0)[0]:
            self._receive(time.monotonic() + 1, 1)
        if self.company:
            self._say(dap_tcp.Kind.TURN)
            self._await_turn()
        disturbed, self._disturbed = self._disturbed, False
        return disturbed

    def end_turn(self) -> None:
        """Let others have the probe; see `SharedLink.end_turn`."""
        if self.company or self._turn:
            self._turn = False
            with contextlib.suppress(ProbeError):
                self._say(dap_tcp.Kind.DONE)

    def _await_turn(self) -> None:
        deadline = time.monotonic() + _TURN_TIMEOUT_S
        while not self._turn:
            try:
                self._receive(deadline, _TURN_TIMEOUT_S)
            except ProbeTimeout as error:
                raise ProbeBusy(
                    f"another program has kept the probe at {self._where} to itself for "
                    f"{_TURN_TIMEOUT_S:g} s",
                    hint="wait until it is done, or end it",
                ) from error

    def _say(self, kind: dap_tcp.Kind) -> None:
        try:
            self._open_socket().sendall(dap_tcp.encode(kind, b"", dap_tcp.DIALECT))
        except OSError as error:
            raise self._lost(_reason(error)) from error

    def close(self) -> None:
        """Close the connection. Closing twice is harmless."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None

    def now(self) -> float:
        """Return the monotonic clock of this machine, in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of real time."""
        time.sleep(seconds)

    def __repr__(self) -> str:
        return f"<TcpLink {self._where}{'' if self._socket else ' (closed)'}>"

    def _receive(self, deadline: float, timeout_s: float) -> None:
        connection = self._open_socket()
        connection.settimeout(max(deadline - time.monotonic(), 1e-6))
        try:
            data = connection.recv(_RECEIVE_SIZE)
        except TimeoutError as error:
            raise ProbeTimeout(
                f"the probe at {self._where} did not answer within {timeout_s:g} s",
                hint=_NOT_ANSWERING,
            ) from error
        except OSError as error:
            raise self._lost(_reason(error)) from error
        if not data:
            raise self._lost("closed by the other end")
        try:
            frames = self._decoder.feed(data)
        except WireError as error:
            self.close()
            raise ProbeLost(
                f"what listens at {self._where} is not a CMSIS-DAP probe: {error.message}",
                hint="check the port; `onchip list` names the boards that are plugged in",
            ) from error
        for frame in frames:
            if frame.kind == dap_tcp.Kind.RESPONSE:
                self._responses.append(frame.payload)
            elif frame.kind == dap_tcp.Kind.REFUSAL:
                self._refusal = self._refused(frame.payload)
            elif frame.kind == dap_tcp.Kind.COMPANY:
                self.shared = True
                self.company = sum(frame.payload[:1])
                self._disturbed = self._disturbed or any(frame.payload[1:2])
            elif frame.kind == dap_tcp.Kind.TURN:
                self._turn = True
        if self._refusal is not None and not self._responses:
            raise self._lost("refused")

    def _refused(self, payload: bytes) -> ProbeError:
        reason, text = dap_tcp.decode_refusal(payload)
        message = f"the probe at {self._where} {text}"
        if reason is dap_tcp.Reason.DENIED:
            return ProbeDenied(
                message, hint="put the token that its server was given into ONCHIP_TOKEN"
            )
        return ProbeBusy(message, hint="wait until that one has left, or end it")

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ProbeLost(f"the connection to {self._where} is closed")
        return self._socket

    def _lost(self, reason: str) -> ProbeError:
        self.close()
        if self._refusal is not None:
            return self._refusal
        if not self._answered:
            return ProbeBusy(
                f"the probe at {self._where} hung up before it answered ({reason})",
                hint="another program may be using it; close that one first",
            )
        return ProbeLost(
            f"the probe at {self._where} is gone ({reason})",
            hint="plug it in again; a virtual board with `onchip board CHIP`",
        )


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
