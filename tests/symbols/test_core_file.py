"""ELF core files, read back by pyelftools."""

from __future__ import annotations

import io
import struct

from elftools.elf.elffile import ELFFile

from onchip.symbols.core_file import CoreThread, encode_core

REGISTERS = {f"r{n}": n for n in range(13)} | {"sp": 13, "lr": 14, "pc": 15, "xpsr": 16}
MEMORY = [(0x2000_0000, b"ram" * 11), (0xE000_ED00, bytes(8))]


def notes(elf: ELFFile) -> list[dict]:
    (segment,) = [s for s in elf.iter_segments() if s["p_type"] == "PT_NOTE"]
    data, found = segment.data(), []
    while data:
        name_size, size, kind = struct.unpack_from("<III", data)
        name, data = data[12 : 12 + name_size], data[12 + -(-name_size // 4) * 4 :]
        found.append({"name": name, "kind": kind, "content": data[:size]})
        data = data[-(-size // 4) * 4 :]
    return found


def test_a_core_file_of_two_threads() -> None:
    threads = [
        CoreThread(REGISTERS, 11),
        CoreThread({"pc": 0x0800_0000, "d1": 1 << 63, "fpscr": 5}, 5),
    ]
    elf = ELFFile(io.BytesIO(encode_core(threads, MEMORY, b"<target/>")))
    assert (elf["e_type"], elf["e_machine"]) == ("ET_CORE", "EM_ARM")
    loads = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
    assert [(s["p_vaddr"], s.data()) for s in loads] == MEMORY
    first, second, vfp, description = notes(elf)
    assert [note["name"] for note in (first, vfp, description)] == [
        b"CORE\0",
        b"LINUX\0",
        b"GDB\0",
    ]
    assert [note["kind"] for note in (first, vfp, description)] == [1, 0x400, 0xFF000000]
    assert len(first["content"]) == len(second["content"]) == 148
    assert struct.unpack_from("<17I", first["content"], 72) == tuple(range(17))
    assert struct.unpack_from("<H", first["content"], 12) == (11,)
    assert [struct.unpack_from("<I", n["content"], 24)[0] for n in (first, second)] == [1, 2]
    assert struct.unpack_from("<I", second["content"], 72 + 60) == (0x0800_0000,)
    assert struct.unpack("<32QI", vfp["content"]) == (0, 1 << 63, *[0] * 30, 5)
    assert description["content"] == b"<target/>\0"


def test_without_memory_and_with_a_padded_description() -> None:
    elf = ELFFile(io.BytesIO(encode_core([CoreThread({})], [], b"<t/>")))
    assert elf.num_segments() == 1
    assert notes(elf)[-1]["content"] == b"<t/>\0"
