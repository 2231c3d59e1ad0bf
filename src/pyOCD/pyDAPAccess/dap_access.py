"""One probe under the classic names: opened, asked, and its port driven by register."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

from onchip import errors
from onchip.session import DapClient, DebugPort, Link, RawPort, open_probe
from pyOCD.interface import Interface, InterfaceLink, OnchipInterface, connected_interfaces
from pyOCD.pyDAPAccess import dap_names as names

DEFAULT_FREQUENCY_HZ = 1_000_000
LOG = logging.getLogger(__name__)


class DAPAccess:
    """A probe; `open` takes it, `close` lets it go.

    ``unique_id`` is what `get_connected_devices` shows, or any name that `onchip.connect` knows.
    """

    PORT = names.PORT
    REG = names.REG
    ID = names.ID

    Error = errors.OnchipError
    DeviceError = errors.ProbeError
    CommandError = errors.ProbeRefused
    TransferError = errors.TransferError
    TransferTimeoutError = errors.TransferWait
    TransferFaultError = errors.TransferFault
    TransferProtocolError = (errors.TransferNoAck, errors.TransferParity)

    _limit_packets = False

    def __init__(self, unique_id: str, interface: Interface | None = None) -> None:
        self._unique_id = unique_id
        self._interface = interface or OnchipInterface(unique_id)
        self._client: DapClient | None = None
        self._frequency_hz = DEFAULT_FREQUENCY_HZ
        self._deferred = False
        self._pending: Any = None

    # ---- which there are

    @staticmethod
    def get_connected_devices() -> list[DAPAccess]:
        """Return the probes that are plugged in, closed."""
        return [
            DAPAccess(interface.getSerialNumber() or interface.getInfo(), interface)
            for interface in connected_interfaces()
        ]

    @staticmethod
    def get_device(device_id: str) -> DAPAccess:
        """Return the probe of that id, whether or not it is there; `open` finds out."""
        for device in DAPAccess.get_connected_devices():
            if device.get_unique_id() == device_id:
                return device
        return DAPAccess(device_id)

    @staticmethod
    def set_args(arg_list: Sequence[str]) -> None:
        """Take ``name=value`` settings for probes opened from now on.

        ``limit_packets=1`` keeps one packet in flight. There is no other; the next call forgets it.

        Raises:
            UsageError: one is not of that form.
        """
        DAPAccess._limit_packets = False
        for argument in arg_list:
            name, equals, value = argument.partition("=")
            if not equals:
                raise errors.UsageError(
                    f"{argument!r} is no setting", hint="the form is name=value"
                )
            if name.strip().lower() == "limit_packets":
                DAPAccess._limit_packets = value.strip().lower() in ("1", "true", "yes", "on")
            else:
                LOG.warning("the setting %s changes nothing", name)

    def get_unique_id(self) -> str:
        return self._unique_id

    @property
    def interface(self) -> Interface:
        """The way to the probe."""
        return self._interface

    @property
    def product_name(self) -> str:
        return self._interface.product_name

    @property
    def vendor_name(self) -> str:
        return self._interface.vendor_name

    # ---- open and closed

    @property
    def client(self) -> DapClient:
        """The session's own view of the probe.

        Raises:
            DeviceError: `open` was not called.
        """
        if self._client is None:
            raise errors.ProbeError(
                f"{self._unique_id} is not open", hint="call open(), or board.init(), first"
            )
        return self._client

    def open(self) -> None:
        """Take the probe and connect its SWD port. Opening twice is harmless."""
        if self._client is not None:
            return
        self._interface.init()
        try:
            self._client = open_probe(self._link(), frequency_hz=self._frequency_hz)
        except BaseException:
            self._interface.close()
            raise
        if self._limit_packets:
            self._client.packet_count = 1
        self._interface.setPacketCount(self._client.packet_count)
        self._interface.setPacketSize(self._client.packet_size)

    def _link(self) -> Link:
        """Return the way to the open interface."""
        if isinstance(self._interface, OnchipInterface):
            return self._interface.link
        return InterfaceLink(self._interface)

    def close(self) -> None:
        """Let go of the probe. Closing twice is harmless."""
        client, self._client, self._pending = self._client, None, None
        if client is not None:
            client.close()
            self._interface.close()

    def connect(self, port: names.PORT = names.PORT.DEFAULT) -> None:
        """Wake the debug port on the wire.

        Raises:
            CommandError: JTAG was asked for.
            TransferError: nothing answers.
        """
        if port is names.PORT.JTAG:
            raise errors.ProbeRefused("onchip speaks SWD only, not JTAG")
        DebugPort(self.client).connect()

    def disconnect(self) -> None:
        """Do what was deferred; the port sleeps once the probe is closed."""
        if self._client is not None:
            self.flush()

    def set_clock(self, frequency: int) -> None:
        """Set the SWD clock in Hz; before `open` it is remembered."""
        self._frequency_hz = int(frequency)
        if self._client is not None:
            self._client.set_frequency(self._frequency_hz)

    def get_swj_mode(self) -> names.PORT:
        """Return SWD.

        Raises:
            DeviceError: the probe is not open.
        """
        self.client.ensure_usable()
        return names.PORT.SWD

    def reset(self) -> None:
        """Pull nRESET low for a moment: 100 ms, and as long until the chip is awake."""
        self.assert_reset(True)
        self.client.link.sleep(0.1)
        self.assert_reset(False)
        self.client.link.sleep(0.1)

    def assert_reset(self, asserted: bool) -> None:
        """Pull nRESET low, or let it go."""
        self.flush()
        if asserted:
            self.client.assert_reset()
        else:
            self.client.release_reset()

    # ---- questions

    def identify(self, item: names.ID | int) -> int | str | None:
        """Return what DAP_Info tells."""
        return self._port.identify(item.value if isinstance(item, names.ID) else item)

    def vendor(self, index: int, data: Sequence[int] | None = None) -> list[int]:
        """Run the probe maker's own command number ``index``."""
        return list(self._port.vendor(index, bytes(data or ())))

    # ---- registers

    def set_deferred_transfer(self, enable: bool) -> None:
        """Remember it: reads asked for with ``now=False`` are deferred in any case."""
        if not enable:
            self.flush()
        self._deferred = enable

    def flush(self) -> None:
        """Carry out what was deferred. What fails is raised where its value is fetched."""
        batch, self._pending = self._pending, None
        if batch is not None:
            # what fails is kept by the result that it belongs to
            with contextlib.suppress(errors.OnchipError):
                batch.run()

    def write_reg(self, reg_id: names.REG, value: int, dap_index: int = 0) -> None:
        self.reg_write_repeat(1, reg_id, [value], dap_index)

    def read_reg(self, reg_id: names.REG, dap_index: int = 0, now: bool = True) -> Any:
        """Return a register's value, or with ``now`` false a function that does."""
        later = self._begin(reg_id, 1)
        return later()[0] if now else lambda: later()[0]

    def reg_write_repeat(
        self, num_repeats: int, reg_id: names.REG, data_array: Sequence[int], dap_index: int = 0
    ) -> None:
        """Write ``num_repeats`` values to one register.

        Raises:
            ValueError: there are not as many values.
        """
        if len(data_array) != num_repeats:
            raise ValueError(f"{num_repeats} writes, but {len(data_array)} values")
        self.flush()
        self._port.write(reg_id.port_register, data_array)

    def reg_read_repeat(
        self, num_repeats: int, reg_id: names.REG, dap_index: int = 0, now: bool = True
    ) -> Any:
        """Return what ``num_repeats`` reads give, or with ``now`` false a function that does."""
        later = self._begin(reg_id, num_repeats)
        return later() if now else later

    @property
    def _port(self) -> RawPort:
        return RawPort(self.client)

    def _begin(self, reg_id: names.REG, count: int) -> Callable[[], list[int]]:
        port = self._port
        if self._pending is None:
            self._pending = port.batch()
        mine = self._pending
        result = port.queue_read(mine, reg_id.port_register, count)

        def fetch() -> list[int]:
            if self._pending is mine:
                self.flush()
            return result.value

        return fetch

    def __repr__(self) -> str:
        return f"<DAPAccess {self._unique_id}: {self._interface.getInfo()}>"
