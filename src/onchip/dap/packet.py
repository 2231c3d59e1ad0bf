"""One CMSIS-DAP packet of register accesses: its commands, and which elements it covers."""

from __future__ import annotations

from typing import Final

from ..wire.cmsis_dap import CommandId
from .transfers import Element

TRANSFER: Final = int(CommandId.Transfer)
TRANSFER_BLOCK: Final = int(CommandId.TransferBlock)
EXECUTE_COMMANDS: Final = int(CommandId.ExecuteCommands)

Portion = tuple[Element, int, int]  # the element, its first access, how many
Shape = tuple[int, ...]  # what a response shows of its request: commands and counts


class Command:
    """One DAP_Transfer or DAP_TransferBlock, and what it carries."""

    __slots__ = ("block", "count", "portions", "reads")

    def __init__(self, portions: list[Portion], count: int, reads: int, *, block: bool) -> None:
        self.portions = portions
        self.count = count
        self.reads = reads
        self.block = block

    def encode(self) -> bytes:
        """Return the request, command byte first."""
        if self.block:
            element, first, count = self.portions[0]
            head = (
                bytes((TRANSFER_BLOCK, 0)) + count.to_bytes(2, "little") + bytes((element.request,))
            )
            if element.payload is None:
                return head
            return head + element.payload[4 * first : 4 * (first + count)]
        parts: list[bytes] = [bytes((TRANSFER, 0, self.count))]
        for element, first, count in self.portions:
            request = bytes((element.request,))
            payload = element.payload
            if payload is None:
                parts.append(request * count)
            elif element.count == 1:
                parts.append(request)
                parts.append(payload)  # type: ignore[arg-type]  # join takes any buffer
            else:
                for k in range(4 * first, 4 * (first + count), 4):
                    parts.append(request)
                    parts.append(payload[k : k + 4])  # type: ignore[arg-type]
        return b"".join(parts)


class Packet:
    """One packet: its commands, and which elements it covers."""

    __slots__ = ("barrier", "commands", "data", "first", "joined", "shape")

    def __init__(
        self, commands: list[Command], first: int, barrier: int, shape: Shape, *, joined: bool
    ) -> None:
        self.commands = commands
        self.shape = shape
        self.first = first  # index of the first element in it
        self.barrier = barrier  # everything below this index must be known good first
        self.joined = joined
        if joined:
            self.data = bytes((EXECUTE_COMMANDS, len(commands))) + b"".join(
                [c.encode() for c in commands]
            )
        else:
            self.data = commands[0].encode()
