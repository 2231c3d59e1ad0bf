"""What a probe says of itself (DAP_Info)."""
from __future__ import annotations


class ProbeInfo:
    """A probe's description. Strings are asked of the probe when first looked at, then kept."""

    packet_size: int
    packet_count: int
    capabilities: int

    @property
    def vendor(self) -> str: raise NotImplementedError
    @property
    def product(self) -> str: raise NotImplementedError
    @property
    def serial(self) -> str: raise NotImplementedError
    @property
    def protocol_version(self) -> str: raise NotImplementedError
    @property
    def firmware(self) -> str: raise NotImplementedError
    @property
    def target_vendor(self) -> str: raise NotImplementedError
    @property
    def target_name(self) -> str: raise NotImplementedError
    @property
    def board_vendor(self) -> str: raise NotImplementedError
    @property
    def board_name(self) -> str: raise NotImplementedError
    @property
    def has_atomic_commands(self) -> bool: raise NotImplementedError
    @property
    def has_uart(self) -> bool: raise NotImplementedError
