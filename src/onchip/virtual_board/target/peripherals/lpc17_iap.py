"""In-application programming of LPC17xx (UM10360, chapter 32): what the boot ROM's routines do.

The ROM itself is a small Thumb stub (``chips/lpc1768_boot_rom.s``) that hands the caller's tables
to this model, at an address where the chip has nothing, and polls it until the work is done. So
firmware, OpenOCD and flash algorithms call the real entry point and wait real time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from onchip.virtual_board.bus import BusFault, Memory

from ..flash_array import FlashArray, Outcome
from ..wiring import Wiring
from .register_block import RegisterBlock

COMMAND, RESULT, BUSY, BOOTABLE = 0x00, 0x04, 0x08, 0x0C
PARAMETERS = 5
RESULTS = 5
COPY_SIZES = (256, 512, 1024, 4096)
COPY_ALIGNMENT = 256
SCRATCH_SIZE = 32
"""The routines use the top of the local RAM, whatever lies there."""
SLOWEST_CCLK_RATIO = 4
"""A CCLK parameter smaller than the real clock by more than this makes the pulses too short."""

CRP_OFFSET = 0x2FC
CRP_WORDS = {0x1234_5678: 1, 0x8765_4321: 2, 0x4321_8765: 3}


class Command(IntEnum):
    """IAP command codes."""

    PREPARE = 50
    COPY = 51
    ERASE = 52
    BLANK_CHECK = 53
    READ_PART_ID = 54
    READ_BOOT_VERSION = 55
    COMPARE = 56
    REINVOKE_ISP = 57
    READ_SERIAL = 58


class Status(IntEnum):
    """IAP status codes."""

    CMD_SUCCESS = 0
    INVALID_COMMAND = 1
    SRC_ADDR_ERROR = 2
    DST_ADDR_ERROR = 3
    SRC_ADDR_NOT_MAPPED = 4
    DST_ADDR_NOT_MAPPED = 5
    COUNT_ERROR = 6
    INVALID_SECTOR = 7
    SECTOR_NOT_BLANK = 8
    SECTOR_NOT_PREPARED_FOR_WRITE_OPERATION = 9
    COMPARE_ERROR = 10
    BUSY = 11


@dataclass(frozen=True, slots=True)
class Identity:
    """What the READ commands answer."""

    part_id: int
    boot_version: int
    serial: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timings:
    """Times of the data sheet: 256 bytes programmed, any number of sectors erased."""

    program_ns: int
    erase_ns: int


class Lpc17Iap(RegisterBlock):
    """The model behind the boot ROM."""

    def __init__(
        self,
        wiring: Wiring,
        flash: Memory,
        local_ram: Memory,
        sectors: Sequence[tuple[int, int]],
        identity: Identity,
        timings: Timings,
    ) -> None:
        super().__init__()
        self._wiring = wiring
        self._flash = flash
        self._local_ram = local_ram
        self._sectors = sectors
        self._identity = identity
        self._timings = timings
        self._array = FlashArray(
            flash, wiring.bus, wiring.timeline, wiring.faults, on_idle=self._idle
        )
        self._poller = wiring.poller()
        self._prepared: set[int] = set()
        self._commands: dict[int, Callable[[Sequence[int]], list[int]]] = {
            Command.PREPARE: self._prepare,
            Command.COPY: self._copy,
            Command.ERASE: self._erase,
            Command.BLANK_CHECK: self._blank_check,
            Command.READ_PART_ID: lambda _: [Status.CMD_SUCCESS, identity.part_id],
            Command.READ_BOOT_VERSION: lambda _: [Status.CMD_SUCCESS, identity.boot_version],
            Command.COMPARE: self._compare,
            Command.READ_SERIAL: lambda _: [Status.CMD_SUCCESS, *identity.serial],
        }
        flash.on_write = self._ignore_store

    # ---- the chip's side -------------------------------------------------------------------------

    @property
    def protection(self) -> int:
        """The code read protection level in the flash: 0 for none."""
        word = int.from_bytes(self._flash.data[CRP_OFFSET : CRP_OFFSET + 4], "little")
        return CRP_WORDS.get(word, 0)

    @property
    def bootable(self) -> bool:
        """Whether the first eight vectors add up to 0, as the boot ROM demands of user code."""
        words = (int.from_bytes(self._flash.data[n : n + 4], "little") for n in range(0, 32, 4))
        return not sum(words) & 0xFFFF_FFFF

    def reset(self) -> None:
        """Forget prepared sectors; a running operation is cut short."""
        super().reset()
        self._array.interrupt()
        self._prepared.clear()

    def power_loss(self) -> None:
        """Leave a running operation half done."""
        self._array.interrupt()

    def read_word(self, offset: int) -> int:
        """Return what the stub asks for."""
        if offset == BOOTABLE:
            return int(self.bootable)
        if offset == BUSY:
            if not self._array.busy:
                return 0
            forever = self._wiring.timeline.now_ns + 1_000_000_000
            self._poller.fruitless(forever if self._array.stuck else self._array.busy_until_ns)
            return 1
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Take the addresses of the tables; the second one starts the command."""
        self._poller.progress()
        self.words[offset] = value
        if offset == RESULT:
            self._run(self.words[COMMAND], value)

    def _ignore_store(self, offset: int, size: int, value: int) -> None:
        """The flash cannot be written through the bus: nothing happens."""

    # ---- commands --------------------------------------------------------------------------------

    def _run(self, command_table: int, result_table: int) -> None:
        bus = self._wiring.bus
        self._local_ram.data[-SCRATCH_SIZE:] = b"\xa5" * SCRATCH_SIZE
        code = bus.read(command_table, 4)
        parameters = []
        for n in range(1, PARAMETERS):
            try:
                parameters.append(bus.read(command_table + 4 * n, 4))
            except BusFault:  # the table is only as long as its command needs
                parameters.append(0)
        action = self._commands.get(code)
        results = [int(Status.INVALID_COMMAND)] if action is None else action(parameters)
        for n, word in enumerate(results[:RESULTS]):
            bus.write(result_table + 4 * n, 4, word)

    def _range(self, parameters: Sequence[int]) -> range | None:
        """Return the sectors of a command, or None if they do not exist."""
        start, end = parameters[:2]
        if end < start or end >= len(self._sectors):
            return None
        return range(start, end + 1)

    def _prepare(self, parameters: Sequence[int]) -> list[int]:
        sectors = self._range(parameters)
        if sectors is None:
            return [Status.INVALID_SECTOR]
        self._prepared = set(sectors)
        return [Status.CMD_SUCCESS]

    def _copy(self, parameters: Sequence[int]) -> list[int]:
        destination, source, count, cclk_khz = parameters
        if source % 4:
            return [Status.SRC_ADDR_ERROR]
        if destination % COPY_ALIGNMENT:
            return [Status.DST_ADDR_ERROR]
        if count not in COPY_SIZES:
            return [Status.COUNT_ERROR]
        data = self._ram(source, count)
        if data is None:
            return [Status.SRC_ADDR_NOT_MAPPED]
        if destination + count > self._flash.size:
            return [Status.DST_ADDR_NOT_MAPPED]
        touched = {
            number
            for number, (start, size) in enumerate(self._sectors)
            if start < destination + count and destination < start + size
        }
        if not touched <= self._prepared:
            return [Status.SECTOR_NOT_PREPARED_FOR_WRITE_OPERATION]
        self._prepared.clear()
        if self._pulses_too_short(cclk_khz):
            data = bytes(byte | 0x55 for byte in data)
        duration = self._timings.program_ns * count // COPY_ALIGNMENT
        return self._started(self._array.program(destination, data, duration))

    def _erase(self, parameters: Sequence[int]) -> list[int]:
        sectors = self._range(parameters)
        if sectors is None:
            return [Status.INVALID_SECTOR]
        if not set(sectors) <= self._prepared:
            return [Status.SECTOR_NOT_PREPARED_FOR_WRITE_OPERATION]
        self._prepared.clear()
        start, length = self._extent(sectors)
        if self._pulses_too_short(parameters[2]):
            length //= 2
        return self._started(self._array.erase(start, length, self._timings.erase_ns))

    def _started(self, outcome: Outcome) -> list[int]:
        """Report what the routines can see; a cell that failed is not part of it."""
        if outcome is Outcome.PROTECTED:
            return [Status.SECTOR_NOT_PREPARED_FOR_WRITE_OPERATION]
        return [Status.CMD_SUCCESS]

    def _blank_check(self, parameters: Sequence[int]) -> list[int]:
        sectors = self._range(parameters)
        if sectors is None:
            return [Status.INVALID_SECTOR]
        start, length = self._extent(sectors)
        cells = bytes(self._flash.data[start : start + length])
        for offset in range(0, length, 4):
            if cells[offset : offset + 4] != b"\xff\xff\xff\xff":
                word = int.from_bytes(cells[offset : offset + 4], "little")
                return [Status.SECTOR_NOT_BLANK, offset, word]
        return [Status.CMD_SUCCESS]

    def _compare(self, parameters: Sequence[int]) -> list[int]:
        first, second, count = parameters[:3]
        if first % 4:
            return [Status.DST_ADDR_ERROR]
        if second % 4:
            return [Status.SRC_ADDR_ERROR]
        if count % 4 or not count:
            return [Status.COUNT_ERROR]
        bus = self._wiring.bus
        try:
            left = bus.read_block(first, count)
        except BusFault:
            return [Status.DST_ADDR_NOT_MAPPED]
        try:
            right = bus.read_block(second, count)
        except BusFault:
            return [Status.SRC_ADDR_NOT_MAPPED]
        for offset in range(0, count, 4):
            if left[offset : offset + 4] != right[offset : offset + 4]:
                return [Status.COMPARE_ERROR, offset]
        return [Status.CMD_SUCCESS]

    # ---- helpers ---------------------------------------------------------------------------------

    def _extent(self, sectors: range) -> tuple[int, int]:
        start = self._sectors[sectors[0]][0]
        last_start, last_size = self._sectors[sectors[-1]]
        return start, last_start + last_size - start

    def _ram(self, address: int, length: int) -> bytes | None:
        window = self._wiring.bus.find(address)
        if window is None or window.memory is None or window.memory.kind != "ram":
            return None
        try:
            return self._wiring.bus.read_block(address, length)
        except BusFault:
            return None

    def _pulses_too_short(self, cclk_khz: int) -> bool:
        return self._wiring.clocks["core"] > cclk_khz * 1000 * SLOWEST_CCLK_RATIO

    def _idle(self, outcome: Outcome) -> None:
        self._poller.progress()
