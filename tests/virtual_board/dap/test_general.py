"""Commands about the probe itself; every packet is typed from the CMSIS-DAP documentation."""

from __future__ import annotations

import pytest

from onchip.virtual_board.probe.model import known_probe_models

from ..wires import CONNECT, POWER_UP, READ_DPIDR, TO_SWD, Wires


@pytest.fixture
def wires() -> Wires:
    return Wires()


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        ("00 01", "00 07 6f 6e 63 68 69 70 00"),  # "onchip"
        ("00 04", "00 06 32 2e 31 2e 32 00"),  # "2.1.2"
        ("00 05", "00 00"),  # no target is advertised
        ("00 f0", "00 02 b5 01"),  # SWD, SWO UART, atomic, timer, UART; USB COM port
        ("00 f1", "00 04 40 42 0f 00"),  # 1 MHz
        ("00 fb", "00 04 00 10 00 00"),
        ("00 fc", "00 04 00 10 00 00"),
        ("00 fd", "00 04 00 20 00 00"),
        ("00 fe", "00 01 04"),
        ("00 ff", "00 02 00 02"),
        ("00 77", "00 00"),  # unknown information
    ],
)
def test_info(wires: Wires, request_: str, response: str) -> None:
    assert wires(request_) == response


def test_small_probe_says_what_it_lacks() -> None:
    wires = Wires(model="hid-64x1-basic")
    assert wires("00 f0").startswith("00 02 01 00")
    assert wires("00 f1").startswith("00 00")
    assert wires("00 ff").startswith("00 02 40 00")
    assert wires("7f 01 00 fe").startswith("ff 00")  # ExecuteCommands: not there
    assert wires("1b").startswith("ff 00")  # SWO_Status
    assert wires("23").startswith("ff 00")  # UART_Status


def test_hid_reports_are_padded() -> None:
    assert len(bytes.fromhex(Wires(model="hid-64x4")("00 fe"))) == 64


def test_advertised_target() -> None:
    assert bytes.fromhex(Wires(advertise_target=True)("00 06"))[2:-1] == b"bare-ram"


def test_every_model_answers() -> None:
    assert len(known_probe_models()) == 8
    for model in known_probe_models():
        assert Wires(model=model)("00 f0")[:2] == "00"


def test_host_status(wires: Wires) -> None:
    assert wires("01 00 01") == "01 00"
    assert wires("01 01 01") == "01 00"
    assert all(wires.board.probe.firmware.leds.values())
    assert wires("01 02 01") == "01 ff"


@pytest.mark.parametrize(("port", "answer"), [("00", "01"), ("01", "01"), ("02", "00")])
def test_connect(wires: Wires, port: str, answer: str) -> None:
    assert wires(f"02 {port}") == f"02 {answer}"


def test_nothing_goes_before_connect(wires: Wires) -> None:
    wires.all(*TO_SWD)
    assert wires(READ_DPIDR) == "05 00 00"
    assert wires("06 00 01 00 02") == "06 00 00 00"
    assert wires("08 00 1e 00 00 00") == "08 ff"
    assert wires("1d 01 88") == "1d 00 ff"  # SWDIO floats
    wires(CONNECT)
    assert wires(READ_DPIDR) == "05 00 07"  # the selection above never reached the target


def test_disconnect_takes_the_port_away(wires: Wires) -> None:
    wires.attach()
    assert wires("03") == "03 00"
    assert wires(READ_DPIDR) == "05 00 00"
    wires(CONNECT)
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"  # the target has kept its state


def test_clock(wires: Wires) -> None:
    assert wires("11 00 00 00 00") == "11 ff"
    assert wires("11 40 4b 4c 00") == "11 00"
    assert wires.board.clock.frequency_hz == 5_000_000
    assert wires("11 00 ca 9a 3b") == "11 00"  # 1 GHz: as fast as it goes
    assert wires.board.clock.frequency_hz == 24_000_000
    assert wires("11 01 00 00 00") == "11 00"  # 1 Hz: as slow as it goes
    assert wires.board.clock.frequency_hz == 5_000


