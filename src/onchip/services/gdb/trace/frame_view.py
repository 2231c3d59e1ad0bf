"""A trace frame in the place of the target: what a client sees that has selected one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from onchip.services.gdb.registers import RegisterLayout
from onchip.wire.gdb_rsp.trace_file import TraceFrame


@dataclass(frozen=True, slots=True)
class FrameView:
    """One frame of a target with these registers."""

    frame: TraceFrame
    layout: RegisterLayout

    def registers(self) -> Mapping[str, int]:
        """Return what was collected; the pc is known anyway."""
        values: dict[str, int] = {} if self.frame.pc is None else {"pc": self.frame.pc}
        if self.frame.registers is not None:
            values |= self.layout.decode(self.frame.registers)
        return values

    def read(self, address: int, length: int) -> bytes:
        """Return what was collected from ``address`` on, up to the first byte that was not."""
        data = b""
        while len(data) < length:
            at = address + len(data)
            piece = next((p[at - a :] for a, p in self.frame.memory if a <= at < a + len(p)), b"")
            if not piece:
                break
            data += piece
        return data[:length]

    def variable(self, number: int) -> int | None:
        """Return a trace state variable, if it was collected."""
        return next((value for n, value in self.frame.variables if n == number), None)

    def info_xml(self) -> bytes:
        """Return the document that ``qXfer:traceframe-info`` reads."""
        rows = [f'<memory start="0x{a:x}" length="0x{len(d):x}"/>\n' for a, d in self.frame.memory]
        rows += [f'<tvar id="{number}"/>\n' for number, _ in self.frame.variables]
        return (
            '<?xml version="1.0"?>\n<!DOCTYPE traceframe-info SYSTEM "traceframe-info.dtd">\n'
            f"<traceframe-info>\n{''.join(rows)}</traceframe-info>\n"
        ).encode()
