"""Collects data for flash, and programs it as one job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from onchip.session import Session
from pyOCD.flash.info import PageInfo, ProgrammingInfo
from pyOCD.utility.progress import fraction

ProgressCallback = Callable[[float], Any]


class Programmable(Protocol):
    """The flash that a job is for."""

    @property
    def session(self) -> Session:
        """The session that the job is handed to."""

    def getPageInfo(self, addr: int) -> PageInfo | None:
        """Return the sector that holds ``addr``, or None outside flash."""


class FlashBuilder:
    """Data for one job. ``base_addr`` is the first address that it may touch."""

    FLASH_PAGE_ERASE = 1
    FLASH_CHIP_ERASE = 2

    FLASH_ANALYSIS_CRC32 = "CRC32"
    FLASH_ANALYSIS_PARTIAL_PAGE_READ = "PAGE_READ"

    def __init__(self, flash: Programmable, base_addr: int = 0) -> None:
        self.flash = flash
        self.flash_start = base_addr
        self.perf = ProgrammingInfo()
        self.enable_double_buffering = True
        self.max_errors = 10
        self._pieces: list[tuple[int, bytes]] = []

    def enableDoubleBuffer(self, enable: bool) -> None:
        """Remember it: pages always travel while others are programmed."""
        self.enable_double_buffering = enable

    def setMaxErrors(self, count: int) -> None:
        """Remember it: a job ends with its first error."""
        self.max_errors = count

    def addData(self, addr: int, data: Sequence[int]) -> None:
        """Add bytes.

        Raises:
            ValueError: they are not in flash, or overlap others.
        """
        content = bytes(data)
        end = addr + len(content)
        if addr < self.flash_start:
            raise ValueError(f"0x{addr:08X} is below this flash, 0x{self.flash_start:08X}")
        at = addr
        while at < end:
            page = self.flash.getPageInfo(at)
            if page is None or page.base_addr is None or page.size is None:
                raise ValueError(f"0x{at:08X} is not in flash")
            at = page.base_addr + page.size
        for start, other in self._pieces:
            if addr < start + len(other) and start < end:
                raise ValueError(
                    f"0x{addr:08X}-0x{end - 1:08X} overlaps 0x{start:08X}-"
                    f"0x{start + len(other) - 1:08X}, which was added before"
                )
        if content:
            self._pieces.append((addr, content))
            self._pieces.sort()

    def program(
        self,
        chip_erase: bool | None = None,
        progress_cb: ProgressCallback | None = None,
        smart_flash: bool = True,
        fast_verify: bool = False,
    ) -> ProgrammingInfo:
        """Erase, program and verify.

        Args:
            chip_erase: true erases all flash; false and None erase the sectors that must change,
                and keep what the data do not cover.
            progress_cb: called with a number from 0 to 1.
            smart_flash: leave alone what is there already.
            fast_verify: trust the CRC of each page; else every byte is read back as well.

        Raises:
            FlashError: not everything was programmed.
        """
        times: dict[str, float] = {}
        session = self.flash.session
        started = session.core.now()

        def show(progress: Any) -> None:
            times[progress.phase] = session.core.now() - started
            if progress_cb is not None:
                progress_cb(fraction(progress))

        if not self._pieces:
            return self.perf
        report = session.flash(
            session.image(self._pieces, source="flash builder"),
            erase="chip" if chip_erase else "sector",
            skip_same=smart_flash,
            read_back=not fast_verify,
            reset=False,
            progress=show,
        )
        self.perf = ProgrammingInfo(
            program_type=self.FLASH_CHIP_ERASE if chip_erase else self.FLASH_PAGE_ERASE,
            program_time=report.seconds,
            analyze_type=self.FLASH_ANALYSIS_CRC32,
            analyze_time=times.get("plan", 0.0),
            program_byte_count=report.programmed_bytes,
            same_byte_count=report.same_bytes,
            erase_byte_count=report.erased_bytes,
        )
        if progress_cb is not None:
            progress_cb(1.0)
        return self.perf

    def getPerformance(self) -> ProgrammingInfo:
        """Return what the last job did."""
        return self.perf


__all__ = ["FlashBuilder", "ProgressCallback"]
