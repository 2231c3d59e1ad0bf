"""binutils' addr2line as judge of files, lines and inlined calls, for every instruction."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from onchip.symbols.dwarf import DebugInfo
from tests.support.firmware import Layout, build
from tests.support.tools import require

pytestmark = pytest.mark.tools

SAMPLES = Path(__file__).parents[2] / "src/onchip/cli/samples"

Chain = list[tuple[str, str]]


def judged(elf: Path, addresses: list[int]) -> list[Chain]:
    """Return addr2line's answers: (function, file:line) from the innermost outwards."""
    shown = subprocess.run(
        [require("arm-none-eabi-addr2line"), "-a", "-f", "-i", "-e", elf],
        input="\n".join(map(hex, addresses)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    answers: list[Chain] = []
    lines = iter(shown)
    for line in lines:
        if line.startswith("0x"):
            answers.append([])
        else:
            place = next(lines).partition(" (discriminator")[0]
            answers[-1].append((line, Path(place).name))
    return answers


def ours(debug: DebugInfo, address: int) -> Chain:
    function, line = debug.function_at(address), debug.line_at(address)
    assert function is not None
    if line is None:
        return [(function.name, "??:0")]
    chain: Chain = []
    for call in debug.inlined_at(address):
        chain.append((call.function, Path(str(line)).name))
        line = call.called_at
    return [*chain, (function.name, Path(str(line)).name)]


def check(elf: Path) -> None:
    debug = DebugInfo.load(elf)
    functions = [s for s in debug.elf.symbols if s.type == 2 and s.size]
    addresses = sorted(
        {a for s in functions for a in range(s.value & ~1, (s.value & ~1) + s.size, 2)}
    )
    assert len(addresses) > 200
    answers = judged(elf, addresses)
    assert len(answers) == len(addresses)
    wrong = []
    for address, answer in zip(addresses, answers, strict=True):
        mine = ours(debug, address)
        same_lines = [line for _, line in mine] == [line for _, line in answer]
        # the outermost name comes from the symbol table, and may be an alias
        same_names = [name for name, _ in mine][:-1] == [name for name, _ in answer][:-1]
        if not same_lines or not same_names:
            wrong.append((hex(address), answer, mine))
    assert wrong == []


@pytest.mark.parametrize("chip", ["stm32f407", "nrf52840", "nrf51822", "lpc1768"])
def test_the_samples(chip: str) -> None:
    check(SAMPLES / f"{chip}.elf")


@pytest.mark.parametrize("version", ["-gdwarf-3", "-gdwarf-4", "-gdwarf-5"])
def test_every_version_of_dwarf(version: str) -> None:
    check(build("timers.c", layout=Layout(flash=0x0800_0000), flags=("-O2", version)).path)
