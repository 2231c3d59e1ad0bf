"""What a session does with a chip's flash: it loads images, and has a `FlashEngine` do the work."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from onchip.cortex_m.state import ResetKind
from onchip.errors import LockedChip, OnchipError, UsageError
from onchip.flash.progress import ProgressCallback, silent
from onchip.target import chip as chips

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.flash.algorithm import FlashAlgorithm
    from onchip.flash.engine import FlashEngine
    from onchip.flash.images.image import Format, Image
    from onchip.flash.planning.outline import SectorOutline
    from onchip.flash.planning.planning import EraseMode
    from onchip.flash.report import ProgrammingReport
    from onchip.target.chip import Chip


def reset_kind_of(kind: str | ResetKind) -> ResetKind:
    """Return the kind of reset that has that name.

    Raises:
        UsageError: none has.
    """
    try:
        return ResetKind(kind)
    except ValueError:
        kinds = ", ".join(each.value for each in ResetKind)
        raise UsageError(f"{kind!r} is no kind of reset", hint=f"use {kinds}") from None


class Programming(ABC):
    """The flash of a `Session`, which is the only class that is one of these."""

    core: Core
    chip: Chip | None
    locked: LockedChip | None
    algorithm: str | Path | FlashAlgorithm | None
    resume_on_close: bool

    @abstractmethod
    def reset(self, kind: str | ResetKind = ResetKind.SYSTEM, *, halt: bool = False) -> None:
        """Reset the target, as `Session.reset`."""

    def flash(
        self,
        image: str | Path | bytes | Image,
        *,
        base: int | None = None,
        format: Format | None = None,
        erase: EraseMode = "sector",
        keep: bool = True,
        skip_same: bool = True,
        also: Collection[str] = (),
        read_back: bool = False,
        stream: bool = True,
        reset: bool = True,
        reset_kind: str | ResetKind = ResetKind.SYSTEM,
        restore_ram: bool = False,
        progress: ProgressCallback = silent,
    ) -> ProgrammingReport:
        """Program a firmware image and verify it; then start it.

        Args:
            image: a file (ELF, Intel HEX, S-record, UF2, BIN), its bytes, or an `Image`.
            base: where plain bytes go; None is the start of the chip's flash.
            format: the file's format; None recognises it.
            erase: ``sector`` erases what must change, ``chip`` everything.
            keep: put back what the image does not cover of the sectors that are erased.
            skip_same: leave sectors alone that hold the image's bytes already.
            also: names of regions of options (UICR) that the image may write to.
            read_back: verify by reading every byte too, not only by the target's sums.
            stream: write the next pages to the target while it programs.
            reset: reset and run afterwards; else the core stays halted, on `close` too.
            reset_kind: which reset that is, as for `Session.reset`.
            restore_ram: put back what the RAM held that the flash algorithm used; what the image
                itself places there stays.
            progress: called with a `Progress` now and then.

        Raises:
            UsageError: the chip is not known, so neither is its flash; no such kind of reset.
            ImageError: the file cannot be read, or contradicts itself.
            FlashError: not everything was programmed and verified; a `PlanError` before erasing.
        """
        kind = reset_kind_of(reset_kind)
        engine, chip = self._job(stream=stream)
        loaded = self._load(image, chip, base=base, format=format)
        with self._ram_put_back(chip, loaded if restore_ram else None):
            report = engine.program(
                loaded,
                erase=erase,
                keep=keep,
                skip_same=skip_same,
                also=also,
                read_back=read_back,
                progress=progress,
            )
        self._after_flash(reset=reset, kind=kind)
        return report

    def plan_flash(
        self,
        image: str | Path | bytes | Image,
        *,
        base: int | None = None,
        format: Format | None = None,
        erase: EraseMode = "sector",
        keep: bool = True,
        also: Collection[str] = (),
        progress: ProgressCallback = silent,
    ) -> list[SectorOutline]:
        """Say what `flash` would do to each sector, and do nothing. The core is halted for it.

        Raises:
            UsageError, ImageError: as `flash`.
            FlashError: `flash` would refuse, or the target could not be asked.
        """
        engine, chip = self._job()
        loaded = self._load(image, chip, base=base, format=format)
        return engine.plan(loaded, erase=erase, keep=keep, also=also, progress=progress)

    def erase(
        self,
        start: int,
        length: int,
        *,
        reset: bool = True,
        reset_kind: str | ResetKind = ResetKind.SYSTEM,
        progress: ProgressCallback = silent,
    ) -> ProgrammingReport:
        """Erase every flash sector that ``length`` bytes from ``start`` touch; then reset.

        Raises:
            UsageError: the chip is not known, or no such kind of reset.
            FlashError: as `flash`.
        """
        return self._erase([(start, length)], reset=reset, reset_kind=reset_kind, progress=progress)

    def erase_chip(
        self,
        *,
        reset: bool = True,
        reset_kind: str | ResetKind = ResetKind.SYSTEM,
        progress: ProgressCallback = silent,
    ) -> ProgrammingReport:
        """Erase all flash; then reset.

        Raises:
            UsageError: the chip is not known, or no such kind of reset.
            FlashError: as `flash`.
        """
        return self._erase("chip", reset=reset, reset_kind=reset_kind, progress=progress)

    def verify(
        self,
        image: str | Path | bytes | Image,
        *,
        base: int | None = None,
        format: Format | None = None,
        progress: ProgressCallback = silent,
    ) -> ProgrammingReport:
        """Compare the chip with an image. The core is halted meanwhile.

        Raises:
            UsageError: the chip is not known.
            ImageError: the file cannot be read.
            VerifyError: they differ; ``address`` is the first difference.
        """
        engine, chip = self._job()
        loaded = self._load(image, chip, base=base, format=format)
        return engine.verify(loaded, progress=progress)

    def load(
        self, path: str | Path, *, base: int | None = None, format: Format | None = None
    ) -> list[tuple[int, bytes]]:
        """Return what a firmware file holds: (address, bytes), in order.

        Raises:
            UsageError: the chip is not known, so neither is where plain bytes go.
            ImageError: the file cannot be read.
        """
        _, chip = self._engine()
        image = self._load(path, chip, base=base, format=format)
        return [(segment.address, segment.data) for segment in image.segments]

    @staticmethod
    def image(pieces: Sequence[tuple[int, bytes]], *, source: str = "") -> Image:
        """Return an image for `flash` and `verify`, made of (address, bytes).

        Raises:
            ImageError: pieces overlap.
        """
        from onchip.flash.images.image import Image

        return Image.from_segments(pieces, source=source)

    def checksums(self, ranges: Sequence[tuple[int, int]]) -> list[int]:
        """Return the CRC-32 of each range (address, length) of flash. The core is halted for it.

        Raises:
            UsageError: the chip is not known.
            FlashError: a range is not in flash, or the target could not compute it.
        """
        engine, _ = self._job()
        return engine.checksums(ranges)

    # ---- within

    def _job(self, *, stream: bool = True) -> tuple[FlashEngine, Chip]:
        """Return the engine for a job that has to find flash as the program's file has it."""
        engine, chip = self._engine(stream=stream)
        if self.core.breakpoints.opcodes.in_flash:
            self.core.halt()
            self.core.breakpoints.arming.leave_flash()
        return engine, chip

    def _engine(self, *, stream: bool = True) -> tuple[FlashEngine, Chip]:
        if self.chip is None:
            names = ", ".join(chip.name for chip in chips.known_chips())
            raise UsageError(
                f"the chip with this {self.core.name} is not one that onchip knows",
                hint=f"name it with --target (target= in Python): {names}",
            )
        if self.locked is not None:
            raise self.locked
        from onchip.flash.engine import FlashEngine

        engine = FlashEngine(self.core, self.chip, algorithm=self.algorithm, stream=stream)
        return engine, self.chip

    def _load(
        self,
        image: str | Path | bytes | Image,
        chip: Chip,
        *,
        base: int | None,
        format: Format | None,
    ) -> Image:
        from onchip.flash.images.image import Image

        if isinstance(image, Image):
            return image
        flash = chip.memory_map.flash
        start = flash[0].start if flash else None
        boards = chip.identification.board_ids
        if isinstance(image, bytes):
            return Image.parse(image, base=base, default_base=start, format=format, boards=boards)
        return Image.load(image, base=base, default_base=start, format=format, boards=boards)

    @contextlib.contextmanager
    def _ram_put_back(self, chip: Chip, image: Image | None) -> Iterator[None]:
        """Put back the work RAM afterwards, but for what ``image`` places there; None: do not."""
        work = chip.work_ram
        if image is None or work is None:
            yield
            return
        self.core.halt()
        memory = self.core.ap  # as it is, with breakpoints in it
        saved = bytearray(memory.read(work.start, work.length))
        try:
            yield
        except BaseException:
            with contextlib.suppress(OnchipError):  # what went wrong first is what matters
                memory.write(work.start, bytes(saved))
            raise
        for segment in image.segments:
            first = max(segment.address, work.start)
            end = min(segment.address + len(segment.data), work.start + work.length)
            if first < end:
                data = segment.data[first - segment.address : end - segment.address]
                saved[first - work.start : end - work.start] = data
        memory.write(work.start, bytes(saved))

    def _erase(
        self,
        what: Literal["chip"] | Sequence[tuple[int, int]],
        *,
        reset: bool,
        reset_kind: str | ResetKind,
        progress: ProgressCallback,
    ) -> ProgrammingReport:
        kind = reset_kind_of(reset_kind)  # refused before anything is erased
        engine, _ = self._job()
        report = engine.erase(what, progress=progress)
        self._after_flash(reset=reset, kind=kind)
        return report

    def _after_flash(self, *, reset: bool, kind: ResetKind = ResetKind.SYSTEM) -> None:
        if reset:
            self.reset(kind)
        else:
            self.resume_on_close = False
