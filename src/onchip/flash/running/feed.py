"""Puts records into the target's ring within one batch, and tells the driver of them.

The driver must not be told of a record before its data are known to have arrived. To wait for that
would let the wire fall silent after each record; so it is told a little later, behind the first
packets of the next record, by when the answers for this one are in:

    record 0 | start of record 1 | ready: 1 | rest of record 1 | start of record 2 | ready: 2 | ...
"""

from __future__ import annotations

from collections.abc import Sequence

from onchip.coresight.mem_ap import MemAp
from onchip.dap.batch import Batch
from onchip.dap.transfers import Transfers

from .ring import Record

_WORTH_TELLING = 1024
"""Bytes of records that are announced together: each announcement costs two writes of TAR."""


def queue_records(
    batch: Batch, memory: MemAp, records: Sequence[Record], ready: int, *, idle: bool = False
) -> None:
    """Queue the records and the count of them all, which the driver reads at ``ready``.

    Whatever fails on the wire, the driver is never told of a record that is not complete. If it is
    ``idle`` it is told of the first ones at once.
    """
    client = memory.dp.client
    lag = client.packet_size * client.packet_count & ~3
    pieces = list(_pieces(records))

    def emit(t: Transfers) -> None:
        told_behind, count = -1, 0
        for address, data, following in pieces:
            cut = 0
            if idle and count and count == pieces[0][2]:
                t.fence()
                memory.emit_write_word(t, ready, count)
            elif told_behind >= 0:
                cut = min(lag, len(data))
                _write(t, memory, address, data[:cut])
                _tell(t, memory, ready, count, told_behind)
            if cut < len(data):
                _write(t, memory, address + cut, data[cut:])
            told_behind, count = t.place(), following
        if len(pieces[-1][1]) > client.packet_size:
            t.fence()  # so that what comes behind travels along
        else:
            t.barrier()  # so that it travels with its record
        memory.emit_write_word(t, ready, count)

    batch.add(emit)


def _pieces(records: Sequence[Record]) -> list[tuple[int, bytes, int]]:
    """Join small neighbours; give address, bytes, and the count of records with these."""
    pieces: list[tuple[int, bytes, int]] = []
    for record in records:
        data = record.encode()
        if pieces:
            address, before, _ = pieces[-1]
            gap = record.address - address - len(before)
            if 0 <= gap < 8 and len(before) + gap + len(data) <= _WORTH_TELLING:
                pieces[-1] = (address, before + bytes(gap) + data, record.number + 1)
                continue
        pieces.append((record.address, data, record.number + 1))
    return pieces


def _write(t: Transfers, memory: MemAp, address: int, data: bytes) -> None:
    t.free = True
    memory.emit_write(t, address, data)
    t.free = False


def _tell(t: Transfers, memory: MemAp, ready: int, count: int, below: int) -> None:
    t.barrier(below)
    memory.emit_write_word(t, ready, count)
