"""Operations become batches, batches become CMSIS-DAP packets, answers become results and faults.

Below stand ``probe`` (a ``Link`` that moves packets) and ``wire`` (their bytes). Above,
``coresight`` gives the DP and AP registers their meaning: it adds operations to a ``Batch`` and
reads ``Result``s.
"""

from .batch import Batch, Result
from .client import DapClient
from .info import ProbeInfo
from .raw_port import RawPort
from .transfers import Element, Transfers

__all__ = ["Batch", "DapClient", "Element", "ProbeInfo", "RawPort", "Result", "Transfers"]
