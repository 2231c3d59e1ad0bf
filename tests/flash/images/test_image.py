import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import ImageError, UsageError
from onchip.flash.images.image import Image, detect_format
from onchip.flash.images.uf2 import Uf2Block
from tests.support.elf_builder import ElfBuilder

# Typed by hand from the format descriptions; the checksums were computed by hand too.
IHEX = """\
:020000040800F2
:04000000DEADBEEFC4
:040004000102030 4EE
:0400000508000101ED
:00000001FF
""".replace(" ", "")
SREC = """\
S00600004844521B
S30908000000DEADBEEFB6
S3090800000401020304E0
S5030002FA
S70508000101F0
"""


def elf(*segments: tuple[int, bytes], entry: int = 0x0800_0101) -> bytes:
    builder = ElfBuilder(entry=entry)
    for address, data in segments:
        builder.segment(address, data, vaddr=address + 0x1000)
    return builder.build()


def uf2(*blocks: Uf2Block) -> bytes:
    return b"".join(block.encode() for block in blocks)


def test_elf_goes_by_physical_address() -> None:
    image = Image.parse(elf((0x0800_0000, b"text"), (0x0800_0100, b"data")))
    assert [(s.address, s.data) for s in image.segments] == [
        (0x0800_0000, b"text"),
        (0x0800_0100, b"data"),
    ]
    assert (image.entry, image.format, image.length) == (0x0800_0101, "elf", 8)


def test_elf_segments_without_bytes_are_skipped() -> None:
    builder = ElfBuilder().segment(0x0800_0000, b"text").segment(0x2000_0000, b"", memsz=256)
    image = Image.parse(builder.build())
    assert [s.address for s in image.segments] == [0x0800_0000]
    assert image.entry is None


def test_touching_pieces_are_joined_in_order() -> None:
    image = Image.parse(elf((0x0800_0004, b"5678"), (0x0800_0000, b"1234")))
    assert [(s.address, s.data) for s in image.segments] == [(0x0800_0000, b"12345678")]


@pytest.mark.parametrize("data", [(b"1234", b"34ab"), (b"1234", b"34")])
def test_an_overlap_is_refused_and_both_pieces_are_named(data: tuple[bytes, bytes]) -> None:
    first, second = data
    with pytest.raises(ImageError) as caught:
        Image.parse(elf((0x0800_0000, first), (0x0800_0002, second)), source="fw.elf")
    assert "fw.elf: segment 0 0x08000000-0x08000003 and segment 1 0x08000002" in str(caught.value)


def test_an_object_file_is_no_image() -> None:
    with pytest.raises(ImageError, match="not an executable"):
        Image.parse(ElfBuilder(type=1).segment(0, b"x").build())


def test_an_elf_with_nothing_to_load_is_refused() -> None:
    with pytest.raises(ImageError, match="anything to load"):
        Image.parse(ElfBuilder().build())


def test_an_elf_for_another_machine_is_refused() -> None:
    with pytest.raises(ImageError, match="machine 62"):
        Image.parse(ElfBuilder(machine=62).segment(0, b"x").build())


def test_intel_hex() -> None:
    image = Image.parse(IHEX.encode())
    assert image.format == "hex"
    assert [(s.address, s.data.hex()) for s in image.segments] == [
        (0x0800_0000, "deadbeef01020304")
    ]
    assert image.entry == 0x0800_0101


def test_intel_hex_segment_addresses() -> None:
    image = Image.parse(b":020000021000EC\n:0100000055AA\n:0400000312345678E5\n:00000001FF\n")
    assert [(s.address, s.data) for s in image.segments] == [(0x1_0000, b"\x55")]
    assert image.entry == 0x1_2340 + 0x5678


def hex_record(address: int, kind: int, payload: str) -> str:
    data = bytes.fromhex(payload)
    raw = bytes([len(data), address >> 8, address & 0xFF, kind]) + data
    return f":{raw.hex().upper()}{-sum(raw) & 0xFF:02X}\n"


UNIVERSAL = "".join(
    (
        hex_record(0, 4, "0000"),
        hex_record(0, 10, "9900C0DE"),
        hex_record(0, 0, "11223344"),
        hex_record(0, 12, "FF" * 8),
        hex_record(0, 11, "FFFF"),
        hex_record(0, 4, "0000"),
        hex_record(0, 10, "9903C0DE"),
        hex_record(0, 13, "AABBCCDD"),
        hex_record(4, 14, "00"),
        hex_record(0, 5, "00000101"),
        hex_record(0, 11, ""),
        hex_record(0, 1, ""),
    )
)


def test_a_universal_hex_file_holds_an_image_for_each_board() -> None:
    first = Image.parse(UNIVERSAL.encode(), boards=("9900", "9901"))
    assert [(s.address, s.data.hex()) for s in first.segments] == [(0, "11223344")]
    assert first.entry is None
    second = Image.parse(UNIVERSAL.encode(), boards=("9903", "9904"))
    assert [(s.address, s.data.hex()) for s in second.segments] == [(0, "aabbccdd")]
    assert second.entry == 0x101
    with pytest.raises(ImageError, match=r"boards 9900, 9903, none for this chip's"):
        Image.parse(UNIVERSAL.encode())


def test_universal_records_mean_nothing_elsewhere() -> None:
    for kind in (11, 12, 13, 14):
        with pytest.raises(ImageError, match=f"record type {kind}"):
            Image.parse((hex_record(0, kind, "FF") + hex_record(0, 1, "")).encode())


