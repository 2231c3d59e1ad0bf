"""DP and AP registers by their number: for scripts that drive the debug port by themselves.

Nothing is remembered here, and whatever a layer above remembers of the port is void after an
access that may have changed it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..wire.cmsis_dap import InfoId, Vendor
from .batch import Batch, Result
from .client import DapClient
from .transfers import AP, Transfers

_VENDOR_FIRST = 0x80


class RawPort:
    """The port registers behind a probe. ``register`` is APnDP in bit 0, A[3:2] in bits [3:2]."""

    def __init__(self, client: DapClient) -> None:
        self._client = client

    def batch(self) -> Batch:
        """Return an empty batch."""
        return Batch(self._client)

    def queue_read(self, batch: Batch, register: int, count: int = 1) -> Result[list[int]]:
        """Queue ``count`` reads of one register."""
        result: Result[list[int]] = batch.result()

        def emit(t: Transfers) -> None:
            t.barrier()
            element = t.read_run(register, count, _name(register), 0, 0)
            result.bind(lambda: list(struct.unpack(f"<{count}I", element.data)))
            if register & AP:
                t.finish(self._client.invalidate)

        batch.add(emit)
        return result

    def read(self, register: int, count: int = 1) -> list[int]:
        """Return what ``count`` reads of one register give.

        Raises:
            TransferError: the port did not answer OK.
        """
        batch = self.batch()
        result = self.queue_read(batch, register, count)
        batch.run()
        return result.value

    def write(self, register: int, values: Sequence[int]) -> None:
        """Write words to one register, one after the other.

        Raises:
            TransferError: the port did not answer OK.
        """
        batch = self.batch()

        def emit(t: Transfers) -> None:
            t.barrier()
            t.write_run(register, struct.pack(f"<{len(values)}I", *values), _name(register), 0, 0)
            t.finish(self._client.invalidate)

        batch.add(emit)
        batch.run()

    def identify(self, number: int) -> int | str | None:
        """Return what DAP_Info tells: a number where it is one, else a text; None: nothing.

        Raises:
            ProbeError: the probe did not answer.
        """
        if number not in set(InfoId):
            return None
        info = InfoId(number)
        known = self._client.info
        match info:
            case InfoId.CAPABILITIES:
                return int(known.capabilities)
            case InfoId.PACKET_COUNT:
                return known.packet_count
            case InfoId.PACKET_SIZE:
                return known.packet_size
        return known.text(info) or None

    def vendor(self, index: int, data: bytes = b"") -> bytes:
        """Run the probe maker's own command 0x80 + ``index``; return what it answers.

        Raises:
            ProbeRefused: the probe does not have it.
        """
        return self._client.command(Vendor(_VENDOR_FIRST + index, data)).data


def _name(register: int) -> str:
    return f"{'AP' if register & AP else 'DP'} {register & 0xC:#x}"
