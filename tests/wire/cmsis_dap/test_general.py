import pytest

from onchip.errors import WireError
from onchip.wire.cmsis_dap import (
    CommandId,
    Connect,
    ConnectResponse,
    Delay,
    Disconnect,
    HostStatus,
    HostStatusType,
    Port,
    ResetTarget,
    ResetTargetResponse,
    Status,
    StatusResponse,
    WriteABORT,
    command_name,
)

from .golden import Exchange, check_exchange

GOLDEN = [
    Exchange(HostStatus(0, 1), "01 00 01", StatusResponse(0x01, 0), "01 00"),
    Exchange(HostStatus(1, 0), "01 01 00", StatusResponse(0x01, 0), "01 00"),
    Exchange(Connect(0), "02 00", ConnectResponse(1), "02 01"),
    Exchange(Connect(1), "02 01", ConnectResponse(1), "02 01"),
    Exchange(Connect(2), "02 02", ConnectResponse(0), "02 00"),
    Exchange(Disconnect(), "03", StatusResponse(0x03, 0), "03 00"),
    Exchange(WriteABORT(0, 0x1E), "08 00 1e 00 00 00", StatusResponse(0x08, 0), "08 00"),
    Exchange(WriteABORT(2, 0x12345678), "08 02 78 56 34 12", StatusResponse(0x08, 0xFF), "08 ff"),
    Exchange(Delay(0x1234), "09 34 12", StatusResponse(0x09, 0), "09 00"),
    Exchange(ResetTarget(), "0a", ResetTargetResponse(0, 1), "0a 00 01"),
    Exchange(ResetTarget(), "0a", ResetTargetResponse(0, 0), "0a 00 00"),
]


@pytest.mark.parametrize("exchange", GOLDEN, ids=lambda e: e.request_hex)
def test_golden(exchange: Exchange) -> None:
    check_exchange(exchange)


def test_command_bytes_are_those_of_the_tables() -> None:
    table = {
        "Info": 0x00, "HostStatus": 0x01, "Connect": 0x02, "Disconnect": 0x03,
        "TransferConfigure": 0x04, "Transfer": 0x05, "TransferBlock": 0x06, "TransferAbort": 0x07,
        "WriteABORT": 0x08, "Delay": 0x09, "ResetTarget": 0x0A, "SWJ_Pins": 0x10,
        "SWJ_Clock": 0x11, "SWJ_Sequence": 0x12, "SWD_Configure": 0x13, "SWD_Sequence": 0x1D,
        "JTAG_Sequence": 0x14, "JTAG_Configure": 0x15, "JTAG_IDCODE": 0x16, "SWO_Transport": 0x17,
        "SWO_Mode": 0x18, "SWO_Baudrate": 0x19, "SWO_Control": 0x1A, "SWO_Status": 0x1B,
        "SWO_ExtendedStatus": 0x1E, "SWO_Data": 0x1C, "UART_Transport": 0x1F,
        "UART_Configure": 0x20, "UART_Control": 0x22, "UART_Status": 0x23, "UART_Transfer": 0x21,
        "QueueCommands": 0x7E, "ExecuteCommands": 0x7F,
    }  # fmt: skip
    assert {member.name: member.value for member in CommandId} == table


def test_status_codes_and_ports() -> None:
    assert (Status.OK, Status.ERROR) == (0x00, 0xFF)
    assert (Port.DEFAULT, Port.SWD, Port.JTAG) == (0, 1, 2)
    assert (HostStatusType.CONNECT, HostStatusType.RUNNING) == (0, 1)


def test_ok_says_whether_it_worked() -> None:
    assert Disconnect().decode_response(bytes.fromhex("03 00")).ok
    assert not Disconnect().decode_response(bytes.fromhex("03 ff")).ok
    assert Connect().decode_response(bytes.fromhex("02 02")).ok
    assert not Connect().decode_response(bytes.fromhex("02 00")).ok
    assert ResetTarget().decode_response(bytes.fromhex("0a 00 00")).ok
    assert not ResetTarget().decode_response(bytes.fromhex("0a ff 00")).ok


@pytest.mark.parametrize(
    "message",
    [
        HostStatus(256, 0),
        HostStatus(0, -1),
        Connect(256),
        WriteABORT(0, 1 << 32),
        WriteABORT(300, 0),
        Delay(65536),
        StatusResponse(1, 256),
        ConnectResponse(256),
        ResetTargetResponse(0, 256),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused(message) -> None:
    with pytest.raises(WireError, match="does not fit"):
        message.encode()


def test_names_for_people() -> None:
    assert command_name(0x05) == "DAP_Transfer"
    assert command_name(0x83) == "DAP_Vendor3"
    assert command_name(0x42) == "command 0x42"
