"""Gets what the runs need into the user's cache: GDB's test suite, and a C library to link.

The suite comes from Debian's source package. The machine's own package sources say where from; a
private configuration of APT asks there for sources, so that the system's stays as it is.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from tests.support.tools import require

PACKAGE = "gdb"
VERSION = "13.1-3"
FOLDER = Path(__file__).resolve().parent
MACHINES: Mapping[str, tuple[str, ...]] = {
    "cortex-m4": ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    "cortex-m7": ("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-d16"),
}
"""The compiler's flags for each core that tests run on."""

_PICOLIBC = Path("lib/picolibc/arm-none-eabi")
_WANTED = ("gdb/testsuite/", "gdb/features/", "gdb/syscalls/", "gdb/contrib/", "include/")
"""What the tests of gdb.base read of the source."""


class SetUpError(Exception):
    """Something that the suite needs cannot be had; the text says what to do."""


def cache() -> Path:
    """Return the folder of everything that is kept between runs."""
    path = user_cache_path("onchip") / "gdb-suite"
    path.mkdir(parents=True, exist_ok=True)
    return path


def suite() -> Path:
    """Return the folder of the unpacked test suite; get it first if it is not there.

    Raises:
        SetUpError: it cannot be downloaded.
    """
    target = cache() / f"{PACKAGE}-{VERSION}"
    with _alone():
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache()) as scratch:
                _unpack(_download(Path(scratch)), Path(scratch) / "unpacked")
                (Path(scratch) / "unpacked").rename(target)
        _name_arm(target / "gdb" / "testsuite")
    return target / "gdb" / "testsuite"


def _name_arm(suite: Path) -> None:
    """Add Arm to the machines that gdb.trace runs on: it lists those whose jumps it knows.

    Fast tracepoints want a jump; nothing else does, and those are not for us. The frame pointer of
    Thumb code is r7.
    """
    for name, word, more in (
        ("gdb.trace/trace-common.h", "(defined __aarch64__)", " || (defined __arm__)"),
        ("lib/trace-support.exp", '[istarget "aarch64*-*-*"]', ' || [istarget "arm*-*-*"]'),
    ):
        text = (suite / name).read_text("utf-8")
        if word + more not in text:
            text = text.replace(word, word + more).replace('fpreg "fp"', 'fpreg "r7"')
            (suite / name).write_text(text, "utf-8")


def library(machine: str) -> Path:
    """Return a folder to give GCC as ``--picolibc-prefix``, with the objects of every program.

    ``machine`` is one of MACHINES.

    The suite expects a C library without line numbers, as systems install it: GDB steps over its
    functions. Debian's picolibc has them, so this is a copy without.

    Raises:
        SetUpError: picolibc is not installed.
    """
    with _alone():
        return _library(cache() / f"library-{machine}", MACHINES[machine])


def _library(target: Path, flags: Sequence[str]) -> Path:
    gcc, archiver = require("arm-none-eabi-gcc"), require("arm-none-eabi-ar")
    multilib = _said(gcc, *flags, "-print-multi-directory")
    installed = Path("/usr") / _PICOLIBC
    if not (installed / "lib" / multilib).is_dir():
        raise SetUpError(
            f"there is no picolibc for {multilib} (apt-get install picolibc-arm-none-eabi)"
        )
    copy = target / _PICOLIBC / "lib" / multilib
    if not copy.exists():
        with tempfile.TemporaryDirectory(dir=cache()) as scratch:
            _strip(installed / "lib" / multilib, Path(scratch) / "copy")
            # g++ links it, and what there is of C++ in gdb.base needs nothing of it
            subprocess.run([archiver, "rcs", Path(scratch) / "copy" / "libstdc++.a"], check=True)
            copy.parent.mkdir(parents=True, exist_ok=True)
            (Path(scratch) / "copy").rename(copy)
        include = target / _PICOLIBC / "include"
        include.unlink(missing_ok=True)
        include.symlink_to(installed / "include")
    # Whether unused sections go is for each test to say.
    specs = Path(_said(gcc, "-print-file-name=picolibc.specs")).read_text("utf-8")
    (target / "suite.specs").write_text(specs.replace("--gc-sections", ""), "utf-8")
    for name in ("start.S", "console.c"):
        output = target / f"{Path(name).stem}.o"
        options = ("-c", "-O2", "-Wall", "-Werror", "--specs=picolibc.specs")
        fresh = output.with_suffix(".new")  # a run that is under way links the old one meanwhile
        subprocess.run([gcc, *options, *flags, FOLDER / name, "-o", fresh], check=True)
        fresh.replace(output)
    return target


def commit() -> str:
    """Return what of the project is tested: the commit, with a plus if it is changed."""
    told = subprocess.run(
        ("git", "describe", "--always", "--dirty=+", "--exclude=*"),
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "no commit"


@contextmanager
def _alone() -> Iterator[None]:
    """Keep another process (another worker of the tests) out of the cache meanwhile."""
    with (cache() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _strip(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.iterdir():
        subprocess.run(
            [require("arm-none-eabi-objcopy"), "--strip-debug", path, target / path.name],
            check=True,
        )


def _download(folder: Path) -> Path:
    """Fetch the source package; return its archive."""
    apt = folder / "apt"
    for part in ("lists/partial", "archives/partial", "parts"):
        (apt / part).mkdir(parents=True)
    (apt / "sources.list").write_text(_source_lines())
    options = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": apt / "parts",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt,
        "APT::Sandbox::User": "root",  # the folder is nobody else's
    }
    command = [require("apt-get"), "-qq"]
    for name, value in options.items():
        command += ["-o", f"{name}={value}"]
    for arguments in (["update"], ["source", "--download-only", f"{PACKAGE}={VERSION}"]):
        done = subprocess.run(
            [*command, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SetUpError(
                f"apt-get {' '.join(arguments)} failed: {done.stderr.strip()}\n"
                f"The suite is the source package {PACKAGE} {VERSION} of Debian 12; "
                "this machine's package sources do not bring it."
            )
    return next(folder.glob("*.orig.tar.*[!c]"))


def _source_lines() -> str:
    """Return a line of sources for each place that this machine gets packages from."""
    told = _said(
        require("apt-get"), "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
    )  # fmt: skip
    lines = sorted({f"deb-src {line}" for line in told.splitlines() if line.endswith(" main")})
    if not lines:
        raise SetUpError("APT has no package sources here; the suite is in those of Debian 12")
    return "\n".join(lines) + "\n"


def _unpack(archive: Path, target: Path) -> None:
    """Take out of the archive what is wanted, without its first folder."""
    with tarfile.open(archive) as source:
        for member in source:
            name = member.name.partition("/")[2]
            if name.startswith(_WANTED) and member.isreg():
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                content = source.extractfile(member)
                assert content is not None
                with content, path.open("wb") as output:
                    shutil.copyfileobj(content, output)
                path.chmod(member.mode & 0o755)


def _said(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
