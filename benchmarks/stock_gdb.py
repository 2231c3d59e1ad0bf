"""What stock GDB costs with each server: ``load`` and ``next``, typed as a person would."""

from __future__ import annotations

from pathlib import Path

from tests.support.elf_builder import ElfBuilder, Section
from tests.support.gdb import Gdb

SAMPLES = Path(__file__).parents[1] / "src" / "onchip" / "cli" / "samples"
TIMEOUT_S = 300.0
"""Real ones: the machine may be busy, and OpenOCD is slow to load."""


class StockGdb:
    """gdb-multiarch, connected to a server on this machine."""

    def __init__(self, port: int, chip: str, folder: Path) -> None:
        self._sample = SAMPLES / f"{chip}.elf"
        self._folder = folder
        self._gdb = Gdb(timeout_s=TIMEOUT_S)
        for line in (
            "set architecture armv7e-m",
            "set osabi none",  # a stripped image looks like Linux, where GDB steps in software
            f"set remotetimeout {TIMEOUT_S:.0f}",
            f"target extended-remote :{port}",
        ):
            self._gdb.do(line)

    def load(self, data: bytes, base: int) -> None:
        """Load an image of the size of ``data``.

        Raises:
            OSError: GDB says that it failed.
        """
        builder = ElfBuilder(entry=base).segment(base, data)
        builder.sections.append(Section(".text", base, data))
        path = self._folder / "load.elf"
        path.write_bytes(builder.build())
        self._gdb.do(f"file {path}")
        self._expect("load", "Transfer rate: ")

    def prepare_next(self) -> None:
        """Stand on a line in the middle of a function."""
        self._gdb.do(f"file {self._sample}")
        self._expect("load", "Transfer rate: ")
        self._gdb.do("set $sp = 0x20004000")
        self._gdb.do("set $lr = $pc + 1")
        self._gdb.do("set $r0 = 1")
        self._gdb.do("set $xpsr = 0x01000000")
        self._expect("set $pc = (unsigned) fibonacci & ~1", "")
        self._expect("frame", "fibonacci")
        self._expect("next", "\t")

    def next(self) -> None:
        """Step over a line of two instructions, with all that GDB asks to show where it stands."""
        self._expect("next", "\t")

    def close(self) -> None:
        """End GDB; the server stays."""
        self._gdb.close()

    def _expect(self, line: str, text: str) -> None:
        shown = self._gdb.do(line)
        if text not in shown:
            raise OSError(f"GDB: {line}: {shown.strip() or 'nothing'}"[-200:])
