"""Between numbers and the bytes, words and hex digits that carry them, all little-endian."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence


def float32beToU32be(data: float) -> int:
    """Return the bits of a single-precision number."""
    return int(struct.unpack("<I", struct.pack("<f", data))[0])


def u32beToFloat32be(data: int) -> float:
    """Return the single-precision number that has these bits."""
    return float(struct.unpack("<f", struct.pack("<I", data))[0])


float2int = float32beToU32be
int2float = u32beToFloat32be


def byteListToU32leList(data: Sequence[int]) -> list[int]:
    """Join bytes to words; what is left over at the end is dropped."""
    count = len(data) // 4
    return list(struct.unpack(f"<{count}I", bytes(data[: 4 * count])))


def u32leListToByteList(data: Iterable[int]) -> list[int]:
    """Cut words into bytes."""
    return list(b"".join(word.to_bytes(4, "little") for word in data))


def u32BEToHex8le(val: int) -> str:
    """Write a word as GDB does: eight digits, lowest byte first."""
    return val.to_bytes(4, "little").hex()


def hex8leToU32be(data: str) -> int:
    """Read a word as GDB writes it."""
    return int.from_bytes(bytes.fromhex(data[:8]), "little")


def byteToHex2(val: int) -> str:
    """Write a byte as two digits."""
    return f"{val:02x}"


def hexToByteList(data: str) -> list[int]:
    """Read pairs of digits."""
    return list(bytes.fromhex(data))


hexDecode = hexToByteList
