"""The enums of DAPAccess."""

from __future__ import annotations

from enum import Enum


class PORT(Enum):
    """How to talk to the target."""

    DEFAULT = 0
    SWD = 1
    JTAG = 2


class REG(Enum):
    """The registers of the debug port and of the access port that SELECT names."""

    DP_0x0 = 0
    DP_0x4 = 1
    DP_0x8 = 2
    DP_0xC = 3
    AP_0x0 = 4
    AP_0x4 = 5
    AP_0x8 = 6
    AP_0xC = 7

    @property
    def port_register(self) -> int:
        """APnDP in bit 0, A[3:2] in bits [3:2]."""
        return self.value >> 2 | (self.value & 3) << 2


class ID(Enum):
    """What `DAPAccess.identify` asks for."""

    VENDOR = 1
    PRODUCT = 2
    SER_NUM = 3
    FW_VER = 4
    DEVICE_VENDOR = 5
    DEVICE_NAME = 6
    CAPABILITIES = 0xF0
    SWO_BUFFER_SIZE = 0xFD
    MAX_PACKET_COUNT = 0xFE
    MAX_PACKET_SIZE = 0xFF
