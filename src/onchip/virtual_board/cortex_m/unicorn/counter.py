"""The counter of instructions that Unicorn keeps in its own structure, and its limit.

They stand next to each other inside ``uc_struct``, and are found by a run with a count of known
value. Setting the limit to 0 ends a slice after the current instruction.
"""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar

from onchip.errors import BoardError

_MAGIC = 0x5AA5_F00D
_SCRATCH = 0x2000_0000


class Counter:
    """The counter of one engine: that of the slice that runs, or of the last one."""

    _limit_offset: ClassVar[int | None] = None  # of uc_struct.emu_count, for every instance

    def __init__(self, uc: Any) -> None:
        """Find it; to be made before anything is mapped.

        Raises:
            BoardError: this build of Unicorn is laid out in another way.
        """
        base = ctypes.cast(uc._uch, ctypes.c_void_p).value or 0
        size = ctypes.sizeof(ctypes.c_size_t)
        word = ctypes.c_uint64 if size == 8 else ctypes.c_uint32
        cls = type(self)
        if cls._limit_offset is None:
            cls._limit_offset = _find(uc, base, size)
        self.limit = word.from_address(base + cls._limit_offset)
        self.executed = word.from_address(base + cls._limit_offset - size)
        """Instructions begun."""


def _find(uc: Any, base: int, size: int) -> int:
    uc.mem_map(_SCRATCH, 4096)
    uc.mem_write(_SCRATCH, b"\x00\xbf\x30\xbf")  # nop; wfi
    uc.emu_start(_SCRATCH | 1, 0, count=_MAGIC)
    raw = ctypes.string_at(base, 4096)
    magic, two = _MAGIC.to_bytes(size, "little"), (2).to_bytes(size, "little")
    found = [
        i
        for i in range(size, 4096, size)
        if raw[i : i + size] == magic and raw[i - size : i] == two
    ]
    uc.mem_unmap(_SCRATCH, 4096)
    if len(found) != 1:
        raise BoardError(
            "this build of Unicorn keeps its instruction counter in an unknown place",
            hint="use unicorn 2.1.4 from PyPI",
        )
    return found[0]
