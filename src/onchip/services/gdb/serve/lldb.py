"""What LLDB asks beyond GDB's protocol; what is not here it finds out in other ways."""

from __future__ import annotations

from onchip.errors import UsageError
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.target.memory_map import RegionKind
from onchip.wire.gdb_rsp import lldb

_END_OF_ADDRESSES = 1 << 32
_PERMISSIONS = {RegionKind.RAM: "rwx", RegionKind.DEVICE: "rw"}
"""Of each kind of memory; what is not named here is read and executed."""


def _describe_region(talk: Conversation, request: lldb.DescribeRegion) -> Reply:
    """Gaps between the chip's regions may hold peripherals: they can be read and written."""
    address = request.address
    if address >= _END_OF_ADDRESSES:
        raise UsageError(f"0x{address:X} is beyond a 32-bit address space")
    start, end = 0, _END_OF_ADDRESSES
    for region in talk.target.session.memory_map:
        if region.start <= address < region.end:
            permissions = _PERMISSIONS.get(region.kind, "rx")
            return lldb.Region(region.start, region.length, permissions, region.name).encode()
        if region.end <= address:
            start = max(start, region.end)
        else:
            end = min(end, region.start)
    return lldb.Region(start, end - start, "rw").encode()


def _count_watchpoints(talk: Conversation, request: lldb.CountWatchpoints) -> Reply:
    return b"num:%d;" % talk.target.core.watchpoints.available


HANDLERS: Handlers = {
    lldb.DescribeRegion: _describe_region,
    lldb.CountWatchpoints: _count_watchpoints,
}
