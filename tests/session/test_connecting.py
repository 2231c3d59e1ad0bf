"""Sessions on boards in this process: what connecting does, and what closing leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import onchip
from onchip.errors import (
    LockedChip,
    ProbeLost,
    TransferError,
    TransferFault,
    UsageError,
    WrongChip,
)
from onchip.probe.counting import CountingLink
from onchip.registry import VirtualSpec, build_board
from onchip.session import (
    ConnectMode,
    ResetKind,
    Session,
    WhenLocked,
    connect,
    open_session,
)
from onchip.target.chip import load_chip
from onchip.virtual_board import board as board_module
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.coresight.sw_dp import SwDp
from tests.session.conftest import runs
from tests.support.images import FLASH_START, RAM_START, counting_loop

CHIPS = ("lpc1768", "stm32f407", "nrf52840", "nrf51822")
LOOP = 0x0800_0102


# ---- connecting


@pytest.mark.parametrize("chip", CHIPS)
def test_connect_recognises_the_chip(chip: str) -> None:
    with onchip.connect(f"virtual:{chip}") as session:
        assert session.chip is not None
        assert session.chip.name == session.chip_name == chip
        assert session.memory.read_u32(RAM_START[chip]) is not None
        assert session.probe_info.packet_size == 512
        assert session.rom_table is session.rom_table
        assert f"{chip}, Cortex-M" in repr(session)


def test_attach_leaves_a_running_core_running(board: VirtualBoard) -> None:
    with open_session(board.link()) as session:
        assert runs(board)
        assert not session.core.halted
        assert "running" in repr(session)
    assert runs(board)


def test_halt_halts_and_closing_lets_it_run_on(board: VirtualBoard) -> None:
    with open_session(board.link(), mode=ConnectMode.HALT) as session:
        assert session.core.halted
        assert session.core.registers["pc"] in range(LOOP, LOOP + 4)
        assert "halted" in repr(session)
    assert runs(board)


def test_a_core_that_was_found_halted_stays_halted(board: VirtualBoard) -> None:
    first = open_session(board.link(), mode=ConnectMode.HALT)
    first.resume_on_close = False
    first.close()
    assert not runs(board)
    with open_session(board.link()) as session:
        assert session.core.halted
    assert not runs(board)


def test_under_reset_stops_before_the_first_instruction(board: VirtualBoard) -> None:
    with open_session(board.link(), mode=ConnectMode.UNDER_RESET) as session:
        assert session.core.read_register("pc") == FLASH_START["stm32f407"] + 0x100
    assert runs(board)


def test_closing_leaves_nothing_armed(board: VirtualBoard) -> None:
    with open_session(board.link(), mode=ConnectMode.HALT) as session:
        session.core.breakpoints.set(LOOP)
        session.core.watchpoints.set(0x2000_0000, 4, "write")
        session.core.vector_catch = frozenset({"hardfault", "reset"})
    board.advance(0.01)
    assert runs(board)
    with open_session(board.link()) as session:
        assert session.core.vector_catch == frozenset()
        assert len(session.core.breakpoints) == len(session.core.watchpoints) == 0
        fp_comps = [session.core.ap.read_u32(0xE000_2008 + 4 * n) & 1 for n in range(6)]
        assert fp_comps == [0] * 6


def test_an_error_inside_still_closes_and_is_the_one_that_is_seen(board: VirtualBoard) -> None:
    with pytest.raises(ZeroDivisionError), open_session(board.link(), mode=ConnectMode.HALT):
        raise ZeroDivisionError
    assert runs(board)
    board.link().close()


def test_closing_after_the_probe_was_pulled_tells_what_came_first(board: VirtualBoard) -> None:
    def pull_and_read() -> None:
        with open_session(board.link()) as session:
            board.unplug()
            session.memory.read(0x2000_0000, 4)

    with pytest.raises(ProbeLost):
        pull_and_read()


def test_closing_a_pulled_probe_says_so_and_twice_is_harmless(board: VirtualBoard) -> None:
    session = open_session(board.link(), mode=ConnectMode.HALT)
    board.unplug()
    with pytest.raises(ProbeLost):
        session.close()
    session.close()
    assert "closed" in repr(session)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"connect": "gently"}, "is no way to connect"),
        ({"frequency_hz": 0}, "does not tick"),
        ({"target": "z80"}, "no chip is named 'z80'"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        onchip.connect("virtual:stm32f407", **settings)  # type: ignore[arg-type]


def test_the_chip_may_be_named() -> None:
    with onchip.connect("virtual:stm32f407", target="STM32F4-07") as session:
        assert session.chip is load_chip("stm32f407")


def test_another_chip_is_refused_and_the_probe_let_go(board: VirtualBoard) -> None:
    link = board.link()
    with pytest.raises(WrongChip):
        open_session(link, chip=load_chip("nrf52840"))
    link.close()
    board.link().close()


def test_the_environment_names_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCHIP_PROBE", "virtual:nrf51822/hid-64x1")
    with onchip.connect() as session:
        assert session.chip_name == "nrf51822"
        assert session.probe_info.packet_count == 1
    with onchip.connect("virtual:lpc1768") as session:
        assert session.chip_name == "lpc1768"


def test_the_flash_file_outlives_the_session(tmp_path: Path) -> None:
    spec = f"virtual:nrf52840@{tmp_path / 'board.flash'}"
    image = counting_loop("nrf52840")
    with onchip.connect(spec) as session:
        session.flash(image, format="bin")
    with onchip.connect(spec) as session:
        assert session.memory.read(0, len(image)) == image


# ---- reset


@pytest.mark.parametrize("kind", ["system", "core", "hardware", ResetKind.SYSTEM])
def test_reset_and_halt(board: VirtualBoard, kind: str | ResetKind) -> None:
    with open_session(board.link()) as session:
        session.reset(kind, halt=True)
        assert session.core.halted
        assert session.core.read_register("pc") == 0x0800_0100
    assert not runs(board)


def test_reset_runs(board: VirtualBoard) -> None:
    with open_session(board.link(), mode=ConnectMode.HALT) as session:
        session.reset()
        assert not session.core.halted
    assert runs(board)


def test_an_unknown_kind_of_reset(board: VirtualBoard) -> None:
    with open_session(board.link()) as session, pytest.raises(UsageError, match="kind of reset"):
        session.reset("cold")


# ---- a locked chip, a missing one


LOCKABLE = pytest.mark.parametrize("chip", ["stm32f407", "nrf52840", "nrf51822"])


@LOCKABLE
def test_a_locked_chip_is_told_and_not_touched(chip: str) -> None:
    with build_board(VirtualSpec(chip, locked=True)) as board:
        before = bytes(board.chip.flash_memories[0].data)
        link = board.link()
        with pytest.raises(LockedChip, match="locked"):
            open_session(link)
        link.close()
        assert bytes(board.chip.flash_memories[0].data) == before


@pytest.mark.parametrize("chip", ["stm32f407", "nrf51822"])
def test_ram_of_a_chip_whose_flash_is_closed(chip: str) -> None:
    with (
        build_board(VirtualSpec(chip, locked=True)) as board,
        open_session(board.link(), when_locked=WhenLocked.ALLOW) as session,
    ):
        assert session.locked is not None
        session.memory.write(0x2000_0000, b"word")
        assert session.memory.read(0x2000_0000, 4) == b"word"
        session.core.halt()
        assert "pc" in session.core.read_registers()
        with pytest.raises(TransferFault):
            session.memory.read(session.memory_map.flash[0].start, 4)
        with pytest.raises(LockedChip):
            session.erase_chip()
        with pytest.raises(LockedChip):
            session.flash(b"abcd")


@LOCKABLE
def test_erasing_everything_unlocks_it(chip: str) -> None:
    with build_board(VirtualSpec(chip, locked=True)) as board:
        board.chip.flash_memories[0].data[:4] = b"code"
        with open_session(board.link(), when_locked=WhenLocked.ERASE) as session:
            assert session.was_unlocked
            assert session.locked is None
            assert session.chip_name == chip
            assert session.memory.read(session.memory_map.flash[0].start, 4) == b"\xff" * 4
        with open_session(board.link()) as session:  # and it stays open
            assert session.locked is None


@LOCKABLE
def test_an_open_chip_is_not_erased(chip: str) -> None:
    with build_board(VirtualSpec(chip)) as board:
        board.chip.flash_memories[0].data[:4] = b"code"
        with open_session(board.link(), when_locked=WhenLocked.ERASE) as session:
            assert not session.was_unlocked
        assert bytes(board.chip.flash_memories[0].data[:4]) == b"code"


def test_a_chip_that_stays_locked_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onchip.session.session.erase_and_unlock", lambda *_: None)
    with build_board(VirtualSpec("stm32f407", locked=True)) as board:
        link = board.link()
        with pytest.raises(LockedChip, match="everything was erased, but stm32f407 is locked"):
            open_session(link, when_locked=WhenLocked.ERASE)
        link.close()


@pytest.mark.parametrize("protocol", ["swj", "swd", "dormant"])
def test_a_version_2_port_is_reached_in_whichever_state_it_powers_up(
    monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    def version_2(described, ports, faults):  # type: ignore[no-untyped-def]
        ids = {"dpidr": 0x2BA0_2477, "targetid": 0x0100_0041, "protocol": protocol}
        return SwDp(replace(described, **ids), ports, faults)

    monkeypatch.setattr(board_module, "SwDp", version_2)
    with VirtualBoard("stm32f407") as board, open_session(board.link()) as session:
        assert session.dp.idr.VERSION == 2
        assert session.dp.targetid == 0x0100_0041
        assert session.memory.read_u32(0xE000_ED00) == 0x410F_C241


def test_an_unknown_wish_for_locked_chips() -> None:
    with pytest.raises(UsageError, match="when_locked"):
        connect("virtual:stm32f407", when_locked="perhaps")


def test_a_chip_without_power(board: VirtualBoard) -> None:
    board.power_off()
    link = board.link()
    with pytest.raises(TransferError):
        open_session(link)
    link.close()


# ---- COM port


def test_the_com_port_is_refused_where_there_is_none() -> None:
    with onchip.connect("virtual:stm32f407") as session:
        assert isinstance(session, Session)
        if session.probe_info.has_uart:
            port = session.uart
            assert port.read() == b""
            port.close()


# ---- the chip with a boot ROM


@pytest.mark.parametrize("kind", ["system", "hardware"])
def test_reset_and_halt_stands_behind_the_boot_rom(kind: str) -> None:
    with onchip.connect("virtual:lpc1768") as session:
        session.reset(kind, halt=True)
        empty = session.core.read_register("pc")
        assert empty >= 0x1FFF_0000, "without a program the core stays in the boot ROM"
        session.flash(counting_loop("lpc1768"), format="bin")
        session.reset(kind, halt=True)
        assert session.core.read_register("pc") == 0x100
        assert session.core.read_register("sp") == 0x1000_4000
        session.core.step()
        session.core.step()
        assert session.core.read_register("r0") == 1


# ---- what connecting costs


@pytest.mark.parametrize(
    ("probe_model", "packets", "round_trips"), [("bulk-512x4", 10, 10), ("hid-64x4", 20, 14)]
)
def test_connecting_keeps_to_its_budget(probe_model: str, packets: int, round_trips: int) -> None:
    with build_board(VirtualSpec("stm32f407", probe_model)) as board:
        link = CountingLink(board.link())
        with open_session(link):
            assert link.traffic.packets <= packets
            assert link.traffic.round_trips <= round_trips
