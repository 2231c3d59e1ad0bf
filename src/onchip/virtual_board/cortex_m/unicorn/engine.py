"""Unicorn behind the ``Engine`` protocol. Every sharp edge of Unicorn 2.1 is wrapped here.

What decides the shape of this module:

* ``UC_MODE_MCLASS`` must not be given: it turns every model into a Cortex-M33.
* ``emu_start`` always runs with a count, and the count is exact (``counter``). Setting its
  limit to 0 ends a slice after the current instruction with its access made exactly once;
  ``emu_stop`` in the same place would leave the PC *on* the instruction, registers untouched, which
  is just what a precise bus fault needs. ``emu_start(timeout=)`` can hang and is never used.
* Breakpoints are exits, not code hooks: no run-time cost, and they work inside IT blocks.
* WFE and YIELD arrive as invalid instructions without a syndrome.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, ClassVar

from onchip.errors import BoardError

from ..engine import FpControl, OnCode, OnRead, OnWatch, OnWrite, Stop, Watch
from ..it_blocks import IT_MASK, advanced, condition_holds, it_state_at
from . import selftest
from .accesses import UnicornAccesses
from .alignment import AlignmentChecks
from .context import UnicornContext
from .counter import Counter
from .exits import WFI, Exits
from .library import Unicorn
from .registers import EPSR_T, NZCV
from .watches import Watches

_MODELS = {
    "cortex-m0": "M0",
    "cortex-m0p": "M0",  # the same instruction set
    "cortex-m3": "M3",
    "cortex-m4": "M4",
    "cortex-m7": "M7",
}
_UNDONE = (Stop.DATA_FAULT, Stop.PROTECTED)  # the access was not made
_INTR = {
    2: Stop.SVC,
    3: Stop.EXECUTE_NEVER,
    4: Stop.UNALIGNED,
    7: Stop.BKPT,
    8: Stop.EXCEPTION_RETURN,
    17: Stop.NO_COPROCESSOR,
}


class UnicornEngine(UnicornAccesses):
    """An ``Engine``: see there for what the public methods mean."""

    _checked: ClassVar[set[str]] = set()

    @classmethod
    def start(cls, cpu: str, *, on_read: OnRead, on_write: OnWrite) -> UnicornEngine:
        """Return an engine for ``cpu``, after a self-test when it is the first of the process.

        Raises:
            BoardError: Unicorn is missing, or does not behave as this module relies on.
        """
        if cpu not in cls._checked:
            trial = cls(cpu, on_read=on_read, on_write=on_write)
            try:
                selftest.check(cpu, trial)
            finally:
                trial.close()
            cls._checked.add(cpu)
        return cls(cpu, on_read=on_read, on_write=on_write)

    def __init__(self, cpu: str, *, on_read: OnRead, on_write: OnWrite) -> None:
        """Make an engine that is not tested; see ``start``."""
        unicorn = Unicorn()
        const = unicorn.const
        model = getattr(unicorn.reg, f"UC_CPU_ARM_CORTEX_{_MODELS[cpu]}")
        main = unicorn.main
        try:
            uc = main.Uc(main.UC_ARCH_ARM, main.UC_MODE_THUMB, model)
        except main.UcError as error:
            raise BoardError(f"Unicorn cannot start a {cpu}: {error}") from error
        super().__init__(unicorn, uc, on_read, on_write)
        self._uc.ctl_set_tcg_buffer_size(32 << 20)  # 1 GiB of address space otherwise
        self._uc.ctl_exits_enabled(enable=True)
        self.stop = Stop.BUDGET
        self.executed = 0
        self.pc = 0
        self._exits = Exits(uc, self._cache, self._table)
        self._watches = Watches(const, uc, self._table, self._at_access)
        self._syndrome = True  # whether ESR may be other than 0
        self._begin, self._count = ctypes.c_uint64(), ctypes.c_size_t()
        self._never = ctypes.c_uint64(0)
        self._start = unicorn.direct.uc_emu_start
        self._handle = self._uc._uch
        self._uc.hook_add(const.UC_HOOK_INTR, self._intr)
        self._uc.hook_add(const.UC_HOOK_INSN_INVALID, self._invalid_instruction)
        self._before = 0  # instructions of the slice that ran before it was cut
        self._goal = 0  # its length
        self._was_cut = False
        self._context: UnicornContext | None = None
        self._alignment: AlignmentChecks | None = None
        if _MODELS[cpu] != "M0":  # there, Unicorn does all that is needed
            self._context = UnicornContext(unicorn, uc, fpu=_MODELS[cpu] != "M3")
            self._alignment = AlignmentChecks(
                *(uc, self._context, self._cache, self._table),
                *(self._cut, self._checks_changed),
            )
        self.on_code: OnCode = lambda address, length: None
        self._uc.hook_add(const.UC_HOOK_EDGE_GENERATED, self._translated)
        counter = Counter(uc)
        self._limit, self._counter = counter.limit, counter.executed

    @property
    def elapsed(self) -> int:
        """Return the instructions completed in the running slice."""
        return self._before + max(0, int(self._counter.value) - 1) if self.running else 0

    def stop_after_instruction(self) -> None:
        """End the running slice after the current instruction."""
        if self.running:
            self._goal = self._limit.value = 0

    def limit(self, count: int) -> None:
        """Let the running slice end after ``count`` instructions, or after the current one."""
        if self.running and count < self._goal:
            self._goal = count
            self._limit.value = max(0, min(count - self._before, self._limit.value))

    def _executed_so_far(self) -> int:
        return int(self._counter.value)

    def run(self, count: int) -> None:
        """Run at most ``count`` instructions."""
        self._goal = count
        self._run(count)
        checks = self._alignment
        if checks and (self._was_cut or self.stop is Stop.UNALIGNED or self._exits.checked):
            self._go_on(checks)

    def _run(self, count: int) -> None:
        """Run a slice, or what is left of one."""
        self._event = None
        start = self._next_pc
        if start is None:
            start = self._pc.read()
        if self._syndrome:
            self._esr.write(0)
        self._begin.value, self._count.value = start | 1, count
        self.running = True
        error = self._start(self._handle, self._begin, self._never, self._never, self._count)
        self.running = False
        counted = int(self._counter.value)
        pc = self.pc = self._next_pc = self._pc.read()
        event = self._event
        self._syndrome = event is not None
        if self._alignment is not None and self._alignment.pending:
            self._alignment.translate_again()
        if self._dirty or self._overwritten or self._deferred or self._carried is not None:
            self._finish_slice()
        if event is not None:
            self._finish_event(event, counted)
        elif error:
            raise BoardError(f"Unicorn stopped with error {error} at {pc:#010x}")
        elif pc in self._exits.addresses or pc in self._exits.checked:
            self.stop, self.executed = Stop.EXIT, counted
        elif pc in self._exits.sleeps:
            self._sleep_at(pc, counted)
        elif counted > self._limit.value:
            self.stop, self.executed = Stop.BUDGET, counted - 1
        else:
            self.stop, self.executed = Stop.WFI, counted

    # ---- alignment ------------------------------------------------------------------------------

    def trap_unaligned(self, *, everything: bool) -> None:
        """Let every unaligned access be reported, or those of instructions that never may be."""
        checks = self._alignment
        if checks is not None:
            self._defer(lambda: checks.check_everything(everything=everything))

    def _cut(self) -> None:
        """End the slice before code that was translated just now; ``_go_on`` goes on."""
        self._was_cut = True
        self._limit.value = 0

    def _checks_changed(self) -> None:
        def apply() -> None:
            if self._alignment is not None:
                self._exits.check(set(self._alignment.exits))

        if self.running:
            self._deferred.append(apply)
        else:
            apply()

    def _go_on(self, checks: AlignmentChecks) -> None:
        """Run the rest of a slice that was cut, or that stopped where the core need not know."""
        while self._goes_on(checks):
            looked_at = self.stop is Stop.EXIT
            self._was_cut = looked_at
            self._before += self.executed
            left = self._goal - self._before
            if left <= 0:
                self.stop, self.executed = Stop.BUDGET, 0
                break
            if looked_at:
                with checks.looked_at(), self._exits.instead(self.pc, set()):
                    self._run(1)
            else:
                self._run(left)
        self._was_cut = False
        self.executed += self._before
        self._before = 0

    def _goes_on(self, checks: AlignmentChecks) -> bool:
        if self.stop is Stop.BUDGET:
            return self._was_cut
        if self.stop is Stop.UNALIGNED and not checks.faults(self.pc):
            self.executed -= 1
            return True
        if self.stop is Stop.EXIT and self.pc not in self._exits.addresses:
            if self._before + self.executed >= self._goal or not self._is_misaligned(checks):
                return True
            self.stop = Stop.UNALIGNED
            self.executed += 1
        return False

    def _is_misaligned(self, checks: AlignmentChecks) -> bool:
        """Tell whether the instruction at the PC would access words that are not aligned."""
        base = self.read_register(f"r{checks.base_of(self.pc)}")
        return bool(base & 3) and condition_holds(self._xpsr.read())

    def _finish_event(self, event: Stop, counted: int) -> None:
        self.stop, self.executed = event, counted
        if event is Stop.BKPT:
            self.executed = counted - 1
        elif event is Stop.EXCEPTION_RETURN or event is Stop.EXECUTE_NEVER:
            self.address = self.pc | (event is Stop.EXCEPTION_RETURN)
        elif event in _UNDONE and self._fault_registers is not None:
            *registers, xpsr, pc = self._fault_registers
            self._fault_registers = None
            if pc == self.pc:
                return
            # emu_stop is lost inside an IT block: the block went on after the fault. Undo it.
            self.executed = self._fault_count
            self._all.write(*registers, xpsr & ~IT_MASK | it_state_at(self._table.halfword, pc))
            self._rebuild.write(xpsr & NZCV)
            self._pc.write(pc | 1)
            self.pc = self._next_pc = pc

    def _sleep_at(self, pc: int, counted: int) -> None:
        self._pc.write((pc + 2) | 1)
        self.pc = self._next_pc = pc + 2
        self.stop, self.executed = Stop.WFI, counted + 1

    def step(self) -> None:
        """Run exactly one instruction."""
        pc = self._pc.read()
        opcode = self._table.halfword(pc)
        in_it = bool(self._xpsr.read() & IT_MASK)
        if opcode == WFI and not in_it:
            self._sleep_at(pc, 0)
            return
        starts_it = opcode & 0xFF00 == 0xBF00 and opcode & 0xF != 0
        following = pc + (4 if opcode >= 0xE800 else 2)
        exits = self._exits
        hidden = pc in exits.addresses or pc in exits.sleeps
        if not (hidden or in_it or starts_it):
            self.run(1)
            return
        extra = {following} if in_it or starts_it else set()
        with exits.instead(pc, extra):
            self.run(1)
        if self.stop is Stop.EXIT and self.pc in extra:
            self.stop = Stop.BUDGET

    def skip(self) -> None:
        """Go on behind the instruction at the PC."""
        pc, xpsr = self._pc.read(), self._xpsr.read()
        self._xpsr.write(advanced(xpsr))
        self._rebuild.write(xpsr & NZCV)
        self._pc.write(pc + (4 if self._table.halfword(pc) >= 0xE800 else 2) | 1)
        self._next_pc = None

    # ---- callbacks of Unicorn: nothing may be raised through C ----------------------------------

    def _intr(self, uc: Any, number: int, _: Any) -> None:
        self._event = _INTR.get(number, Stop.UNDEFINED)
        uc.emu_stop()

    def _invalid_instruction(self, uc: Any, _: Any) -> bool:
        if self._esr.read() == 0:  # WFE and YIELD come without a syndrome, PC after them
            pc = self._pc.read()
            if self._table.halfword(pc - 2) == 0xBF10 or self._table.halfword(pc - 2) == 0x8001:
                return True  # YIELD, narrow or wide
            self._event = Stop.WFE
            uc.emu_stop()
            return True
        thumb = self._xpsr.read() & EPSR_T
        self._event = Stop.UNDEFINED if thumb else Stop.INVALID_STATE
        return False

    def _translated(self, _: Any, block: Any, __: Any, ___: Any) -> None:
        start, length = block.pc, block.size
        mapped = self._table.find(start)
        if mapped is not None and mapped.memory.kind == "ram":
            self.on_code(start, length)
        if self._alignment is not None:
            self._alignment.translated(start, start + length)

    # ---- exits and watches ----------------------------------------------------------------------

    def set_exits(self, addresses: set[int]) -> None:
        """Stop before an instruction at any of ``addresses``."""
        self._defer(lambda: self._exits.arm(set(addresses)))

    def set_watches(self, watches: Sequence[Watch], on_watch: OnWatch) -> None:
        """Report accesses that touch any of ``watches``."""
        self._defer(lambda: self._watches.set(watches, on_watch))

    def _at_access(self) -> int:
        self._forget_it_block()
        return int(self._pc.read())

    def _bytes_changed(self, address: int, length: int) -> None:
        self._exits.bytes_changed(address, length)
        if self._alignment is not None:
            self._alignment.bytes_changed(address, length)

    def clear_exclusive(self) -> None:
        """Let the next STREX fail."""
        if self._context is not None:
            self._context.clear_exclusive()

    # ---- FP contexts ----------------------------------------------------------------------------

    def fp_control(self) -> FpControl:
        """Return FPCCR, FPCAR and FPDSCR."""
        assert self._context is not None
        return self._context.fp_control()

    def set_fp_control(self, control: FpControl) -> None:
        """Write FPCCR, FPCAR and FPDSCR."""
        assert self._context is not None
        self._context.set_fp_control(control)

    def close(self) -> None:
        """Free everything."""
        self._uc._Uc__finalizer()  # no public way; harmless when called twice
