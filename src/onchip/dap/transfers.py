"""What operations lower to: register accesses in order, each knowing what it is for.

An operation of a batch calls ``write``, ``read``, ``write_run``, ``read_run`` and ``match`` on a
:class:`Transfers`; the packetizer later cuts the resulting list of :class:`Element` into packets.
An element carries the name of its register and its target address, so that a failure can be told
without keeping a log of the packets.

**Barriers.** Packets in flight run even if an earlier one failed: a sticky FAULT stops them by
itself, a WAIT time-out, a missing acknowledge or a match that ran out does not. ``barrier()`` says
that what follows must not run after a failure: it then shares a DAP_Transfer with what comes before
it (which stops at its first failure) or waits until that is known to be good. What changes the
target takes one; reads, and downloads into a buffer, need none.

**Settling.** Where a write lands is decided by SELECT, CSW and TAR. If the write of TAR is lost on
the wire, the data in flight behind it would land where TAR pointed before: in somebody else's
memory. So a write to the target leaves only when those three are known to have been set, or are set
in the same DAP_Transfer, unless it is declared ``free``: a flash job owns the chip's RAM, and
starts over after a failure. To wait costs a round trip; where SELECT and TAR are in doubt a packet
says them again instead (``pointer``), and where only a wider access size is in doubt (``narrow``) a
run need not wait: a size that was lost makes it write less, and nothing elsewhere. ADR 0011.
"""

from __future__ import annotations

from collections.abc import Callable

READ = 0x02  # RnW
AP = 0x01  # APnDP
MATCH_VALUE = 0x10
MATCH_MASK = 0x20
WRITE_SELECT = 0x8

Settled = tuple[int, int, int]  # indices behind the writes of SELECT, CSW, TAR that an access needs
NOTHING: Settled = (0, 0, 0)


class Element:
    """One access to a DP or AP register, or a run of accesses to the same one.

    ``payload`` holds what is written (four bytes for each access), or the value a match waits for.
    ``address`` is the target address of the first access, ``stride`` what each access adds to it.
    """

    __slots__ = (
        "address",
        "barrier",
        "count",
        "expected",
        "fence",
        "operation",
        "payload",
        "pointer",
        "prologue",
        "received",
        "register",
        "request",
        "select",
        "settled",
        "size",
        "stride",
        "timeout_s",
    )

    def __init__(
        self,
        request: int,
        payload: bytes | memoryview | None,
        count: int,
        register: str,
        address: int | None,
        operation: int,
    ) -> None:
        self.request = request
        self.payload = payload
        self.count = count
        self.register = register
        self.address = address
        self.operation = operation
        self.barrier = 0  # the elements below this index must be good before this one leaves
        self.fence = False  # a barrier that may not even share a packet with what comes before
        self.settled = NOTHING
        self.pointer: int | None = None  # writes TAR; data must find its own address there
        self.select = 0  # and what SELECT must hold, if the batch has written it
        self.size: Element | None = None  # and the write of CSW, if the batch has it
        self.expected: tuple[int, int] | None = None
        self.stride = 4
        self.received: list[bytes] = []
        self.timeout_s = 0.0
        self.prologue: tuple[Element, ...] = ()

    @property
    def data(self) -> bytes:
        """Return what was read, four bytes for each access."""
        received = self.received
        return received[0] if len(received) == 1 else b"".join(received)

    def word(self) -> int:
        """Return the one word that was read."""
        return int.from_bytes(self.received[0], "little")

    def describe(self) -> str:
        """Name the access as an error does: ``read DRW``."""
        if self.request == MATCH_MASK:
            return "set the match mask"
        return f"{'read' if self.request & READ else 'write'} {self.register}"


