"""Calls of single functions of a flash algorithm, as targets of the classic API give it: a table.

``instructions`` are put at ``load_address``, whose first halfword is a BKPT: a function that
returns there has ended. R9 holds ``static_base``. Jobs (`Flash.flashBlock`, GDB's load) do not go
this way: they have the session run the same table.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onchip.errors import UsageError

if TYPE_CHECKING:
    from onchip.session import Session

TIMEOUT_S = 30.0
_THUMB = 1
_XPSR = 1 << 24


class Calls:
    """The functions of ``table``, called on a session's core, which is halted."""

    def __init__(self, session: Session, table: object) -> None:
        if not isinstance(table, Mapping) or "instructions" not in table:
            raise UsageError(
                "this Flash has no flash_algo table, and so no functions to call",
                hint="use flashBlock, erasePage and programPage",
            )
        self.session = session
        self.table: Mapping[str, Any] = table

    def load(self) -> None:
        """Put the algorithm into RAM."""
        words = self.table["instructions"]
        code = struct.pack(f"<{len(words)}I", *words)
        self.session.memory.write(self.table["load_address"], code)

    def start(self, pc: int, arguments: tuple[int | None, ...], *, init: bool) -> None:
        """Let the core run from ``pc``, with R0 to R3 where they are given."""
        load = self.table["load_address"]
        registers = {"pc": pc & ~_THUMB, "lr": load | _THUMB, "xpsr": _XPSR, "primask": 1}
        registers |= {f"r{n}": value for n, value in enumerate(arguments) if value is not None}
        if init:
            registers["r9"] = self.table.get("static_base", load)
            registers["sp"] = self.table["begin_stack"]
            self.load()
        self.session.core.write_registers(registers)
        self.session.core.resume()

    def wait(self) -> int:
        """Wait until the function has returned, and return R0.

        Raises:
            CoreTimeout: it does not return.
        """
        self.session.core.wait_halted(TIMEOUT_S)
        return self.session.core.read_register("r0")
