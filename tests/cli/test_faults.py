"""Everything that a board can be scripted to do wrong, and what the user of the shell then sees.

The rule that all of these share: the job was done and verified, or the exit code is not 0, standard
error says in a line what happened, and no traceback appears.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from onchip import registry
from onchip.registry import VirtualSpec
from onchip.session import open_session
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.faults import BoardFault, LineFault, PacketFault
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind
from tests.support.images import FLASH_START, write_bin

from .conftest import Onchip, Outcome

Script = Callable[[VirtualBoard], None]

PROBE = ("--probe", "virtual:stm32f407")
READ = ("read", "0x2000_0000", 64, *PROBE)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], list[VirtualBoard]]:
    """Script every board that is made; return the boards."""
    boards: list[VirtualBoard] = []
    build = registry.build_board

    def plan(script: Script) -> list[VirtualBoard]:
        def scripted(spec: VirtualSpec, **options: object) -> VirtualBoard:
            board = build(spec, **options)
            script(board)
            boards.append(board)
            return board

        monkeypatch.setattr(registry, "build_board", scripted)
        return boards

    return plan


def _told(outcome: Outcome, code: int, *parts: str) -> None:
    assert outcome.code == code, outcome.err or outcome.out
    progress, found, message = outcome.err.partition("onchip: error: ")
    assert found, outcome.err
    assert "a bug in onchip" not in message
    assert all(": " in line for line in progress.splitlines())
    assert len(message.splitlines()) <= 2, outcome.err
    for part in parts:
        assert part.lower() in outcome.err.lower(), outcome.err


# ---- the wire


@pytest.mark.parametrize("after", [0, 40])
def test_nothing_answers(onchip: Onchip, script: Callable[[Script], object], after: int) -> None:
    script(lambda board: board.faults.no_ack(count=None, after=after))
    _told(onchip(*READ), 4, "answer")


def test_a_target_that_waits_for_ever(onchip: Onchip, script: Callable[[Script], object]) -> None:
    script(lambda board: board.faults.wait(count=None, after=12))
    _told(onchip(*READ), 4, "WAIT")


def test_a_target_that_faults_for_ever(onchip: Onchip, script: Callable[[Script], object]) -> None:
    script(lambda board: board.faults.fault(count=None, after=12))
    _told(onchip(*READ), 4, "FAULT")


def test_parity_that_is_never_right(onchip: Onchip, script: Callable[[Script], object]) -> None:
    script(lambda board: board.faults.parity(count=None, after=12))
    _told(onchip(*READ), 4, "parity")


@pytest.mark.parametrize("after", range(0, 60, 11))
@pytest.mark.parametrize(
    "kind", [LineFault.WAIT, LineFault.FAULT, LineFault.PARITY, LineFault.NO_ACK]
)
def test_one_bad_transfer_is_survived_or_told(
    onchip: Onchip, script: Callable[[Script], object], kind: LineFault, after: int
) -> None:
    plans = {
        LineFault.WAIT: lambda board: board.faults.wait(after=after),
        LineFault.FAULT: lambda board: board.faults.fault(after=after),
        LineFault.PARITY: lambda board: board.faults.parity(after=after),
        LineFault.NO_ACK: lambda board: board.faults.no_ack(after=after),
    }
    script(plans[kind])
    outcome = onchip(*READ)
    if outcome.code == 0:
        assert len(outcome.out.splitlines()) == 4
    else:
        _told(outcome, 4)
    if kind is LineFault.WAIT:
        assert outcome.code == 0, "a WAIT is no error: it is asked again"


# ---- the probe's packets


@pytest.mark.parametrize("nth", range(1, 14, 2))
@pytest.mark.parametrize("kind", PacketFault)
def test_a_packet_that_goes_astray_is_survived_or_told(
    onchip: Onchip, script: Callable[[Script], object], kind: PacketFault, nth: int
) -> None:
    plans = {
        PacketFault.LOSE_REQUEST: lambda board: board.faults.lose_request(nth),
        PacketFault.LOSE_RESPONSE: lambda board: board.faults.lose_response(nth),
        PacketFault.LATE_RESPONSE: lambda board: board.faults.late_response(nth, delay_s=10.0),
        PacketFault.REPEAT_RESPONSE: lambda board: board.faults.repeat_response(nth),
    }
    script(plans[kind])
    outcome = onchip("read", "0xE000_ED00", 4, "--width", 32, *PROBE)
    if outcome.code == 0:
        assert outcome.out.split()[1] == "410fc241"
    else:
        _told(outcome, outcome.code)
        assert outcome.code in (3, 4)


@pytest.mark.parametrize("nth", [0, 3, 9])
def test_a_probe_that_is_pulled(
    onchip: Onchip, script: Callable[[Script], object], nth: int
) -> None:
    script(lambda board: board.faults.unplug(after_packets=nth))
    _told(onchip(*READ), 3)


# ---- the board's supply and reset, at moments all over a flash job


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bin(tmp_path_factory.mktemp("image"), "nrf52840", length=5000)


@pytest.fixture(scope="module")
def packets_of_a_job(image: Path) -> int:
    with registry.build_board(VirtualSpec("nrf52840")) as board:
        with open_session(board.link()) as session:
            session.flash(image)
        return board.statistics.packets


@pytest.mark.parametrize("kind", BoardFault)
@pytest.mark.parametrize("tenths", range(1, 10, 3))
def test_flashing_through_a_disaster_is_never_called_a_success_that_it_was_not(
    onchip: Onchip,
    script: Callable[[Script], list[VirtualBoard]],
    image: Path,
    packets_of_a_job: int,
    kind: BoardFault,
    tenths: int,
) -> None:
    after = packets_of_a_job * tenths // 10
    plans = {
        BoardFault.UNPLUG: lambda board: board.faults.unplug(after_packets=after),
        BoardFault.RESET_TARGET: lambda board: board.faults.reset_target(after_packets=after),
        BoardFault.BROWN_OUT: lambda board: board.faults.brown_out(after_packets=after),
        BoardFault.POWER_LOSS: lambda board: board.faults.power_loss(after_packets=after),
    }
    boards = script(plans[kind])
    outcome = onchip("flash", image, "--probe", "virtual:nrf52840")
    if outcome.code == 0:
        data = image.read_bytes()
        assert boards[-1].bus.read_block(0, len(data)) == data
        assert "verified" in outcome.out
    else:
        _told(outcome, outcome.code)
        assert outcome.code in (1, 3, 4)
        assert "verified" not in outcome.out
    if kind in (BoardFault.UNPLUG, BoardFault.POWER_LOSS) and tenths < 9:
        assert outcome.code != 0


def test_no_power_at_all(onchip: Onchip, script: Callable[[Script], object]) -> None:
    script(lambda board: board.power_off())
    _told(onchip(*READ), 4, "answer")


# ---- the flash memory


@pytest.mark.parametrize(
    "kind",
    [
        FlashFaultKind.STUCK_BUSY,
        FlashFaultKind.PROGRAM_FAILS,
        FlashFaultKind.STUCK_BIT,
        FlashFaultKind.WRITE_PROTECTED,
    ],
)
# of every chip: tests/flash/test_engine.py
@pytest.mark.parametrize("chip", ["stm32f407", "lpc1768"])
def test_flash_that_does_not_take_it_is_told(
    onchip: Onchip,
    script: Callable[[Script], list[VirtualBoard]],
    tmp_path: Path,
    chip: str,
    kind: FlashFaultKind,
) -> None:
    start = FLASH_START[chip]

    def plan(board: VirtualBoard) -> None:
        board.flash_faults.add(FlashFault(kind, start + 0x204, None, bits=0xFFFF_FFFF))

    boards = script(plan)
    image = write_bin(tmp_path, chip, length=1024)
    outcome = onchip("flash", image, "--probe", f"virtual:{chip}")
    if outcome.code == 0:  # the fault does not exist on this chip
        assert boards[-1].bus.read_block(start, 1024) == image.read_bytes()
        assert kind is not FlashFaultKind.STUCK_BIT
    else:
        _told(outcome, 1)
        assert "verified" not in outcome.out


@pytest.mark.parametrize("chip", ["stm32f407", "lpc1768"])
def test_a_sector_that_does_not_erase_is_told(
    onchip: Onchip,
    script: Callable[[Script], list[VirtualBoard]],
    tmp_path: Path,
    chip: str,
) -> None:
    flash_file = tmp_path / "board.flash"
    probe = ("--probe", f"virtual:{chip}@{flash_file}")
    assert onchip("flash", write_bin(tmp_path, chip, seed=1), *probe).code == 0
    script(lambda board: board.flash_faults.add(FlashFault(FlashFaultKind.ERASE_FAILS, count=None)))
    _told(onchip("flash", write_bin(tmp_path, chip, seed=2), *probe), 1)
    _told(onchip("erase", hex(FLASH_START[chip]), 16, *probe), 1)


def test_slow_flash_is_only_slow(
    onchip: Onchip, script: Callable[[Script], list[VirtualBoard]], tmp_path: Path
) -> None:
    script(lambda board: board.flash_faults.add(FlashFault(FlashFaultKind.TIMEOUT)))
    outcome = onchip("flash", write_bin(tmp_path, "stm32f407"), *PROBE)
    assert outcome.code in (0, 1)
    if outcome.code:
        _told(outcome, 1)
