"""A core that behaves by the book: for tests of the server alone.

The program is straight Thumb of two bytes an instruction in a loop from LOOP to LOOP_END. What an
instruction does beside that can be given per address in ``core.program``.
"""

from __future__ import annotations

from types import SimpleNamespace

from onchip.cortex_m import (
    PYTHON,
    Breakpoint,
    BreakpointKind,
    CoreState,
    HaltKind,
    HaltReason,
    ResetKind,
)
from onchip.cortex_m.owners import Holders, Wish
from onchip.errors import (
    BreakpointError,
    CoreStateError,
    TransferFault,
    WatchpointError,
)

RAM, FLASH = 0x2000_0000, 0x0800_0000
LOOP, LOOP_END = 0x0800_0100, 0x0800_0140


class FakeBatch:
    def __init__(self):
        self.jobs = []

    def run(self):
        for job in self.jobs:
            job()


class FakeMemory:
    def __init__(self):
        self.areas = {RAM: bytearray(0x10000), FLASH: bytearray(b"\xff" * 0x10000)}

    def _area(self, address, length):
        for base, area in self.areas.items():
            if base <= address < base + len(area):
                if address + length > base + len(area):
                    end = base + len(area)
                    raise TransferFault(f"FAULT at 0x{end:08X}", operation="read", address=end)
                return area, address - base
        raise TransferFault(f"FAULT at 0x{address:08X}", operation="read", address=address)

    def read(self, address, length):
        area, offset = self._area(address, length)
        return bytes(area[offset : offset + length])

    def write(self, address, data):
        area, offset = self._area(address, len(data))
        area[offset : offset + len(data)] = data

    def batch(self):
        return FakeBatch()

    def queue_read(self, batch, address, length):
        result = SimpleNamespace(value=b"")
        batch.jobs.append(lambda: setattr(result, "value", self.read(address, length)))
        return result

    def read_u32(self, address):
        return int.from_bytes(self.read(address, 4), "little")

    def read_u16(self, address):
        return int.from_bytes(self.read(address, 2), "little")


class FakeBreakpoints:
    def __init__(self, comparators=4):
        self.arming = self
        self.comparators = comparators
        self.kinds = {}
        self.owners = {}
        self.writes = 0

    def set(
        self,
        address,
        kind=BreakpointKind.AUTO,
        *,
        owner=PYTHON,
        condition=None,
        ignore_count=0,
        temporary=False,
    ):
        if address not in self.kinds:
            hardware = kind is BreakpointKind.HARDWARE or not self.is_ram(address)
            if hardware and self.available == 0:
                self.settle_comparators()
            if hardware and self.available == 0:
                raise BreakpointError(f"no comparator left for 0x{address:08X}")
            self.writes += 1
            self.kinds[address] = BreakpointKind.HARDWARE if hardware else BreakpointKind.SOFTWARE
        wish = Wish(condition, ignore_count, temporary)
        self.owners.setdefault(address, Holders()).add(owner, wish)
        return Breakpoint(address, self.kinds[address])

    def holders(self, address):
        return self.owners.get(address)

    @property
    def conditions(self):
        wishes = [wish for holders in self.owners.values() for wish in holders.wishes]
        return [wish.condition for wish in wishes if wish.condition is not None]

    @staticmethod
    def is_ram(address):
        return address >= RAM

    @staticmethod
    def has_reach(address):
        return address < RAM

    def let_go(self, address, *, owner=PYTHON):
        if address in self.owners:
            self.owners[address].discard(owner)

    def let_go_all(self, owner):
        for owners in self.owners.values():
            owners.discard(owner)

    def settle_comparators(self):
        for address in [a for a in self.kinds if not self.owners[a]]:
            self.writes += 1
            del self.kinds[address]

    @property
    def available(self):
        return self.comparators - list(self.kinds.values()).count(BreakpointKind.HARDWARE)


class FakeWatchpoints:
    def __init__(self, comparators=2):
        self.comparators = comparators
        self.owners = {}

    @property
    def keys(self):
        return list(self.owners)

    def set(self, address, length, access="write", *, value=None, owner=PYTHON):
        key = (address, length, access)
        if key not in self.owners and self.available == 0:
            self.settle()
        if key not in self.owners and self.available == 0:
            raise WatchpointError("no comparator left")
        self.owners.setdefault(key, set()).add(owner)

    def let_go(self, address, length, access="write", *, value=None, owner=PYTHON):
        self.owners.get((address, length, access), set()).discard(owner)

    def let_go_all(self, owner):
        for owners in self.owners.values():
            owners.discard(owner)

    def settle(self):
        self.owners = {key: owners for key, owners in self.owners.items() if owners}

    @property
    def available(self):
        return self.comparators - len(self.owners)


