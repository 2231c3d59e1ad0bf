"""From a description to a chip: memories, core, peripherals, protection, in that order."""

from __future__ import annotations

from collections.abc import Mapping

from onchip.virtual_board.bus import Bus, Memory
from onchip.virtual_board.cortex_m.core import VirtualCore
from onchip.virtual_board.cortex_m.profile import CoreProfile, profile_for
from onchip.virtual_board.timeline import Timeline

from .description import ChipDescription, MemoryEntry, PeripheralEntry, Settings
from .families import ModelFactory, family_for
from .flash_faults import FlashFaults
from .model import AccessPortDescription, ChipModel
from .peripherals.register_block import FixedRegisters, RegisterBlock, RegisterFile
from .persistence import PersistentMemory
from .uart_port import UartPort
from .wiring import Clocks, InterruptLines, Wiring


class ChipBuilder:
    """Builds one chip; families add their own peripherals and protection."""

    def __init__(self, description: ChipDescription, timeline: Timeline) -> None:
        self.description = description
        self.timeline = timeline
        self.bus = Bus(timeline)
        self.memories: dict[str, Memory] = {}
        self.peripherals: dict[str, RegisterBlock] = {}

    def build(self, *, locked: bool) -> ChipModel:
        """Return the chip, powered on and reset."""
        for entry in self.description.memories:
            self._add_memory(entry)
        self.core = VirtualCore(self.bus, self._profile())
        hz = self.description.core.number("clock_hz")
        self.wiring = Wiring(
            bus=self.bus,
            timeline=self.timeline,
            clocks=Clocks(core=hz, **self.description.clocks),
            interrupts=InterruptLines(self.core.set_irq),
            uart=UartPort(),
            faults=FlashFaults(),
        )
        self.wiring.clocks.listeners.append(self._core_clock_changed)
        self.chip = self._chip()
        family = family_for(self.description.core.text("family"), self)
        for peripheral in self.description.peripherals:
            self._add_peripheral(peripheral, family.models)
        family.finish(locked=locked)
        self.core.on_reset_request = self.chip.reset_peripherals
        self.chip.reset("power-on")
        return self.chip

    def _profile(self) -> CoreProfile:
        settings = dict(self.description.core.values)
        del settings["family"]
        return profile_for(str(settings.pop("cpu")), **settings)

    def _chip(self) -> ChipModel:
        nonvolatile = [m for m in self.description.memories if m.nonvolatile]
        return ChipModel(
            name=self.description.name,
            part=self.description.part,
            bus=self.bus,
            core=self.core,
            uart=self.wiring.uart,
            flash_memories=tuple(self.memories[m.name] for m in nonvolatile),
            flash_faults=self.wiring.faults,
            debug_port=self.description.debug_port,
            access_ports=tuple(self._access_port(s) for s in self.description.access_ports),
            peripherals=dict(self.peripherals),
            persistent={
                m.name: PersistentMemory(self.memories[m.name], self.bus) for m in nonvolatile
            },
        )

    def _access_port(self, settings: Settings) -> AccessPortDescription:
        return AccessPortDescription(
            index=settings.number("index"),
            idr=settings.number("idr"),
            base=settings.number("base", 0),
            tar_wrap=settings.number("tar_wrap", 1024),
            csw_reset=settings.number("csw_reset", 0),
            packed=settings.flag("packed"),
        )

    def _add_memory(self, entry: MemoryEntry) -> None:
        memory = Memory(entry.name, entry.base, entry.size, entry.kind, fill=entry.fill)
        for address, words in entry.words:
            start = address - entry.base
            blob = b"".join(word.to_bytes(4, "little") for word in words)
            memory.data[start : start + len(blob)] = blob
        if entry.mapped:
            self.bus.map(entry.base, memory)
        self.memories[entry.name] = memory

    def _add_peripheral(self, entry: PeripheralEntry, models: Mapping[str, ModelFactory]) -> None:
        device = self._plain(entry)
        if device is None:
            device = models[entry.model](entry)
        self.peripherals[entry.name] = device
        self.chip.peripherals[entry.name] = device
        self.bus.add_device(entry.name, entry.base, entry.size, device)

    def _plain(self, entry: PeripheralEntry) -> RegisterBlock | None:
        if entry.model not in ("register_file", "fixed"):
            return None
        pairs = iter(entry.settings.numbers("resets"))
        resets = dict(zip(pairs, pairs, strict=True))
        return FixedRegisters(resets) if entry.model == "fixed" else RegisterFile(resets)

    def _core_clock_changed(self) -> None:
        self.core.clock_hz = self.wiring.clocks["core"]
