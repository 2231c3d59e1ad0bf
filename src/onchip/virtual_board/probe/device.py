"""The probe as a whole: firmware, pins, clock and faults, built from a model and wired to a DP."""

from __future__ import annotations

from collections.abc import Callable, Generator

from onchip.virtual_board.coresight.sw_dp import SwDp
from onchip.virtual_board.coresight.swd_line import SwdLine
from onchip.virtual_board.dap.clock import ProbeClock
from onchip.virtual_board.dap.firmware import Firmware, Identity
from onchip.virtual_board.dap.pins import Pins, ResetLine
from onchip.virtual_board.dap.swd_port import SwdPort
from onchip.virtual_board.dap.trace_port import TracePort
from onchip.virtual_board.dap.transfers import Transfers
from onchip.virtual_board.dap.uart_bridge import UartBridge
from onchip.virtual_board.faults import Faults
from onchip.wire.cmsis_dap import InfoId

from .model import ProbeModel

PROTOCOL_VERSION = "2.1.2"
FIRMWARE_VERSION = "1.0.0"


class ProbeDevice:
    """One probe, plugged in until ``unplug``.

    Attributes:
        connection: stands for the time since it was plugged in; None while it is not.
        packets: packets that reached the firmware; ``round_trips`` of them found nothing in flight.
    """

    def __init__(
        self,
        model: ProbeModel,
        *,
        dp: SwDp,
        clock: ProbeClock,
        faults: Faults,
        reset_line: ResetLine,
        serial: str,
        halted: Callable[[], bool],
        uart_send: Callable[[bytes], None],
        target: tuple[str, str] | None = None,
    ) -> None:
        self.model = model
        self.clock = clock
        self.faults = faults
        self.connection: object | None = object()
        self.packets = 0
        self.round_trips = 0
        self.port = SwdPort(dp, SwdLine(dp), clock)
        capabilities = model.capabilities
        self.trace = (
            TracePort(clock, model.swo_buffer, model.packet_size, model.timestamp_hz)
            if capabilities.SWO_UART
            else None
        )
        self.uart = (
            UartBridge(
                clock,
                model.uart_buffer,
                model.packet_size,
                uart_send,
                com_port=capabilities.USB_COM_PORT,
            )
            if capabilities.UART
            else None
        )
        self.firmware = Firmware(
            Identity(
                texts=_texts(model, serial, target),
                capabilities=capabilities,
                packet_size=model.packet_size,
                packet_count=model.packet_count,
                max_frequency_hz=model.max_frequency_hz,
                timestamp_hz=model.timestamp_hz,
                uart_buffer=model.uart_buffer if capabilities.UART else 0,
                swo_buffer=model.swo_buffer if capabilities.SWO_UART else 0,
            ),
            self.port,
            clock,
            Pins(self.port, clock, reset_line),
            Transfers(self.port, clock, halted, model.timestamp_hz),
            self.trace,
            self.uart,
        )

    @property
    def plugged(self) -> bool:
        """Whether the host can see the probe."""
        return self.connection is not None

    def unplug(self) -> None:
        """Leave the bus. What the host had opened is lost for good."""
        self.connection = None

    def plug_in(self) -> None:
        """Come back to the bus."""
        if self.connection is None:
            self.connection = object()

    def run(self, packet: bytes) -> Generator[None, None, list[bytes]]:
        """Let the firmware interpret ``packet`` from the clock's present on."""
        self.packets += 1
        self.clock.spend_ns(self.model.processing_ns)
        responses = yield from self.firmware.run(packet)
        if self.model.pads:
            return [response.ljust(self.model.packet_size, b"\0") for response in responses]
        return responses


def _texts(model: ProbeModel, serial: str, target: tuple[str, str] | None) -> dict[int, str]:
    texts: dict[int, str] = {
        InfoId.VENDOR: "onchip",
        InfoId.PRODUCT: model.product,
        InfoId.SERIAL_NUMBER: serial,
        InfoId.PROTOCOL_VERSION: PROTOCOL_VERSION,
        InfoId.FIRMWARE_VERSION: FIRMWARE_VERSION,
    }
    if target is not None:
        vendor, name = target
        texts[InfoId.TARGET_VENDOR] = vendor
        texts[InfoId.TARGET_NAME] = name
        texts[InfoId.BOARD_VENDOR] = "onchip"
        texts[InfoId.BOARD_NAME] = f"virtual {name}"
    return texts
