"""`onchip --help` and `--version` answer at once: nothing heavy is imported for them."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

HEAVY = {
    "unicorn", "rich", "elftools", "bincopy", "platformdirs", "socket", "asyncio", "tomllib",
    "onchip.session", "onchip.dap", "onchip.cortex_m", "onchip.flash.engine",
    "onchip.flash.images.image",
    "onchip.virtual_board",
}  # fmt: skip


def _modules_after(code: str) -> set[str]:
    program = (
        "import json, sys, io, contextlib\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    {code}\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(result.stdout))


def test_nothing_heavy_is_imported_for_help() -> None:
    calls = [["--help"], ["--version"], ["flash", "--help"], []]
    loaded = _modules_after(f"from onchip.cli.main import main; [main(words) for words in {calls}]")
    assert not loaded & HEAVY


def test_importing_onchip_is_light() -> None:
    assert not _modules_after("import onchip") & HEAVY


def test_only_the_chosen_verb_is_imported() -> None:
    loaded = _modules_after("from onchip.cli.main import main; main(['read', '--help'])")
    verbs = {name for name in loaded if name.startswith("onchip.cli.verbs.")}
    assert verbs == {"onchip.cli.verbs.read"}


def test_the_emulator_is_for_virtual_boards_only() -> None:
    assert "unicorn" not in _modules_after("import onchip; onchip.connect")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_it_answers_within_100_ms(option: str) -> None:
    """Counted in processor time, any of several: what else the machine does is not ours."""

    def cost() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "onchip.cli.main", option]
        subprocess.run(command, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert any(cost() < 0.1 for _ in range(7))


def test_lazy_names_of_the_package() -> None:
    import onchip

    assert {"connect", "Session", "OnchipError", "__version__"} <= set(dir(onchip))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = onchip.nonsense  # type: ignore[attr-defined]


def test_python_m_onchip_is_onchip() -> None:
    command = [sys.executable, "-m", "onchip"]
    result = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("onchip ")
    result = subprocess.run([*command, "nope"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
