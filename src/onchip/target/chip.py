"""A chip as the debugger knows it: names, memory map, how to recognise it, its algorithms.

Every chip is one file in ``chips/``; ``families/`` holds the few sequences that are no data.
Recognising a chip goes from what is known anyway (the ROM table's designer and part, CPUID, what
the probe says of its board) to a register or two, read in one batch. A chip that is not
recognised is still a Cortex-M: `generic_chip` describes that, without flash.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from onchip.arch.adi import JEP106_ARM
from onchip.errors import LockedChip, TransferFault, UsageError, WrongChip

from .memory_map import FlashRegion, MemoryMap, MemoryRegion, Mirror, RegionKind, SectorRun
from .unlock import MaskedWrite, Pattern, Unlock

_NOBODY = 0

ReadWords = Callable[[Sequence[int]], Sequence[int]]
"""Reads one word from each address, in one batch; raises TransferError when one cannot be read."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What connecting has shown already. None: not known.

    ``rom_designer`` (11-bit JEP106, see `arch.coresight.pidr_designer`) and ``rom_part`` come from
    the PIDR of the chip's top ROM table (0: it names nobody); ``device_name`` is DAP_Info's target
    device name and ``board_id`` the first four digits of an mbed board's serial number.
    """

    dpidr: int | None = None
    targetid: int | None = None
    cpuid: int | None = None
    rom_designer: int | None = None
    rom_part: int | None = None
    device_name: str | None = None
    board_id: str | None = None


@dataclass(frozen=True, slots=True)
class Identification:
    """How a chip is recognised; None and empty mean: says nothing.

    Of DPIDR and TARGETID the revision, bits [31:28], does not count. A ``rom_designer`` of 0: the
    vendor left the PIDR empty, or put no table in front of Arm's own.
    """

    dpidr: int | None = None
    targetid: int | None = None
    cpuid_part: int | None = None
    rom_designer: int | None = None
    rom_part: int | None = None
    registers: tuple[Pattern, ...] = ()
    board_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """A word that shows whether read-out protection is off (``pattern`` matches) or on."""

    pattern: Pattern
    hint: str


@dataclass(frozen=True, slots=True)
class Guard:
    """A word in flash that locks or bricks the chip when an image sets it to one of ``values``."""

    name: str
    address: int
    mask: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WordWrite:
    """A word to be written."""

    name: str
    address: int
    value: int


@dataclass(frozen=True, slots=True)
class WorkRam:
    """RAM that a flash algorithm may use."""

    start: int
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class Chip:
    """One chip, or one family member that stands for its siblings (``aliases``)."""

    name: str
    aliases: tuple[str, ...]
    vendor: str
    part: str
    core: str
    memory_map: MemoryMap
    identification: Identification
    work_ram: WorkRam | None
    clock_hz: int
    """Core clock after reset, which Init is told; 0: not known."""
    locks: tuple[Lock, ...] = ()
    unlock: Unlock | None = None
    silent_lock: str = ""
    """What to try when a chip that does not answer at all may be a locked one of these."""
    guards: tuple[Guard, ...] = ()
    after_reset: tuple[WordWrite, ...] = ()
    """Writes that undo what a halt right after reset leaves half done."""
    vector_checksum: int | None = None
    """Address of the word that makes the sum of the first eight vectors zero (NXP LPC)."""
    unique_id: tuple[int, int] | None = None
    """Where the number stands that no other chip has: address and length; None: not in memory."""
    uf2_families: tuple[int, ...] = ()
    """Family numbers of UF2 files for this chip, its own first; empty: not known."""
    mirrors: tuple[Mirror, ...] = ()
    """Where flash can be seen a second time; images linked there go to the flash itself."""
    notes: str = ""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The FLM file names that the flash regions use, each once."""
        return tuple(dict.fromkeys(r.algorithm for r in self.memory_map.flash if r.algorithm))

    def __repr__(self) -> str:
        return f"Chip({self.name!r}: {self.vendor} {self.part}, {self.core})"


def _normal(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "")


@cache
def known_chips() -> tuple[Chip, ...]:
    """Return every chip of ``chips/``, sorted by name."""
    found = []
    for entry in resources.files(__package__).joinpath("chips").iterdir():
        if entry.name.endswith(".toml"):
            found.append(chip_from_toml(entry.read_text(encoding="utf-8"), entry.name))
    return tuple(sorted(found, key=lambda chip: chip.name))


def load_chip(name: str) -> Chip:
    """Return the chip with this name or alias; case, ``-`` and ``_`` do not count.

    Raises:
        UsageError: no chip has that name; the message lists those that exist.
    """
    wanted = _normal(name)
    for chip in known_chips():
        if wanted == _normal(chip.name) or wanted in map(_normal, chip.aliases):
            return chip
    names = ", ".join(chip.name for chip in known_chips())
    raise UsageError(f"no chip is named {name!r}", hint=f"known are {names}")


