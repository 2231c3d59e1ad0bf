"""Flash algorithms as the classic pyOCD's targets give them: a table with code and entry points.

    load_address      where the code goes; its first halfword is a BKPT, to which calls return
    instructions      the code, as words
    pc_init, pc_unInit, pc_eraseAll, pc_erase_sector, pc_program_page
    static_base       what R9 holds
    begin_stack, begin_data, page_buffers
    min_program_length, page_size

That code is a vendor's FLM, laid out beforehand: the functions take and return what the CMSIS-Pack
specification says. So it is run as such. What it does not say of its flash, the chip's regions do.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from onchip.errors import AlgorithmError
from onchip.flash.algorithm import DeviceType, FlashAlgorithm, FlashDevice
from onchip.target.memory_map import FlashRegion

_ENTRIES = {
    "Init": ("pc_init",),
    "UnInit": ("pc_unInit", "pc_uninit", "pc_un_init"),
    "EraseChip": ("pc_eraseAll", "pc_erase_all"),
    "EraseSector": ("pc_erase_sector",),
    "ProgramPage": ("pc_program_page",),
}
_VARIABLES = 0x200
"""Room for variables from the static base on, of which the table tells no length."""
_LARGEST_PAGE = 4096
_PROGRAM_TIMEOUT_S, _ERASE_TIMEOUT_S = 2.0, 10.0


def algorithm_from_table(
    table: Mapping[str, Any], regions: Sequence[FlashRegion]
) -> FlashAlgorithm:
    """Return the algorithm of ``table`` for the flash ``regions``, which have no gaps between.

    Raises:
        AlgorithmError: something is missing in the table, or there is no flash.
    """
    if not regions:
        raise AlgorithmError("the target's memory map has no flash for its algorithm")
    try:
        load = int(table["load_address"])
        words = [int(word) for word in table["instructions"]]
        code = struct.pack(f"<{len(words)}I", *words)
        static_base = int(table.get("static_base", load + len(code))) - load
        functions = _functions(table, load, len(code))
    except (KeyError, TypeError, ValueError, struct.error) as error:
        raise AlgorithmError(f"the table of a flash algorithm cannot be used: {error!r}") from error
    if not {"EraseSector", "ProgramPage"} <= functions.keys():
        raise AlgorithmError("the flash algorithm has no pc_erase_sector or no pc_program_page")
    if not 0 <= static_base < 1 << 16:
        raise AlgorithmError(f"static_base is {static_base:#x} away from the code")
    blob = code.ljust(max(len(code), static_base + _VARIABLES), b"\0")
    return FlashAlgorithm(_device(table, regions), blob, load, static_base, functions, "flash_algo")


def _functions(table: Mapping[str, Any], load: int, length: int) -> dict[str, int]:
    found = {}
    for function, names in _ENTRIES.items():
        for name in names:
            entry = table.get(name)
            if entry is None:
                continue
            address = int(entry) & ~1
            offset = address - load if address >= load else address
            if not 0 <= offset < length:
                raise ValueError(f"{name} = {int(entry):#x} is outside the code")
            found[function] = offset
    return found


def _device(table: Mapping[str, Any], regions: Sequence[FlashRegion]) -> FlashDevice:
    start, end = regions[0].start, regions[-1].end
    buffers = sorted(table.get("page_buffers", ()))
    page = int(table.get("page_size", 0))
    if not page:
        smallest = min(run.size for region in regions for run in region.sectors)
        page = min(smallest, _LARGEST_PAGE)
        if len(buffers) > 1:
            page = min(page, buffers[1] - buffers[0])
    return FlashDevice(
        name="flash_algo",
        version=0,
        type=DeviceType.ON_CHIP,
        start=start,
        length=end - start,
        page_size=page,
        erased_value=regions[0].erased_value,
        program_timeout_s=_PROGRAM_TIMEOUT_S,
        erase_timeout_s=_ERASE_TIMEOUT_S,
        sectors=tuple(run for region in regions for run in region.sectors),
    )
