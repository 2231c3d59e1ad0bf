"""`onchip demo`: the whole story, in time, readable without colours."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from onchip.cli.tour import sample_path

ONCHIP = (sys.executable, "-m", "onchip.cli.main")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> str:
    started = time.monotonic()
    result = subprocess.run(
        [*ONCHIP, "demo"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path_factory.mktemp("home"))},
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert time.monotonic() - started < 15
    return result.stdout


@pytest.mark.parametrize(
    "pattern",
    [
        r"\$ onchip board stm32f407\n.* at tcp:127\.0\.0\.1:\d+",
        r"SERIAL +BOARD +CHIP +PROBE .*\n +VB-stm32f407-demo +- +stm32f407 +bulk-512x4 ",
        r"\$ onchip flash stm32f407\.elf\n.* in place: .*verified \d+ bytes in ",
        r"breakpoint at 0x0800_[0-9a-f]{4} <main>",
        r"pc 0x0800_[0-9a-f]{4}",
        r"(0x0800_[0-9a-f]{4} <\S+>  next opcode [0-9a-f]{4}\n\s+){3}",
        r"watchpoint at 0x0800_[0-9a-f]{4} <main\+\d+>",
        r"counter at 0x2000_[0-9a-f]{4}: (\d+) -> (?!\1)\d+",
        r"hello from stm32f407\n +fibonacci\(11\) = 89\n",
        r"BusFault: the program accessed 0x60000000",
        r"the culprit: 0x0800_[0-9a-f]{4} <read_sensor>",
        r"gdb-multiarch \S+/stm32f407\.elf -ex 'target extended-remote localhost:3333'",
    ],
)
def test_the_story_has(story: str, pattern: str) -> None:
    assert re.search(pattern, story), story


def test_it_is_plain_where_it_is_piped(story: str) -> None:
    assert "\x1b" not in story
    assert all(line == line.rstrip() for line in story.splitlines())
    assert max(map(len, story.replace(str(sample_path().parent), "").splitlines())) <= 100


def test_the_sample_and_its_source_are_there() -> None:
    root = Path(__file__).parents[2]
    assert sample_path().stat().st_size > 1000
    assert (root / "firmware" / "main.c").exists()
