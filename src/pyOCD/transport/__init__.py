"""How a probe is spoken to. ``TRANSPORT`` names the ways; put yours in."""

from pyOCD.transport.cmsis_dap import CMSIS_DAP
from pyOCD.transport.transport import READ_END, READ_NOW, READ_START, Transport

TRANSPORT: dict[str, type[Transport]] = {"cmsis_dap": CMSIS_DAP}

__all__ = ["CMSIS_DAP", "READ_END", "READ_NOW", "READ_START", "TRANSPORT", "Transport"]
