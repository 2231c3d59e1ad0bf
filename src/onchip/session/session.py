"""What can be done with one chip, once it is connected.

A session leaves the target as it found it: what was running runs on, with nothing left armed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from onchip.arch.coresight import PIDR_JEDEC, pidr_designer
from onchip.coresight import rom_table
from onchip.cortex_m.state import ResetKind
from onchip.dap.com_port import ComPort
from onchip.errors import LockedChip, OnchipError
from onchip.session.flash_patcher import SessionPatcher, flash_breakpoints_of
from onchip.session.programming import Programming, reset_kind_of
from onchip.target import chip as chips
from onchip.target.unlock import erase_and_unlock

if TYPE_CHECKING:
    from onchip.coresight.access_port import AccessPort
    from onchip.coresight.debug_port import DebugPort
    from onchip.coresight.mem_ap import MemAp
    from onchip.coresight.memory import Memory
    from onchip.coresight.rom_table import Component
    from onchip.cortex_m.core import Core
    from onchip.dap.client import DapClient
    from onchip.dap.info import ProbeInfo
    from onchip.flash.algorithm import FlashAlgorithm
    from onchip.probe.link import Link
    from onchip.probe.turns import Turns
    from onchip.rtos import Snapshot
    from onchip.symbols.dwarf import DebugInfo
    from onchip.target.chip import Chip
    from onchip.target.memory_map import MemoryMap


class Session(Programming):
    """One open connection to one core. Use it with ``with``, or call `close`."""

    resume_on_close: bool
    """Whether `close` lets the core run. Starts as whether it was found running."""

    def __init__(
        self,
        client: DapClient,
        dp: DebugPort,
        aps: list[AccessPort | MemAp],
        core: Core,
        *,
        resume_on_close: bool,
    ) -> None:
        self.client = client
        self.dp = dp
        self.aps = aps
        self.core = core
        self.chip: Chip | None = None
        self.resume_on_close = resume_on_close
        self.locked: LockedChip | None = None
        """The read-out protection of `chip`, if it is on: flash is closed then, RAM is not."""
        self.was_unlocked = False
        """Whether connecting erased everything, to open a chip that was locked."""
        self.left_behind = ""
        """What a session that was killed left in the flash, in words; empty if nothing."""
        self._patcher = SessionPatcher(self)
        core.breakpoints.flash.patcher = self._patcher
        self.algorithm: str | Path | FlashAlgorithm | None = None
        """A flash algorithm (FLM file) to use in the place of the chip's own."""
        self._rom_table: Component | None = None
        self._closed = False

    # ---- what is connected

    @property
    def link(self) -> Link:
        """The way to the probe."""
        return self.client.link

    @property
    def flash_breakpoints(self) -> str:
        """Whether breakpoints may go into flash when the comparators have run out.

        ``on``, ``off``, or ``auto``: on virtual boards only. Anything else is a `UsageError`.
        """
        return self._patcher.mode.value

    @flash_breakpoints.setter
    def flash_breakpoints(self, mode: str) -> None:
        self._patcher.mode = flash_breakpoints_of(mode)

    @property
    def lock(self) -> Turns:
        """Hold it (``with session.lock:``) over calls that no other thread may come between."""
        return self.client.lock

    @property
    def probe_info(self) -> ProbeInfo:
        """What the probe says of itself."""
        return self.client.info

    @property
    def memory(self) -> Memory:
        """The target's memory, as the program sees it: without our breakpoints' opcodes."""
        return self.core.memory

    @property
    def memory_map(self) -> MemoryMap:
        """The chip's regions; of an unknown chip, those that Arm gives every Cortex-M."""
        return (self.chip or chips.generic_chip(self.core.name)).memory_map

    @property
    def chip_name(self) -> str:
        """The chip's name, or the core's when the chip is not known."""
        return self.core.name if self.chip is None else self.chip.name

    @property
    def rom_table(self) -> Component:
        """The CoreSight components behind the core's access port; read once."""
        if self._rom_table is None:
            self._rom_table = rom_table.walk(self.core.ap)
        return self._rom_table

    @property
    def unique_id(self) -> bytes:
        """The number that no other chip has; empty where none can be read from memory.

        Raises:
            TransferError: the target does not answer.
        """
        place = None if self.chip is None else self.chip.unique_id
        return b"" if place is None else self.memory.read(*place)

    @property
    def uart(self) -> ComPort:
        """The probe's virtual COM port, wired to a UART of the chip.

        Raises:
            ProbeRefused: the probe has none.
        """
        return ComPort(self.client)

    def recognise(self, chip: Chip | None = None) -> None:
        """Set `chip`: the one given, once the target agrees, or the one that the target shows.

        `locked` then holds its read-out protection, if that is on.

        Raises:
            WrongChip: the target contradicts ``chip``.
            TransferError: an identification register of ``chip`` cannot be read.
        """
        evidence = self._evidence()
        read_words = _remembering(self._read_words)
        if chip is None:
            chip = chips.identify(evidence, read_words)
        else:
            chips.check_chip(chip, evidence, read_words)
        self.locked = None
        if chip is not None:
            try:
                chips.check_unlocked(chip, read_words)
            except LockedChip as locked:
                self.locked = locked
        self.chip = chip
        if chip is not None:
            self.core.breakpoints.is_ram = self._is_ram

    def adopt_left_behind(self) -> None:
        """Look for breakpoints that a session which was killed left in flash: `left_behind`.

        They are hidden from now on, and taken out before the core is let run, before a job on
        flash, or by `close`. Without a journal of such a chip nothing is asked of the target.

        Raises:
            TransferError: the target does not answer.
        """
        self.left_behind = self._patcher.left_behind.adopt()

    # ---- what is done with it

    def reset(self, kind: str | ResetKind = ResetKind.SYSTEM, *, halt: bool = False) -> None:
        """Reset the target; it runs afterwards, or with ``halt`` stops at its first instruction.

        Where a boot ROM comes first, and would start the program, that is the program's own.
        `close` then leaves it running, or halted, likewise.

        Raises:
            UsageError: there is no such kind of reset.
            TargetError: this core has no such reset, or did not come out of it.
        """
        kind = reset_kind_of(kind)
        self.core.reset(kind, halt=halt)
        if halt:
            self._pass_boot_rom()
        self.resume_on_close = not halt

    def unlock(self) -> bool:
        """Erase everything on a locked chip, which takes its read-out protection away.

        To be called only when the user has asked for it by name. A chip that is not `locked` is
        left alone; the value says whether it was. The chip is reset, and finds nothing to run.

        Raises:
            LockedChip: nothing is known that opens this chip, or it needs its power switched.
            CoreTimeout: the erase did not end in time.
            TransferError: the target does not answer.
        """
        if self.locked is None or self.chip is None:
            return False
        erase_and_unlock(self.chip.name, self.chip.unlock, self.core.ap)
        self.reset()
        self.recognise(self.chip)
        if self.locked is not None:
            raise LockedChip(
                f"everything was erased, but {self.locked.message}",
                hint="switch the chip's power off and on, and connect again",
            ) from self.locked
        return True

    def threads(self, program: str | Path | DebugInfo) -> Snapshot:
        """Return the threads of the kernel that ``program``, an ELF file, was linked with.

        The core must be halted. A kernel that is damaged, or has not started, raises nothing.

        Raises:
            SymbolError: the file cannot be read, or is no ELF file for Arm.
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        from onchip.rtos import Inspector
        from onchip.symbols.dwarf import DebugInfo

        debug = program if isinstance(program, DebugInfo) else DebugInfo.load(program)
        return Inspector(self.core, self.memory_map, debug).snapshot()

    def close(self) -> None:
        """Disarm everything, leave the core running if it was found so, let go of the probe.

        Raises:
            OnchipError: the target could not be left as found; the probe is free all the same.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self.core.disconnect(resume=self.resume_on_close)
            self.dp.disconnect()
        finally:
            self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:  # what went wrong first is what the caller must see
            with contextlib.suppress(OnchipError):
                self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "halted" if self.core.halted else "running"
        return f"<Session {self.link.description}: {self.chip_name}, {self.core.name}, {state}>"

    # ---- within

    def _pass_boot_rom(self) -> None:
        """Do for a core halted in the boot ROM what that does before it starts the program.

        Without a program that it would start, the core stays at the boot ROM's first instruction.
        """
        chip = self.chip
        if chip is None or not chip.after_reset:
            return
        batch = self.core.memory.batch()
        for word in chip.after_reset:
            self.core.memory.queue_write_u32(batch, word.address, word.value)
        batch.run()
        if chip.vector_checksum is None:
            return
        start = chip.vector_checksum & ~0x1F
        vectors = self._read_words([start + 4 * index for index in range(8)])
        if sum(vectors) & 0xFFFF_FFFF == 0 and any(vectors):
            stack, entry = vectors[0] & ~3, vectors[1] & ~1
            self.core.write_registers({"msp": stack, "sp": stack, "pc": entry})

    def _is_ram(self, address: int) -> bool:
        region = self.memory_map.find(address)
        return region is not None and region.kind == "ram"

    def _evidence(self) -> chips.Evidence:
        root = self.rom_table
        designer = pidr_designer(root.pidr) if root.pidr & PIDR_JEDEC else 0
        return chips.Evidence(
            dpidr=int(self.dp.idr),
            targetid=None if self.dp.targetid is None else int(self.dp.targetid),
            cpuid=int(self.core.cpuid),
            rom_designer=designer if root.cidr else None,
            rom_part=root.part if root.cidr else None,
        )

    def _read_words(self, addresses: Sequence[int]) -> list[int]:
        batch = self.core.batch()
        results = [self.core.ap.queue_read_u32(batch, address) for address in addresses]
        batch.run()
        return [result.value for result in results]


def _remembering(read_words: chips.ReadWords) -> chips.ReadWords:
    """Return ``read_words`` with a memory: what was read once is not read again."""
    known: dict[int, int] = {}

    def read(addresses: Sequence[int]) -> Sequence[int]:
        missing = [address for address in addresses if address not in known]
        if missing:
            known.update(zip(missing, read_words(missing), strict=True))
        return [known[address] for address in addresses]

    return read
