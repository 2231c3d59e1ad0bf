"""`onchip info`: the probe, the debug hardware, the core and the chip."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from onchip.cli.options import add_connection, add_json, open_session
from onchip.cli.terminal import bytes_text, hex32, print_json

if TYPE_CHECKING:
    from onchip.coresight.rom_table import Component
    from onchip.session import Session

EPILOG = """\
examples:
  onchip info
  onchip info --probe virtual:nrf52840 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show what is connected; nothing is halted."""
    with open_session(arguments) as session:
        facts = _facts(session)
    if arguments.json:
        print_json(facts)
    else:
        for line in _lines(facts):
            print(line)
    return 0


def _facts(session: Session) -> dict[str, Any]:
    probe, core, chip = session.probe_info, session.core, session.chip
    return {
        "probe": {
            "where": session.link.description,
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
        "dp": {"idr": int(session.dp.idr), "version": session.dp.idr.VERSION},
        "aps": [
            {"index": ap.index, "idr": int(ap.idr), "kind": _ap_kind(int(ap.idr))}
            for ap in session.aps
        ],
        "rom_table": _component(session.rom_table),
        "core": {
            "name": core.name,
            "cpuid": int(core.cpuid),
            "architecture": core.architecture,
            "fpu": core.has_fpu,
            "state": core.state().value,
            "breakpoints": core.breakpoints.available,
            "watchpoints": core.watchpoints.available,
        },
        "chip": None
        if chip is None
        else {
            "name": chip.name,
            "vendor": chip.vendor,
            "part": chip.part,
            "memory": [
                {
                    "name": region.name,
                    "kind": str(region.kind),
                    "start": region.start,
                    "length": region.length,
                }
                for region in chip.memory_map
            ],
        },
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
    if idr >> 13 & 0xF != 0x8:
        return "not a MEM-AP"
    kinds = {1: "AHB3-AP", 2: "APB2-AP", 4: "AXI-AP", 5: "AHB5-AP", 6: "APB4-AP", 8: "AHB5-AP"}
    return kinds.get(idr & 0xF, "MEM-AP")


def _lines(facts: dict[str, Any]) -> list[str]:
    probe, core, chip = facts["probe"], facts["core"], facts["chip"]
    extras = [
        text
        for text, present in (
            ("atomic commands", probe["atomic_commands"]),
            ("COM port", probe["com_port"]),
        )
        if present
    ]
    firmware = f", firmware {probe['firmware']}" if probe["firmware"] else ""
    lines = [
        f"probe  {probe['vendor']} {probe['product']}, serial {probe['serial']}",
        f"       {probe['where']}, CMSIS-DAP {probe['protocol']}{firmware}",
        f"       {probe['packet_count']} packets of {probe['packet_size']} bytes"
        + "".join(f", {extra}" for extra in extras),
        f"DP     IDR {hex32(facts['dp']['idr'])}, DPv{facts['dp']['version']}",
    ]
    lines += [f"AP {ap['index']:<3} IDR {hex32(ap['idr'])}, {ap['kind']}" for ap in facts["aps"]]
    lines += [
        f"ROM    {line}" if i == 0 else f"       {line}"
        for i, line in enumerate(_tree(facts["rom_table"]))
    ]
    lines += [
        f"core   {core['name']}, {core['architecture']}, CPUID {hex32(core['cpuid'])}",
        f"       {core['state']}; {core['breakpoints']} breakpoints and"
        f" {core['watchpoints']} watchpoints left",
    ]
    if chip is None:
        return [*lines, "chip   not one that onchip knows; --target names one"]
    lines.append(f"chip   {chip['name']}: {chip['vendor']} {chip['part']}")
    lines += [
        f"       {hex32(r['start'])}  {bytes_text(r['length']):>9}  {r['kind']:<6}  {r['name']}"
        for r in chip["memory"]
    ]
    return lines


def _tree(component: dict[str, Any], indent: str = "") -> list[str]:
    problem = f" ({component['problem']})" if component["problem"] else ""
    designer = f", {component['designer']}" if component["designer"] else ""
    lines = [f"{indent}{hex32(component['address'])}  {component['name']}{designer}{problem}"]
    for child in component["children"]:
        lines += _tree(child, indent + "  ")
    return lines
