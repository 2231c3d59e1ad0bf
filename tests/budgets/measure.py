"""Count packets and round trips of everyday operations on a virtual probe.

The tests of this package and ``docs/performance.md`` come from the same measurements.
Run ``python -m tests.budgets.measure`` to see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from onchip.coresight import DebugPort, find_access_ports, rom_table
from onchip.cortex_m.core import Core, find_core
from onchip.dap import DapClient
from onchip.probe.counting import CountingLink
from onchip.virtual_board.board import VirtualBoard

PROBES = ("bulk-512x4", "hid-64x4")
RAM = 0x2000_0000
PAYLOAD = {"bulk-512x4": {"read": 508, "write": 504}, "hid-64x4": {"read": 60, "write": 56}}
# budgets of the design, packets and round trips, for the two probes
_BUDGETS = {
    "connect: DP, APs, core, ROM table": ((10, 10), (20, 14)),
    "read one core register": ((1, 1), (1, 1)),
    "read one word": ((1, 1), (1, 1)),
    "write one word": ((1, 1), (1, 1)),
    "halt and all registers (M4F)": ((2, 1), (10, 2)),
    "step and pc": ((1, 1), (2, 1)),
    "step, 17 registers, 64 bytes of memory": ((3, 3), (6, 3)),
    "256 bytes read, worst alignment": ((1, 1), (6, 1)),
    "256 bytes written, worst alignment": ((1, 1), (6, 1)),
}


@dataclass(frozen=True)
class Measured:
    """One operation on one probe."""

    operation: str
    probe: str
    packets: int
    round_trips: int
    packet_budget: int
    round_trip_budget: int

    @property
    def within(self) -> bool:
        return self.packets <= self.packet_budget and self.round_trips <= self.round_trip_budget


class Bench:
    """A connected core on a board with nothing in its flash, and a meter in its link."""

    def __init__(self, probe: str, chip: str = "stm32f407") -> None:
        self.probe = probe
        self.board = VirtualBoard(chip, probe_model=probe)
        self.link = CountingLink(self.board.link())
        before = self.link.mark()
        self.client = DapClient.open(self.link)
        self.dp = DebugPort(self.client)
        self.dp.connect()
        self.aps = find_access_ports(self.dp)
        core = find_core(self.aps)
        assert core is not None
        self.core: Core = core
        self.table = rom_table.walk(core.ap)
        self.connecting = self.link.traffic - before

    def count(self, what: Callable[[], object]) -> tuple[int, int]:
        before = self.link.mark()
        what()
        spent = self.link.traffic - before
        return spent.packets, spent.round_trips


@contextmanager
def bench(probe: str, chip: str = "stm32f407") -> Iterator[Bench]:
    made = Bench(probe, chip)
    try:
        yield made
    finally:
        made.board.close()


def _halt_and_all(core: Core) -> Callable[[], object]:
    def run() -> dict[str, int]:
        batch = core.batch()
        core.queue_halt(batch)
        result = core.queue_read_registers(batch)
        batch.run()
        return result.value

    return run


def measurements(probe: str) -> list[Measured]:
    """Return what the operations of this package's layers cost on ``probe``."""
    with bench(probe) as b:
        core, memory = b.core, b.core.memory
        traffic = b.connecting
        counted = {"connect: DP, APs, core, ROM table": (traffic.packets, traffic.round_trips)}
        counted["halt and all registers (M4F)"] = b.count(_halt_and_all(core))
        memory.write(RAM, bytes.fromhex("00bf") * 64)  # NOPs to step through
        core.write_registers({"pc": RAM, "xpsr": 1 << 24, "msp": RAM + 0x1000, "primask": 0})
        memory.read_u32(RAM)
        counted["read one core register"] = b.count(lambda: core.read_register("r7"))
        memory.read_u32(RAM)
        counted["step and pc"] = b.count(core.step)
        general = core.register_names[:17]

        def one_gdb_step() -> None:
            core.step(prefetch=None)
            core.read_registers(general)
            memory.read(RAM, 64)

        counted["step, 17 registers, 64 bytes of memory"] = b.count(one_gdb_step)
        counted["read one word"] = b.count(lambda: memory.read_u32(RAM + 0x40))
        core.read_register("r0")
        counted["write one word"] = b.count(lambda: memory.write_u32(RAM + 0x80, 1))
        counted["256 bytes read, worst alignment"] = max(
            b.count(lambda k=k: memory.read(RAM + k, 256))  # type: ignore[misc]
            for k in range(4)
        )
        counted["256 bytes written, worst alignment"] = max(
            b.count(lambda k=k: memory.write(RAM + k, bytes(256)))  # type: ignore[misc]
            for k in range(4)
        )
        column = PROBES.index(probe)
        rows = [
            Measured(name, probe, *counted[name], *budgets[column])
            for name, budgets in _BUDGETS.items()
        ]
        length = 0x1_0000
        for direction, move in (
            ("read", lambda: memory.read(RAM, length)),
            ("write", lambda: memory.write(RAM, bytes(length))),
        ):
            most = int(1.03 * length / PAYLOAD[probe][direction])
            name = f"64 KiB of RAM, {direction}"
            rows.append(Measured(name, probe, *b.count(move), most, 2))
        return rows


def main() -> None:
    """Print all measurements."""
    for probe in PROBES:
        print(f"{probe:42} packets  round trips")
        for row in measurements(probe):
            mark = "" if row.within else "   OVER"
            print(
                f"  {row.operation:40} {row.packets:4}/{row.packet_budget:<4}"
                f" {row.round_trips:3}/{row.round_trip_budget:<3}{mark}"
            )


if __name__ == "__main__":
    main()
