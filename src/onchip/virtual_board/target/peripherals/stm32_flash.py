"""The FLASH controller of STM32F405/407 (RM0090, section 3: embedded flash memory interface).

Programming is a plain store to the flash while CR.PG is set; erasing starts with CR.STRT. Option
bytes have a lock, a start bit and a memory window of their own. A key written in the wrong order
answers with a bus error and keeps the register locked until the next reset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from onchip.virtual_board.bus import BusFault, Memory

from ..flash_array import FlashArray, Outcome
from ..wiring import Wiring
from .register_block import RegisterBlock

ACR, KEYR, OPTKEYR, SR, CR, OPTCR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14

KEYS = (0x4567_0123, 0xCDEF_89AB)
OPTION_KEYS = (0x0819_2A3B, 0x4C5D_6E7F)

SR_EOP = 1 << 0
SR_OPERR = 1 << 1
SR_WRPERR = 1 << 4
SR_PGAERR = 1 << 5
SR_PGPERR = 1 << 6
SR_PGSERR = 1 << 7
SR_BSY = 1 << 16
SR_CLEARABLE = SR_EOP | SR_OPERR | SR_WRPERR | SR_PGAERR | SR_PGPERR | SR_PGSERR

CR_PG = 1 << 0
CR_SER = 1 << 1
CR_MER = 1 << 2
CR_SNB_SHIFT, CR_SNB_MASK = 3, 0xF
CR_PSIZE_SHIFT = 8
CR_STRT = 1 << 16
CR_EOPIE = 1 << 24
CR_ERRIE = 1 << 25
CR_LOCK = 1 << 31
CR_WRITABLE = 0x0300_037F | CR_STRT

OPTCR_OPTLOCK = 1 << 0
OPTCR_OPTSTRT = 1 << 1
OPTCR_WRITABLE = 0x0FFF_FFEC
OPTCR_FACTORY = 0x0FFF_AAED

RDP_LEVEL_0 = 0xAA
RDP_LEVEL_2 = 0xCC


@dataclass(frozen=True, slots=True)
class Timings:
    """Typical times of the data sheet, by PSIZE (x8, x16, x32, x64)."""

    program_ns: tuple[int, ...]
    erase_ns: Mapping[int, tuple[int, ...]]
    """By sector size in bytes."""
    mass_erase_ns: tuple[int, ...]
    option_ns: int


class Stm32F4Flash(RegisterBlock):
    """Registers at 0x4002_3C00, and the stores into the flash itself."""

    resets: ClassVar = {CR: CR_LOCK, OPTCR: OPTCR_FACTORY}

    def __init__(
        self,
        wiring: Wiring,
        memory: Memory,
        sectors: list[tuple[int, int]],
        timings: Timings,
        irq: int,
    ) -> None:
        super().__init__()
        self.memory = memory
        self.sectors = sectors
        self.timings = timings
        self.timeline = wiring.timeline
        self.array = FlashArray(
            memory, wiring.bus, wiring.timeline, wiring.faults, on_idle=self._idle
        )
        memory.on_write = self.store
        self._irq = wiring.interrupts.line(irq)
        self._poller = wiring.poller()
        self.option_bytes = OPTCR_FACTORY
        self._apply_protection()
        self._forget_keys()

    # ---- what the board asks ---------------------------------------------------------------------

    @property
    def read_protected(self) -> bool:
        """Whether read-out protection is above level 0."""
        return self.option_bytes >> 8 & 0xFF != RDP_LEVEL_0

    def protect(self) -> None:
        """Set read-out protection level 1, as a programmer at the factory would have."""
        self._set_options(self.option_bytes & ~0xFF00 | 0x5500)

    def save(self) -> bytes:
        """Return the option bytes for a flash file."""
        return self.option_bytes.to_bytes(4, "little")

    def load(self, blob: bytes) -> None:
        """Take back what ``save`` returned."""
        self._set_options(int.from_bytes(blob[:4], "little"))

    def power_loss(self) -> None:
        """Leave a running operation half done."""
        self.array.interrupt()

    def reset(self) -> None:
        """Reset the registers; a running operation is cut short."""
        super().reset()
        self.array.interrupt()
        self.words[OPTCR] = self.option_bytes | OPTCR_OPTLOCK
        self._forget_keys()
        self._update_irq()

    # ---- registers -------------------------------------------------------------------------------

    def read_word(self, offset: int) -> int:
        """Return a register; SR shows BSY while the array works."""
        if offset in (KEYR, OPTKEYR):
            return 0
        value = super().read_word(offset)
        if offset == SR:
            if self.array.busy:
                value |= SR_BSY
                self._poller.fruitless(self._busy_until())
            else:
                self._poller.progress()
        if offset == CR and self.array.busy and self._erasing:
            value |= CR_STRT
        return value

    def write_word(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == KEYR:
            self._take_key(value)
        elif offset == OPTKEYR:
            self._take_option_key(value)
        elif offset == SR:
            self.words[SR] = self.words[SR] & ~(value & SR_CLEARABLE)
            self._update_irq()
        elif offset == CR:
            self._write_control(value)
        elif offset == OPTCR:
            self._write_options(value)
        elif offset == ACR:
            self.words[ACR] = value & 0x1F07
        self._poller.progress()

    def _busy_until(self) -> int:
        if self.array.stuck:
            return self.timeline.now_ns + 1_000_000_000
        return self.array.busy_until_ns

    def _forget_keys(self) -> None:
        self._keys = 0
        self._option_keys = 0
        self._shut = False
        self._options_shut = False
        self._erasing = False

    def _take_key(self, key: int) -> None:
        locked = self.words[CR] & CR_LOCK
        if self._shut or not locked or key != KEYS[self._keys]:
            self._shut = True
            self.words[CR] |= CR_LOCK
            raise BusFault(KEYR)
        self._keys += 1
        if self._keys == len(KEYS):
            self._keys = 0
            self.words[CR] &= ~CR_LOCK

    def _take_option_key(self, key: int) -> None:
        locked = self.words[OPTCR] & OPTCR_OPTLOCK
        if self._options_shut or not locked or key != OPTION_KEYS[self._option_keys]:
            self._options_shut = True
            self.words[OPTCR] |= OPTCR_OPTLOCK
            raise BusFault(OPTKEYR)
        self._option_keys += 1
        if self._option_keys == len(OPTION_KEYS):
            self._option_keys = 0
            self.words[OPTCR] &= ~OPTCR_OPTLOCK

    def _write_control(self, value: int) -> None:
        if self.words[CR] & CR_LOCK:
            return
        if self.array.busy:  # the bus stalls until BSY clears
            self.timeline.leap(self._busy_until())
        self.words[CR] = value & CR_WRITABLE & ~CR_STRT
        if value & CR_LOCK:
            self.words[CR] |= CR_LOCK
        elif value & CR_STRT:
            self._start_erase()
        self._update_irq()

    # ---- operations ------------------------------------------------------------------------------

    def store(self, offset: int, size: int, value: int) -> None:
        """Take a store into the flash: programming, if CR says so."""
        if not self._may_program(offset, size):
            return
        if self._is_write_protected(self._sector_at(offset)):
            self._flag(SR_WRPERR)
            return
        self.program(self.array, offset, size, value)

    def store_otp(
        self, otp: FlashArray, offset: int, size: int, value: int, *, open_: bool
    ) -> None:
        """Take a store into the OTP area; ``open_`` if its block is not locked."""
        if not self._may_program(offset, size):
            return
        if not open_:
            self._flag(SR_WRPERR)
            return
        self.program(otp, offset, size, value)

    def program(self, array: FlashArray, offset: int, size: int, value: int) -> None:
        """Program ``array``. While another operation runs, the bus stalls first."""
        if self.array.busy:
            self.timeline.leap(self._busy_until())
        parallelism = self.words[CR] >> CR_PSIZE_SHIFT & 3
        data = value.to_bytes(size, "little")
        self._report(array.program(offset, data, self.timings.program_ns[parallelism]))

    def _may_program(self, offset: int, size: int) -> bool:
        """Check CR against a store, and set the flag of what is wrong."""
        control = self.words[CR]
        parallelism = control >> CR_PSIZE_SHIFT & 3
        wanted = min(1 << parallelism, 4)  # a doubleword store is two words on the bus
        if control & CR_LOCK or not control & CR_PG or control & (CR_SER | CR_MER):
            self._flag(SR_PGSERR)
        elif size != wanted:
            self._flag(SR_PGPERR)
        elif offset % 16 + size > 16:
            self._flag(SR_PGAERR)
        else:
            return True
        return False

    def _start_erase(self) -> None:
        control = self.words[CR]
        parallelism = control >> CR_PSIZE_SHIFT & 3
        if control & CR_MER:
            protected = any(self._is_write_protected(n) for n in range(len(self.sectors)))
            start, length = 0, self.memory.size
            duration = self.timings.mass_erase_ns[parallelism]
        elif control & CR_SER:
            number = control >> CR_SNB_SHIFT & CR_SNB_MASK
            if number >= len(self.sectors):
                return
            protected = self._is_write_protected(number)
            start, length = self.sectors[number]
            duration = self.timings.erase_ns[length][parallelism]
        else:
            return
        if protected:
            self._flag(SR_WRPERR)
            return
        self._erasing = True
        self._report(self.array.erase(start, length, duration))

    def _report(self, outcome: Outcome) -> None:
        if outcome is Outcome.PROTECTED:
            self._flag(SR_WRPERR)

    def _idle(self, outcome: Outcome) -> None:
        """Show the end of an operation. EOP and OPERR only show with their interrupt enabled."""
        self._erasing = False
        control = self.words[CR]
        if outcome is Outcome.DONE and control & CR_EOPIE:
            self._flag(SR_EOP)
        elif outcome is Outcome.FAILED and control & CR_ERRIE:
            self._flag(SR_OPERR)

    def _flag(self, flag: int) -> None:
        self.words[SR] = self.words[SR] | flag
        self._update_irq()

    def _update_irq(self) -> None:
        status, control = self.words[SR], self.words[CR]
        ended = control & CR_EOPIE and status & SR_EOP
        failed = control & CR_ERRIE and status & SR_OPERR
        self._irq.set(level=bool(ended or failed))

    def _sector_at(self, offset: int) -> int:
        return next(n for n, (start, size) in enumerate(self.sectors) if offset < start + size)

    def _is_write_protected(self, sector: int) -> bool:
        return not self.option_bytes >> 16 + sector & 1

    # ---- option bytes ----------------------------------------------------------------------------

    def _write_options(self, value: int) -> None:
        if self.words[OPTCR] & OPTCR_OPTLOCK:
            return
        self.words[OPTCR] = value & (OPTCR_WRITABLE | OPTCR_OPTLOCK)
        if value & OPTCR_OPTSTRT:
            self._program_options(value & OPTCR_WRITABLE)

    def _program_options(self, value: int) -> None:
        old, new = self.option_bytes >> 8 & 0xFF, value >> 8 & 0xFF
        if old == RDP_LEVEL_2:
            return  # for ever
        duration = self.timings.option_ns
        if old != RDP_LEVEL_0 and new == RDP_LEVEL_0:  # leaving level 1 erases everything
            duration += self.timings.mass_erase_ns[2]
            self.array.erase(0, self.memory.size, duration)
        else:
            self.array.erase(0, 0, duration)
        self._set_options(value)

    def _set_options(self, value: int) -> None:
        self.option_bytes = value & OPTCR_WRITABLE | OPTCR_OPTLOCK
        self.words[OPTCR] = self.option_bytes & ~OPTCR_OPTLOCK | self.words[OPTCR] & OPTCR_OPTLOCK
        self._apply_protection()

    def _apply_protection(self) -> None:
        self.memory.debugger_access = not self.read_protected


OTP_BLOCK = 32
OTP_BLOCKS = 16


class Stm32Otp:
    """The one-time programmable bytes in the system memory: 16 blocks of 32, each with its lock."""

    def __init__(
        self,
        controller: Stm32F4Flash,
        wiring: Wiring,
        memory: Memory,
        *,
        otp_offset: int,
        lock_offset: int,
    ) -> None:
        self._controller = controller
        self._memory = memory
        self._array = FlashArray(memory, wiring.bus, wiring.timeline, wiring.faults)
        self._start = otp_offset
        self._locks = lock_offset
        memory.on_write = self.store

    def store(self, offset: int, size: int, value: int) -> None:
        """Take a store into system memory: only the OTP area and its lock bytes can change."""
        if self._start <= offset < self._start + OTP_BLOCK * OTP_BLOCKS:
            lock = self._memory.data[self._locks + (offset - self._start) // OTP_BLOCK]
            open_ = lock != 0
        else:
            open_ = self._locks <= offset < self._locks + OTP_BLOCKS
        self._controller.store_otp(self._array, offset, size, value, open_=open_)


class Stm32OptionBytes(RegisterBlock):
    """The option bytes as memory, read-only, at 0x1FFF_C000."""

    def __init__(self, flash: Stm32F4Flash) -> None:
        super().__init__()
        self._flash = flash

    def read_word(self, offset: int) -> int:
        """Return RDP and USER (offset 0), or the write protection (offset 8)."""
        options = self._flash.option_bytes
        if offset == 0:
            return 0xFFFF_0000 | options & 0xFFEC | 0x3
        return 0xFFFF_F000 | options >> 16 & 0x0FFF if offset == 8 else 0xFFFF_FFFF

    def write_word(self, offset: int, value: int) -> None:
        """Ignore the write: option bytes change through OPTCR only."""
