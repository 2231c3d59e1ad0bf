"""Read the response to a packet: hand out what was read, and find out which access failed.

The access that a probe reports as failing is seldom the one that failed. An AP read is *posted*:
its data, and its fault, come with the next access; an AP write is acknowledged before the bus has
seen it. So in a DAP_Transfer that stopped at access ``c`` with FAULT the culprit is the AP access
before ``c``, if there is one; only a packet's very first access can itself be refused (by a sticky
flag set before). Probes end each command with a read of RDBUFF, so a fault never leaks into the
next packet.
"""

from __future__ import annotations

from ..errors import (
    TransferError,
    TransferFault,
    TransferMismatch,
    TransferNoAck,
    TransferParity,
    TransferWait,
    WireError,
)
from ..wire.cmsis_dap import TransferAck
from .packet import EXECUTE_COMMANDS, TRANSFER, TRANSFER_BLOCK, Command, Packet
from .transfers import AP, MATCH_MASK, MATCH_VALUE, READ, Element

_OK = int(TransferAck.OK)
_WAIT = int(TransferAck.WAIT)
_FAULT = int(TransferAck.FAULT)
_PROTOCOL_ERROR = int(TransferAck.PROTOCOL_ERROR)
_MISMATCH = int(TransferAck.VALUE_MISMATCH)


class Failure:
    """One access that did not succeed: the element, which of its accesses, and the answer."""

    __slots__ = ("access", "ack", "element")

    def __init__(self, element: Element, access: int, ack: int) -> None:
        self.element = element
        self.access = access
        if ack & _MISMATCH and ack & ~_MISMATCH not in (0, _OK):
            ack &= ~_MISMATCH  # a read that failed: the reference compares what it had before
        self.ack = ack

    @property
    def is_mismatch(self) -> bool:
        """Return whether a match-wait ran out of retries."""
        return bool(self.ack & _MISMATCH)

    @property
    def is_line_trouble(self) -> bool:
        """Return whether the wire itself is in doubt: no acknowledge, or wrong parity."""
        return not self.is_mismatch and self.ack not in (_WAIT, _FAULT)

    @property
    def is_wait(self) -> bool:
        """Return whether the target answered WAIT until the probe gave up."""
        return self.ack == _WAIT

    def error(self) -> TransferError:
        """Return the error to raise for it."""
        element = self.element
        address = element.address
        if address is not None:
            address += element.stride * self.access
        kind, came, hint = self._explain()
        operation = element.describe()
        where = "" if address is None else f" at {address:#010x}"
        return kind(f"{operation}{where}: {came}", operation=operation, address=address, hint=hint)

    def _explain(self) -> tuple[type[TransferError], str, str]:
        if self.is_mismatch:
            return (
                TransferMismatch,
                "the awaited value did not appear",
                "it may still run, sleep or be held in reset: look at its state, or wait longer",
            )
        if self.ack == _FAULT:
            if self.element.request & AP and self.element.address is not None:
                return (
                    TransferFault,
                    "the target answered FAULT",
                    "nothing may be there, or it is unpowered, unclocked or protected",
                )
            return (
                TransferFault,
                "the target answered FAULT",
                "an earlier access may have failed and left its mark: connect again",
            )
        if self.ack == _WAIT:
            return (
                TransferWait,
                "the target answered WAIT until the retries ran out",
                "its bus hangs, or its clock is stopped: try a reset",
            )
        if self.ack & _PROTOCOL_ERROR:
            return (
                TransferParity,
                "the data came with wrong parity",
                "try a lower frequency, or shorter wires",
            )
        return (
            TransferNoAck,
            f"no answer on the wire (acknowledge {self.ack:#05b})",
            "check power, cable and target, or try a lower frequency",
        )


def absorb(packet: Packet, response: bytes) -> Failure | None:
    """Hand out the data of ``response``; return what failed, None if nothing did.

    Raises:
        WireError: the bytes are not a response to ``packet``.
    """
    if not packet.joined:
        failure, _ = _absorb_command(packet.commands[0], response, 0)
        return failure
    count = len(packet.commands)
    if len(response) < 2 or response[0] != EXECUTE_COMMANDS:
        raise WireError(f"not a response to DAP_ExecuteCommands: {response[:4].hex(' ')}")
    if response[1] != count:
        raise WireError(f"{response[1]} commands executed, {count} sent")
    offset = 2
    for command in packet.commands:
        # behind a failure the offset of the next response is uncertain, and no longer needed
        failure, offset = _absorb_command(command, response, offset)
        if failure is not None:
            return failure
    return None


