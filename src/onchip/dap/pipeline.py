"""Run a list of elements: keep packets in flight, hold barriers, repeat long waits, clean up.

After a failure what is in flight is read and dropped, so that no response is ever taken for the
next packet's, and the client puts port and wire back in order.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..errors import WireError
from ..wire.cmsis_dap import TransferAck
from .outcome import Failure, absorb
from .packet import Packet
from .packetizer import Packetizer
from .transfers import Element

if TYPE_CHECKING:
    from .client import DapClient


def run_elements(client: DapClient, elements: list[Element]) -> Failure | None:
    """Carry ``elements`` out in order; return what failed, None if nothing did.

    Raises:
        ProbeError: the probe did not answer, or not with what was asked. ``client.unconfirmed`` is
            then the first element that is in doubt.
    """
    failure = _run_once(client, elements)
    if failure is None:
        return None
    started = client.started_s
    while failure is not None:
        waiting = failure.element
        if not failure.is_mismatch or client.link.now() >= started + waiting.timeout_s:
            client.recover(failure)
            break
        elements = _rest(elements, waiting)
        failure = _run_once(client, elements)
        if failure is not None and failure.element is not waiting:
            started = client.started_s
    return failure


def _rest(elements: list[Element], waiting: Element) -> list[Element]:
    """Return what is still to do: the way back to the wait's port state, the wait, the rest."""
    at = elements.index(waiting)
    behind = len(waiting.prologue)
    for i, element in enumerate(waiting.prologue):
        element.settled = (i, 0, 0)
    for element in elements[at:]:
        element.received.clear()
        if element.payload is not None:
            select, csw, tar = (max(behind, index - at + behind) for index in element.settled)
            element.settled = select, csw, tar
        element.barrier = max(0, element.barrier - at + behind)
    waiting.barrier = 0  # what it waited for is done
    waiting.fence = False
    return [*waiting.prologue, *elements[at:]]


def _run_once(client: DapClient, elements: list[Element]) -> Failure | None:
    link = client.link
    packetizer = Packetizer(
        elements,
        client.packet_size,
        client.packet_count,
        atomic=client.atomic,
        last_shape=client.last_shape,
    )
    client.started_s = link.now()
    packet = packetizer.next()
    if packet is None:
        return None
    following = packetizer.next()
    if following is None:  # by far the most frequent case: one packet
        client.unconfirmed = elements[0]
        client.last_shape = packet.shape
        link.write(packet.data)
        return _answer(client, packet, 0)
    waiting: Packet | None = packet
    in_flight: deque[Packet] = deque()
    while waiting is not None or in_flight:
        while waiting is not None and len(in_flight) < client.packet_count:
            if in_flight and in_flight[0].first < waiting.barrier:
                break
            client.unconfirmed = elements[in_flight[0].first if in_flight else waiting.first]
            client.last_shape = waiting.shape
            link.write(waiting.data)
            in_flight.append(waiting)
            waiting, following = following, packetizer.next() if following else None
        sent = in_flight.popleft()
        client.unconfirmed = elements[sent.first]
        failure = _answer(client, sent, len(in_flight))
        if failure is not None:
            client.drain(len(in_flight))
            return failure
    return None


def _answer(client: DapClient, packet: Packet, others: int) -> Failure | None:
    response = client.receive(packet.data, others)
    try:
        failure = absorb(packet, response)
    except WireError as error:
        raise client.out_of_step(str(error), others) from error
    if failure is None and client.polls:
        return _unmet(packet)
    return failure


def _unmet(packet: Packet) -> Failure | None:
    """Compare, for a probe whose match cannot be trusted, what a wait's plain read brought."""
    for command in packet.commands:
        for element, _, _ in command.portions:
            if element.expected is not None:
                mask, value = element.expected
                if element.word() & mask != value:
                    ack = TransferAck.OK | TransferAck.VALUE_MISMATCH
                    return Failure(element, 0, int(ack))
    return None