class Transfers:
    """Collects the elements of a batch, operation by operation."""

    __slots__ = (
        "_barrier",
        "_fence",
        "_mask",
        "_operation",
        "_port",
        "_ports",
        "_select",
        "_settled",
        "_size",
        "_widest",
        "elements",
        "finishers",
        "free",
        "polls",
    )

    def __init__(self, *, polls: bool = False) -> None:
        self.polls = polls  # the probe's match cannot be trusted: read and compare here
        self._fence = False
        self._mask: int | None = None
        self.free = False  # what is added now may go astray if the wire fails: see settling
        self._settled = NOTHING
        self._select = 0
        self._size: Element | None = None
        self._widest = 0  # the index behind the last CSW that was written over an unknown one
        self._port = -1
        self._ports: dict[int, tuple[int, int, int, Element | None]] = {}  # as above, of others
        self.elements: list[Element] = []
        self.finishers: list[tuple[int, Callable[[], None]]] = []
        self._operation = 0
        self._barrier = -1  # the index below which all must be good; -1: no barrier

    def begin(self, operation: int) -> None:
        """Attribute what follows to the batch's operation of that index."""
        self._operation = operation

    def place(self) -> int:
        """Return the place that has been reached, for a `barrier` further on."""
        return len(self.elements)

    def barrier(self, below: int | None = None) -> None:
        """Hold what follows back until everything before it is known to have succeeded.

        With ``below``, a `place` passed earlier, only until everything before that is.
        """
        self._barrier = len(self.elements) if below is None else below

    def fence(self) -> None:
        """As `barrier`, and what follows starts a packet of its own.

        A packet that is partly behind a barrier makes the packets behind it wait as well; one that
        starts at the barrier lets them travel with it.
        """
        self.barrier()
        self._fence = True

    def _add(self, element: Element) -> Element:
        if self._barrier >= 0:
            element.barrier = self._barrier
            element.fence = self._fence
            self._barrier, self._fence = -1, False
        if element.payload is not None and not self.free:
            element.settled = self._settled
        self.elements.append(element)
        return element

    def write(
        self,
        request: int,
        value: int,
        register: str,
        address: int | None = None,
        *,
        pointer: int | None = None,
    ) -> Element:
        """Write ``value`` to the register; ``request`` holds APnDP and A[3:2].

        ``pointer``: see :meth:`write_run`.
        """
        element = Element(
            request, value.to_bytes(4, "little"), 1, register, address, self._operation
        )
        element.pointer, element.select, element.size = pointer, self._select, self._size
        return self._add(element)

    def enter_port(self, port: int) -> None:
        """Note that the CSW and TAR of that AP are meant from now on."""
        if port != self._port:
            select, csw, tar = self._settled
            self._ports[self._port] = csw, tar, self._widest, self._size
            csw, tar, self._widest, self._size = self._ports.get(port, (*NOTHING, None))
            self._settled = select, csw, tar
            self._port = port

    def settle(self, request: int, value: int, register: str, *, unknown: bool = True) -> None:
        """Write a register that decides where later accesses go: SELECT, CSW, TAR.

        CSW and TAR wait for SELECT: without it they would be other registers. No write to the
        target leaves before all three are known to have been done, unless they share its
        DAP_Transfer. ``unknown``: it is not known what the register held before.
        """
        element = Element(request, value.to_bytes(4, "little"), 1, register, None, self._operation)
        self.elements.append(element)
        behind = len(self.elements)
        select, csw, tar = self._settled
        if request == WRITE_SELECT:
            self._settled = behind, csw, tar
            self._select = value
            return
        element.settled = select, 0, 0
        if request & 0xC:
            element.pointer = request
            self._settled = select, csw, behind
        else:
            self._settled = select, behind, tar
            self._size = element
            if unknown:
                self._widest = behind

    def point_within(self, request: int, value: int, register: str) -> None:
        """Write TAR where nothing is lost if it stays as it is: both places are to be written."""
        element = Element(request, value.to_bytes(4, "little"), 1, register, None, self._operation)
        element.settled = self._settled[0], 0, 0
        element.pointer = request
        self.elements.append(element)

    def read(self, request: int, register: str, address: int | None = None) -> Element:
        """Read the register once; the element holds the word after the run."""
        element = Element(request | READ, None, 1, register, address, self._operation)
        if self._barrier >= 0:
            return self._add(element)
        self.elements.append(element)
        return element

    def write_run(
        self,
        request: int,
        data: bytes | memoryview,
        register: str,
        address: int,
        stride: int = 4,
        *,
        pointer: int | None = None,
        narrow: bool = False,
    ) -> Element:
        """Write the words of ``data`` to the same register, one after the other.

        ``pointer`` is the request that writes TAR, if TAR holds the address of each access: a
        packet may then begin with it instead of waiting. ``narrow``: should a CSW that widens the
        access be lost, it does no harm that less is written.
        """
        count = len(data) // 4
        element = Element(request, memoryview(data), count, register, address, self._operation)
        element.stride = stride
        element.pointer, element.select = pointer, self._select
        self._add(element)
        if narrow and element.settled is not NOTHING:
            select, _, tar = element.settled
            element.settled = select, self._widest, tar
        return element

    def read_run(
        self, request: int, count: int, register: str, address: int, stride: int = 4
    ) -> Element:
        """Read the same register ``count`` times."""
        element = Element(request | READ, None, count, register, address, self._operation)
        element.stride = stride
        return self._add(element)

    def match(
        self,
        request: int,
        mask: int,
        value: int,
        register: str,
        *,
        address: int | None = None,
        timeout_s: float = 0.0,
        prologue: tuple[tuple[int, int, str], ...] = (),
    ) -> Element:
        """Let the probe read the register until ``(word & mask) == value``.

        The probe gives up after its match retries; the run issues the wait again until
        ``timeout_s`` has passed. ``prologue`` lists the writes (request, value, register) that
        bring the port back to where this wait expects it, for whatever was in flight behind it may
        have moved it.

        The mask is sent when it changes, and behind a posted AP read: that read is thereby
        completed first, and its fault cannot be taken for one of the wait.
        """
        if self.polls:
            element = self.read(request, register, address)
            element.expected = mask, value
            self.fence()
            return self._lengthen(element, timeout_s, prologue)
        mask_bytes = mask.to_bytes(4, "little")
        setting = Element(MATCH_MASK, mask_bytes, 1, register, address, self._operation)
        last = self.elements[-1].request if self.elements else 0
        if mask != self._mask or last & (READ | MATCH_VALUE) == READ:
            self._add(setting)
            self._mask = mask
        element = Element(
            request | READ | MATCH_VALUE,
            value.to_bytes(4, "little"),
            1,
            register,
            address,
            self._operation,
        )
        self._add(element)
        self._lengthen(element, timeout_s, prologue)
        element.prologue = (*element.prologue, setting)
        return element

    def _lengthen(
        self, element: Element, timeout_s: float, prologue: tuple[tuple[int, int, str], ...]
    ) -> Element:
        element.timeout_s = max(timeout_s, 0.1) if self.polls else timeout_s
        element.prologue = tuple(
            Element(r, v.to_bytes(4, "little"), 1, name, None, self._operation)
            for r, v, name in prologue
        )
        return element

    def finish(self, callback: Callable[[], None]) -> None:
        """Call back after the run if this operation succeeded; the callback may do I/O."""
        self.finishers.append((self._operation, callback))
