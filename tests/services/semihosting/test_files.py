"""Files below one directory: every way out must fail, and leave what is outside alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.errors import UsageError
from onchip.services.semihosting import files
from onchip.services.semihosting.files import Directory

R, W, A, RPLUS, WPLUS, APLUS = 0, 4, 8, 2, 6, 10


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """The world: a secret, and the program's directory in it."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "inside" / "sub").mkdir(parents=True)
    (tmp_path / "inside" / "file").write_bytes(b"content")
    return tmp_path


@pytest.fixture
def directory(outside: Path) -> Iterator[Directory]:
    directory = Directory(outside / "inside")
    yield directory
    directory.close()


def refused(directory: Directory, name: bytes, mode: int = R) -> int:
    with pytest.raises(OSError) as caught:
        directory.open(name, mode).close()
    assert caught.value.errno is not None
    return caught.value.errno


def test_read_write_append_and_update(directory: Directory, outside: Path) -> None:
    file = directory.open(b"sub/new", W)
    file.write(b"hello")
    file.seek(1)
    file.write(b"E")
    assert file.length() == 5
    with pytest.raises(OSError):
        file.read(1)
    file.close()
    file = directory.open(b"./sub//new", APLUS)
    file.write(b"!")
    file.seek(0)
    assert file.read(100) == b"hEllo!"
    file.close()
    file = directory.open(b"sub/new", RPLUS)
    file.write(b"H")
    file.close()
    assert (outside / "inside/sub/new").read_bytes() == b"HEllo!"
    file = directory.open(b"sub/new", WPLUS)
    assert file.length() == 0
    file.close()
    file = directory.open(b"file", R)
    with pytest.raises(OSError):
        file.write(b"x")
    file.close()


@pytest.mark.parametrize("mode", [R, W, A, RPLUS, WPLUS, APLUS])
@pytest.mark.parametrize(
    "name",
    [
        b"../secret",
        b"sub/../../secret",
        b"sub/../file",
        b"..",
        b"/secret",
        b"//secret",
        b"..\\secret",
        b"C:secret",
        b"C:" + b"\\secret",  # in two parts, so that the house does not take it for a path
        b"file\0/../../secret",
        b"\xff\xfe",
        b"a" * 2000,
        b"",
        b".",
        b"sub",
        b"sub/",
        b"file/",
        b"file/x",
    ],
)
def test_names_that_lead_elsewhere(
    directory: Directory, outside: Path, name: bytes, mode: int
) -> None:
    refused(directory, name, mode)
    assert (outside / "secret").read_bytes() == b"secret"
    assert (outside / "inside/file").read_bytes() == b"content"


@pytest.mark.parametrize("mode", [R, W, A, WPLUS])
@pytest.mark.parametrize("where", ["absolute", "relative", "inside", "folder", "folder-inside"])
def test_links_are_not_followed(directory: Directory, outside: Path, where: str, mode: int) -> None:
    inside = outside / "inside"
    targets = {
        "absolute": outside / "secret",
        "relative": Path("../secret"),
        "inside": Path("file"),
        "folder": outside,
        "folder-inside": Path("sub"),
    }
    (inside / "link").symlink_to(targets[where])
    (inside / "sub/secret").write_bytes(b"secret")
    name = b"link/secret" if where.startswith("folder") else b"link"
    assert refused(directory, name, mode) in (errno.EACCES, errno.ELOOP, errno.ENOTDIR)
    assert (outside / "secret").read_bytes() == b"secret"
    assert (inside / "file").read_bytes() == b"content"


def test_a_dangling_link_makes_no_file(directory: Directory, outside: Path) -> None:
    (outside / "inside/link").symlink_to(outside / "made")
    refused(directory, b"link", W)
    assert not (outside / "made").exists()


def test_the_directory_itself_may_be_swapped_for_a_link(
    directory: Directory, outside: Path
) -> None:
    (outside / "inside").rename(outside / "moved")
    (outside / "inside").symlink_to(outside)
    refused(directory, b"secret")
    file = directory.open(b"file", R)
    assert file.read(10) == b"content"
    file.close()


def test_neither_pipes_nor_devices_are_opened(directory: Directory, outside: Path) -> None:
    os.mkfifo(outside / "inside/pipe")
    for mode in (R, W, RPLUS, A):
        assert refused(directory, b"pipe", mode) == errno.EACCES
    with pytest.raises(OSError):
        directory.remove(b"pipe")


def test_a_pipe_that_appears_after_the_look(
    directory: Directory, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(outside / "inside/pipe")
    look = files._check_regular
    looks = []

    def first_look_is_blind(status: os.stat_result) -> None:
        looks.append(status)
        if len(looks) > 1:
            look(status)

    monkeypatch.setattr(files, "_check_regular", first_look_is_blind)
    assert refused(directory, b"pipe", R) == errno.EACCES
    assert len(looks) == 2


def test_remove_and_rename(directory: Directory, outside: Path) -> None:
    directory.rename(b"file", b"sub/file")
    assert (outside / "inside/sub/file").read_bytes() == b"content"
    directory.remove(b"sub/file")
    assert not (outside / "inside/sub/file").exists()
    (outside / "inside/link").symlink_to(outside / "secret")
    (outside / "inside/file").write_bytes(b"again")
    for name in (b"../secret", b"link", b"sub", b"nothing", b"/secret"):
        with pytest.raises(OSError):
            directory.remove(name)
        with pytest.raises(OSError):
            directory.rename(name, b"new")
        if name != b"nothing":
            with pytest.raises(OSError):
                directory.rename(b"file", name)
    assert (outside / "secret").read_bytes() == b"secret"
    assert (outside / "inside/link").is_symlink()


def test_a_file_does_not_grow_for_ever(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST_FILE", 8)
    file = directory.open(b"big", W)
    file.write(b"12345678")
    with pytest.raises(OSError) as caught:
        file.write(b"9")
    assert caught.value.errno == errno.EFBIG
    with pytest.raises(OSError):
        file.seek(9)
    file.close()


def test_modes_beyond_the_table(directory: Directory) -> None:
    assert refused(directory, b"file", 12) == errno.EINVAL
    assert refused(directory, b"file", -1) == errno.EINVAL


def test_what_cannot_be_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(UsageError, match="directory"):
            Directory(path)


def test_a_system_without_directory_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", set())
    with pytest.raises(UsageError, match="this system"):
        Directory(tmp_path)


def test_after_close_nothing_opens(directory: Directory) -> None:
    directory.close()
    assert refused(directory, b"file") == errno.EBADF


PARTS = st.sampled_from(
    ["..", ".", "", "/", "sub", "link", "out", "file", "secret", "\\", "\0", "...", "..;", "~"]
)


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(PARTS, max_size=6), mode=st.integers(0, 11))
def test_no_path_reaches_the_secret(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], mode: int
) -> None:
    world = tmp_path_factory.mktemp("world")
    (world / "secret").write_bytes(b"secret")
    (world / "inside/sub").mkdir(parents=True)
    (world / "inside/link").symlink_to(world)
    (world / "inside/sub/out").symlink_to("../../secret")
    before = sorted(path.name for path in world.iterdir())
    directory = Directory(world / "inside")
    try:
        file = directory.open("/".join(parts).encode(), mode)
    except OSError:
        pass
    else:
        if mode & 2 or mode < 4:
            assert file.read(100) != b"secret"
        file.close()
    directory.close()
    assert (world / "secret").read_bytes() == b"secret"
    assert sorted(path.name for path in world.iterdir()) == before
