"""Unicorn's modules, imported late, and its fast way to registers."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Sequence
from typing import Any

from onchip.errors import BoardError


class Unicorn:
    """The modules of Unicorn, imported when the first board is built and not before."""

    def __init__(self) -> None:
        try:
            self.main: Any = importlib.import_module("unicorn")
        except ImportError as error:
            raise BoardError(
                "virtual boards need the instruction engine Unicorn, which is not installed",
                hint="pip install 'onchip[sim]'",
            ) from error
        self.const: Any = importlib.import_module("unicorn.unicorn_const")
        self.reg: Any = importlib.import_module("unicorn.arm_const")
        self.library: Any = importlib.import_module("unicorn.unicorn_py3.unicorn").uclib

    def register(self, name: str) -> int:
        """Return Unicorn's number of a register."""
        return int(getattr(self.reg, f"UC_ARM_REG_{name.upper()}"))


class RegisterBatch:
    """A fixed list of registers, read and written by one call."""

    __slots__ = ("_handle", "_ids", "_n", "_pointers", "_read", "_write", "values")

    def __init__(self, library: Any, handle: Any, ids: Sequence[int]) -> None:
        n = len(ids)
        self._handle, self._n = handle, n
        self._ids = (ctypes.c_int * n)(*ids)
        self.values = (ctypes.c_uint32 * n)()
        base = ctypes.addressof(self.values)
        self._pointers = (ctypes.c_void_p * n)(*[base + 4 * i for i in range(n)])
        self._read, self._write = library.uc_reg_read_batch, library.uc_reg_write_batch

    def read(self) -> Any:
        """Return the values; the same array each time."""
        self._read(self._handle, self._ids, self._pointers, self._n)
        return self.values

    def write(self, *values: int) -> None:
        """Write all of them, in the order of the list."""
        self.values[:] = list(values)
        self._write(self._handle, self._ids, self._pointers, self._n)