def _absorb_command(command: Command, response: bytes, offset: int) -> tuple[Failure | None, int]:
    if command.block:
        return _absorb_block(command, response, offset)
    if len(response) < offset + 3 or response[offset] != TRANSFER:
        raise WireError(f"not a response to DAP_Transfer: {response[offset : offset + 4].hex(' ')}")
    count, ack = response[offset + 1], response[offset + 2]
    start = offset + 3
    if ack == _OK and count == command.count:
        end = start + 4 * command.reads
        if end > len(response):
            raise WireError(f"DAP_Transfer: {command.reads} words read, {len(response)} bytes came")
        for element, _, n in command.portions:
            if element.payload is None:
                element.received.append(response[start : start + 4 * n])
                start += 4 * n
        return None, end
    if count > command.count:
        raise WireError(f"DAP_Transfer: {count} accesses done, {command.count} sent")
    if ack == _OK:
        raise WireError(f"DAP_Transfer stopped after {count} of {command.count} without a reason")
    return _find_failure(command, response, start, count, ack), start


def _absorb_block(command: Command, response: bytes, offset: int) -> tuple[Failure | None, int]:
    if len(response) < offset + 4 or response[offset] != TRANSFER_BLOCK:
        raise WireError(
            f"not a response to DAP_TransferBlock: {response[offset : offset + 4].hex(' ')}"
        )
    count = response[offset + 1] | response[offset + 2] << 8
    ack = response[offset + 3]
    element, first, expected = command.portions[0]
    if count > expected:
        raise WireError(f"DAP_TransferBlock: {count} words moved, {expected} sent")
    start = offset + 4
    end = start
    if element.payload is None:
        end = start + 4 * count
        if end > len(response):
            raise WireError(f"DAP_TransferBlock: {count} words read, {len(response)} bytes came")
        if count:
            element.received.append(response[start:end])
    if ack == _OK and count == expected:
        return None, end
    if ack == _OK:
        raise WireError(f"DAP_TransferBlock stopped after {count} of {expected} without a reason")
    at = count
    if element.payload is not None and element.request & AP and ack in (_FAULT, _WAIT):
        at = max(count - 1, 0)  # the write before was acknowledged, then failed on the bus
    return Failure(element, first + min(at, expected - 1), ack), end


def _find_failure(command: Command, response: bytes, start: int, count: int, ack: int) -> Failure:
    """Name the culprit of a DAP_Transfer that stopped, and hand out what came before it."""
    accesses = [(e, first + k) for e, first, n in command.portions for k in range(n)]
    requests = [element.request for element, _ in accesses]
    culprit = _culprit(accesses, requests, len(response) - start, count, ack)
    for element, _ in accesses[:culprit]:
        if element.payload is None:
            word = response[start : start + 4]
            if len(word) < 4:
                raise WireError("DAP_Transfer: fewer words than accesses that succeeded")
            element.received.append(word)
            start += 4
    return Failure(*accesses[culprit], ack)


def _culprit(
    accesses: list[tuple[Element, int]], requests: list[int], room: int, count: int, ack: int
) -> int:
    """Return the index of the access that failed, from where the probe stopped.

    ``room``: bytes behind the response's head. A HID report is padded to a length that no whole
    number of words gives, so it is never taken for the exact length.
    """
    here = min(count, len(requests) - 1)
    if ack & _MISMATCH:
        for i in (count, count - 1):  # some firmware counts the wait that ran out as done
            if 0 <= i < len(requests) and requests[i] & MATCH_VALUE:
                return i
        return here
    before = count - 1
    while before >= 0 and requests[before] == MATCH_MASK:
        before -= 1  # kept in the probe: nothing crossed the wire
    if before < 0 or not requests[before] & AP or requests[before] & MATCH_VALUE:
        return here
    if not requests[before] & READ:
        on_bus = accesses[before][0].address is not None  # CSW and TAR are the port's own
        return before if (on_bus and ack in (_FAULT, _WAIT)) or count == len(requests) else here
    reads = sum(r & (READ | MATCH_VALUE) == READ for r in requests[: before + 1])
    if room == 4 * reads and count < len(requests):
        return here  # not padded, and the word is there: the read before had succeeded
    return before