def generic_chip(core: str) -> Chip:
    """Describe an unknown Cortex-M: Arm's own memory map, no flash, no RAM that we may use."""
    regions = [
        MemoryRegion(name="code", start=0, length=0x2000_0000, kind=RegionKind.ROM),
        MemoryRegion(name="sram", start=0x2000_0000, length=0x2000_0000, kind=RegionKind.RAM),
        MemoryRegion(
            name="peripherals", start=0x4000_0000, length=0x2000_0000, kind=RegionKind.DEVICE
        ),
        MemoryRegion(name="system", start=0xE000_0000, length=0x2000_0000, kind=RegionKind.DEVICE),
    ]
    return Chip(
        name="cortex-m",
        aliases=("generic",),
        vendor="unknown",
        part="unknown",
        core=core,
        memory_map=MemoryMap(regions),
        identification=Identification(),
        work_ram=None,
        clock_hz=0,
    )


def identify(evidence: Evidence, read_words: ReadWords) -> Chip | None:
    """Return the chip that answers, or None when it is none of ours.

    What ``evidence`` holds narrows the choice; only then are registers read: those of one
    candidate, in one batch. A candidate without registers of its own needs the board's word for it.
    The target is only read.

    Raises:
        ProbeError: the way to the probe broke.
        TransferError: the target does not answer any more. (A register that the target refuses
            with FAULT rules out its chip and raises nothing.)
    """
    for chip in known_chips():
        if _contradiction(chip, evidence) is None and _proved(chip, evidence, read_words):
            return chip
    return None


def check_chip(chip: Chip, evidence: Evidence, read_words: ReadWords) -> None:
    """Refuse a chip that the user named but that the evidence contradicts.

    Raises:
        WrongChip: something that was read differs from what ``chip`` would show.
        TransferError: an identification register cannot be read.
    """
    hint = "leave --target out to let the chip identify itself"
    contradiction = _contradiction(chip, evidence)
    if contradiction is not None:
        raise WrongChip(f"this is no {chip.name}: {contradiction}", hint=hint)
    registers = chip.identification.registers
    if not registers:
        return
    for pattern, word in zip(registers, read_words([r.address for r in registers]), strict=True):
        if not pattern.matches(word):
            raise WrongChip(
                f"this is no {chip.name}: {pattern.name} at 0x{pattern.address:08X} reads "
                f"0x{word:08X}, expected 0x{pattern.value:08X} under mask 0x{pattern.mask:08X}",
                hint=hint,
            )


def check_unlocked(chip: Chip, read_words: ReadWords) -> None:
    """Refuse a chip whose read-out protection is on. Nothing is unlocked here.

    Raises:
        LockedChip: with how to unlock it, which erases everything.
        TransferError: the protection word itself cannot be read.
    """
    if not chip.locks:
        return
    words = read_words([lock.pattern.address for lock in chip.locks])
    for lock, word in zip(chip.locks, words, strict=True):
        if not lock.pattern.matches(word):
            raise LockedChip(
                f"{chip.name} is locked: {lock.pattern.name} at 0x{lock.pattern.address:08X} "
                f"reads 0x{word:08X}",
                hint=lock.hint,
            )


def _contradiction(chip: Chip, evidence: Evidence) -> str | None:
    ident = chip.identification
    for name, wanted, seen in (
        ("DPIDR", ident.dpidr, evidence.dpidr),
        ("TARGETID", ident.targetid, evidence.targetid),
    ):
        if wanted is not None and seen is not None and (wanted ^ seen) & 0x0FFF_FFFF:
            return f"{name} is 0x{seen:08X}, expected 0x{wanted:08X}"
    if ident.cpuid_part is not None and evidence.cpuid is not None:
        part = evidence.cpuid >> 4 & 0xFFF
        if part != ident.cpuid_part:
            return f"CPUID.PartNo is 0x{part:03X}, expected 0x{ident.cpuid_part:03X}"
    if ident.rom_designer is not None and evidence.rom_designer:
        same_part = ident.rom_part is None or ident.rom_part == evidence.rom_part
        if not _is_designer(ident, evidence.rom_designer) or not same_part:
            return (
                f"its ROM table names {_rom(evidence.rom_designer, evidence.rom_part)}, "
                f"expected {_rom(ident.rom_designer, ident.rom_part)}"
            )
    return None


def _is_designer(ident: Identification, seen: int | None) -> bool:
    return seen == ident.rom_designer or (ident.rom_designer == _NOBODY and seen == JEP106_ARM)