class FakeCore:
    name, architecture = "Cortex-M4", "ARMv7E-M"

    def __init__(self, has_fpu=True):
        self.has_fpu = has_fpu
        self.memory = FakeMemory()
        self.breakpoints, self.watchpoints = FakeBreakpoints(), FakeWatchpoints()
        self.vector_catch = frozenset()
        names = [f"r{n}" for n in range(13)]
        names += ["lr", "sp", "pc", "xpsr", "msp", "psp", "primask", "basepri", "faultmask"]
        names += ["control", "fpscr", *(f"d{n}" for n in range(16))]
        self.values = {name: index for index, name in enumerate(names)}
        self.register_names = tuple(names)
        self.values |= {"pc": LOOP, "sp": RAM + 0x8000, "xpsr": 0x0100_0000}
        self.running = True
        self.reason = HaltReason(HaltKind.REQUEST)
        self.program = {}
        self.touch = None
        self.resets = []
        self.fault_report = None
        self.failures = []
        self.steps = 0

    @property
    def halted(self):
        return not self.running

    def state(self):
        return CoreState.RUNNING if self.running else CoreState.HALTED

    def _execute(self):
        pc = self.values["pc"]
        self.touch = None
        action = self.program.get(pc)
        after = pc + 2 if pc + 2 < LOOP_END else LOOP
        self.values["pc"] = after
        if action is not None:
            action(self)
        if self.touch is not None:
            address, access = self.touch
            for (start, length, wanted), owners in self.watchpoints.owners.items():
                hit = start <= address < start + length and wanted in (access, "access")
                if hit and owners:
                    return HaltReason(HaltKind.WATCHPOINT, self.values["pc"], address, access)
        return None

    def _stop(self, reason):
        self.running, self.reason = False, reason
        return reason

    def run(self, count):
        for _ in range(count):
            if not self.running:
                return
            pc = self.values["pc"]
            first, self._leaving = self._leaving, False
            if pc in self.breakpoints.kinds and not first:
                self._meet(pc)
                return
            if self._is_bkpt(pc):
                self.own_bkpt = pc
                self._stop(HaltReason(HaltKind.BREAKPOINT, pc))
                return
            if (reason := self._execute()) is not None:
                self._stop(reason)

    def _meet(self, pc):
        self._stop(HaltReason(HaltKind.BREAKPOINT, pc))
        verdict = self.breakpoints.holders(pc).judge(self)
        if verdict.wanted_by:
            wanted_by, trouble = verdict.wanted_by, verdict.trouble
            self.reason = HaltReason(HaltKind.BREAKPOINT, pc, wanted_by=wanted_by, trouble=trouble)
        else:
            self.resume()

    _leaving = False

    def _is_bkpt(self, pc):
        try:
            return self.memory.read_u16(pc) & 0xFF00 == 0xBE00
        except TransferFault:
            return False

    def poll(self, prefetch=None, enough=None):
        if self.failures:
            raise self.failures.pop(0)
        return None if self.running else self.reason

    def halt(self):
        if self.running:
            self._stop(HaltReason(HaltKind.REQUEST, self.values["pc"]))
        return self.reason

    def run_on(self, timeout_s, *, prefetch=None, enough=None):
        self.resume()
        self.run(20)
        return None if self.running else self.reason

    def release(self, owner):
        self.breakpoints.let_go_all(owner)
        self.watchpoints.let_go_all(owner)
        self.settle()

    def settle(self):
        self.breakpoints.arming.settle_comparators()
        self.watchpoints.settle()

    def resume(self):
        assert not self.running
        self.settle()
        self._skip_own_bkpt()
        self.running = self._leaving = True

    def _skip_own_bkpt(self):
        if self.values["pc"] == self.own_bkpt:
            self.values["pc"] += 2
        self.own_bkpt = None

    own_bkpt = None

    def step(self, *, interrupts=False, prefetch=None):
        assert not self.running
        self.steps += 1
        pc = self.values["pc"]
        if self._is_bkpt(pc):
            return self._stop(HaltReason(HaltKind.BREAKPOINT, pc))
        reason = self._execute()
        return self._stop(reason or HaltReason(HaltKind.STEP, self.values["pc"]))

    def reset(self, kind=ResetKind.SYSTEM, *, halt=False):
        self.resets.append((kind, halt))
        self.values["pc"] = LOOP
        self.running = True
        if halt:
            self._stop(HaltReason(HaltKind.VECTOR_CATCH, LOOP))

    def read_register(self, name):
        if self.running:
            raise CoreStateError("the core runs")
        return self.values[name]

    def read_registers(self, names=None):
        return {name: self.read_register(name) for name in names or self.register_names}

    def write_register(self, name, value):
        if self.running:
            raise CoreStateError("the core runs")
        self.values[name] = value
        if name == "pc":
            self.own_bkpt = None

    def write_registers(self, values):
        for name, value in values.items():
            self.write_register(name, value)

    def fault(self):
        return self.fault_report
