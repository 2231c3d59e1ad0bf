"""Lays an image over a chip's memory map; refuses what has no place, or must not be written.

Nothing here touches the target.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from onchip.errors import PlanError
from onchip.target.chip import Chip
from onchip.target.memory_map import FlashRegion, MemoryRegion, RegionKind

from ..images.image import Image
from ..images.segment import Segment
from ..running.command import hex32


@dataclass(frozen=True, slots=True)
class Split:
    """An image laid over a memory map."""

    flash: Mapping[FlashRegion, tuple[Segment, ...]]
    ram: tuple[Segment, ...]


def split(image: Image, chip: Chip, regions: Sequence[FlashRegion]) -> Split:
    """Lay an image over the chip's memory map, with ``regions`` in the place of its flash.

    Raises:
        PlanError: the file names other chips, or a byte has no place, or one that is not to be
            written.
    """
    if chip.uf2_families and image.uf2_family not in (None, *chip.uf2_families):
        raise PlanError(
            f"{image.source} is for chips of UF2 family 0x{image.uf2_family:08X}, "
            f"{chip.name} is of 0x{chip.uf2_families[0]:08X}"
        )
    flash: dict[FlashRegion, list[Segment]] = {}
    ram: list[Segment] = []
    for segment in image.segments:
        address = segment.address
        while address < segment.end:
            region = _region_at(address, segment, chip, regions)
            end = min(segment.end, region.end)
            data = segment.data[address - segment.address : end - segment.address]
            piece = Segment(address, data, segment.label)
            if isinstance(region, FlashRegion):
                flash.setdefault(region, []).append(piece)
            else:
                ram.append(piece)
            address = end
    return Split({region: tuple(pieces) for region, pieces in flash.items()}, tuple(ram))


def _region_at(
    address: int, segment: Segment, chip: Chip, regions: Sequence[FlashRegion]
) -> MemoryRegion:
    region: MemoryRegion | None = next((r for r in regions if r.contains(address)), None)
    region = region or chip.memory_map.find(address)
    where = f"the image has {segment.end - address} bytes at {hex32(address)}"
    places = ", ".join(
        str(r) for r in (*regions, *chip.memory_map.ram) if r.kind in (RegionKind.FLASH, "ram")
    )
    if region is None:
        raise PlanError(
            f"{where}, where {chip.name} has no memory",
            address=address,
            hint=f"is it linked for another chip? This one has {places}",
        )
    if region.kind is RegionKind.RAM:
        return region
    if isinstance(region, FlashRegion):
        if not region.algorithm:
            raise PlanError(f"{where}, and no algorithm is known for {region}", address=address)
        return region
    raise PlanError(
        f"{where}, in {region}, which cannot be programmed",
        address=address,
        hint=f"what can be is {places}",
    )


def without_mirrors(image: Image, chip: Chip) -> Image:
    """Return the image with what is linked where flash is mirrored moved to the flash itself.

    Raises:
        PlanError: a segment lies there in part only.
        ImageError: the image has other bytes for the flash itself.
    """
    segments = []
    for segment in image.segments:
        address = segment.address
        for mirror in chip.mirrors:
            if mirror.start <= address < mirror.end:
                if segment.end > mirror.end:
                    raise PlanError(
                        f"the image has {len(segment.data)} bytes at {hex32(address)}, and only "
                        f"those below {hex32(mirror.end)} are a mirror of {chip.name}'s flash",
                        address=address,
                    )
                address += mirror.of - mirror.start
        segments.append(Segment(address, segment.data, segment.label))
    if segments == list(image.segments):
        return image
    moved = Image.from_segments([(s.address, s.data) for s in segments])
    return replace(image, segments=moved.segments)


def check_named(regions: Collection[MemoryRegion], also: Collection[str], chip: Chip) -> None:
    """Refuse regions of options (UICR, option bytes) that were not named in ``also``.

    Raises:
        PlanError: one was not, or there is none of a name.
    """
    options = {r.name for r in chip.memory_map.flash if not r.chip_erase}
    for name in also:
        if name not in options:
            raise PlanError(
                f"{chip.name} has no region {name} that is written only when asked for by name",
                hint=f"it has {', '.join(sorted(options)) or 'none'}",
            )
    for region in regions:
        if isinstance(region, FlashRegion) and region.name in options and region.name not in also:
            raise PlanError(
                f"the image has bytes for {region}, which is written only when asked for by name",
                address=region.start,
                hint=f"onchip flash --also {region.name} (also=[{region.name!r}]) programs it too",
            )


def check_guards(image: Image, chip: Chip) -> None:
    """Refuse an image that would lock or brick the chip.

    Raises:
        PlanError: a word of the image turns a protection on.
    """
    for guard in chip.guards:
        for segment in image.segments:
            offset = guard.address - segment.address
            if not 0 <= offset <= len(segment.data) - 4:
                continue
            word = int.from_bytes(segment.data[offset : offset + 4], "little")
            if word & guard.mask in guard.values:
                raise PlanError(
                    f"the image turns on {guard.name}: 0x{word:08X} at {hex32(guard.address)} "
                    f"would lock {chip.name}",
                    address=guard.address,
                    hint="allow_lock=True programs it all the same",
                )


def with_vector_checksum(image: Image, chip: Chip) -> Image:
    """Return the image with the checksum that the chip's boot ROM wants among its vectors.

    Only an image that holds all eight vectors is changed.
    """
    if chip.vector_checksum is None:
        return image
    segments = []
    for segment in image.segments:
        data = segment.data
        offset = chip.vector_checksum - 0x1C - segment.address
        if 0 <= offset <= len(data) - 32:
            vectors = [
                int.from_bytes(data[offset + 4 * i : offset + 4 * i + 4], "little")
                for i in range(7)
            ]
            checksum = (-sum(vectors) & 0xFFFF_FFFF).to_bytes(4, "little")
            data = data[: offset + 0x1C] + checksum + data[offset + 0x20 :]
        segments.append(Segment(segment.address, data, segment.label))
    return Image(tuple(segments), image.entry, image.source, image.format)
