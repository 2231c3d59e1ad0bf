"""Run the checks, one session each, and put back what they used.

Every check connects anew, so that one that fails leaves the next one a chance; all sessions go over
one link.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from onchip.errors import OnchipError, ProbeLost
from onchip.probe.kept import KeptLink
from onchip.probe.link import Link
from onchip.services.selftest import checks, more_checks
from onchip.services.selftest.bench import Area, Bench, NotHere
from onchip.session import Chip, ConnectMode, Session, open_session
from onchip.target.memory_map import FlashRegion, MemoryMap, Sector

CHECKS: dict[str, Callable[[Bench], str]] = {
    "core registers": checks.registers,
    "memory": checks.memory,
    "stop, resume, step": checks.run_control,
    "erase": more_checks.erase,
    "program": more_checks.program,
    "breakpoints": checks.breakpoints,
    "watchpoints": checks.watchpoints,
    "resets": checks.resets,
    "connect modes": checks.connect_modes,
    "GDB session": more_checks.gdb,
    "speed": more_checks.speed,
}
PUT_BACK = "put back"
_RAM_LENGTH = 0x2000
_SRAM = 0x2000_0000
"""The beginning of the SRAM region of the architecture."""


class Verdict(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check, its verdict, what was found, and its time on the link's clock."""

    check: str
    verdict: Verdict
    detail: str
    seconds: float


class Selftest:
    """All checks on the chip behind ``link``, which stays the caller's.

    Making one connects, looks what is there and saves what the checks will use; nothing is changed
    before `run`.

    Raises:
        OnchipError: the chip cannot be reached.
    """

    def __init__(
        self, link: Link, *, chip: Chip | None = None, frequency_hz: int, flash: bool = True
    ) -> None:
        self._link = link
        self._kept = KeptLink(link)
        self._named = chip
        self._frequency_hz = frequency_hz
        with self._connect(ConnectMode.ATTACH) as session:
            self._running = session.core.was_running
            self.target = f"{session.chip_name}, {session.core.name}"
            self._area = _area(session.memory_map, flash=flash and session.chip is not None)
            area = self._area
            self._ram = session.memory.read(area.ram, area.ram_length)
            self._flash = b""
            if area.sector is not None:
                self._flash = session.memory.read(area.sector.start, area.sector.size)

    @property
    def saved(self) -> tuple[int, bytes] | None:
        """Where the flash that is used begins, and what it held; None if none is used."""
        sector = self._area.sector
        return None if sector is None else (sector.start, self._flash)

    @property
    def promises(self) -> list[str]:
        """What will be done to the board, a line each."""
        area, sector = self._area, self._area.sector
        lines = [
            "the program on the chip is stopped and the chip reset, many times",
            f"{area.ram_length} bytes of RAM at 0x{area.ram:08x} are overwritten, then put back",
        ]
        if sector is not None:
            lines.append(
                f"the flash sector at 0x{sector.start:08x} ({sector.size} bytes) is erased and "
                "programmed a few times, then put back; if power or probe fail meanwhile, its "
                "content is lost"
            )
        end = "reset, and runs" if self._running else "reset, and halted"
        lines.append(f"at the end the chip is {end}, as it was found")
        return lines

    def run(
        self, only: Sequence[str] = (), on_start: Callable[[str], None] = lambda name: None
    ) -> Iterator[Outcome]:
        """Run the checks, all or ``only`` those named; yield each one's outcome as it comes.

        What they used is put back at the end, which has an outcome of its own, and also where the
        caller stops early.

        Raises:
            OnchipError: stopped early, and it could not be put back.
        """
        try:
            for name, check in CHECKS.items():
                if not only or name in only:
                    on_start(name)
                    yield self._outcome(name, partial(self._check, check))
        except BaseException:
            self._put_back()
            raise
        on_start(PUT_BACK)
        yield self._outcome(PUT_BACK, self._put_back)

    def _check(self, check: Callable[[Bench], str]) -> str:
        session = self._connect(ConnectMode.ATTACH)
        try:
            session.reset(halt=True)
            session.resume_on_close = False
            return check(Bench(session, self._area, self._connect))
        finally:
            with contextlib.suppress(OnchipError):  # what the check found is what counts
                session.close()

    def _outcome(self, name: str, work: Callable[[], str]) -> Outcome:
        started = self._link.now()
        verdict, detail = Verdict.PASSED, ""
        try:
            detail = work()
        except NotHere as error:
            verdict, detail = Verdict.LEFT_OUT, error.message
        except ProbeLost as error:
            verdict, detail = Verdict.FAILED, error.message
        except OnchipError as error:
            verdict, detail = Verdict.FAILED, str(error)
        return Outcome(name, verdict, detail, self._link.now() - started)

    def _put_back(self) -> str:
        area, sector = self._area, self._area.sector
        with self._connect(ConnectMode.ATTACH) as session:
            session.reset(halt=True)
            if sector is not None:
                _restore(session, sector, self._flash, area.erased_value)
            session.memory.write(area.ram, self._ram)
            session.reset(halt=not self._running)
        return "flash and RAM as they were" if sector is not None else "RAM as it was"

    def _connect(self, mode: ConnectMode) -> Session:
        return open_session(
            self._kept, chip=self._named, frequency_hz=self._frequency_hz, mode=mode
        )


def _restore(session: Session, sector: Sector, content: bytes, erased_value: int) -> None:
    if session.memory.read(sector.start, sector.size) == content:
        return
    session.erase(sector.start, sector.size, reset=False)
    if content.strip(bytes([erased_value])):
        session.flash(content, base=sector.start, format="bin", reset=False)


def _area(memory_map: MemoryMap, *, flash: bool) -> Area:
    """Choose the memory to use: the beginning of the RAM, and the last of the smallest sectors.

    Small, because it is saved, erased and written several times; late, because programs begin at
    the beginning.
    """
    # the first RAM may be one that executes no code, as the CCM of the STM32F4
    ram = next((r for r in memory_map.ram if r.contains(_SRAM)), memory_map.ram[0])
    length = min(ram.length // 2, _RAM_LENGTH)
    usable = [
        (region, sector)
        for region in memory_map.flash
        if flash and region.algorithm and region.chip_erase
        for sector in region.all_sectors()
        if sector.size >= 512
    ]
    if not usable:
        return Area(ram.start, length)
    region, sector = min(usable, key=_preference)
    return Area(ram.start, length, sector, region.erased_value)


def _preference(candidate: tuple[FlashRegion, Sector]) -> tuple[int, int]:
    return candidate[1].size, -candidate[1].start
