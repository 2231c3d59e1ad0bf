"""A CMSIS-Pack: chips as their makers describe them, with the flash algorithms that go with it.

A pack is a ZIP file. Its PDSC, an XML file, lists families of devices; memories and algorithms
(FLM) stand at a family, a subfamily, a device or a variant, and what stands further in adds to, or
replaces, what stands further out. Only that is read: no debug sequences, no boards, no examples.
A device that onchip knows keeps what onchip knows of it (how it is recognised, what locks it); its
flash, RAM and algorithms are then the pack's.

Source: Open-CMSIS-Pack, "/package/devices element".
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from xml.etree import ElementTree

from onchip.errors import AlgorithmError, UsageError
from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.planning.regions import region_of
from onchip.target.chip import Chip, Identification, WorkRam, generic_chip, load_chip
from onchip.target.memory_map import MemoryMap, MemoryRegion, RegionKind

_LEVELS = ("family", "subFamily", "device", "variant")
_NAMES = {"device": "Dname", "variant": "Dvariant"}
_LARGEST_PDSC = 64 << 20
_LARGEST_FLM = 4 << 20
_CPUID_PARTS = {
    "Cortex-M0": 0xC20, "Cortex-M0+": 0xC60, "Cortex-M1": 0xC21, "Cortex-M3": 0xC23,
    "Cortex-M4": 0xC24, "Cortex-M7": 0xC27, "Cortex-M23": 0xD20, "Cortex-M33": 0xD21,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Memory:
    name: str
    start: int
    length: int
    writable: bool
    default: bool


@dataclass(frozen=True, slots=True)
class _Algorithm:
    file: str
    start: int
    length: int
    ram: WorkRam | None
    default: bool


@dataclass(frozen=True, slots=True)
class PackDevice:
    """One device of a pack, with what it has from its family."""

    name: str
    vendor: str
    core: str
    memories: Mapping[str, _Memory] = field(repr=False)
    algorithms: Mapping[str, _Algorithm] = field(repr=False)


class Pack:
    """The devices of the pack in the file ``path``.

    Raises:
        UsageError: there is no such file, or it is no pack.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = [name for name in archive.namelist() if name.lower().endswith(".pdsc")]
                if not names:
                    raise UsageError(f"{self.path} is no CMSIS-Pack: no PDSC file is in it")
                text = _read(archive, min(names, key=len), _LARGEST_PDSC)
        except (OSError, zipfile.BadZipFile) as error:
            raise UsageError(f"{self.path} cannot be read as a CMSIS-Pack: {error}") from error
        try:
            self.devices = _devices(_parse(text))
        except (ElementTree.ParseError, ValueError) as error:
            raise UsageError(f"the PDSC of {self.path} cannot be read: {error}") from error

    def has(self, name: str) -> bool:
        """Return whether a device, or a variant of one, has that name."""
        return any(_normal(known) == _normal(name) for known in self.devices)

    def device(self, name: str) -> PackDevice:
        """Return the device (or variant) with that name, however it is written.

        Raises:
            UsageError: the pack has none; the hint names some that it has.
        """
        wanted = _normal(name)
        for known, device in self.devices.items():
            if _normal(known) == wanted:
                return device
        names = get_close_matches(wanted, map(_normal, self.devices), 8, 0.5)
        listed = [known for known in self.devices if _normal(known) in names]
        raise UsageError(
            f"{self.path} has no device {name!r}",
            hint=f"it has {', '.join(listed or list(self.devices)[:8])} ...",
        )

    def chip(self, name: str) -> Chip:
        """Describe a device for a session.

        Raises:
            UsageError: there is none of that name, or what the pack says of it contradicts itself.
            AlgorithmError: one of its algorithms cannot be used.
        """
        device = self.device(name)
        base = _base(device)
        regions: list[MemoryRegion] = []
        with zipfile.ZipFile(self.path) as archive:
            for algorithm in device.algorithms.values():
                if algorithm.default:
                    regions.append(_flash(archive, algorithm, base))
        for memory in device.memories.values():
            if not any(r.start < memory.start + memory.length and memory.start < r.end
                       for r in regions):  # fmt: skip
                kind = RegionKind.RAM if memory.writable else RegionKind.ROM
                regions.append(
                    MemoryRegion(
                        name=memory.name, start=memory.start, length=memory.length, kind=kind
                    )
                )
        peripherals = [r for r in base.memory_map if r.kind is RegionKind.DEVICE]
        free = (p for p in peripherals if not any(r.start < p.end and p.start < r.end
                                                  for r in regions))  # fmt: skip
        return replace(
            base, memory_map=MemoryMap([*regions, *free]), work_ram=_work_ram(device, base)
        )