def _rom(designer: int, part: int | None) -> str:
    text = f"designer 0x{designer:03X}"
    return text if part is None else f"{text} part 0x{part:03X}"


def _proved(chip: Chip, evidence: Evidence, read_words: ReadWords) -> bool:
    ident = chip.identification
    if evidence.board_id is not None and evidence.board_id in ident.board_ids:
        return True
    if evidence.device_name:
        names = {_normal(name) for name in (chip.name, *chip.aliases)}
        if _normal(evidence.device_name) in names:
            return True
    if ident.targetid is not None and evidence.targetid is not None:
        return True  # it did not contradict
    if not ident.registers:
        return False
    if ident.rom_designer is not None and not _is_designer(ident, evidence.rom_designer):
        return False  # reading this vendor's registers on another chip could disturb it
    # The locks come along, so that a reader that remembers has them for check_unlocked.
    patterns = [*ident.registers, *(lock.pattern for lock in chip.locks)]
    try:
        words = read_words([pattern.address for pattern in patterns])
    except TransferFault:
        return False
    return all(r.matches(word) for r, word in zip(ident.registers, words, strict=False))


# -- TOML ------------------------------------------------------------------------------------------


def chip_from_toml(text: str, source: str) -> Chip:
    """Build a chip from the text of a ``chips/*.toml`` file; ``source`` names it in errors.

    Raises:
        UsageError: the file is no TOML, lacks a key, or contradicts itself.
    """
    try:
        table = tomllib.loads(text)
        return _chip(table)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source} is no TOML: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{source}: missing or wrong entry: {error!r}") from error


def _chip(table: Mapping[str, Any]) -> Chip:
    work_ram, unique_id = table.get("work_ram"), table.get("unique_id")
    return Chip(
        name=table["name"],
        aliases=tuple(table.get("aliases", ())),
        vendor=table["vendor"],
        part=table["part"],
        core=table["core"],
        memory_map=MemoryMap(_region(entry) for entry in table["memory"]),
        identification=_identification(table.get("identification", {})),
        work_ram=None if work_ram is None else WorkRam(work_ram["start"], work_ram["length"]),
        clock_hz=table.get("clock_hz", 0),
        locks=tuple(Lock(_pattern(entry), entry["hint"]) for entry in table.get("locks", ())),
        unlock=_unlock(table["unlock"]) if "unlock" in table else None,
        silent_lock=table.get("silent_lock", ""),
        guards=tuple(
            Guard(entry["name"], entry["address"], entry["mask"], tuple(entry["values"]))
            for entry in table.get("guards", ())
        ),
        after_reset=tuple(
            WordWrite(entry["name"], entry["address"], entry["value"])
            for entry in table.get("after_reset", ())
        ),
        vector_checksum=table.get("vector_checksum"),
        unique_id=None if unique_id is None else (unique_id["address"], unique_id["length"]),
        uf2_families=tuple(table.get("uf2_families", ())),
        mirrors=tuple(Mirror(**entry) for entry in table.get("mirrors", ())),
        notes=table.get("notes", ""),
    )


def _region(entry: Mapping[str, Any]) -> MemoryRegion:
    kind = RegionKind(entry["kind"])
    name, start, length = entry["name"], entry["start"], entry["length"]
    if kind is not RegionKind.FLASH:
        return MemoryRegion(name=name, start=start, length=length, kind=kind)
    runs = []
    address = start
    for count, size in entry["sectors"]:
        runs.append(SectorRun(address, size, count))
        address += size * count
    return FlashRegion(
        name=name,
        start=start,
        length=length,
        kind=kind,
        sectors=tuple(runs),
        erased_value=entry.get("erased_value", 0xFF),
        page_size=entry.get("page_size", 0),
        algorithm=entry.get("algorithm", ""),
        chip_erase=entry.get("chip_erase", True),
    )


def _identification(table: Mapping[str, Any]) -> Identification:
    return Identification(
        dpidr=table.get("dpidr"),
        targetid=table.get("targetid"),
        cpuid_part=table.get("cpuid_part"),
        rom_designer=table.get("rom_designer"),
        rom_part=table.get("rom_part"),
        registers=tuple(_pattern(entry) for entry in table.get("registers", ())),
        board_ids=tuple(table.get("board_ids", ())),
    )


def _unlock(table: Mapping[str, Any]) -> Unlock:
    steps = tuple(
        MaskedWrite(e["name"], e["address"], e.get("mask", 0xFFFF_FFFF), e["value"])
        for e in table["steps"]
    )
    return Unlock(steps, _pattern(table["done"]), table["timeout_s"])


def _pattern(entry: Mapping[str, Any]) -> Pattern:
    return Pattern(entry["name"], entry["address"], entry["mask"], entry["value"])
