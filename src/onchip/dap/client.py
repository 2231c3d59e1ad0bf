"""A CMSIS-DAP probe, spoken to: what it can do, its packets in step, the way back after trouble.

``generation`` counts everything that may have changed the hardware behind the caches' back: a
failure, a reset, a line reset. Whoever remembers hardware state stamps it with the generation, and
forgets it when the stamp is old.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..errors import (
    CommandUnknown,
    OnchipError,
    ProbeError,
    ProbeLost,
    ProbeRefused,
    ProbeTimeout,
    WireError,
)
from ..probe.link import Link, usb_link
from ..probe.turns import Turns
from ..wire.cmsis_dap import (
    UNKNOWN_COMMAND,
    AnyCommand,
    Capabilities,
    Command,
    Connect,
    Disconnect,
    ExecuteCommands,
    Info,
    InfoId,
    InfoResponse,
    Pin,
    Port,
    Response,
    SWD_Configure,
    SWJ_Clock,
    SWJ_Pins,
    TransferConfigure,
    WriteABORT,
    command_name,
)
from .info import ProbeInfo
from .outcome import Failure
from .quirks import Quirk, quirks_of
from .transfers import Element

ResponseT = TypeVar("ResponseT", bound=Response)

STICKY_CLEAR = 0x1E  # ABORT: STKCMPCLR, STKERRCLR, WDERRCLR, ORUNERRCLR
DAPABORT = 0x01
RESPONSE_TIMEOUT_S = 3.0
DRAIN_TIMEOUT_S = 0.05
RETRY_TIME_S = 0.1  # how long one packet may wait in the probe before the host hears of it
LOWER_CLOCKS_HZ = (
    20_000_000, 10_000_000, 8_000_000, 5_000_000, 4_000_000, 2_000_000, 1_000_000, 500_000, 100_000,
)  # fmt: skip
SAFE_TO_REPEAT = (Info, Connect, SWJ_Clock, SWD_Configure, TransferConfigure)
FIRST_PACKET_SIZE = 64  # what any probe takes before it told its size


class _OutOfStep(ProbeError):
    """A response that does not belong to its command."""


class DapClient:
    """A CMSIS-DAP probe whose SWD port is connected. Made by :meth:`open`."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.lock = Turns()
        self.generation = 0
        self.packet_size = FIRST_PACKET_SIZE
        self.packet_count = 1
        self.atomic = False
        self.polls = False  # the probe's match does not work: waits are polled from here
        self.frequency_hz = 0
        self.refused_frequency_hz: int | None = None  # asked for, but the probe took another
        self.quirks: list[Quirk] = []  # what is not believed of this probe
        self.distrusted = ""  # why packets are no longer written ahead, though the probe says so
        self.info = ProbeInfo(FIRST_PACKET_SIZE, 1, Capabilities(0), self._ask_text)
        self.unconfirmed: Element | None = None
        self.last_shape: tuple[int, ...] | None = None
        self.started_s = 0.0
        self.on_trouble: Callable[[Failure], None] | None = None
        self._in_step = True
        self._closed = False
        self._connected = True  # so that closing takes back whatever was set up
        self._recovering = False

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

    # ---- one command at a time

    def command(
        self, command: Command[ResponseT], *, timeout_s: float = RESPONSE_TIMEOUT_S
    ) -> ResponseT:
        """Send ``command`` in a packet of its own and return its response.

        A command that does no harm when it runs twice is tried once more where its answer did not
        come, or was another's.

        Raises:
            ProbeRefused: the probe does not have the command.
            ProbeError: it did not answer, or not to this command.
        """
        safe = isinstance(command, SAFE_TO_REPEAT)
        with self.lock:
            try:
                return self._command_once(command, timeout_s)
            except (ProbeTimeout, _OutOfStep):
                if not (safe and self.usable):
                    raise
            return self._command_once(command, timeout_s)

    def _command_once(self, command: Command[ResponseT], timeout_s: float) -> ResponseT:
        with self.lock:
            self.ensure_usable()
            self.unconfirmed = self.last_shape = None
            packet = command.encode()
            self.link.write(packet)
            response = self.receive(packet, 0, timeout_s=timeout_s)
            try:
                return command.decode_response(response)
            except CommandUnknown as error:
                raise ProbeRefused(str(error)) from error
            except WireError as error:
                raise self.out_of_step(str(error)) from error

    def commands(self, commands: Sequence[AnyCommand]) -> list[Response]:
        """Send several commands, in one packet if the probe offers that and they fit.

        The caller keeps to what fits a packet; every command runs, whatever became of the others.

        Raises:
            ProbeError: as :meth:`command`.
        """
        if self.atomic:
            together = ExecuteCommands(tuple(commands))
            if len(together.encode()) <= self.packet_size:
                return list(self.command(together).responses)
        return [self.command(command) for command in commands]

    # ---- packets, for the pipeline

    def receive(
        self, packet: bytes, others: int, *, timeout_s: float = RESPONSE_TIMEOUT_S
    ) -> bytes:
        """Return the response to ``packet``, while ``others`` were written after it.

        Raises:
            ProbeError: none came, or another command's.
        """
        try:
            response = self.link.read(timeout_s)
        except ProbeTimeout as error:
            self._distrust(others, "no answer came")
            self._lose_step()
            raise ProbeTimeout(
                f"the probe did not answer {command_name(packet[0])} within {timeout_s:g} s",
                hint="it is being brought back into step; if this repeats, plug it in again",
            ) from error
        except ProbeLost:
            self._closed = True
            self.invalidate()
            raise
        except ProbeError:
            self._lose_step()  # a stalled endpoint, an answer that is too long
            raise
        except BaseException:  # Ctrl-C: what was asked will still be answered, to whoever asks next
            self._in_step = False
            self.invalidate()
            raise
        if response and response[0] == packet[0]:
            return response
        if response and response[0] == UNKNOWN_COMMAND:
            self.drain(others)
            self.invalidate()
            raise ProbeRefused(f"the probe does not have {command_name(packet[0])}")
        shown = command_name(response[0]) if response else "an empty packet"
        raise self.out_of_step(f"the answer to {command_name(packet[0])} was {shown}", others)

    def drain(self, count: int) -> None:
        """Read and drop the responses to ``count`` packets in flight."""
        for _ in range(count):
            try:
                self.link.read(RESPONSE_TIMEOUT_S)
            except ProbeTimeout:
                self._lose_step()
                return

    def out_of_step(self, reason: str, others: int = 0) -> ProbeError:
        """Note that responses no longer belong to packets; return the error to raise.

        ``others`` packets were written after the one whose answer is in doubt.
        """
        self._distrust(others, reason)
        self._lose_step()
        return _OutOfStep(
            f"the probe's answer does not belong to what was asked: {reason}",
            hint="it was brought back into step; what was in flight may or may not have happened",
        )

    def _distrust(self, others: int, why: str) -> None:
        """Write no packet ahead any more where ``others`` were: the probe may hold fewer."""
        if others and self.packet_count > 1:
            self.packet_count = 1
            self.distrusted = f"{others + 1} packets were in flight when {why}"

    def _lose_step(self) -> None:
        """Forget what was known, and try to get back in step at once."""
        self.invalidate()
        self._in_step = False
        try:
            self._resynchronise()
        except ProbeLost:
            self._closed = True
        except ProbeError:
            pass  # ensure_usable() tries again before the next packet, and says so if it fails

    def _resynchronise(self) -> None:
        """Ask two questions whose answers cannot be confused, and read until both have come.

        A probe answers in order, so what arrives before them is late, and nothing can come after.

        Raises:
            ProbeTimeout: the probe is silent.
            ProbeLost: it is gone.
        """
        for info, length in ((InfoId.PACKET_SIZE, 2), (InfoId.PACKET_COUNT, 1)):
            self.link.write(Info(info).encode())
            for _ in range(256 + self.packet_count):
                response = self.link.read(RESPONSE_TIMEOUT_S)
                if response[:2] == bytes((0, length)):
                    break
            else:
                raise ProbeTimeout("the probe sends without end, but not what it is asked")
        self._in_step = True
        self.last_shape = None

    # ---- trouble

    @property
    def usable(self) -> bool:
        """Return whether the probe is there and its responses are in step."""
        return self._in_step and not self._closed

    def ensure_usable(self) -> None:
        """Get back in step if need be.

        Raises:
            ProbeLost: the probe is gone, or was closed.
            ProbeTimeout: it is still silent.
        """
        if self._closed:
            raise ProbeLost(f"{self.link.description} is no longer connected", hint="connect again")
        if not self._in_step:
            self._resynchronise()

    def invalidate(self) -> None:
        """Make everything that was remembered of the hardware void."""
        self.generation += 1

    def recover(self, failure: Failure) -> None:
        """Put port and wire back in order after ``failure``; a vain try shows the next time."""
        self.invalidate()
        if failure.is_mismatch or self._recovering:
            return
        self._recovering = True
        try:
            if self.on_trouble is not None:
                self.on_trouble(failure)
            else:
                abort = STICKY_CLEAR | (DAPABORT if failure.is_wait else 0)
                self.command(WriteABORT(0, abort))
        except OnchipError:
            pass  # the failure itself is what the caller is about to hear
        finally:
            self._recovering = False
            self.invalidate()

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
