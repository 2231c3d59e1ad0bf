"""From a description to a chip: memories, core, peripherals, protection, in that order."""

from __future__ import annotations

from collections.abc import Mapping

from onchip.errors import BoardError
from onchip.virtual_board.bus import Bus, Memory
from onchip.virtual_board.cortex_m.core import VirtualCore
from onchip.virtual_board.cortex_m.profile import CoreProfile, profile_for
from onchip.virtual_board.timeline import Timeline

from .description import ChipDescription, MemoryEntry, PeripheralEntry, Settings
from .families import FAMILIES, Assembly, Family, ModelFactory
from .flash_faults import FlashFaults
from .model import AccessPortDescription, ChipModel
from .peripherals.register_block import FixedRegisters, RegisterBlock, RegisterFile
from .persistence import PersistentMemory
from .uart_port import UartPort
from .wiring import Clocks, InterruptLines, Wiring


def assemble(description: ChipDescription, timeline: Timeline, *, locked: bool) -> ChipModel:
    """Return the chip that ``description`` tells of, powered on and reset.

    Raises:
        BoardError: the description contradicts itself.
    """
    bus = Bus(timeline)
    memories = {entry.name: _memory(bus, entry) for entry in description.memories}
    core = VirtualCore(bus, _profile(description))
    clocks = Clocks(core=description.core.number("clock_hz"), **description.clocks)
    wiring = Wiring(
        bus=bus,
        timeline=timeline,
        clocks=clocks,
        interrupts=InterruptLines(core.set_irq),
        uart=UartPort(),
        faults=FlashFaults(),
        pc=lambda: core.engine.read_register("pc"),
    )

    def follow_clock() -> None:
        core.clock_hz = clocks["core"]

    clocks.listeners.append(follow_clock)
    chip = _chip(description, core, memories, wiring)
    assembly = Assembly(description, bus, core, memories, wiring, chip)
    family = _family(assembly)
    for entry in description.peripherals:
        device = _device(entry, family.models)
        assembly.peripherals[entry.name] = device
        chip.peripherals[entry.name] = device
        bus.add_device(entry.name, entry.base, entry.size, device)
    family.finish(locked=locked)
    core.on_reset_request = chip.reset_peripherals
    chip.reset("power-on")
    return chip


def _family(assembly: Assembly) -> Family:
    name = assembly.description.core.text("family")
    if name not in FAMILIES:
        raise BoardError(f"{assembly.description.name}: no family is called {name!r}")
    return FAMILIES[name](assembly)


def _profile(description: ChipDescription) -> CoreProfile:
    settings = dict(description.core.values)
    del settings["family"]
    return profile_for(str(settings.pop("cpu")), **settings)


def _memory(bus: Bus, entry: MemoryEntry) -> Memory:
    memory = Memory(entry.name, entry.base, entry.size, entry.kind, fill=entry.fill)
    for address, words in entry.words:
        start = address - entry.base
        blob = b"".join(word.to_bytes(4, "little") for word in words)
        memory.data[start : start + len(blob)] = blob
    if entry.mapped:
        bus.map(entry.base, memory)
    return memory


def _chip(
    description: ChipDescription,
    core: VirtualCore,
    memories: Mapping[str, Memory],
    wiring: Wiring,
) -> ChipModel:
    kept = {m.name: memories[m.name] for m in description.memories if m.nonvolatile}
    return ChipModel(
        name=description.name,
        part=description.part,
        bus=wiring.bus,
        core=core,
        uart=wiring.uart,
        flash_memories=tuple(kept.values()),
        flash_faults=wiring.faults,
        debug_port=description.debug_port,
        access_ports=tuple(_access_port(settings) for settings in description.access_ports),
        peripherals={},
        persistent={name: PersistentMemory(memory, wiring.bus) for name, memory in kept.items()},
    )


def _access_port(settings: Settings) -> AccessPortDescription:
    return AccessPortDescription(
        index=settings.number("index"),
        idr=settings.number("idr"),
        base=settings.number("base", 0),
        tar_wrap=settings.number("tar_wrap", 1024),
        csw_reset=settings.number("csw_reset", 0),
        packed=settings.flag("packed"),
    )


def _device(entry: PeripheralEntry, models: Mapping[str, ModelFactory]) -> RegisterBlock:
    if entry.model not in ("register_file", "fixed"):
        if entry.model not in models:
            raise BoardError(f"{entry.settings.where}: no model is called {entry.model!r}")
        return models[entry.model](entry)
    resets = entry.settings.pairs("resets")
    return FixedRegisters(resets) if entry.model == "fixed" else RegisterFile(resets)
