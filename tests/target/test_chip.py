from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from onchip.errors import LockedChip, TransferFault, UsageError, WrongChip
from onchip.flash.planning.regions import built_in
from onchip.target import chip as chip_module
from onchip.target.chip import (
    Evidence,
    Identification,
    check_chip,
    check_unlocked,
    chip_from_toml,
    generic_chip,
    identify,
    known_chips,
    load_chip,
)
from onchip.target.memory_map import RegionKind

ST, NORDIC, ARM = 0x020, 0x144, 0x23B
CPUID_M0, CPUID_M3, CPUID_M4 = 0x410C_C200, 0x412F_C230, 0x410F_C241


def reader(words: dict[int, int]) -> Callable[[Sequence[int]], Sequence[int]]:
    def read(addresses: Sequence[int]) -> Sequence[int]:
        for address in addresses:
            if address not in words:
                raise TransferFault("fault", operation="read DRW", address=address)
        return [words[address] for address in addresses]

    return read


EVIDENCE = {
    "stm32f407": (
        Evidence(dpidr=0x2BA0_1477, cpuid=CPUID_M4, rom_designer=ST, rom_part=0x413),
        {0xE004_2000: 0x1007_6413, 0x4002_3C14: 0x0FFF_AAED},
    ),
    "lpc1768": (
        Evidence(cpuid=CPUID_M3, rom_designer=0, rom_part=0),
        {0x400F_C000: 0x0000_403A},
    ),
    "nrf52840": (
        Evidence(cpuid=CPUID_M4, rom_designer=NORDIC, rom_part=0x008),
        {0x1000_0100: 0x0005_2840},
    ),
    "nrf51822": (
        Evidence(dpidr=0x0BB1_1477, cpuid=CPUID_M0, rom_designer=NORDIC, rom_part=0x001),
        {0x1000_0010: 0x400, 0x1000_0014: 0x100, 0x1000_1004: 0xFFFF_FFFF},
    ),
}


@pytest.mark.parametrize("name", EVIDENCE)
def test_every_chip_is_recognised_and_agrees_with_itself(name: str) -> None:
    evidence, words = EVIDENCE[name]
    chip = identify(evidence, reader(words))
    assert chip is load_chip(name)
    check_chip(chip, evidence, reader(words))
    check_unlocked(chip, reader(words))


@pytest.mark.parametrize("name", EVIDENCE)
@pytest.mark.parametrize("other", EVIDENCE)
def test_no_chip_passes_for_another(name: str, other: str) -> None:
    evidence, words = EVIDENCE[name]
    if name == other:
        return
    with pytest.raises((WrongChip, TransferFault)):
        check_chip(load_chip(other), evidence, reader(words))


def test_identification_reads_one_batch_of_one_candidate() -> None:
    evidence, words = EVIDENCE["nrf51822"]
    asked = []

    def read(addresses: Sequence[int]) -> Sequence[int]:
        asked.append(list(addresses))
        return reader(words)(addresses)

    identify(evidence, read)
    assert asked == [[0x1000_0010, 0x1000_0014, 0x1000_1004]]  # the last is the lock


def test_a_rom_table_that_names_nobody() -> None:
    """An LPC1768's is empty; Arm's own in its place would say as little."""
    words = reader({0x400F_C000: 0x0000_403A})
    for designer, part in ((0, 0), (ARM, 0x4C3)):
        seen = Evidence(cpuid=CPUID_M3, rom_designer=designer, rom_part=part)
        assert identify(seen, words) is load_chip("lpc1768")
    assert identify(Evidence(cpuid=CPUID_M3, rom_designer=ST, rom_part=0x410), words) is None
    assert identify(Evidence(cpuid=CPUID_M4, rom_designer=0), reader({0xE004_2000: 0x413})) is None


def test_an_unknown_chip_is_none() -> None:
    unknown = Evidence(cpuid=CPUID_M4, rom_designer=0x1FF, rom_part=1)
    assert identify(unknown, reader({})) is None
    same_vendor = Evidence(cpuid=CPUID_M4, rom_designer=ST, rom_part=0x431)
    assert identify(same_vendor, reader({0xE004_2000: 0x431})) is None
    assert identify(same_vendor, reader({})) is None
    nothing = Evidence()
    assert identify(nothing, reader({})) is None


