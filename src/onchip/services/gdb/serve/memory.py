"""Memory: ``m x M X qCRC qSearch:memory``, also while the core runs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from onchip.errors import TransferFault, UsageError
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.target.memory_map import FlashRegion
from onchip.wire.gdb_rsp import memory
from onchip.wire.gdb_rsp.replies import OK

PACKET_SIZE: Final = 0x4000
"""Bytes of the longest packet we take, told in qSupported; GDB uses no more anyway."""

_LONGEST_READ: Final = PACKET_SIZE // 2 - 8
_PIECE: Final = 0x2000
_ADDRESS_SPACE: Final = 1 << 32
_BIT_REVERSED: Final = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))


def _read(talk: Conversation, request: memory.ReadMemory) -> Reply:
    return _read_some(talk, request.address, request.length).hex().encode()


def _read_binary(talk: Conversation, request: memory.ReadMemoryBinary) -> Reply:
    return b"b" + _read_some(talk, request.address, request.length)


def _read_some(talk: Conversation, address: int, length: int) -> bytes:
    """Read as much as can be read; a fault at the first byte is the caller's."""
    length = _clipped(address, min(length, _LONGEST_READ))
    if not length:
        return b""
    if talk.view is not None:
        return _read_frame(talk, address, length)
    read = talk.target.core.memory.read
    try:
        return read(address, length)
    except TransferFault as fault:
        if fault.address is None or not address < fault.address < address + length:
            raise
        return read(address, fault.address - address)


def _read_frame(talk: Conversation, address: int, length: int) -> bytes:
    """Read as much as was collected; what never changes may come from the target."""
    data = b"" if talk.view is None else talk.view.read(address, length)
    if not data and not talk.target.trace.is_read_only(address, length):
        raise UsageError(f"0x{address:08x} was not collected in this trace frame")
    return data or talk.target.core.memory.read(address, length)


def _clipped(address: int, length: int) -> int:
    if address >= _ADDRESS_SPACE:
        raise UsageError(f"0x{address:X} is beyond a 32-bit address space")
    return min(length, _ADDRESS_SPACE - address)


def _write(talk: Conversation, request: memory.WriteMemory | memory.WriteMemoryBinary) -> Reply:
    address, data = request.address, request.data
    if not data:
        return OK
    talk.need_live(f"writing to 0x{address:08x}")
    if _clipped(address, len(data)) < len(data):
        raise UsageError(f"0x{address:X}+{len(data)} goes beyond a 32-bit address space")
    for region in talk.target.session.memory_map.covering(address, len(data)):
        if isinstance(region, FlashRegion) and region.algorithm:
            raise UsageError(f"{region} is flash", hint="use load, which erases and programs it")
    talk.target.core.memory.write(address, data)
    return OK


def _crc(talk: Conversation, request: memory.ComputeCrc) -> Reply:
    """CRC-32 with polynomial 0x04C11DB7, most significant bit first, no final inversion.

    zlib computes the mirrored one, so bits are mirrored before and after.
    """
    crc = 0
    for piece in _pieces(talk, request.address, request.length):
        crc = zlib.crc32(piece.translate(_BIT_REVERSED), crc)
    return b"C%08x" % int(f"{crc ^ 0xFFFF_FFFF:032b}"[::-1], 2)


def _search(talk: Conversation, request: memory.SearchMemory) -> Reply:
    keep = len(request.pattern) - 1
    window, start = b"", request.address
    for piece in _pieces(talk, request.address, request.length):
        window += piece
        found = window.find(request.pattern)
        if found >= 0:
            return b"1,%x" % (start + found)
        dropped = max(len(window) - keep, 0)
        window, start = window[dropped:], start + dropped
    return b"0"


def _pieces(talk: Conversation, address: int, length: int) -> Iterator[bytes]:
    if _clipped(address, length) < length:
        raise UsageError(f"0x{address:X}+0x{length:X} goes beyond a 32-bit address space")
    talk.need_live("a search or a CRC")
    for offset in range(0, length, _PIECE):
        yield talk.target.core.memory.read(address + offset, min(_PIECE, length - offset))


HANDLERS: Handlers = {
    memory.ReadMemory: _read,
    memory.ReadMemoryBinary: _read_binary,
    memory.WriteMemory: _write,
    memory.WriteMemoryBinary: _write,
    memory.ComputeCrc: _crc,
    memory.SearchMemory: _search,
}
