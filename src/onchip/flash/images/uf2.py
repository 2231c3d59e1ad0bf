"""UF2: a file of 512-byte blocks, each with its own address.

    0    4    8     12      16   20     24      28       32            508
    | m0 | m1 |flags|address|size|number|blocks |family  | data (476)  | m2 |

Source: the UF2 specification (microsoft/uf2, README). Words are little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from onchip.errors import ImageError

BLOCK_SIZE = 512
MAX_PAYLOAD = 476
MAGIC_START0 = 0x0A324655  # "UF2\n"
MAGIC_START1 = 0x9E5D5157
MAGIC_END = 0x0AB16F30

FLAG_NOT_MAIN_FLASH = 0x0000_0001
FLAG_FILE_CONTAINER = 0x0000_1000
FLAG_FAMILY_ID = 0x0000_2000
FLAG_MD5 = 0x0000_4000

_HEAD = struct.Struct("<IIIIIIII")


@dataclass(frozen=True, slots=True)
class Uf2Block:
    """One block. ``family`` is None when the block does not say."""

    address: int
    data: bytes
    number: int
    count: int
    family: int | None = None
    flags: int = 0

    def encode(self) -> bytes:
        """Return the 512 bytes of the block; ``flags`` gains FAMILY_ID when there is a family.

        Raises:
            ImageError: more than 476 bytes of data.
        """
        if len(self.data) > MAX_PAYLOAD:
            raise ImageError(f"a UF2 block holds {MAX_PAYLOAD} bytes, not {len(self.data)}")
        flags = self.flags | (FLAG_FAMILY_ID if self.family is not None else 0)
        head = _HEAD.pack(
            MAGIC_START0,
            MAGIC_START1,
            flags,
            self.address,
            len(self.data),
            self.number,
            self.count,
            self.family or 0,
        )
        tail = struct.pack("<I", MAGIC_END)
        return head + self.data.ljust(MAX_PAYLOAD, b"\0") + tail

    @classmethod
    def decode(cls, raw: bytes, *, index: int = 0) -> Uf2Block:
        """Read one block; ``index`` is its place in the file, for messages.

        Raises:
            ImageError: wrong length, magic or payload size.
        """
        if len(raw) != BLOCK_SIZE:
            raise ImageError(f"UF2 block {index} has {len(raw)} bytes, not {BLOCK_SIZE}")
        start0, start1, flags, address, size, number, count, family = _HEAD.unpack_from(raw)
        (end,) = struct.unpack_from("<I", raw, BLOCK_SIZE - 4)
        if (start0, start1, end) != (MAGIC_START0, MAGIC_START1, MAGIC_END):
            raise ImageError(f"UF2 block {index}: its magic numbers are damaged")
        if size > MAX_PAYLOAD:
            raise ImageError(f"UF2 block {index} claims {size} bytes of data, at most 476 fit")
        if flags & FLAG_FILE_CONTAINER:
            family = 0
        return cls(
            address=address,
            data=raw[_HEAD.size : _HEAD.size + size],
            number=number,
            count=count,
            family=family if flags & FLAG_FAMILY_ID else None,
            flags=flags & ~FLAG_FAMILY_ID,
        )


def is_uf2(data: bytes) -> bool:
    """Say whether a file starts like UF2."""
    return data[:8] == struct.pack("<II", MAGIC_START0, MAGIC_START1)


def decode_file(data: bytes) -> list[Uf2Block]:
    """Read the blocks that go to main flash.

    Files may join several families (one image for several chips); since we cannot tell which is
    meant, that is refused.

    Raises:
        ImageError: damage, missing or repeated blocks, several families, nothing for main flash.
    """
    if len(data) % BLOCK_SIZE or not data:
        raise ImageError(
            f"a UF2 file is made of {BLOCK_SIZE}-byte blocks, this one has {len(data)} bytes"
        )
    every = [
        Uf2Block.decode(data[offset : offset + BLOCK_SIZE], index=offset // BLOCK_SIZE)
        for offset in range(0, len(data), BLOCK_SIZE)
    ]
    skipped = FLAG_NOT_MAIN_FLASH | FLAG_FILE_CONTAINER
    blocks = [block for block in every if not block.flags & skipped]
    if not blocks:
        raise ImageError("no block of this UF2 file goes to main flash")
    families = {block.family for block in blocks}
    if len(families) > 1:
        names = ", ".join("none" if f is None else f"0x{f:08X}" for f in sorted(families, key=str))
        raise ImageError(f"this UF2 file is for several chip families: {names}")
    _check_complete(blocks, every)
    return blocks


def _check_complete(blocks: list[Uf2Block], every: list[Uf2Block]) -> None:
    """All blocks must say the same count, and each number below it must appear exactly once.

    Blocks for other memories share the numbering, so they count here.
    """
    counts = {block.count for block in blocks}
    if len(counts) != 1:
        raise ImageError(f"UF2 blocks disagree on how many they are: {sorted(counts)}")
    (count,) = counts
    seen: set[int] = set()
    for block in every:
        if block.count != count:
            continue
        if block.number >= count:
            raise ImageError(f"UF2 block number {block.number} of only {count}")
        if block.number in seen:
            raise ImageError(f"UF2 block number {block.number} appears twice")
        seen.add(block.number)
    if len(seen) != count:
        # Not range(count): a damaged count may be four thousand million.
        missing = next(number for number in range(len(seen) + 1) if number not in seen)
        raise ImageError(f"UF2 block {missing} of {count} is missing: the file is cut short")
