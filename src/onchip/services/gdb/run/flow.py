"""Where the instructions of a piece of Thumb code can lead: pure reading of opcodes.

Enough for stepping: which addresses outside can be reached by a branch or a call, and which
instructions lead where only the core knows (returns, jumps through registers and tables).

Source: ARMv7-M A5 (encodings), A7.7 (B, BL, CBZ, TBB, LDM, LDR, POP).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """``exits``: addresses outside that the code leads to; ``unknown``: instructions in it that
    lead anywhere; ``borders``: where instructions begin. ``calls_debugger``: there is a BKPT.
    """

    exits: frozenset[int]
    unknown: frozenset[int]
    borders: frozenset[int]
    calls_debugger: bool


def read_flow(code: bytes, start: int) -> Flow:
    """Read ``code`` as instructions from ``start`` on; the end of the last one is an exit."""
    exits, unknown, borders = set(), set(), set()
    calls_debugger = False
    end = start + len(code)
    address = start
    while address < end:
        borders.add(address)
        first = _halfword(code, address - start)
        wide = first >> 11 in (0b11101, 0b11110, 0b11111)
        second = _halfword(code, address - start + 2) if wide else 0
        target = _wide_target(first, second) if wide else _narrow_target(first)
        calls_debugger = calls_debugger or (not wide and first >> 8 == 0xBE)
        if _is_unknown(first, second, wide=wide):
            unknown.add(address)
        elif target is not None and not start <= address + target < end:
            exits.add(address + target)
        address += 4 if wide else 2
    exits.add(address)
    return Flow(frozenset(exits), frozenset(unknown), frozenset(borders), calls_debugger)


def _halfword(code: bytes, offset: int) -> int:
    return int.from_bytes(code[offset : offset + 2], "little")


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def _narrow_target(opcode: int) -> int | None:
    """Return where a branch of 16 bits leads, from its own address; None: it is none."""
    if opcode & 0xF000 == 0xD000 and opcode & 0xE00 != 0xE00:  # B<c>; 0xE is UDF, 0xF SVC
        return 4 + 2 * _signed(opcode & 0xFF, 8)
    if opcode & 0xF800 == 0xE000:  # B
        return 4 + 2 * _signed(opcode & 0x7FF, 11)
    if opcode & 0xF500 == 0xB100:  # CBZ, CBNZ
        return 4 + ((opcode >> 9 & 1) << 6 | (opcode >> 3 & 0x1F) << 1)
    return None


def _wide_target(first: int, second: int) -> int | None:
    """Return where a branch of 32 bits leads, from its own address; None: it is none."""
    if first & 0xF800 != 0xF000 or not second & 0x8000:
        return None
    s, j1, j2 = first >> 10 & 1, second >> 13 & 1, second >> 11 & 1
    low = second & 0x7FF
    if second & 0x1000:  # B.W, BL
        i1, i2 = 1 ^ j1 ^ s, 1 ^ j2 ^ s
        value = s << 23 | i1 << 22 | i2 << 21 | (first & 0x3FF) << 11 | low
        return 4 + 2 * _signed(value, 24)
    if second & 0x4000 or first >> 6 & 0xF >= 0xE:  # not of M-profile; MSR, barriers, hints
        return None
    return 4 + 2 * _signed(s << 19 | j2 << 18 | j1 << 17 | (first & 0x3F) << 11 | low, 20)


def _is_unknown(first: int, second: int, *, wide: bool) -> bool:
    """Say whether an instruction may lead to where its opcode does not say."""
    if not wide:
        to_register_15 = first & 0xFD00 == 0x4400 and (first >> 4 & 8 | first & 7) == 15
        return (
            to_register_15  # ADD, MOV
            or first & 0xFF00 in (0x4700, 0xBD00, 0xBE00, 0xDE00, 0xDF00)  # BX, POP, BKPT, UDF, SVC
        )
    if first & 0xFFD0 in (0xE890, 0xE910):  # LDM, LDMDB, POP.W
        return bool(second & 0x8000)
    return (
        (first & 0xFFF0 == 0xE8D0 and second & 0xFFE0 == 0xF000)  # TBB, TBH
        or (first & 0xFF70 == 0xF850 and second >> 12 == 15)  # LDR
        or (first & 0xF800 == 0xF000 and second & 0xD000 == 0xC000)  # LE, WLS of ARMv8.1-M
    )
