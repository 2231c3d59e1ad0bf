"""A probe by itself: its DAP_ commands and the registers of the debug port behind it."""

from pyOCD.pyDAPAccess.dap_access import DAPAccess
from pyOCD.pyDAPAccess.dap_names import ID, PORT, REG

__all__ = ["ID", "PORT", "REG", "DAPAccess"]
