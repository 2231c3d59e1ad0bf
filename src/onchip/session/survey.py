"""Look at every probe that is plugged in: the board behind it, its firmware, whether it is free.

Probes are asked with DAP_Info alone. Nothing is connected, so nothing is disturbed: neither a chip
nor a program that uses it over a shared probe.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onchip import registry
from onchip.dap.client import DapClient
from onchip.errors import OnchipError, ProbeBusy, UsageError
from onchip.probe.link import usb_link
from onchip.target.boards import board_id, known_board

if TYPE_CHECKING:
    from onchip.probe.link import Link
    from onchip.registry import PluggedProbe


@dataclass(frozen=True, slots=True)
class FoundProbe:
    """One probe and what is known of it. An empty string is something that nobody tells.

    ``probe`` is what ``--probe`` takes. ``board`` and ``chip`` come from the probe's own words
    (CMSIS-DAP 2.1), else from the board id. ``state`` is ``free``, ``in use`` or ``problem``, and
    ``trouble`` says more. ``host``, ``port`` and ``pid`` are of a board on a socket, if known.
    """

    serial: str
    probe: str
    protocol: str
    product: str
    board_id: str = ""
    board: str = ""
    chip: str = ""
    firmware: str = ""
    state: str = "free"
    trouble: str = ""
    host: str = ""
    port: int = 0
    pid: int = 0


Wrap = Callable[["Link"], "Link"]


def survey(spec: str | None = None, *, wrap: Wrap = lambda link: link) -> list[FoundProbe]:
    """Return every probe that is plugged in, or the one that ``spec`` names.

    ``wrap`` is called with each link that is opened; what it returns is used.

    Raises:
        OnchipError: the probe named by ``spec`` cannot be opened, or does not answer.
    """
    if spec is not None:
        return [_named(spec, wrap)]
    return [look_at(probe, wrap) for probe in registry.plugged_probes()]


def _named(spec: str, wrap: Wrap) -> FoundProbe:
    link = wrap(registry.open_link(spec))
    info, serial = _ask(link)
    way = usb_link(link)
    id_ = board_id(serial, None if way is None else way.usb.vendor_id)
    board = known_board(id_)
    return FoundProbe(
        serial=serial or spec,
        probe=spec,
        protocol=spec.partition(":")[0] if way is None else way.protocol,
        product=info["product"],
        board_id=id_,
        board=info["board"] or (board.name if board else ""),
        chip=info["chip"] or (board.chip if board else ""),
        firmware=info["firmware"],
    )


def look_at(probe: PluggedProbe, wrap: Wrap = lambda link: link) -> FoundProbe:
    """Ask one probe what it is; where it cannot be asked, say why."""
    identity = getattr(probe, "identity", None)
    serial = identity.serial if identity is not None else probe.serial
    id_ = board_id(serial, identity.vendor_id if identity is not None else None)
    board = known_board(id_)
    answers = {"board": "", "chip": "", "firmware": ""}
    state, trouble = "free", ""
    try:
        answers, _ = _ask(wrap(registry.open_probe(probe)))
    except UsageError:  # of ``wrap``
        raise
    except ProbeBusy as error:
        state, trouble = "in use", error.message
    except OnchipError as error:
        state, trouble = "problem", error.message
    return FoundProbe(
        serial=probe.serial,
        probe=probe.spec,
        protocol=probe.protocol,
        product=probe.probe_model,
        board_id=id_,
        board=answers["board"] or (board.name if board else ""),
        chip=probe.chip or answers["chip"] or (board.chip if board else ""),
        firmware=answers["firmware"],
        state=state,
        trouble=trouble,
        host=getattr(probe, "host", ""),
        port=getattr(probe, "port", 0),
        pid=getattr(probe, "pid", 0),
    )


def _ask(link: Link) -> tuple[dict[str, str], str]:
    """Return what a probe says of itself, and its serial number; the link is closed."""
    try:
        info = DapClient.ask(link).info
        said = {
            "product": info.product,
            "board": " ".join(filter(None, (info.board_vendor, info.board_name))),
            "chip": info.target_name,
            "firmware": info.firmware,
        }
        return said, info.serial
    finally:
        with contextlib.suppress(OnchipError):
            link.close()