def find_chip(name: str, packs: Sequence[str | Path]) -> Chip:
    """Return the chip that the first of ``packs`` has under that name, else the one known anyway.

    Raises:
        UsageError: a pack cannot be read, or nobody knows the name.
        AlgorithmError: a flash algorithm of the pack cannot be used.
    """
    opened = [Pack(path) for path in packs]
    for pack in opened:
        if pack.has(name):
            return pack.chip(name)
    try:
        return load_chip(name)
    except UsageError:
        if opened:
            opened[0].device(name)  # says what it has
        raise


def _base(device: PackDevice) -> Chip:
    """Return what onchip knows of the device, or just its core."""
    try:
        known = load_chip(device.name)
    except UsageError:
        return replace(
            generic_chip(device.core),
            name=device.name.lower(),
            aliases=(),
            vendor=device.vendor,
            part=device.name,
            identification=Identification(cpuid_part=_CPUID_PARTS.get(device.core)),
        )
    return known


def _flash(archive: zipfile.ZipFile, algorithm: _Algorithm, base: Chip) -> MemoryRegion:
    data = _read(archive, algorithm.file, _LARGEST_FLM)
    source = algorithm.file.rpartition("/")[2]
    parsed = FlashAlgorithm.parse(data, source=source)
    end = algorithm.start + algorithm.length
    region = region_of(parsed, base, source, end=end)
    if not region.length:
        raise AlgorithmError(f"{source} is not for the flash that the pack says it is for")
    return replace(region, algorithm_data=data)


def _work_ram(device: PackDevice, base: Chip) -> WorkRam | None:
    for algorithm in device.algorithms.values():
        if algorithm.default and algorithm.ram is not None:
            return algorithm.ram
    ram = [memory for memory in device.memories.values() if memory.writable]
    best = next((memory for memory in ram if memory.default), ram[0] if ram else None)
    return base.work_ram if best is None else WorkRam(best.start, best.length)


def _read(archive: zipfile.ZipFile, name: str, longest: int) -> bytes:
    """Return a file of the archive, whichever way its slashes lean.

    Raises:
        UsageError: it is not there, or longer than any of its kind.
    """
    wanted = name.replace("\\", "/").lower()
    for entry in archive.infolist():
        if entry.filename.replace("\\", "/").lower() == wanted:
            if entry.file_size > longest:
                raise UsageError(f"{name} in the pack has {entry.file_size} bytes")
            return archive.read(entry)
    raise UsageError(f"the pack names {name}, but does not hold it")


# ---- the PDSC


def _parse(text: bytes) -> ElementTree.Element:
    if b"<!ENTITY" in text:  # nothing that a PDSC needs, and a way to fill the memory
        raise ValueError("it declares entities")
    return ElementTree.fromstring(text)


def _devices(root: ElementTree.Element) -> dict[str, PackDevice]:
    found: dict[str, PackDevice] = {}
    for family in root.iterfind("devices/family"):
        vendor = family.get("Dvendor", "").partition(":")[0]
        start = PackDevice("", vendor, "Cortex-M", {}, {})
        for device in _below(family, start):
            found.setdefault(device.name, device)
    return found


def _below(element: ElementTree.Element, outer: PackDevice) -> Iterator[PackDevice]:
    """Yield the devices in ``element``, which adds to what ``outer`` has."""
    processor = element.find("processor")
    core = outer.core if processor is None else processor.get("Dcore", outer.core)
    memories, algorithms = dict(outer.memories), dict(outer.algorithms)
    for child in element.iterfind("memory"):
        memory = _memory(child)
        memories[memory.name] = memory
    for child in element.iterfind("algorithm"):
        algorithm = _algorithm(child)
        algorithms[algorithm.file] = algorithm
    name = element.get(_NAMES.get(element.tag, ""), outer.name)
    here = PackDevice(name, outer.vendor, core, memories, algorithms)
    if element.tag in _NAMES:
        yield here
    for child in element:
        if child.tag in _LEVELS:
            yield from _below(child, here)


def _memory(element: ElementTree.Element) -> _Memory:
    name = element.get("name") or element.get("id") or ""
    access = element.get("access") or ("rwx" if "RAM" in name else "rx")
    return _Memory(
        name=name.lower(),
        start=int(element.get("start", ""), 0),
        length=int(element.get("size", ""), 0),
        writable="w" in access and "p" not in access,
        default=_true(element.get("default")),
    )


def _algorithm(element: ElementTree.Element) -> _Algorithm:
    start, size = element.get("RAMstart"), element.get("RAMsize")
    ram = None if start is None or size is None else WorkRam(int(start, 0), int(size, 0))
    return _Algorithm(
        file=element.get("name", "").replace("\\", "/"),
        start=int(element.get("start", ""), 0),
        length=int(element.get("size", ""), 0),
        ram=ram,
        default=_true(element.get("default")),
    )


def _true(text: str | None) -> bool:
    return text in ("1", "true")


def _normal(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "")