def test_s_records() -> None:
    image = Image.parse(SREC.encode())
    assert image.format == "srec"
    assert [(s.address, s.data.hex()) for s in image.segments] == [
        (0x0800_0000, "deadbeef01020304")
    ]
    assert image.entry == 0x0800_0101


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (IHEX.replace("DEADBEEFC4", "DEADBEEFC5"), "line 2"),
        (IHEX.replace(":00000001FF\n", ""), "cut short"),
        (IHEX + ":0100000055AA\n", "after the end"),
        (IHEX.replace(":020000040800F2", ":0100000408F3"), "extended address"),
        (IHEX.replace(":0400000508000101ED", ":0100000508F2"), "start address"),
        (IHEX.replace(":020000040800F2", ":00000006FA"), "record type 6"),
        (IHEX.replace(":04000400", ":04000200").replace("EE\n", "F0\n"), "line 2 .* line 3 .* ov"),
        (SREC.replace("BEEFB6", "BEEFB7"), "line 2"),
        (SREC.replace("S70508000101F0\n", ""), "cut short"),
        (SREC.replace("S5030002FA", "S5030003F9"), "counts 3"),
        (SREC + "S5030002FA\n", "after the end"),
        (SREC.replace("S00600004844521B", "S40600004844521B"), "line 1"),
        (IHEX + "\xff", "no text"),
    ],
)
def test_damaged_hex_files_name_the_line(text: str, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        Image.parse(text.encode("latin-1"))


def test_uf2() -> None:
    blocks = [
        Uf2Block(0x1000, b"\xaa" * 256, 0, 3, 0xADA52840),
        Uf2Block(0x1100, b"\xbb" * 256, 1, 3, 0xADA52840),
        Uf2Block(0x9000, b"comment", 2, 3, 0xADA52840, flags=1),
    ]
    image = Image.parse(uf2(*blocks))
    assert [(s.address, s.data) for s in image.segments] == [
        (0x1000, b"\xaa" * 256 + b"\xbb" * 256)
    ]


def test_bin_needs_a_base() -> None:
    with pytest.raises(UsageError, match="--base"):
        Image.parse(b"\x00\x01", source="fw.bin")
    image = Image.parse(b"\x00\x01", source="fw.bin", base=0x100)
    assert [(s.address, s.data) for s in image.segments] == [(0x100, b"\x00\x01")]
    fallback = Image.parse(b"\x00\x01", source="fw.bin", default_base=0x200)
    assert fallback.segments[0].address == 0x200


def test_a_base_with_addresses_in_the_file_is_refused() -> None:
    with pytest.raises(UsageError, match="carries its own addresses"):
        Image.parse(IHEX.encode(), base=0x100)
    assert Image.parse(IHEX.encode(), default_base=0x100).segments[0].address == 0x0800_0000


@pytest.mark.parametrize(
    ("data", "base", "message"),
    [(b"", 0, "empty"), (b"12345678", 0xFFFF_FFFC, "address space")],
)
def test_bin_that_cannot_be(data: bytes, base: int, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        Image.parse(data, base=base, format="bin")


def test_a_negative_base_and_an_unknown_format_are_refused() -> None:
    with pytest.raises(UsageError, match="negative"):
        Image.parse(b"1", base=-1, format="bin")
    with pytest.raises(UsageError, match="no image format"):
        Image.parse(b"1", format="doc")  # type: ignore[arg-type]


def test_content_wins_over_suffix() -> None:
    assert detect_format(elf((0, b"x")), "fw.bin") == "elf"
    assert detect_format(IHEX.encode(), "fw.bin") == "hex"
    assert detect_format(SREC.encode(), "fw") == "srec"
    assert detect_format(uf2(Uf2Block(0, b"x", 0, 1)), "fw") == "uf2"
    assert detect_format(b"SOFTWARE", "fw.bin") == "bin"
    assert detect_format(b"garbage", "fw.hex") == "hex"
    assert detect_format(b"garbage", "fw.xyz") == "bin"


def test_load_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "fw.hex"
    path.write_text(IHEX)
    assert Image.load(path).length == 8
    with pytest.raises(ImageError, match="cannot read"):
        Image.load(tmp_path / "missing.hex")


def test_from_segments() -> None:
    image = Image.from_segments([(4, b"b"), (0, b"a"), (9, b"")])
    assert [(s.address, s.data) for s in image.segments] == [(0, b"a"), (4, b"b")]
    assert "0x00000004+0x1" in repr(image)
    with pytest.raises(ImageError, match="nothing to program"):
        Image.from_segments([])


EXAMPLES = [
    elf((0x0800_0000, b"text"), (0x0800_0100, b"data")),
    IHEX.encode(),
    SREC.encode(),
    uf2(Uf2Block(0, b"x" * 256, 0, 2), Uf2Block(256, b"y" * 256, 1, 2)),
]


def is_image_or_image_error(data: bytes, kind: str | None = None) -> None:
    with contextlib.suppress(ImageError):
        Image.parse(data, default_base=0, format=kind)  # type: ignore[arg-type]


@given(st.binary(max_size=600), st.sampled_from(["elf", "hex", "srec", "uf2", "bin", None]))
def test_any_bytes_are_an_image_or_an_image_error(data: bytes, kind: str | None) -> None:
    is_image_or_image_error(data, kind)


@given(st.text(":S0123456789ABCDEF \n\t\v\x1c", max_size=60), st.sampled_from(["hex", "srec"]))
def test_any_hex_text_is_an_image_or_an_image_error(text: str, kind: str) -> None:
    is_image_or_image_error(text.encode(), kind)


@given(st.data())
def test_any_mutation_is_an_image_or_an_image_error(data: st.DataObject) -> None:
    original = data.draw(st.sampled_from(EXAMPLES))
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    is_image_or_image_error(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
