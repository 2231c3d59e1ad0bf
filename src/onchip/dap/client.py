"""A CMSIS-DAP probe, spoken to: what it can do, its SWD port, its reset pin."""

from __future__ import annotations

from ..errors import ProbeError, ProbeRefused, ProbeTimeout, WireError
from ..probe.link import Link, usb_link
from ..wire.cmsis_dap import (
    UNKNOWN_COMMAND,
    Capabilities,
    Connect,
    Disconnect,
    ExecuteCommands,
    Info,
    InfoId,
    InfoResponse,
    Pin,
    Port,
    SWD_Configure,
    SWJ_Clock,
    SWJ_Pins,
    TransferConfigure,
)
from .channel import FIRST_PACKET_SIZE, RESPONSE_TIMEOUT_S, Channel
from .info import ProbeInfo
from .quirks import Quirk, quirks_of

RETRY_TIME_S = 0.1  # how long one packet may wait in the probe before the host hears of it
LOWER_CLOCKS_HZ = (
    20_000_000, 10_000_000, 8_000_000, 5_000_000, 4_000_000, 2_000_000, 1_000_000, 500_000, 100_000,
)  # fmt: skip


class DapClient(Channel):
    """A CMSIS-DAP probe whose SWD port is connected. Made by :meth:`open`."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.polls = False  # the probe's match does not work: waits are polled from here
        self.frequency_hz = 0
        self.refused_frequency_hz: int | None = None  # asked for, but the probe took another
        self.quirks: list[Quirk] = []  # what is not believed of this probe
        self.info = ProbeInfo(FIRST_PACKET_SIZE, 1, Capabilities(0), self._ask_text)
        self._connected = True  # so that closing takes back whatever was set up

    def __repr__(self) -> str:
        clock = f"{self.frequency_hz / 1e6:g} MHz" if self.frequency_hz else "no clock yet"
        return f"<DapClient {self.link.description}, {clock}>"

    @classmethod
    def ask(cls, link: Link) -> DapClient:
        """Learn what the probe can do, and leave its SWD port alone.

        Raises:
            ProbeError: it did not answer as a CMSIS-DAP probe.
        """
        client = cls(link)
        client._connected = False
        client._learn()
        return client

    @classmethod
    def open(cls, link: Link, *, frequency_hz: int = 4_000_000) -> DapClient:
        """Learn what the probe can do, and connect its SWD port at ``frequency_hz``.

        Where the probe refuses that clock, it gets the next lower one that it takes:
        ``client.frequency_hz`` is what it took, ``client.refused_frequency_hz`` what it refused.

        Raises:
            ProbeRefused: it has no SWD port, or would not set one up.
            ProbeError: it did not answer as a CMSIS-DAP probe.
        """
        client = cls(link)
        client._learn()
        client._connect_port(frequency_hz)
        return client

    # ---- opening and closing

    def _learn(self) -> None:
        questions = (InfoId.CAPABILITIES, InfoId.PACKET_COUNT, InfoId.PACKET_SIZE)
        command = ExecuteCommands(tuple(Info(q) for q in questions))
        packet = command.encode()
        self.link.write(packet)
        try:
            response = self._first_response(packet[0])
        except ProbeTimeout:  # some firmware does not answer what it does not know
            self._resynchronise()
            response = bytes((UNKNOWN_COMMAND,))
        if response[0] == UNKNOWN_COMMAND or response[:2] == b"\x7f\xff":
            answers = [self.command(Info(q)) for q in questions]
        else:
            try:
                together = command.decode_response(response).responses
                answers = [a for a in together if isinstance(a, InfoResponse)]
            except WireError:
                self._lose_step()
                answers = [self.command(Info(q)) for q in questions]
        if len(answers) != len(questions):
            answers = [self.command(Info(q)) for q in questions]
        capabilities = answers[0].capabilities
        self.packet_count = max(1, answers[1].number or 1)
        size = answers[2].number or FIRST_PACKET_SIZE
        if size < 16:
            raise ProbeError(f"the probe claims packets of {size} bytes, too small for CMSIS-DAP")
        self.packet_size = size
        self.atomic = capabilities.ATOMIC_COMMANDS
        self.info = ProbeInfo(size, self.packet_count, capabilities, self._ask_text)
        self._doubt()

    def _doubt(self) -> None:
        """Believe no more than the link can carry, and than the probe is known to do."""
        link = usb_link(self.link)
        if link is None:
            return
        self.packet_size = min(self.packet_size, link.longest_packet)
        link.settle_packet_size(self.packet_size)
        self.quirks = quirks_of(link, lambda: self.info.firmware)
        for quirk in self.quirks:
            self.packet_count = min(self.packet_count, quirk.packet_count or self.packet_count)
            self.packet_size = min(self.packet_size, quirk.packet_size or self.packet_size)
            self.atomic = self.atomic and quirk.atomic is not False
            self.polls = self.polls or quirk.match is False

    def _first_response(self, expected: int) -> bytes:
        """Read past what an earlier process may have left unread in the probe."""
        for _ in range(64):
            response = self.link.read(RESPONSE_TIMEOUT_S)
            if response and response[0] in (expected, UNKNOWN_COMMAND):
                return response
        raise ProbeError(
            f"{self.link.description} does not answer like a CMSIS-DAP probe",
            hint="is it the right device?",
        )

    def _connect_port(self, frequency_hz: int) -> None:
        if self.info.capabilities and not self.info.has_swd:
            raise ProbeRefused("this probe has no SWD port")
        self.frequency_hz = frequency_hz
        connect, clock, *_ = self.commands(
            (Connect(Port.SWD), SWJ_Clock(frequency_hz), SWD_Configure(), self.retries(match=0.0))
        )
        if getattr(connect, "port", 0) != Port.SWD:
            raise ProbeRefused("the probe could not set up its SWD port")
        if not getattr(clock, "ok", False):
            self._take_lower_clock(frequency_hz)

    def _take_lower_clock(self, refused_hz: int) -> None:
        for lower_hz in LOWER_CLOCKS_HZ:
            if lower_hz < refused_hz and self.command(SWJ_Clock(lower_hz)).ok:
                self.frequency_hz = lower_hz
                self.refused_frequency_hz = refused_hz
                return
        raise ProbeRefused(
            f"the probe does not take a clock of {refused_hz} Hz, and no lower one either",
            hint="its firmware may have an update",
        )

    def set_frequency(self, frequency_hz: int) -> None:
        """Change the SWD clock.

        Raises:
            ProbeRefused: the probe does not take that clock; it keeps the one it has.
            ProbeError: the probe did not answer.
        """
        if not self.command(SWJ_Clock(frequency_hz)).ok:
            raise ProbeRefused(
                f"the probe does not take a clock of {frequency_hz} Hz",
                hint="try a lower frequency",
            )
        self.frequency_hz = frequency_hz
        self.command(self.retries())

    # ---- the reset pin

    def assert_reset(self) -> None:
        """Pull nRESET low.

        Raises:
            ProbeError: the probe did not do it.
        """
        self.command(SWJ_Pins(0, Pin.nRESET, 1000))
        self.invalidate()

    def release_reset(self) -> None:
        """Let nRESET go, and wait up to 100 ms until it reads high.

        Raises:
            ProbeError: the probe did not do it.
        """
        self.command(SWJ_Pins(Pin.nRESET, Pin.nRESET, 100_000))
        self.invalidate()

    def retries(self, match: float = RETRY_TIME_S) -> TransferConfigure:
        """Return the setting that bounds, in seconds, one wait within the probe.

        A retried transfer takes some 15 clocks until its WAIT, 50 clocks when its data is read.
        """
        waits = min(0xFFFF, max(100, int(RETRY_TIME_S * self.frequency_hz / 15)))
        matches = min(0xFFFF, max(2, int(match * self.frequency_hz / 50)))
        return TransferConfigure(idle_cycles=0, wait_retry=waits, match_retry=matches)

    def _ask_text(self, info: InfoId) -> str | None:
        return self.command(Info(info)).text

    def check(self) -> None:
        """Ask the probe for a sign of life, in one packet that touches nothing behind it.

        Raises:
            ProbeLost: it is gone.
            ProbeError: it does not answer.
        """
        self.command(Info(InfoId.PACKET_COUNT))

    def close(self) -> None:
        """Disconnect the SWD port and close the link. Closing twice is harmless."""
        if self._closed or not self._connected:
            self._closed = True
            self.link.close()
            return
        try:
            self.command(Disconnect())
        except ProbeError:
            pass  # it is being let go of anyway
        finally:
            self._closed = True
            self.link.close()
