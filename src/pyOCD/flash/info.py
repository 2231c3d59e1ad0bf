"""What flash is like, and what a job did to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PageInfo:
    """One sector; the weights are seconds, roughly."""

    base_addr: int | None = None
    erase_weight: float | None = None
    program_weight: float | None = None
    size: int | None = None


@dataclass(slots=True)
class FlashInfo:
    """The whole flash; the weight is seconds, roughly."""

    rom_start: int | None = None
    erase_weight: float | None = None
    crc_supported: bool | None = None


@dataclass(slots=True)
class ProgrammingInfo:
    """A job: FLASH_PAGE_ERASE or FLASH_CHIP_ERASE, how it was planned, and seconds."""

    program_type: int | None = None
    program_time: float | None = None
    analyze_type: str | None = None
    analyze_time: float | None = None
    program_byte_count: int = 0
    same_byte_count: int = 0
    erase_byte_count: int = 0
