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
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from onchip.errors import BoardError

from ..bus import BusFault, Memory
from . import unicorn_selftest
from .engine import Access, OnRead, OnWatch, OnWrite, Stop, Watch
from .unicorn_library import Unicorn
from .unicorn_registers import EPSR_T, IT_MASK, NZCV, UnicornRegisters

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
_INTR = {
    2: Stop.SVC,
    3: Stop.EXECUTE_NEVER,
    4: Stop.UNALIGNED,
    7: Stop.BKPT,
    8: Stop.EXCEPTION_RETURN,
    17: Stop.NO_COPROCESSOR,
}


class UnicornEngine(UnicornRegisters):
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
        super().__init__(unicorn, uc)
        self._uc.ctl_set_tcg_buffer_size(32 << 20)  # 1 GiB of address space otherwise
        self._uc.ctl_exits_enabled(enable=True)
        self._on_read, self._on_write = on_read, on_write
        self.stop = Stop.BUDGET
        self.executed = 0
        self.pc = 0
        self.address = 0
        self.fault_is_write = False
        self.running = False
        self._event: Stop | None = None
        self._carried: BaseException | None = None
        self._fault_registers: tuple[int, ...] | None = None
        self._fault_count = 0
        self._exits: set[int] = set()
        self._wfi_exits: set[int] = set()  # a WFI right before an exit: see _arm
        self._memories: list[tuple[int, int, Memory, int]] = []
        self._watches: list[int] = []
        self._deferred: list[Callable[[], None]] = []
        self._dirty: list[tuple[int, int]] = []
        self._overwritten: list[tuple[Memory, int, bytes]] = []
        self._exit_list: list[int] = []
        self._start = self._unicorn.library.uc_emu_start
        self._handle = self._uc._uch
        self._uc.hook_add(self._const.UC_HOOK_INTR, self._intr)
        self._uc.hook_add(self._const.UC_HOOK_INSN_INVALID, self._invalid_instruction)
        self._uc.hook_add(self._const.UC_HOOK_MEM_INVALID, self._invalid_access)
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

    def run(self, count: int) -> None:
        """Run at most ``count`` instructions."""
        self._event = None
        start = self._pc.read()[0]
        self._esr.write(0)
        self.running = True
        error = self._start(self._handle, ctypes.c_uint64(start | 1), 0, 0, count)
        self.running = False
        counted = int(self._counter.value)
        pc = self.pc = int(self._pc.read()[0])
        event = self._event
        if self._overwritten:
            for memory, first, cells in self._overwritten:
                memory.data[first : first + len(cells)] = cells
            self._overwritten.clear()
        if self._dirty:
            dirty, self._dirty = self._dirty, []
            for address, length in dirty:
                self._flush(address, length)
        if self._deferred:
            self._apply_deferred()
        if self._carried is not None:
            carried, self._carried = self._carried, None
            raise carried
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
        elif event is Stop.DATA_FAULT and self._fault_registers is not None:
            *registers, xpsr, pc = self._fault_registers
            self._fault_registers = None
            if pc == self.pc:
                return
            # emu_stop is lost inside an IT block: the block went on after the fault. Undo it.
            self.executed = self._fault_count
            self._all.write(*registers, xpsr & ~IT_MASK | self._it_state_at(pc))
            self._rebuild.write(xpsr & NZCV)
            self._pc.write(pc | 1)
            self.pc = pc

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
        self.pc = pc + 2
        self.stop, self.executed = Stop.WFI, counted + 1

    def step(self) -> None:
        """Run exactly one instruction."""
        pc = int(self._pc.read()[0])
        opcode = self._halfword(pc)
        in_it = bool(self._xpsr.read()[0] & IT_MASK)
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

    def _halfword(self, address: int) -> int:
        for base, end, memory, offset in self._memories:
            if base <= address and address + 2 <= end:
                start = address - base + offset
                return int.from_bytes(memory.data[start : start + 2], "little")
        return 0

    # ---- callbacks of Unicorn: nothing may be raised through C ----------------------------------

    def _intr(self, uc: Any, number: int, _: Any) -> None:
        self._event = _INTR.get(number, Stop.UNDEFINED)
        uc.emu_stop()

    def _invalid_instruction(self, uc: Any, _: Any) -> bool:
        if self._esr.read()[0] == 0:  # WFE and YIELD come without a syndrome, PC after them
            pc = int(self._pc.read()[0])
            if self._halfword(pc - 2) == 0xBF10 or self._halfword(pc - 2) == 0x8001:
                return True  # YIELD, narrow or wide
            self._event = Stop.WFE
            uc.emu_stop()
            return True
        thumb = self._xpsr.read()[0] & EPSR_T
        self._event = Stop.UNDEFINED if thumb else Stop.INVALID_STATE
        return False

    def _invalid_access(
        self, uc: Any, access: int, address: int, size: int, value: int, _: Any
    ) -> bool:
        if access == self._const.UC_MEM_WRITE_PROT:
            value &= (1 << 8 * size) - 1
            self._device_write(address, size, value)
            if self._event is None:
                self._keep_cells(address, value.to_bytes(size, "little"))
            return self._event is None
        if access in (self._const.UC_MEM_FETCH_UNMAPPED, self._const.UC_MEM_FETCH_PROT):
            self._event = Stop.FETCH_FAULT
        else:
            self._event = Stop.DATA_FAULT
            self.fault_is_write = access == self._const.UC_MEM_WRITE_UNMAPPED
        self.address = address
        return False

    def _keep_cells(self, address: int, stored: bytes) -> None:
        """See to it that flash holds what its controller left there.

        Unicorn stores after this hook in any case; where that differs, the cells are put back
        right after the instruction.
        """
        for base, end, memory, offset in self._memories:
            if base <= address < end:
                start = address - base + offset
                cells = bytes(memory.data[start : start + len(stored)])
                if cells != stored:
                    self._overwritten.append((memory, start, cells))
                    self.stop_after_instruction()
                return

    def _mmio_read(self, uc: Any, offset: int, size: int, base: int) -> int:
        address = base + offset
        if self._event is not None:
            return 0  # the rest of an IT block whose fault will be undone
        try:
            if size == 8:
                return self._on_read(address, 4) | self._on_read(address + 4, 4) << 32
            return self._on_read(address, size)
        except BusFault as fault:
            self._data_fault(fault.address, write=False)
        except BaseException as error:  # C stands between: carried over to run()
            self._carried = error
            self.stop_after_instruction()
        return 0

    def _mmio_write(self, uc: Any, offset: int, size: int, value: int, base: int) -> None:
        self._device_write(base + offset, size, value & ((1 << 8 * size) - 1))

    def _device_write(self, address: int, size: int, value: int) -> None:
        if self._event is not None:
            return
        try:
            if size == 8:
                self._on_write(address, 4, value & 0xFFFF_FFFF)
                self._on_write(address + 4, 4, value >> 32)
            else:
                self._on_write(address, size, value)
        except BusFault as fault:
            self._data_fault(fault.address, write=True)
        except BaseException as error:  # as above
            self._carried = error
            self.stop_after_instruction()

    def _data_fault(self, address: int, *, write: bool) -> None:
        self._event = Stop.DATA_FAULT
        self.address, self.fault_is_write = address, write
        self._fault_registers = (*self._all.read(), int(self._pc.read()[0]))
        self._fault_count = int(self._counter.value)
        self.stop_after_instruction()
        self._uc.emu_stop()

    # ---- memory ---------------------------------------------------------------------------------

    def map_memory(self, base: int, memory: Memory, offset: int, length: int) -> None:
        """Share ``memory`` with the code."""
        host = ctypes.addressof(ctypes.c_char.from_buffer(memory.data, offset))
        rights = self._const.UC_PROT_READ | self._const.UC_PROT_EXEC
        if memory.kind == "ram":
            rights |= self._const.UC_PROT_WRITE

        def apply() -> None:
            self._uc.mem_map_ptr(base, length, rights, host)
            self._memories.append((base, base + length, memory, offset))
            self._arm(self._exits)

        self._defer(apply)

    def map_devices(self, base: int, length: int) -> None:
        """Send accesses within the range to the device callbacks."""

        def apply() -> None:
            self._uc.mmio_map(base, length, self._mmio_read, base, self._mmio_write, base)

        self._defer(apply)

    def unmap(self, base: int, length: int) -> None:
        """Take a range out again."""

        def apply() -> None:
            self._uc.mem_unmap(base, length)
            self._memories = [m for m in self._memories if m[0] != base]
            self._uc.ctl_flush_tb()

        self._defer(apply)

    def flush(self, address: int, length: int) -> None:
        """Forget translations of the range, at the end of the slice if one is running.

        That does not end the slice: a device that writes code (a flash controller) makes the
        program wait anyway, and thousands of single words are written that way.
        """
        if not self.running:
            self._flush(address, length)
        elif self._dirty and sum(self._dirty[-1]) == address:
            self._dirty[-1] = (self._dirty[-1][0], self._dirty[-1][1] + length)
        else:
            self._dirty.append((address, length))

    def _flush(self, address: int, length: int) -> None:
        self._uc.ctl_remove_cache(address & ~1, address + length)
        position = bisect_left(self._exit_list, address - 2)
        if position < len(self._exit_list) and self._exit_list[position] < address + length + 2:
            self._arm(self._exits)

    def _defer(self, apply: Callable[[], None]) -> None:
        """Do it now, or at the end of the slice: Unicorn's tables must not change under it."""
        if self.running:
            self._deferred.append(apply)
            self.stop_after_instruction()
        else:
            apply()

    def _apply_deferred(self) -> None:
        deferred, self._deferred = self._deferred, []
        for apply in deferred:
            apply()

    # ---- exits and watches ----------------------------------------------------------------------

    def set_exits(self, addresses: set[int]) -> None:
        """Stop before an instruction at any of ``addresses``."""
        self._defer(lambda: self._arm(set(addresses)))

    def _arm(self, exits: set[int]) -> None:
        # WFI and an exit right behind it look the same afterwards, so such a WFI is an exit too.
        wfi_exits = {a - 2 for a in exits if self._halfword(a - 2) == _WFI} - exits
        if exits == self._exits and wfi_exits == self._wfi_exits:
            return
        changed = (exits ^ self._exits) | (wfi_exits ^ self._wfi_exits)
        self._exits, self._wfi_exits = exits, wfi_exits
        self._load_exits(changed)

    def _load_exits(self, changed: set[int]) -> None:
        self._exit_list = sorted(self._exits | self._wfi_exits)
        self._uc.ctl_set_exits(self._exit_list)
        if len(changed) > 16:
            self._uc.ctl_flush_tb()
        else:
            for address in changed:
                self._uc.ctl_remove_cache(address, address + 1)

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
                xpsr = self._xpsr.read()[0]
                if xpsr & IT_MASK:  # Unicorn issue 2309: the hook leaks ITSTATE into translation
                    uc.reg_write(self._unicorn.reg.UC_ARM_REG_EPSR, EPSR_T)
                if address <= watch.last and address + size > watch.first:
                    kind: Access = "write" if access == self._const.UC_MEM_WRITE else "read"
                    mask = (1 << 8 * size) - 1
                    on_watch(kind, address, size, value & mask, int(self._pc.read()[0]))

            # The range is compared with the start of the access only: widen it by the largest one.
            first = max(0, watch.first - 7)
            self._watches.append(
                self._uc.hook_add(kinds, accessed, watch, begin=first, end=watch.last)
            )
        self._uc.ctl_flush_tb()

    def close(self) -> None:
        """Free everything."""
        self._uc._Uc__finalizer()  # no public way; harmless when called twice