def test_delay_takes_its_time(wires: Wires) -> None:
    before = wires.board.statistics.time_s
    assert wires("09 e8 03") == "09 00"
    assert wires.board.statistics.time_s - before == pytest.approx(1e-3, rel=0.01)


def test_reset_target_has_no_sequence(wires: Wires) -> None:
    assert wires("0a") == "0a 00 00"


def test_jtag_is_not_there(wires: Wires) -> None:
    assert wires("14 01 08 00") == "14 ff"
    assert wires("15 01 04") == "15 ff"
    assert wires("16 00") == "16 ff"


@pytest.mark.parametrize(
    "packet",
    ["", "80", "9f 01 02", "24", "7d", "a0", "ff", "00", "02", "05", "05 00", "05 00 01",
     "05 00 01 08 00 00 00", "06 00 01 00", "06 00 02 00 0d 00 00 00 00", "10 80", "12 10 9e",
     "1d 01", "1d 01 08", "7f", "04 00 00 00 00", "11 00 00 00", "08 00 00 00 00"],
)  # fmt: skip
def test_unknown_or_cut_short(wires: Wires, packet: str) -> None:
    assert wires(packet) == "ff"
    assert wires("00 fe")[-5:] == "01 04"  # it lives


def test_larger_than_the_packet(wires: Wires) -> None:
    assert wires("00 fe" + " 00" * 511) == "ff"
    assert wires("00 fe" + " 00" * 510) == "00 01 04"


def test_response_that_cannot_fit_is_refused_untouched(wires: Wires) -> None:
    wires.attach()
    before = wires.board.statistics.transfers
    assert wires("05 00 80" + " 02" * 128) == "ff"
    assert wires("06 00 80 00 0f") == "ff"
    assert wires.board.statistics.transfers == before
    assert wires("06 00 7f 00 02").startswith("06 7f 00 01")


def test_execute_commands(wires: Wires) -> None:
    wires.attach()
    # SWJ_Pins, Delay, Info, in one packet: the example of the documentation and a little more.
    assert wires("7f 03 10 00 00 00 00 00 00 09 0a 00 00 fe") == "7f 03 10 af 09 00 00 01 04"
    # Transfers within, a failing one in the middle, and one that the probe does not have.
    assert (
        wires("7f 04 05 00 01 02 05 00 02 05 00 00 00 30 0f a7 05 00 01 06")
        == "7f 04 05 01 01 77 14 a0 2b 05 02 04 ff 05 01 01 20 00 00 f0"
    )


def test_execute_commands_cut_short(wires: Wires) -> None:
    assert wires("7f 03 00 fe 00 fe") == "7f 02 00 01 04 00 01 04"


def test_execute_commands_beyond_the_packet() -> None:
    wires = Wires(model="hid-64x4")
    answer = wires("7f 05" + " 00 02" * 5)  # five times the product's name
    assert answer.startswith("7f 02 00 1b")


def test_queue_commands(wires: Wires) -> None:
    wires.attach()
    board = wires.board

    def run(packet: str) -> list[str]:
        generator = board.begin(bytes.fromhex(packet))
        try:
            while True:
                next(generator)
        except StopIteration as finished:
            return [response.hex(" ") for response in finished.value]

    assert run("7e 02 10 00 00 00 00 00 00 09 0a 00") == []
    assert run("7e 01 00 fe") == []
    assert run(READ_DPIDR) == [
        "7f 02 10 af 09 00", "7f 01 00 01 04", "05 01 01 77 14 a0 2b"
    ]  # fmt: skip
    assert [run("7e 01 00 fe") for _ in range(4)] == [[], [], [], ["7f 01 00 01 04"] * 4]


def test_power_up_handshake(wires: Wires) -> None:
    wires.all(CONNECT, *TO_SWD, READ_DPIDR)
    assert wires("05 00 01 06") == "05 01 01 00 00 00 00"
    assert wires(POWER_UP) == "05 01 01"
    assert wires("05 00 01 06") == "05 01 01 40 00 00 f0"  # READOK: of the closing RDBUFF
