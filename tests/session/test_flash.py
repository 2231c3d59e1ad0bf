"""Flash through a session: files, verify, erase, and how a job leaves the target."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from onchip.errors import (
    FlashError,
    ImageError,
    UsageError,
    VerifyError,
)
from onchip.flash.images.image import Image
from onchip.flash.progress import Progress
from onchip.session import (
    ConnectMode,
    ResetKind,
    open_session,
)
from onchip.target.chip import load_chip
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind
from tests.session.conftest import runs
from tests.support.images import counting_loop, write_bin


def test_flash_from_a_file_bytes_and_an_image(board: VirtualBoard, tmp_path: Path) -> None:
    path = write_bin(tmp_path, "stm32f407", length=2000, seed=2)
    data = path.read_bytes()
    with open_session(board.link()) as session:
        assert session.flash(path).programmed_bytes >= 2000
        assert session.flash(data, format="bin").programmed_bytes == 0
        assert session.flash(Image.load(path, base=0x0800_0000)).programmed_bytes == 0
        assert session.memory.read(0x0800_0000, 2000) == data


def test_after_flash_the_image_runs(board: VirtualBoard) -> None:
    with open_session(board.link(), mode=ConnectMode.HALT) as session:
        session.flash(counting_loop("stm32f407", seed=3), format="bin")
        assert not session.core.halted
        session.link.sleep(0.001)
        session.core.halt()
        assert session.core.read_register("r0") > 100


def test_after_flash_without_reset_the_core_stays_halted(board: VirtualBoard) -> None:
    with open_session(board.link()) as session:
        session.flash(counting_loop("stm32f407", seed=3), format="bin", reset=False)
        assert session.core.halted
    assert not runs(board)


def test_progress_runs_from_nothing_to_everything(board: VirtualBoard) -> None:
    seen: list[Progress] = []
    with open_session(board.link()) as session:
        session.flash(
            counting_loop("stm32f407", length=9000, seed=4), format="bin", progress=seen.append
        )
    phases = list(dict.fromkeys(progress.phase for progress in seen))
    assert phases[-2:] == ["program", "verify"]
    for phase in phases:
        steps = [progress for progress in seen if progress.phase == phase]
        assert steps[-1].done == steps[-1].total
        assert [step.done for step in steps] == sorted(step.done for step in steps)


def test_verify_raises_at_the_first_difference(board: VirtualBoard) -> None:
    image = bytearray(counting_loop("stm32f407"))
    with open_session(board.link()) as session:
        assert session.verify(bytes(image), format="bin").verified_bytes == len(image)
        image[0x200] ^= 0xFF
        with pytest.raises(VerifyError) as caught:
            session.verify(bytes(image), format="bin")
    assert caught.value.address is not None
    assert 0x0800_0000 <= caught.value.address <= 0x0800_0200
    assert runs(board)


def test_a_file_that_cannot_be_read(board: VirtualBoard) -> None:
    with open_session(board.link()) as session, pytest.raises(ImageError):
        session.flash("nothing.elf")


def test_erase_and_erase_chip(board: VirtualBoard) -> None:
    with open_session(board.link()) as session:
        assert session.erase(0x0800_0000, 1, reset=False).erased_bytes == 16384
        assert session.memory.read(0x0800_0000, 16) == b"\xff" * 16
        assert session.erase_chip(reset=False).erased_bytes == 1 << 20


def test_a_chip_that_is_not_known_has_no_flash(board: VirtualBoard) -> None:
    with open_session(board.link()) as session:
        session.chip = None
        assert session.chip_name == "Cortex-M4F"
        assert session.memory_map.find(0x2000_0000) is not None
        with pytest.raises(UsageError, match="not one that onchip knows") as caught:
            session.flash(b"x", base=0)
    assert "--target" in (caught.value.hint or "")


def test_the_ram_that_algorithms_used_is_put_back(board: VirtualBoard) -> None:
    work = load_chip("stm32f407").work_ram
    assert work is not None
    noise = random.Random(1).randbytes(work.length)
    image = Image.from_segments([(0x0800_0000, b"flash" * 99), (work.start + 0x100, b"in RAM")])
    with open_session(board.link()) as session:
        session.core.halt()
        session.core.ap.write(work.start, noise)
        session.flash(image, restore_ram=True, reset=False)
        expected = noise[:0x100] + b"in RAM" + noise[0x106:]
        assert session.core.ap.read(work.start, work.length) == expected
        session.core.ap.write(work.start, noise)
        session.flash(b"other" * 99, reset=False)
        assert session.core.ap.read(work.start, work.length) != noise


def test_the_ram_is_put_back_after_a_failure_too(board: VirtualBoard) -> None:
    work = load_chip("stm32f407").work_ram
    assert work is not None
    noise = random.Random(2).randbytes(work.length)
    board.flash_faults.add(FlashFault(FlashFaultKind.PROGRAM_FAILS, count=None))
    with open_session(board.link()) as session:
        session.core.halt()
        session.core.ap.write(work.start, noise)
        with pytest.raises(FlashError):
            session.flash(b"flash" * 99, restore_ram=True)
        assert session.core.ap.read(work.start, work.length) == noise


def test_the_reset_after_a_job_is_the_one_that_was_asked_for(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[object] = []
    with open_session(board.link()) as session:
        monkeypatch.setattr(session, "reset", lambda kind: kinds.append(kind))
        session.flash(b"abcd", reset_kind="hardware")
        session.erase(0x0800_0000, 1, reset_kind=ResetKind.CORE)
        session.flash(b"abcd", reset=False, reset_kind="hardware")
        session.flash(b"abcd")
        with pytest.raises(UsageError, match="'warm' is no kind of reset"):
            session.flash(b"efgh", reset_kind="warm")
    assert kinds == [ResetKind.HARDWARE, ResetKind.CORE, ResetKind.SYSTEM]
    assert bytes(board.chip.flash_memories[0].data[:4]) == b"abcd"
