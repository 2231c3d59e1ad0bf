"""`onchip info`: the probe, the debug hardware, the core and the chip, as far as they answer."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

from onchip.cli.complaints import as_data, explain
from onchip.cli.exit_codes import ExitCode
from onchip.cli.options import add_connection, add_json, open_client
from onchip.cli.terminal import bytes_text, hex32, print_json
from onchip.errors import LockedChip, OnchipError, ProbeError

if TYPE_CHECKING:
    from onchip.coresight.rom_table import Component
    from onchip.session import DapClient, Ports, Session

EPILOG = """\
examples:
  onchip info
  onchip info --probe virtual:nrf52840 --json

Of a chip that is locked, or does not answer, all is shown that can be seen; the exit code is 4.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show what is connected; nothing is halted."""
    from onchip.session import ConnectMode, WhenLocked, named_chip, ports_of, session_at
    from onchip.session.connecting import settle_clock

    chip = None if arguments.target is None else named_chip(arguments.target, arguments.pack)
    mode = ConnectMode(arguments.connect)
    ports: Ports | None = None
    session: Session | None = None
    trouble: OnchipError | None = None
    with contextlib.ExitStack() as opened:
        client = open_client(arguments)
        opened.callback(client.close)
        try:
            ports = ports_of(client, chip=chip, mode=mode)
            session = session_at(ports, chip=chip, mode=mode, when_locked=WhenLocked.ALLOW)
            opened.enter_context(session)
            trouble = session.locked
            if arguments.frequency == "auto":
                settle_clock(session)
        except ProbeError:
            raise
        except OnchipError as error:
            trouble = error
        facts = _facts(client, ports, session)
    locked = trouble if isinstance(trouble, LockedChip) else None
    if locked is not None:
        facts["locked"] = {"evidence": locked.message, "hint": locked.hint}
    elif trouble is not None:
        facts["error"] = as_data(trouble)
    if arguments.json:
        print_json(facts)
    else:
        for line in _lines(facts):
            print(line)
    if trouble is not None and locked is None:
        return explain(trouble)
    return ExitCode.DONE if locked is None else ExitCode.TARGET


def _facts(client: DapClient, ports: Ports | None, session: Session | None) -> dict[str, Any]:
    """Return what is known; None stands for what does not answer."""
    probe = client.info
    aps = ports.aps if ports is not None else []
    return {
        "probe": {
            "where": client.link.description,
            "vendor": probe.vendor,
            "product": probe.product,
            "serial": probe.serial,
            "firmware": probe.firmware,
            "protocol": probe.protocol_version,
            "packet_size": probe.packet_size,
            "packet_count": probe.packet_count,
            "atomic_commands": probe.has_atomic_commands,
            "com_port": probe.has_uart,
        },
        "dp": None
        if ports is None
        else {"idr": int(ports.dp.idr), "version": ports.dp.idr.VERSION},
        "aps": [
            {"index": ap.index, "idr": int(ap.idr), "kind": _ap_kind(int(ap.idr))} for ap in aps
        ],
        "rom_table": None if session is None else _component(session.rom_table),
        "core": None if session is None else _core(session),
        "chip": None if session is None else _chip(session),
        "locked": None,
        "error": None,
    }


def _core(session: Session) -> dict[str, Any]:
    core = session.core
    return {
        "name": core.name,
        "cpuid": int(core.cpuid),
        "architecture": core.architecture,
        "fpu": core.has_fpu,
        "state": core.state().value,
        "breakpoints": core.breakpoints.available,
        "watchpoints": core.watchpoints.available,
    }


def _chip(session: Session) -> dict[str, Any] | None:
    chip = session.chip
    if chip is None:
        return None
    return {
        "name": chip.name,
        "vendor": chip.vendor,
        "part": chip.part,
        "memory": [
            {
                "name": region.name,
                "kind": str(region.kind),
                "start": region.start,
                "length": region.length,
                "closed": session.locked is not None and region.name == "flash",
            }
            for region in chip.memory_map
        ],
    }


def _component(component: Component) -> dict[str, Any]:
    return {
        "address": component.address,
        "name": component.name,
        "designer": component.designer,
        "part": component.part,
        "class": component.component_class,
        "problem": component.problem,
        "children": [_component(child) for child in component.children],
    }


def _ap_kind(idr: int) -> str:
    if idr == 0x0288_0000:
        return "CTRL-AP of nRF52"
    if idr >> 13 & 0xF != 0x8:
        return "not a MEM-AP"
    kinds = {1: "AHB3-AP", 2: "APB2-AP", 4: "AXI-AP", 5: "AHB5-AP", 6: "APB4-AP", 8: "AHB5-AP"}
    return kinds.get(idr & 0xF, "MEM-AP")


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = _probe_lines(facts["probe"])
    if facts["dp"] is None:
        return [*lines, "DP     does not answer"]
    lines.append(f"DP     IDR {hex32(facts['dp']['idr'])}, DPv{facts['dp']['version']}")
    lines += [f"AP {ap['index']:<3} IDR {hex32(ap['idr'])}, {ap['kind']}" for ap in facts["aps"]]
    core = facts["core"]
    if core is None:
        lines.append("core   does not answer")
    else:
        lines += [
            f"ROM    {line}" if i == 0 else f"       {line}"
            for i, line in enumerate(_tree(facts["rom_table"]))
        ]
        lines += [
            f"core   {core['name']}, {core['architecture']}, CPUID {hex32(core['cpuid'])}",
            f"       {core['state']}; {core['breakpoints']} breakpoints and"
            f" {core['watchpoints']} watchpoints left",
            *_chip_lines(facts["chip"]),
        ]
    return lines + _lock_lines(facts)


def _probe_lines(probe: dict[str, Any]) -> list[str]:
    extras = [
        text
        for text, present in (
            ("atomic commands", probe["atomic_commands"]),
            ("COM port", probe["com_port"]),
        )
        if present
    ]
    firmware = f", firmware {probe['firmware']}" if probe["firmware"] else ""
    return [
        f"probe  {probe['vendor']} {probe['product']}, serial {probe['serial']}",
        f"       {probe['where']}, CMSIS-DAP {probe['protocol']}{firmware}",
        f"       {probe['packet_count']} packets of {probe['packet_size']} bytes"
        + "".join(f", {extra}" for extra in extras),
    ]


def _chip_lines(chip: dict[str, Any] | None) -> list[str]:
    if chip is None:
        return ["chip   not one that onchip knows; --target names one"]
    return [
        f"chip   {chip['name']}: {chip['vendor']} {chip['part']}",
        *(
            f"       {hex32(r['start'])}  {bytes_text(r['length']):>9}  {r['kind']:<6}  {r['name']}"
            + (" (closed)" if r["closed"] else "")
            for r in chip["memory"]
        ),
    ]


def _lock_lines(facts: dict[str, Any]) -> list[str]:
    locked = facts["locked"]
    if locked is None:
        return []
    if facts["core"] is None:
        closed = "the core and all memory; the debug port and the APs above answer"
    else:
        closed = "flash; RAM, registers and peripherals can be read and written"
    return [f"locked {locked['evidence']}", f"       closed: {closed}", f"       {locked['hint']}"]


def _tree(component: dict[str, Any], indent: str = "") -> list[str]:
    problem = f" ({component['problem']})" if component["problem"] else ""
    designer = f", {component['designer']}" if component["designer"] else ""
    lines = [f"{indent}{hex32(component['address'])}  {component['name']}{designer}{problem}"]
    for child in component["children"]:
        lines += _tree(child, indent + "  ")
    return lines