def test_the_board_may_name_the_chip() -> None:
    assert identify(Evidence(board_id="1010"), reader({})) is load_chip("lpc1768")
    named = Evidence(cpuid=CPUID_M4, device_name="STM32F407VGTx")
    assert identify(named, reader({})) is load_chip("stm32f407")
    wrong = Evidence(cpuid=CPUID_M0, device_name="STM32F407VGTx")
    assert identify(wrong, reader({})) is None


def test_targetid_names_a_chip_without_a_register(monkeypatch: pytest.MonkeyPatch) -> None:
    told = replace(
        load_chip("stm32f407"),
        identification=Identification(cpuid_part=0xC24, targetid=0x0110_1043),
    )
    monkeypatch.setattr(chip_module, "known_chips", lambda: (told,))
    for revision in (0, 1):
        seen = Evidence(cpuid=CPUID_M4, targetid=revision << 28 | 0x0110_1043)
        assert identify(seen, reader({})) is told
        check_chip(told, seen, reader({}))
    assert identify(Evidence(cpuid=CPUID_M4, targetid=0x0110_1041), reader({})) is None
    assert identify(Evidence(cpuid=CPUID_M4), reader({})) is None


@pytest.mark.parametrize(
    ("evidence", "words", "message"),
    [
        (Evidence(dpidr=0x0BB1_1477), {}, "DPIDR is 0x0BB11477, expected 0x2BA01477"),
        (Evidence(cpuid=CPUID_M3), {}, "CPUID.PartNo is 0xC23, expected 0xC24"),
        (Evidence(rom_designer=NORDIC, rom_part=8), {}, "designer 0x144 part 0x008"),
        (Evidence(rom_designer=ST), {0xE004_2000: 0x419}, "DBGMCU_IDCODE at 0xE0042000 reads"),
    ],
)
def test_a_wrong_target_says_what_contradicts(
    evidence: Evidence, words: dict[int, int], message: str
) -> None:
    with pytest.raises(WrongChip, match=message):
        check_chip(load_chip("stm32f407"), evidence, reader(words))


@pytest.mark.parametrize(
    ("name", "words"),
    [("stm32f407", {0x4002_3C14: 0x0FFF_55ED}), ("nrf51822", {0x1000_1004: 0xFFFF_00FF})],
)
def test_a_locked_chip_is_named_and_told_how_to_unlock(name: str, words: dict[int, int]) -> None:
    with pytest.raises(LockedChip, match="locked") as caught:
        check_unlocked(load_chip(name), reader(words))
    assert caught.value.hint is not None
    assert "eras" in caught.value.hint


@pytest.mark.parametrize("name", ["STM32F407VG", "stm32f407vgtx", "NRF51", "microbit", "nrf52-840"])
def test_aliases(name: str) -> None:
    assert load_chip(name).name in EVIDENCE


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(UsageError, match="lpc1768, nrf51822, nrf52840, stm32f407"):
        load_chip("z80")


def test_names_and_aliases_are_unique() -> None:
    names = [name.lower() for chip in known_chips() for name in (chip.name, *chip.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("chip", known_chips(), ids=lambda chip: chip.name)
def test_chip_data_agree_with_the_algorithms(chip: object) -> None:
    from onchip.target.chip import Chip

    assert isinstance(chip, Chip)
    assert repr(chip).startswith("Chip(")
    assert chip.algorithms
    for region in chip.memory_map.flash:
        device = built_in(region.algorithm).device
        assert (device.start, device.length) == (region.start, region.length)
        assert device.sectors == region.sectors
        assert (device.page_size, device.erased_value) == (region.page_size, region.erased_value)
    work = chip.work_ram
    assert work is not None
    home = chip.memory_map.find(work.start)
    assert home is not None
    assert home.kind is RegionKind.RAM
    assert home.contains(work.start, work.length)


def test_the_generic_chip_has_no_flash() -> None:
    chip = generic_chip("Cortex-M7")
    assert (chip.memory_map.flash, chip.work_ram, chip.core) == ((), None, "Cortex-M7")
    assert chip.memory_map.find(0x2000_0000) in chip.memory_map.ram


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "no TOML"),
        ("name = 'x'", "missing or wrong"),
        (
            "name='x'\nvendor='v'\npart='p'\ncore='c'\n"
            "[[memory]]\nname='m'\nkind='paper'\nstart=0\nlength=1",
            "missing or wrong",
        ),
    ],
)
def test_damaged_chip_files(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        chip_from_toml(text, "x.toml")
