"""Probe models: data in ``models/*.toml``, and what the data means.

Each model also exists as ``NAME-basic``: the same probe with firmware that lacks the atomic
commands.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from onchip.errors import BoardError
from onchip.wire.cmsis_dap import Capabilities

DEFAULT_MODEL = "bulk-512x4"
_BASIC = "-basic"
_MODELS = files(__package__) / "models"


@dataclass(frozen=True, slots=True)
class ProbeModel:
    """One kind of probe.

    ``interval_ns`` is the polling interval of its endpoints (0: none), ``transfer_ns`` what a
    packet occupies the bus, ``latency_ns`` the way through the host's USB stack in each direction,
    ``processing_ns`` the firmware's own time for a packet. ``overflow`` says what becomes of a
    packet beyond ``packet_count``: the endpoint makes the host "wait", or the packet is a "drop".
    """

    name: str
    product: str
    transport: Literal["hid", "bulk"]
    packet_size: int
    packet_count: int
    max_frequency_hz: int
    timestamp_hz: int
    uart_buffer: int
    swo_buffer: int
    capabilities: Capabilities
    interval_ns: int
    transfer_ns: int
    latency_ns: int
    processing_ns: int
    default_frequency_hz: int = 1_000_000
    overflow: Literal["wait", "drop"] = "wait"

    @property
    def pads(self) -> bool:
        """Whether responses come in reports of the full packet size."""
        return self.transport == "hid"


def known_probe_models() -> tuple[str, ...]:
    """Return the names of all probe models, sorted."""
    names = [entry.name.removesuffix(".toml") for entry in _MODELS.iterdir()]
    return tuple(sorted(name + suffix for name in names for suffix in ("", _BASIC)))


@cache
def load_probe_model(name: str) -> ProbeModel:
    """Return the model called ``name``.

    Raises:
        BoardError: there is none of that name.
    """
    if name not in known_probe_models():
        raise BoardError(
            f"there is no probe model {name!r}",
            hint="choose from " + ", ".join(known_probe_models()),
        )
    base = name.removesuffix(_BASIC)
    data: dict[str, Any] = tomllib.loads((_MODELS / f"{base}.toml").read_text("utf-8"))
    usb = data.pop("usb")
    capabilities = Capabilities.build(**dict.fromkeys(data.pop("capabilities"), 1))
    model = ProbeModel(
        name=base,
        capabilities=capabilities,
        **data,
        **{f"{key}_ns": round(1000 * usb[key]) for key in usb},
    )
    if name == base:
        return model
    return replace(model, name=name, capabilities=capabilities.replace(ATOMIC_COMMANDS=0))
