"""Unicorn behind the ``Engine`` protocol. Every sharp edge of Unicorn 2.1 is wrapped here.

What decides the shape of this module:

* ``UC_MODE_MCLASS`` must not be given: it turns every model into a Cortex-M33.
* ``emu_start`` always runs with a count, and the count is exact. Its counter and limit stand next
  to each other inside ``uc_struct``; they are found at start-up by a run with a count of known
  value. Setting the limit to 0 ends a slice after the current instruction with its access made
  exactly once; ``emu_stop`` in the same place would leave the PC *on* the instruction, registers
  untouched, which is just what a precise bus fault needs. ``emu_start(timeout=)`` can hang and is
  never used.
* Breakpoints are exits, not code hooks: no run-time cost, and they work inside IT blocks.
* WFE and YIELD arrive as invalid instructions without a syndrome.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from onchip.errors import BoardError

from . import unicorn_selftest
from .engine import Access, OnRead, OnWatch, OnWrite, Stop, Watch
from .unicorn_library import Unicorn
from .unicorn_memory import UnicornMemory
from .unicorn_registers import EPSR_T, IT_MASK, NZCV

_WFI = 0xBF30
_MAGIC = 0x5AA5_F00D
_SCRATCH = 0x2000_0000
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


class UnicornEngine(UnicornMemory):
    """An ``Engine``: see there for what the public methods mean."""

    _limit_offset: int | None = None  # of uc_struct.emu_count, the same for every instance
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
                unicorn_selftest.check(cpu, trial)
            finally:
                trial.close()
            cls._checked.add(cpu)
        return cls(cpu, on_read=on_read, on_write=on_write)

    def __init__(self, cpu: str, *, on_read: OnRead, on_write: OnWrite) -> None:
        """Make an engine that is not tested; see ``start``."""
        unicorn = Unicorn()
        self._const = unicorn.const
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
        self._exits: set[int] = set()
        self._wfi_exits: set[int] = set()  # a WFI right before an exit: see _arm
        self._exit_list: list[int] = []
        self._watches: list[int] = []
        self._syndrome = True  # whether ESR may be other than 0
        self._begin, self._count = ctypes.c_uint64(), ctypes.c_size_t()
        self._never = ctypes.c_uint64(0)
        self._start = unicorn.direct.uc_emu_start
        self._handle = self._uc._uch
        self._uc.hook_add(self._const.UC_HOOK_INTR, self._intr)
        self._uc.hook_add(self._const.UC_HOOK_INSN_INVALID, self._invalid_instruction)
        self._find_counter()

    def _find_counter(self) -> None:
        """Find counter and limit of the count hook in ``uc_struct``, and check that they work.

        Raises:
            BoardError: this build of Unicorn is laid out in another way.
        """
        base = ctypes.cast(self._handle, ctypes.c_void_p).value or 0
        size = ctypes.sizeof(ctypes.c_size_t)
        word = ctypes.c_uint64 if size == 8 else ctypes.c_uint32
        cls = type(self)
        if cls._limit_offset is None:
            self._uc.mem_map(_SCRATCH, 4096)
            self._uc.mem_write(_SCRATCH, b"\x00\xbf\x30\xbf")  # nop; wfi
            self._uc.emu_start(_SCRATCH | 1, 0, count=_MAGIC)
            raw = ctypes.string_at(base, 4096)
            magic = _MAGIC.to_bytes(size, "little")
            two = (2).to_bytes(size, "little")
            found = [
                i
                for i in range(size, 4096, size)
                if raw[i : i + size] == magic and raw[i - size : i] == two
            ]
            self._uc.mem_unmap(_SCRATCH, 4096)
            if len(found) != 1:
                raise BoardError(
                    "this build of Unicorn keeps its instruction counter in an unknown place",
                    hint="use unicorn 2.1.4 from PyPI",
                )
            cls._limit_offset = found[0]
        self._limit = word.from_address(base + cls._limit_offset)
        self._counter = word.from_address(base + cls._limit_offset - size)

    # ---- running --------------------------------------------------------------------------------

    @property
    def elapsed(self) -> int:
        """Return the instructions completed in the running slice."""
        return max(0, int(self._counter.value) - 1) if self.running else 0

    def stop_after_instruction(self) -> None:
        """End the running slice after the current instruction."""
        if self.running:
            self._limit.value = 0

    def limit(self, count: int) -> None:
        """Let the running slice end after ``count`` instructions, or after the current one."""
        if self.running and count < self._limit.value:
            self._limit.value = max(0, count)

    def _executed_so_far(self) -> int:
        return int(self._counter.value)

    def run(self, count: int) -> None:
        """Run at most ``count`` instructions."""
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
        if self._dirty or self._overwritten or self._deferred or self._carried is not None:
            self._finish_slice()
        if event is not None:
            self._finish_event(event, counted)
        elif error:
            raise BoardError(f"Unicorn stopped with error {error} at {pc:#010x}")
        elif pc in self._exits:
            self.stop, self.executed = Stop.EXIT, counted
        elif pc in self._wfi_exits:
            self._sleep_at(pc, counted)
        elif counted > self._limit.value:
            self.stop, self.executed = Stop.BUDGET, counted - 1
        else:
            self.stop, self.executed = Stop.WFI, counted

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
            self._all.write(*registers, xpsr & ~IT_MASK | self._it_state_at(pc))
            self._rebuild.write(xpsr & NZCV)
            self._pc.write(pc | 1)
            self.pc = self._next_pc = pc

    def _it_state_at(self, pc: int) -> int:
        """Return ITSTATE, as in xPSR, for an instruction that is known to be in an IT block."""
        for start in range(pc - 2, pc - 16, -2):
            opcode = self._halfword(start)
            if opcode & 0xFF00 != 0xBF00 or not opcode & 0xF:
                continue
            at, state = start + 2, opcode & 0xFF
            while at < pc and state & 0xF:
                at += 4 if self._halfword(at) >= 0xE800 else 2
                state = state & 0xE0 | state << 1 & 0x1F
            if at == pc and state & 0xF:
                return (state & 0xFC) << 8 | (state & 0x3) << 25
        return 0

    def _sleep_at(self, pc: int, counted: int) -> None:
        self._pc.write((pc + 2) | 1)
        self.pc = self._next_pc = pc + 2
        self.stop, self.executed = Stop.WFI, counted + 1

    def step(self) -> None:
        """Run exactly one instruction."""
        pc = self._pc.read()
        opcode = self._halfword(pc)
        in_it = bool(self._xpsr.read() & IT_MASK)
        if opcode == _WFI and not in_it:
            self._sleep_at(pc, 0)
            return
        starts_it = opcode & 0xFF00 == 0xBF00 and opcode & 0xF != 0
        following = pc + (4 if opcode >= 0xE800 else 2)
        hidden = pc in self._exits or pc in self._wfi_exits
        if not (hidden or in_it or starts_it):
            self.run(1)
            return
        exits, wfi_exits = self._exits, self._wfi_exits
        extra = {following} if in_it or starts_it else set()
        self._exits, self._wfi_exits = (exits - {pc}) | extra, wfi_exits - {pc}
        self._load_exits({pc} | extra)
        try:
            self.run(1)
        finally:
            self._exits, self._wfi_exits = exits, wfi_exits
            self._load_exits({pc} | extra)
        if self.stop is Stop.EXIT and self.pc in extra:
            self.stop = Stop.BUDGET

    def skip(self) -> None:
        """Go on behind the instruction at the PC."""
        pc, xpsr = self._pc.read(), self._xpsr.read()
        state = xpsr >> 8 & 0xFC | xpsr >> 25 & 0x3
        state = state & 0xE0 | state << 1 & 0x1F if state & 0x7 else 0
        moved = (state & 0xFC) << 8 | (state & 0x3) << 25
        self._xpsr.write(xpsr & ~IT_MASK | moved)
        self._rebuild.write(xpsr & NZCV)
        self._pc.write(pc + (4 if self._halfword(pc) >= 0xE800 else 2) | 1)
        self._next_pc = None

    # ---- callbacks of Unicorn: nothing may be raised through C ----------------------------------

    def _intr(self, uc: Any, number: int, _: Any) -> None:
        self._event = _INTR.get(number, Stop.UNDEFINED)
        uc.emu_stop()

    def _invalid_instruction(self, uc: Any, _: Any) -> bool:
        if self._esr.read() == 0:  # WFE and YIELD come without a syndrome, PC after them
            pc = self._pc.read()
            if self._halfword(pc - 2) == 0xBF10 or self._halfword(pc - 2) == 0x8001:
                return True  # YIELD, narrow or wide
            self._event = Stop.WFE
            uc.emu_stop()
            return True
        thumb = self._xpsr.read() & EPSR_T
        self._event = Stop.UNDEFINED if thumb else Stop.INVALID_STATE
        return False

    # ---- exits and watches ----------------------------------------------------------------------

    def set_exits(self, addresses: set[int]) -> None:
        """Stop before an instruction at any of ``addresses``."""
        self._defer(lambda: self._arm(set(addresses)))

    def _arm(self, exits: set[int]) -> None:
        changed = exits ^ self._exits
        wfi_exits = {a for a in self._wfi_exits if a + 2 in exits}
        wfi_exits |= self._wfi_before(changed & exits)
        wfi_exits |= self._wfi_before(a + 2 for a in changed if a + 2 in exits)
        wfi_exits -= exits
        changed |= wfi_exits ^ self._wfi_exits
        if changed:
            self._exits, self._wfi_exits = exits, wfi_exits
            self._load_exits(changed)

    def _wfi_before(self, exits: Iterable[int]) -> set[int]:
        """Return where WFI stands right before an exit: afterwards the two would look the same."""
        return {a - 2 for a in exits if self._halfword(a - 2) == _WFI}

    def _bytes_changed(self, address: int, length: int) -> None:
        first = bisect_left(self._exit_list, address - 2)
        last = bisect_left(self._exit_list, address + length + 2)
        if first == last:
            return
        near = {a for a in self._exit_list[first:last] if a in self._exits}
        outside = {a for a in self._wfi_exits if a + 2 not in near}
        wfi_exits = outside | self._wfi_before(near) - self._exits
        changed = wfi_exits ^ self._wfi_exits
        if changed:
            self._wfi_exits = wfi_exits
            self._load_exits(changed)

    def _load_exits(self, changed: set[int]) -> None:
        self._exit_list = sorted(self._exits | self._wfi_exits)
        self._uc.ctl_set_exits(self._exit_list)
        if len(changed) > 16:
            self._uc.ctl_flush_tb()
        else:
            for address in changed:
                self._cache.forget(address, address + 1)

    def set_watches(self, watches: Sequence[Watch], on_watch: OnWatch) -> None:
        """Report accesses that touch any of ``watches``."""
        self._defer(lambda: self._watch(watches, on_watch))

    def _watch(self, watches: Sequence[Watch], on_watch: OnWatch) -> None:
        for hook in self._watches:
            self._uc.hook_del(hook)
        self._watches = []
        for watch in watches:
            kinds = self._const.UC_HOOK_MEM_READ if watch.reads else 0
            kinds |= self._const.UC_HOOK_MEM_WRITE if watch.writes else 0

            def accessed(
                uc: Any, access: int, address: int, size: int, value: int, watch: Watch
            ) -> None:
                self._forget_it_block()
                if address <= watch.last and address + size > watch.first:
                    kind: Access = "write" if access == self._const.UC_MEM_WRITE else "read"
                    if watch.values and kind == "read":
                        value = self._content(address, size)
                    mask = (1 << 8 * size) - 1
                    on_watch(kind, address, size, value & mask, self._pc.read())

            # The range is compared with the start of the access only: widen it by the largest one.
            first = max(0, watch.first - 7)
            self._watches.append(
                self._uc.hook_add(kinds, accessed, watch, begin=first, end=watch.last)
            )
        self._uc.ctl_flush_tb()

    def _content(self, address: int, size: int) -> int:
        """Return what memory holds; 0 of a device, which a read would disturb."""
        for first, end, memory, offset in self._memories:
            if first <= address and address + size <= end:
                at = offset + address - first
                return int.from_bytes(memory.data[at : at + size], "little")
        return 0

    def close(self) -> None:
        """Free everything."""
        self._uc._Uc__finalizer()  # no public way; harmless when called twice
