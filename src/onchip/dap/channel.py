"""The way to a CMSIS-DAP probe: its packets in step, and the way back after trouble.

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
from ..probe.link import Link, shared_link
from ..probe.turns import SharedTurns, Turns
from ..wire.cmsis_dap import (
    UNKNOWN_COMMAND,
    AnyCommand,
    Command,
    Connect,
    ExecuteCommands,
    Info,
    InfoId,
    Response,
    SWD_Configure,
    SWJ_Clock,
    TransferConfigure,
    WriteABORT,
    command_name,
)
from .outcome import Failure
from .transfers import Element

ResponseT = TypeVar("ResponseT", bound=Response)

STICKY_CLEAR = 0x1E  # ABORT: STKCMPCLR, STKERRCLR, WDERRCLR, ORUNERRCLR
DAPABORT = 0x01
RESPONSE_TIMEOUT_S = 3.0
SAFE_TO_REPEAT = (Info, Connect, SWJ_Clock, SWD_Configure, TransferConfigure)
FIRST_PACKET_SIZE = 64  # what any probe takes before it told its size


class _OutOfStep(ProbeError):
    """A response that does not belong to its command."""


class Channel:
    """The packets to and from one probe."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._shared = shared_link(link)
        self.lock = SharedTurns(self._shared, self.invalidate) if self._shared else Turns()
        self.generation = 0
        self.answers = 0
        """How many packets were answered: who looks again sees whether the probe was idle."""
        self.packet_size = FIRST_PACKET_SIZE
        self.packet_count = 1
        self.atomic = False
        self.distrusted = ""  # why packets are no longer written ahead, though the probe says so
        self.unconfirmed: Element | None = None
        self.last_shape: tuple[int, ...] | None = None
        self.started_s = 0.0
        self.on_trouble: Callable[[Failure], None] | None = None
        self.describe_target: Callable[[], str] = lambda: ""
        """Says what is known of the target, for the day the probe is lost."""
        self._in_step = True
        self._closed = False
        self._recovering = False

    @property
    def is_shared(self) -> bool:
        """Return whether other programs may come to use the probe at the same time."""
        return self._shared is not None and self._shared.shared

    @property
    def has_company(self) -> bool:
        """Return whether other programs are known to use the probe at the same time."""
        return self._shared is not None and self._shared.company > 0

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
            except ProbeLost as error:
                error.leave(self.describe_target())
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
            lost = self._lose_step()
            if lost is not None:
                raise lost from error
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
        self.answers += 1
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

    def _lose_step(self) -> ProbeLost | None:
        """Forget what was known, and try to get back in step at once; if it is gone, say so."""
        self.invalidate()
        self._in_step = False
        try:
            self._resynchronise()
        except ProbeLost as error:
            self._closed = True
            return error
        except ProbeError:
            pass  # ensure_usable() tries again before the next packet, and says so if it fails
        return None

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
