import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import SymbolError
from onchip.symbols.elf import STB_GLOBAL, STT_FUNC, ElfFile
from tests.support.elf_builder import SHT_NOBITS, A, ElfBuilder, W, X, flm


def example() -> ElfBuilder:
    builder = ElfBuilder(entry=0x0800_0101).segment(0x0800_0000, b"code" * 8)
    text = builder.section(".text", 0x0800_0000, b"code" * 8, A | X)
    builder.section(".bss", 0x2000_0000, b"", W | A, SHT_NOBITS, 0x100)
    builder.section(".debug_info", 0, b"not loaded", 0)
    builder.symbol("main", 0x0800_0101, text)
    builder.symbol("file.c", 0, 0xFFF1, info=4)
    return builder


def test_reads_segments_sections_and_symbols() -> None:
    elf = ElfFile.parse(example().build())
    assert elf.entry == 0x0800_0101
    (segment,) = elf.segments
    assert (segment.physical_address, segment.data, segment.memory_size) == (
        0x0800_0000,
        b"code" * 8,
        32,
    )
    text = elf.section(".text")
    assert text is not None
    assert (text.data, text.end) == (b"code" * 8, 0x0800_0020)
    bss = elf.section(".bss")
    assert bss is not None
    assert (bss.size, bss.data) == (0x100, b"")
    assert elf.section(".debug_info").data == b""  # type: ignore[union-attr]
    (main,) = elf.symbols
    assert (main.name, main.value, main.type, main.binding) == (
        "main",
        0x0800_0101,
        STT_FUNC,
        STB_GLOBAL,
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an ELF"),
        (b"\x7fELF" + bytes(60), "32-bit"),
        (ElfBuilder(machine=3).build(), "machine 3"),
    ],
)
def test_refuses_what_is_no_cortex_m_elf(data: bytes, message: str) -> None:
    with pytest.raises(SymbolError, match=message):
        ElfFile.parse(data)


def test_a_segment_outside_the_file_is_damage() -> None:
    data = bytearray(example().build())
    data[52 + 16 : 52 + 20] = (1 << 20).to_bytes(4, "little")  # p_filesz
    data[52 + 20 : 52 + 24] = (1 << 20).to_bytes(4, "little")  # p_memsz
    with pytest.raises(SymbolError, match="segment 0"):
        _ = ElfFile.parse(bytes(data)).segments


def test_a_segment_that_loads_less_than_it_holds_is_damage() -> None:
    data = example()
    data.segments[0] = (*data.segments[0][:3], 1)
    with pytest.raises(SymbolError, match="loads less"):
        _ = ElfFile.parse(data.build()).segments


def test_huge_header_counts_are_refused_at_once() -> None:
    data = bytearray(example().build())
    data[48:50] = b"\xfe\xff"  # e_shnum
    with pytest.raises(SymbolError, match="section header table"):
        ElfFile.parse(bytes(data))


def everything(data: bytes) -> None:
    try:
        elf = ElfFile.parse(data)
    except SymbolError:
        return
    for table in ("segments", "sections", "symbols"):
        with contextlib.suppress(SymbolError):
            getattr(elf, table)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_elf_or_a_symbol_error(data: bytes) -> None:
    everything(b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00\x28\x00" + data)


@given(st.data())
def test_any_mutation_is_an_elf_or_a_symbol_error(data: st.DataObject) -> None:
    original = data.draw(st.sampled_from([example().build(), flm(zeroed=16)]))
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    everything(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))


def test_every_truncation_is_an_elf_or_a_symbol_error() -> None:
    data = flm()
    for length in range(len(data)):
        everything(data[:length])
