"""What a probe says of itself (DAP_Info)."""

from __future__ import annotations

from collections.abc import Callable

from ..wire.cmsis_dap import Capabilities, InfoId


class ProbeInfo:
    """A probe's description.

    Sizes and capabilities are known from the start. The strings are asked of the probe when first
    looked at, then kept: opening a probe should not cost ten packets for names that few want.
    A string that the probe does not give is empty.
    """

    def __init__(
        self,
        packet_size: int,
        packet_count: int,
        capabilities: Capabilities,
        ask: Callable[[InfoId], str | None],
    ) -> None:
        self.packet_size = packet_size
        self.packet_count = packet_count
        self.capabilities = capabilities
        self._ask = ask
        self._known: dict[InfoId, str] = {}

    def text(self, info: InfoId) -> str:
        """Return one of the strings, empty if the probe gives none.

        Raises:
            ProbeError: the probe did not answer.
        """
        if info not in self._known:
            self._known[info] = (self._ask(info) or "").strip()
        return self._known[info]

    @property
    def vendor(self) -> str:
        """Return the probe's maker."""
        return self.text(InfoId.VENDOR)

    @property
    def product(self) -> str:
        """Return the probe's product name."""
        return self.text(InfoId.PRODUCT)

    @property
    def serial(self) -> str:
        """Return the probe's serial number."""
        return self.text(InfoId.SERIAL_NUMBER)

    @property
    def protocol_version(self) -> str:
        """Return the version of CMSIS-DAP that the probe speaks."""
        return self.text(InfoId.PROTOCOL_VERSION)

    @property
    def firmware(self) -> str:
        """Return the version of the probe's own firmware."""
        return self.text(InfoId.FIRMWARE_VERSION)

    @property
    def target_vendor(self) -> str:
        """Return the maker of the chip that sits on the probe's board."""
        return self.text(InfoId.TARGET_VENDOR)

    @property
    def target_name(self) -> str:
        """Return the chip that sits on the probe's board."""
        return self.text(InfoId.TARGET_NAME)

    @property
    def board_vendor(self) -> str:
        """Return the maker of the board that the probe is part of."""
        return self.text(InfoId.BOARD_VENDOR)

    @property
    def board_name(self) -> str:
        """Return the board that the probe is part of."""
        return self.text(InfoId.BOARD_NAME)

    @property
    def has_atomic_commands(self) -> bool:
        """Return whether the probe offers DAP_ExecuteCommands."""
        return self.capabilities.ATOMIC_COMMANDS

    @property
    def has_uart(self) -> bool:
        """Return whether the probe offers a UART through DAP_UART commands."""
        return self.capabilities.UART

    @property
    def has_swd(self) -> bool:
        """Return whether the probe offers SWD."""
        return self.capabilities.SWD

    def __repr__(self) -> str:
        named = " ".join(self._known.get(i, "") for i in (InfoId.VENDOR, InfoId.PRODUCT)).strip()
        return (
            f"<ProbeInfo {named or 'not asked its name yet'}: "
            f"{self.packet_count} packets of {self.packet_size} bytes>"
        )
