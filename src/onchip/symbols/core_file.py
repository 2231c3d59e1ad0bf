"""Writes ELF core files of a Cortex-M that GDB opens.

    ELF header (ET_CORE, EM_ARM) | program headers | notes | memory, a PT_LOAD a piece

The notes are those of GDB's own cores for bare-metal Arm: an NT_PRSTATUS a thread with r0-r15 and
xPSR, an NT_ARM_VFP with d0-d31 and FPSCR, and a target description (NT_GDB_TDESC) by which GDB
knows that the core is M-profile. Sources: gabi 4.1 (program headers, notes); elf_prstatus of 32-bit
Arm Linux, 148 bytes, for the layout.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_EHDR = struct.Struct("<16sHHIIIIIHHHHHH")
_PHDR = struct.Struct("<8I")
_ET_CORE, _EM_ARM = 4, 40
_EF_ARM_EABI5 = 0x0500_0000
_PT_LOAD, _PT_NOTE = 1, 4
_NT_PRSTATUS, _NT_ARM_VFP, _NT_GDB_TDESC = 1, 0x400, 0xFF00_0000
_PRSTATUS_SIZE, _SIGNAL_AT, _PID_AT, _REGISTERS_AT = 148, 12, 24, 72
_NAMES = (*[f"r{n}" for n in range(13)], "sp", "lr", "pc", "xpsr")


@dataclass(frozen=True, slots=True)
class CoreThread:
    """Registers of one context: r0-r12, sp, lr, pc, xpsr, and d0-d15 and fpscr if there are any.

    A register that is missing is 0. ``signal`` is the number that GDB shows for it.
    """

    registers: Mapping[str, int]
    signal: int = 0


def encode_core(
    threads: Sequence[CoreThread], memory: Sequence[tuple[int, bytes]], target_xml: bytes
) -> bytes:
    """Return an ELF core file: threads from 1 on, the first is selected; memory by address."""
    notes = b""
    for number, thread in enumerate(threads, 1):
        notes += _note(b"CORE", _NT_PRSTATUS, _prstatus(number, thread))
        if "fpscr" in thread.registers:
            notes += _note(b"LINUX", _NT_ARM_VFP, _vfp(thread.registers))
    notes += _note(b"GDB", _NT_GDB_TDESC, target_xml + b"\0")
    count = 1 + len(memory)
    offset = _EHDR.size + count * _PHDR.size
    headers = _PHDR.pack(_PT_NOTE, offset, 0, 0, len(notes), 0, 4, 4)
    offset += len(notes)
    for address, data in memory:
        size = len(data)
        headers += _PHDR.pack(_PT_LOAD, offset, address, address, size, size, 7, 1)
        offset += size
    ident = b"\x7fELF" + bytes((1, 1, 1)) + bytes(9)
    header = _EHDR.pack(
        *(ident, _ET_CORE, _EM_ARM, 1, 0, _EHDR.size, 0, _EF_ARM_EABI5),
        *(_EHDR.size, _PHDR.size, count, 0, 0, 0),
    )
    return header + headers + notes + b"".join(data for _, data in memory)


def _note(name: bytes, kind: int, content: bytes) -> bytes:
    name += b"\0"
    head = struct.pack("<III", len(name), len(content), kind)
    return head + _padded(name) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _prstatus(number: int, thread: CoreThread) -> bytes:
    words = [thread.registers.get(name, 0) for name in _NAMES]
    content = bytearray(_PRSTATUS_SIZE)
    struct.pack_into("<H", content, _SIGNAL_AT, thread.signal)
    struct.pack_into("<I", content, _PID_AT, number)
    struct.pack_into(f"<{len(words)}I", content, _REGISTERS_AT, *words)
    return bytes(content)


def _vfp(registers: Mapping[str, int]) -> bytes:
    doubles = [registers.get(f"d{n}", 0) for n in range(32)]
    return struct.pack("<32QI", *doubles, registers["fpscr"])
