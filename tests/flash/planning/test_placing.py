import pytest

from onchip.errors import ImageError, PlanError
from onchip.flash.images.image import Image, Segment
from onchip.flash.images.uf2 import Uf2Block
from onchip.flash.planning.placing import (
    check_guards,
    check_named,
    split,
    with_vector_checksum,
    without_mirrors,
)
from onchip.target.chip import load_chip
from onchip.target.memory_map import FlashRegion, RegionKind

START = 0x0800_0000


def test_split_by_regions() -> None:
    chip = load_chip("nrf52840")
    image = Image.from_segments([(0xF_FFF0, b"x" * 16), (0x2003_FFF0, b"y" * 16)])
    parts = split(image, chip, chip.memory_map.flash)
    ((region, found),) = parts.flash.items()
    assert (region.name, found) == ("flash", (Segment(0xF_FFF0, b"x" * 16),))
    assert parts.ram == (Segment(0x2003_FFF0, b"y" * 16),)


@pytest.mark.parametrize(
    ("address", "length", "message"),
    [
        (0xF_FFF0, 17, "1 bytes at 0x0010_0000, where nrf52840 has no memory"),
        (0x1000_0000, 4, "ficr .* cannot be programmed"),
        (0x2004_0000, 4, "is it linked for another chip"),
        (0x1000_1308, 4, "no memory"),
    ],
)
def test_split_refuses(address: int, length: int, message: str) -> None:
    chip = load_chip("nrf52840")
    with pytest.raises(PlanError, match=message) as caught:
        split(Image.from_segments([(address, bytes(length))]), chip, chip.memory_map.flash)
    assert caught.value.address is not None


def test_a_region_without_algorithm_is_refused() -> None:
    chip = load_chip("stm32f407")
    region = chip.memory_map.flash[0]
    bare = FlashRegion(
        name="flash",
        start=region.start,
        length=region.length,
        kind=RegionKind.FLASH,
        sectors=region.sectors,
    )
    with pytest.raises(PlanError, match="no algorithm is known"):
        split(Image.from_segments([(START, b"x")]), chip, [bare])


def test_guards() -> None:
    chip = load_chip("lpc1768")
    word = (0x4E69_7370).to_bytes(4, "little")
    with pytest.raises(PlanError, match="code read protection") as caught:
        check_guards(Image.from_segments([(0x2F0, bytes(12) + word)]), chip)
    assert caught.value.hint is not None
    check_guards(Image.from_segments([(0x2F0, bytes(12) + b"\xff" * 4)]), chip)
    check_guards(Image.from_segments([(0x2F0, bytes(12) + word[:3])]), chip)


def test_vector_checksum() -> None:
    chip = load_chip("lpc1768")
    vectors = b"".join((0x1000_0000 + i).to_bytes(4, "little") for i in range(8))
    image = with_vector_checksum(Image.from_segments([(0, vectors + b"more")]), chip)
    words = [int.from_bytes(image.segments[0].data[4 * i : 4 * i + 4], "little") for i in range(8)]
    assert sum(words) & 0xFFFF_FFFF == 0
    assert image.segments[0].data[32:] == b"more"
    partial = Image.from_segments([(4, vectors[4:])])
    assert with_vector_checksum(partial, chip).segments == partial.segments
    other = Image.from_segments([(0, vectors)])
    assert with_vector_checksum(other, load_chip("stm32f407")) is other


def test_a_uf2_file_for_other_chips_is_refused() -> None:
    chip = load_chip("nrf52840")
    regions = chip.memory_map.flash

    def image(family: int | None) -> Image:
        return Image.parse(Uf2Block(0x1000, b"x" * 256, 0, 1, family).encode(), source="fw.uf2")

    for family in (0xADA5_2840, 0x1B57_745F, None):
        assert split(image(family), chip, regions).flash
    with pytest.raises(PlanError, match=r"fw\.uf2 is for chips of UF2 family 0x57755A57"):
        split(image(0x5775_5A57), chip, regions)
    other = load_chip("lpc1768")  # has no family of its own
    assert split(image(0x5775_5A57), other, other.memory_map.flash).flash


# -- mirrors and options ---------------------------------------------------------------------------


def test_what_is_linked_at_the_mirror_goes_to_the_flash() -> None:
    chip = load_chip("stm32f407")
    image = Image.from_segments([(0, b"vectors!"), (0x2000_0000, b"RAM"), (START + 64, b"there")])
    moved = without_mirrors(image, chip)
    assert [(s.address, s.data) for s in moved.segments] == [
        (START, b"vectors!"),
        (START + 64, b"there"),
        (0x2000_0000, b"RAM"),
    ]
    assert moved.source == image.source
    assert without_mirrors(moved, chip) is moved
    nrf = load_chip("nrf52840")
    assert without_mirrors(image, nrf) is image


def test_half_in_the_mirror_is_refused_and_twice_the_same_place_too() -> None:
    chip = load_chip("stm32f407")
    with pytest.raises(PlanError, match="only those below 0x0010_0000 are a mirror"):
        without_mirrors(Image.from_segments([(0xF_FFFC, bytes(8))]), chip)
    with pytest.raises(ImageError):
        without_mirrors(Image.from_segments([(0, b"1234"), (START, b"5678")]), chip)


def test_options_have_to_be_named() -> None:
    chip = load_chip("nrf52840")
    flash, uicr = chip.memory_map.flash
    check_named([flash], (), chip)
    check_named([flash, uicr], ("uicr",), chip)
    with pytest.raises(PlanError, match="only when asked for by name") as caught:
        check_named([flash, uicr], (), chip)
    assert caught.value.hint == "onchip flash --also uicr (also=['uicr']) programs it too"
    with pytest.raises(PlanError, match="no region flash that is written only") as caught:
        check_named([flash], ("flash",), chip)
    assert caught.value.hint == "it has uicr"
