"""Tracepoints: the core stops for the moment in which a frame is collected, and runs on.

One trace serves all clients of a target. Its places are breakpoints of the core's manager, held by
an owner of its own, under a condition that collects and never wants the core to stay; unless steps
are to be collected too, which run control makes while ``stepping`` (docs/adr/0029).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from onchip.cortex_m import BreakpointKind, Core, PointOwner, StoppedCore
from onchip.errors import ExpressionError, OnchipError, TransferFault, UsageError
from onchip.services.gdb.agent.conditions import HaltedTarget, Looking
from onchip.services.gdb.registers import EXPEDITED, RegisterLayout, RegisterSpec
from onchip.services.gdb.trace.buffer import TraceBuffer
from onchip.services.gdb.trace.collector import collect
from onchip.services.gdb.trace.tracepoint import Actions, Tracepoint
from onchip.wire.gdb_rsp.trace_file import TraceFile, description_lines
from onchip.wire.gdb_rsp.trace_run import TraceEnd, TraceNotes, TraceStatus
from onchip.wire.gdb_rsp.tracepoints import (
    AddActions,
    DefineTracepoint,
    SwitchTracepoint,
    TracepointSource,
)


@dataclass(frozen=True, slots=True)
class _Arrival(Looking):
    """The condition of the breakpoint at one place of a trace."""

    trace: Trace
    address: int

    @property
    def registers(self) -> frozenset[int]:
        """Return the numbers of the registers that a hit needs."""
        return self.trace.needs(self.address)

    def __call__(self, core: StoppedCore) -> bool:
        """Collect; return whether steps are to be made from here."""
        self.trace.arrive(self.address)
        return self.trace.stepping


@dataclass(slots=True)
class _Stepper:
    """A tracepoint that was hit, and how many steps behind that it collects yet."""

    tracepoint: Tracepoint
    left: int


class Trace:
    """The tracepoints of one core, and what they collected.

    ``seen`` is the halted core as expressions see it; its variables are the trace's too. ``kind``
    is how a place is made. What touches the core may raise TransferError and ProbeError.
    """

    def __init__(
        self, core: Core, layout: RegisterLayout, seen: HaltedTarget, kind: BreakpointKind
    ) -> None:
        self.owner = PointOwner("the trace")
        self.buffer = TraceBuffer()
        self.running = False
        self.disconnected = False
        """Whether the run goes on when the last client leaves."""
        self.regions: tuple[tuple[int, int], ...] = ()
        """Memory that does not change: what of it is not in a frame is read from the target."""
        self.variables = seen.variables
        self._core = core
        self._layout = layout
        self._seen = seen
        self._kind = kind
        self._tracepoints: dict[tuple[int, int], Tracepoint] = {}
        self._steppers: list[_Stepper] = []
        self._status = TraceStatus()
        self._stop_note = ""

    # ---- what is wanted

    def clear(self) -> None:
        """Forget everything, a run that is under way too."""
        self.stop()
        self._tracepoints.clear()
        self.variables.clear()
        self.buffer.clear()
        self.regions = ()
        notes = (self._status.user, self._status.notes)
        self._status = TraceStatus(user=notes[0], notes=notes[1])

    def leave(self) -> None:
        """End the run, and keep only what was collected: nobody said that he comes back.

        The next GDB may have another program, for which the tracepoints mean nothing.
        """
        self.stop(TraceEnd.DISCONNECTED)
        self._core.release(self.owner)
        self._tracepoints.clear()
        self.variables.clear()
        self.regions = ()

    def define(self, request: DefineTracepoint) -> None:
        """Take in a tracepoint; during a run it takes part from when it is complete.

        Raises:
            UsageError: it is known already, or of a kind that is not made here.
            BreakpointError: there is no comparator left for it.
        """
        tracepoint = Tracepoint(request)
        key = (tracepoint.number, tracepoint.address)
        if key in self._tracepoints:
            raise UsageError(f"tracepoint {key[0]} at 0x{key[1]:08x} is defined already")
        self._tracepoints[key] = tracepoint
        if not request.more:
            self._join(tracepoint)

    def add_actions(self, request: AddActions) -> None:
        """Add actions to a tracepoint; raises as `define`."""
        tracepoint = self.find(request.number, request.address)
        tracepoint.add_actions(request)
        if not request.more:
            self._join(tracepoint)

    def add_source(self, source: TracepointSource) -> None:
        """Keep what the user wrote of a tracepoint; raises UsageError."""
        self.find(source.number, source.address).add_source(source)

    def switch(self, request: SwitchTracepoint) -> None:
        """Enable or disable a tracepoint, also during a run; raises as `define`."""
        tracepoint = self.find(request.number, request.address)
        tracepoint.enabled = request.enabled
        if self.running:
            self._place(tracepoint.address)

    def find(self, number: int, address: int) -> Tracepoint:
        """Return a tracepoint.

        Raises:
            UsageError: there is none like that.
        """
        tracepoint = self._tracepoints.get((number, address & ~1))
        if tracepoint is None:
            raise UsageError(f"there is no tracepoint {number} at 0x{address:08x}")
        return tracepoint

    def _at(self, address: int) -> list[Tracepoint]:
        return [t for t in self._tracepoints.values() if t.address == address and t.enabled]

    def _join(self, tracepoint: Tracepoint) -> None:
        """Let a tracepoint take part in the run that is under way, if one is."""
        if not self.running:
            return
        try:
            self._place(tracepoint.address)
        except OnchipError:
            del self._tracepoints[tracepoint.number, tracepoint.address]
            raise

    def _place(self, address: int) -> None:
        """Have the core stop at ``address``, or no more, as the tracepoints there want."""
        if self._at(address):
            arrival = _Arrival(self, address)
            self._core.breakpoints.set(address, self._kind, owner=self.owner, condition=arrival)
        else:
            self._core.breakpoints.let_go(address, owner=self.owner)

    # ---- a run

    def start(self) -> None:
        """Begin a run, with an empty buffer.

        Raises:
            UsageError: one is under way.
            BreakpointError: there are not enough comparators for all tracepoints; none is set then.
        """
        if self.running:
            raise UsageError("a trace is running", hint="stop it first (tstop)")
        try:
            for address in dict.fromkeys(t.address for t in self._tracepoints.values()):
                self._place(address)
        except OnchipError:
            self._core.breakpoints.let_go_all(self.owner)
            raise
        for tracepoint in self._tracepoints.values():
            tracepoint.hits = tracepoint.usage = 0
        self.buffer.clear()
        self.running = True
        self._stop_note = ""
        now = self.variables.now_us()
        self._status = replace(self._status, end=TraceEnd.UNKNOWN, start_us=now, stop_us=0)

    def stop(self, end: TraceEnd = TraceEnd.STOPPED) -> None:
        """End the run, if one is under way.

        Its places leave the chip when the core next runs on. Of a running core that is when it has
        come to one of them: taken out at once, it might be one at which the core stands already.
        """
        self._finish(end)

    def _finish(self, end: TraceEnd, tracepoint: int = 0, text: str = "") -> None:
        if not self.running:
            return
        self.running = False
        self._steppers.clear()
        self._core.breakpoints.let_go_all(self.owner)
        now = self.variables.now_us()
        self._status = replace(self._status, end=end, tracepoint=tracepoint, text=text, stop_us=now)

    # ---- at the halted core

    @property
    def stepping(self) -> bool:
        """Whether the core is to be stepped, since each step is collected."""
        return bool(self._steppers)

    @property
    def registers(self) -> tuple[RegisterSpec, ...]:
        """Return what is put into a frame that has registers: up to the last that is wanted."""
        masks = [tracepoint.mask for tracepoint in self._tracepoints.values()]
        last = max((mask.bit_length() for mask in masks), default=0)
        return self._layout.specs[: max(last, len(EXPEDITED))]

    def needs(self, address: int) -> frozenset[int]:
        """Return the numbers of the registers that a hit at ``address`` looks at or collects."""
        here = self._at(address)
        conditions = (t.condition.registers for t in here if t.condition is not None)
        return self._needed([t.at_hit for t in here]).union(*conditions)

    @property
    def step_names(self) -> tuple[str, ...]:
        """Return the names of the registers that the next step looks at or collects."""
        numbers = self._needed([stepper.tracepoint.at_step for stepper in self._steppers])
        specs = self._layout.specs
        return ("pc", *(specs[number].name for number in sorted(numbers) if number < len(specs)))

    def _needed(self, actions: Sequence[Actions]) -> frozenset[int]:
        needed = frozenset[int]().union(*(each.registers for each in actions))
        if any(each.mask for each in actions):
            needed |= {spec.number for spec in self.registers}
        return needed

    def arrive(self, pc: int) -> None:
        """Collect for every tracepoint at ``pc``, to which the core has just come."""
        for tracepoint in self._at(pc) if self.running else ():
            if self.running and self._is_met(tracepoint):
                tracepoint.hits += 1
                self._collect(tracepoint, tracepoint.at_hit, pc)
                if not self.running:
                    return
                if tracepoint.steps:
                    self._steppers.append(_Stepper(tracepoint, tracepoint.steps))
                else:
                    self._check_passes(tracepoint)

    def stepped(self, pc: int) -> None:
        """Collect for every tracepoint that wants the steps behind it; the core is at ``pc``."""
        for stepper in list(self._steppers):
            self._collect(stepper.tracepoint, stepper.tracepoint.at_step, pc)
            stepper.left -= 1
            if not self.running:
                return
            if not stepper.left:
                self._steppers.remove(stepper)
                self._check_passes(stepper.tracepoint)

    def forget_steps(self) -> None:
        """Collect no steps behind the hits there were: the program has begun anew."""
        self._steppers.clear()

    def _is_met(self, tracepoint: Tracepoint) -> bool:
        if tracepoint.condition is None:
            return True
        try:
            return tracepoint.condition.evaluate(self._seen) != 0
        except (ExpressionError, TransferFault) as error:
            self._finish(TraceEnd.ERROR, tracepoint.number, f"condition: {error.message}")
            return False

    def _collect(self, tracepoint: Tracepoint, actions: Actions, pc: int) -> None:
        number = tracepoint.number
        try:
            frame = collect(self._core, self._seen, number, actions, self.registers, pc)
        except ExpressionError as error:
            self._finish(TraceEnd.ERROR, number, f"action: {error.message}")
            return
        if self.buffer.add(frame):
            tracepoint.usage += frame.length(len(frame.registers or b""))
        else:
            self._finish(TraceEnd.FULL)

    def _check_passes(self, tracepoint: Tracepoint) -> None:
        passes = tracepoint.definition.passes
        if passes and tracepoint.hits >= passes:
            self._finish(TraceEnd.PASS_COUNT, tracepoint.number)

    # ---- what is told of it

    @property
    def has_run(self) -> bool:
        """Whether there was a run since everything was forgotten, or is one."""
        return self._status.end is not TraceEnd.NOT_RUN

    def note(self, notes: TraceNotes) -> None:
        """Keep what people say of the run, which is told with its status."""
        user, said = notes.user, notes.notes
        status = self._status
        self._status = replace(
            status,
            user=status.user if user is None else user,
            notes=status.notes if said is None else said,
        )
        if notes.stop is not None:
            self._stop_note = notes.stop

    def status(self) -> TraceStatus:
        """Return what ``tstatus`` shows; GDB gives the reason for a stop after it."""
        stopped = self._status.end is TraceEnd.STOPPED
        return replace(
            self._status,
            text=self._stop_note if stopped else self._status.text,
            running=self.running,
            frames=len(self.buffer),
            created=self.buffer.created,
            free=self.buffer.free,
            size=self.buffer.size,
            circular=self.buffer.circular,
            disconnected=self.disconnected,
        )

    def definitions(self) -> Iterator[bytes]:
        """Return every tracepoint in GDB's words, piece by piece."""
        for tracepoint in self._tracepoints.values():
            yield from tracepoint.definitions()

    def is_read_only(self, address: int, length: int) -> bool:
        """Say whether a range does not change, so that the target has what a frame has not."""
        return any(start <= address and address + length <= end for start, end in self.regions)

    def file(self, description: bytes) -> bytes:
        """Return a trace file of what was collected; ``description`` is the target's, in XML."""
        lines = [b"status " + self.status().encode()[1:]]
        lines += [b"tsv " + variable.encode_definition() for variable in self.variables]
        for tracepoint in self._tracepoints.values():
            lines += [b"tp " + line for line in tracepoint.definitions()]
            key = (tracepoint.number, tracepoint.definition.address)
            lines.append(b"tp V%x:%x:%x:%x" % (*key, tracepoint.hits, tracepoint.usage))
        lines += description_lines(description)
        return TraceFile(self.buffer.register_length, tuple(lines), tuple(self.buffer)).encode()
