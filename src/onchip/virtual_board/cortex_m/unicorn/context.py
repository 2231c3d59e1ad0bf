"""State of Unicorn's processor that has no register number.

It lies in what Unicorn saves of a processor and restores. Where in there is found by what it must
hold after start-up, and ``selftest`` tries what it does.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any, ClassVar, NamedTuple

from onchip.errors import BoardError

from ..engine import FpControl
from .library import Unicorn

# Numbers of bits in QEMU's set of features. Of ARMv7-M those are there and these are not.
_FEATURES_THERE = sum(1 << bit for bit in (3, 5, 6, 9, 38))  # v6, v7, Thumb-2, M, M mainline
_FEATURES_ABSENT = sum(1 << bit for bit in (0, 1, 2, 8, 27, 28, 32, 33, 37)) | -1 << 40
_M_MAINLINE = 1 << 38
"""Without it, translation makes every access fault that is not aligned."""
_FPCCR = struct.pack("<II", 0x8000_0000, 0xC000_0004)  # of the two security states
_FPCAR, _FPDSCR, _CPACR = -8, 8, 16  # from there; the non-secure one of each
_FULL_ACCESS = 0xF << 20
_HFRDY = 1 << 4
_NOT_EXCLUSIVE = (1 << 64) - 1


class Places(NamedTuple):
    """Offsets within a saved context; ``fpccr`` is None without an FPU."""

    features: int
    exclusive: int
    fpccr: int | None


class UnicornContext:
    """The state of one engine for ARMv7-M. To be made before anything has run."""

    _places: ClassVar[dict[bool, Places]] = {}  # by whether there is an FPU

    def __init__(self, unicorn: Unicorn, uc: Any, *, fpu: bool) -> None:
        """Find everything.

        Raises:
            BoardError: this build of Unicorn keeps its state in another way.
        """
        self._handle = uc._uch
        self._save = unicorn.direct.uc_context_save
        self._restore = unicorn.direct.uc_context_restore
        self._owner = uc.context_save()  # frees the memory that it stands for
        self._context = self._owner.context
        # Before the state stands a head, parts of which Unicorn leaves as malloc gave them.
        whole = int(unicorn.library.uc_context_size(self._handle))
        base = ctypes.cast(self._context, ctypes.c_void_p).value or 0
        length = ctypes.c_size_t.from_address(base).value
        base += whole - length
        if fpu not in self._places:
            self._places[fpu] = _find(ctypes.string_at(base, length), fpu=fpu)
        places = self._places[fpu]
        self._features = ctypes.c_uint64.from_address(base + places.features)
        self._exclusive = ctypes.c_uint64.from_address(base + places.exclusive)
        if places.fpccr is not None:

            def word(offset: int) -> ctypes.c_uint32:
                return ctypes.c_uint32.from_address(base + (places.fpccr or 0) + offset)

            self._fpccr, self._other_fpccr = word(0), word(4)
            self._fpcar, self._fpdscr, self._cpacr = word(_FPCAR), word(_FPDSCR), word(_CPACR)

    def _fetch(self) -> None:
        self._save(self._handle, self._context)

    def _store(self) -> None:
        self._restore(self._handle, self._context)

    def check_alignment(self, *, strict: bool) -> None:
        """Choose what is translated from now on: with faults for all that is unaligned or not."""
        self._fetch()
        features = self._features.value
        self._features.value = features & ~_M_MAINLINE if strict else features | _M_MAINLINE
        self._store()

    def clear_exclusive(self) -> None:
        """Let the next STREX fail."""
        self._fetch()
        if self._exclusive.value != _NOT_EXCLUSIVE:
            self._exclusive.value = _NOT_EXCLUSIVE
            self._store()

    def fp_control(self) -> FpControl:
        """Return FPCCR, FPCAR and FPDSCR."""
        self._fetch()
        return FpControl(self._fpccr.value, self._fpcar.value, self._fpdscr.value)

    def set_fp_control(self, control: FpControl) -> None:
        """Write them. The engine stacks FP state by itself while LSPACT is set."""
        self._fetch()
        self._fpccr.value, self._fpcar.value, self._fpdscr.value = control
        self._other_fpccr.value = _HFRDY  # what else it looks at there means "not secure"
        self._cpacr.value = _FULL_ACCESS  # whether FP is allowed is not the engine's business
        self._store()


def _find(context: bytes, *, fpu: bool) -> Places:
    words = range(0, len(context) - 7, 4)
    features = [
        at
        for at in words
        if (word := int.from_bytes(context[at : at + 8], "little")) & _FEATURES_THERE
        == _FEATURES_THERE
        and not word & _FEATURES_ABSENT
    ]
    fpccr = [at for at in words if context[at : at + 8] == _FPCCR]
    exclusive = [at for at in words if context[at : at + 8] == b"\xff" * 8]
    if len(features) != 1 or len(exclusive) != 1 or len(fpccr) != fpu:
        raise BoardError(
            "this build of Unicorn keeps the state of its processor in an unknown place",
            hint="use unicorn 2.1.4 from PyPI",
        )
    return Places(features[0], exclusive[0], fpccr[0] if fpu else None)
