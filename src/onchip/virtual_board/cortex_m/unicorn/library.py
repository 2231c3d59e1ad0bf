"""Unicorn's modules, imported late, and its fast way to registers."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Sequence
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
        binding: Any = importlib.import_module("unicorn.unicorn_py3.unicorn")
        self.library: Any = binding.uclib
        self.direct: Any = ctypes.CDLL(binding.uclib._name)
        """The same functions without prototypes: fast, for arguments of the exact C types."""
        self._read_type, self._write_type = binding.MMIO_READ_CFUNC, binding.MMIO_WRITE_CFUNC

    def register(self, name: str) -> int:
        """Return Unicorn's number of a register."""
        return int(getattr(self.reg, f"UC_ARM_REG_{name.upper()}"))


class RegisterBatch:
    """A fixed list of registers, read and written by one call."""

    __slots__ = ("_handle", "_ids", "_n", "_pointers", "_read", "_write", "values")

    def __init__(self, library: Any, handle: Any, ids: Sequence[int]) -> None:
        n = len(ids)
        self._handle, self._n = handle, ctypes.c_int(n)
        self._ids = (ctypes.c_int * n)(*ids)
        self.values: Any = (ctypes.c_uint32 * n)()
        base = ctypes.addressof(self.values)
        self._pointers = (ctypes.c_void_p * n)(*[base + 4 * i for i in range(n)])
        self._read, self._write = library.uc_reg_read_batch, library.uc_reg_write_batch

    def read(self) -> Any:
        """Return the values; the same array each time."""
        self._read(self._handle, self._ids, self._pointers, self._n)
        return self.values

    def write(self, *values: int) -> None:
        """Write all of them, in the order of the list."""
        self.values[:] = values
        self._write(self._handle, self._ids, self._pointers, self._n)


class Register:
    """One register, read and written often."""

    __slots__ = ("_handle", "_id", "_pointer", "_read", "_value", "_write")

    def __init__(self, library: Any, handle: Any, number: int) -> None:
        self._handle, self._id = handle, ctypes.c_int(number)
        self._value = ctypes.c_uint32()
        self._pointer = ctypes.byref(self._value)
        self._read, self._write = library.uc_reg_read, library.uc_reg_write

    def read(self) -> int:
        """Return its value."""
        self._read(self._handle, self._id, self._pointer)
        return self._value.value

    def write(self, value: int) -> None:
        """Write it."""
        self._value.value = value
        self._write(self._handle, self._id, self._pointer)


class CodeCache:
    """Lets Unicorn forget translations of single ranges; the binding's own call takes 4 us."""

    def __init__(self, unicorn: Unicorn, handle: Any) -> None:
        const = unicorn.const
        self._control, self._handle = unicorn.library.uc_ctl, handle
        code = const.UC_CTL_IO_WRITE << 30 | 2 << 26 | const.UC_CTL_TB_REMOVE_CACHE
        self._code = ctypes.c_int(code)

    def forget(self, first: int, end: int) -> None:
        """Forget translations of the bytes from ``first`` up to ``end``."""
        self._control(self._handle, self._code, ctypes.c_uint64(first), ctypes.c_uint64(end))


class DeviceCalls:
    """Maps ranges whose accesses are calls: two for all ranges, instead of two closures for each.

    ``on_read(handle, offset, size, base)`` and ``on_write(handle, offset, size, value, base)`` are
    called by C, which takes no exception from them. ``base`` is None in a range that starts at 0.
    """

    def __init__(
        self,
        unicorn: Unicorn,
        handle: Any,
        on_read: Callable[[Any, int, int, int | None], int],
        on_write: Callable[[Any, int, int, int, int | None], None],
    ) -> None:
        self._map, self._handle = unicorn.library.uc_mmio_map, handle
        self._read, self._write = unicorn._read_type(on_read), unicorn._write_type(on_write)

    def map(self, base: int, length: int) -> None:
        """Turn accesses within the range to calls."""
        error = self._map(self._handle, base, length, self._read, base, self._write, base)
        if error:
            raise BoardError(f"Unicorn cannot map devices at {base:#010x}: error {error}")
