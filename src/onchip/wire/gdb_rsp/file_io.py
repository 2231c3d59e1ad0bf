"""Files across the protocol, both ways: ``F`` (the target's calls) and ``vFile`` (the client's).

    stub:   Fopen,20000100/6,0,1b6       the target wants a file of the machine where GDB runs
    client: F3                           or F-1,2 (errno), and ,C after Ctrl-C
    client: vFile:pread:3,1000,0         GDB wants a file of the stub's
    stub:   F2;..                        a result, then bytes; or F-1,9

Source: Debugging with GDB, appendix E.13 and E.7 (Host I/O).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_hex, parse_number


class FileErrno(IntEnum):
    """Error numbers of the protocol, whatever those of the machine are."""

    EPERM = 1
    ENOENT = 2
    EINTR = 4
    EIO = 5
    EBADF = 9
    EACCES = 13
    EFAULT = 14
    EBUSY = 16
    EEXIST = 17
    EINVAL = 22
    EMFILE = 24
    EFBIG = 27
    ENOSPC = 28
    ESPIPE = 29
    EROFS = 30
    ENOSYS = 88
    EUNKNOWN = 9999


O_RDONLY: Final = 0x0
O_WRONLY: Final = 0x1
O_RDWR: Final = 0x2
O_APPEND: Final = 0x8
O_CREAT: Final = 0x200
O_TRUNC: Final = 0x400
SEEK_SET, SEEK_CUR, SEEK_END = 0, 1, 2
S_IFREG: Final = 0o100000


@dataclass(frozen=True, slots=True)
class Text:
    """A string in target memory: ``address/length``, its final zero counted."""

    address: int
    length: int


@dataclass(frozen=True, slots=True)
class FileCall:
    """``F name,parameter,...``: the client does it and answers with `FileAnswer`."""

    name: str
    parameters: tuple[int | Text, ...]

    def encode(self) -> bytes:
        """Return the payload."""
        words = [self.name.encode("ascii")]
        for each in self.parameters:
            if isinstance(each, Text):
                words.append(b"%x/%x" % (each.address, each.length))
            else:
                words.append(b"%x" % each)
        return b"F" + b",".join(words)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        name, *words = payload[1:].split(b",")
        if payload[:1] != b"F" or not name.isalpha():
            raise WireError("a file call is F and a name")
        return cls(name.decode("ascii"), tuple(_parse_parameter(word) for word in words))


def _parse_parameter(word: bytes) -> int | Text:
    address, found, length = word.partition(b"/")
    number = parse_number(address, "parameter")
    return Text(number, parse_number(length, "length")) if found else number


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """``F result[,errno[,C]][;bytes]``; ``interrupted``: Ctrl-C was pressed meanwhile."""

    result: int
    errno: int = 0
    interrupted: bool = False
    data: bytes | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        text = b"F" + (b"-%x" % -self.result if self.result < 0 else b"%x" % self.result)
        if self.errno or self.interrupted:
            text += b",%x" % self.errno
        if self.interrupted:
            text += b",C"
        return text if self.data is None else text + b";" + self.data

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if payload[:1] != b"F":
            raise WireError("the answer to a file call begins with F")
        head, found, data = payload[1:].partition(b";")
        words = head.split(b",")
        if len(words) > 3 or (len(words) == 3 and words[2] != b"C"):
            raise WireError("the answer to a file call is result,errno,C")
        sign = -1 if words[0][:1] == b"-" else 1
        return cls(
            sign * parse_number(words[0].removeprefix(b"-"), "result"),
            parse_number(words[1], "errno") if len(words) > 1 else 0,
            len(words) == 3,
            data if found else None,
        )


@dataclass(frozen=True, slots=True)
class HostFile:
    """``vFile:operation:parameter,...``: the client works on files of the stub's."""

    operation: str
    parameters: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vFile:" + self.operation.encode("ascii") + b":" + b",".join(self.parameters)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        parts = payload.split(b":", 2)
        if len(parts) != 3 or parts[0] != b"vFile" or not parts[1].isalpha():
            raise WireError("vFile needs operation:parameters")
        return cls(parts[1].decode("ascii"), tuple(parts[2].split(b",")))

    def number(self, index: int) -> int:
        """Return a parameter that is a number; raises WireError."""
        return parse_number(self._parameter(index), f"parameter {index + 1}")

    def name(self, index: int) -> str:
        """Return a parameter that is a name; raises WireError."""
        return parse_hex(self._parameter(index), "file name").decode("utf-8", "replace")

    def _parameter(self, index: int) -> bytes:
        if index >= len(self.parameters):
            raise WireError(f"vFile:{self.operation} has too few parameters")
        return self.parameters[index]


def encode_stat(size: int, *, mode: int = S_IFREG | 0o444, inode: int = 0) -> bytes:
    """Return ``struct stat`` as the protocol lays it out: big-endian, 64 bytes.

    st_dev  st_ino  st_mode  st_nlink  st_uid  st_gid  st_rdev    4 bytes each
    st_size  st_blksize  st_blocks                                8 bytes each
    st_atime  st_mtime  st_ctime                                  4 bytes each
    """
    words = (0, inode, mode, 1, 0, 0, 0)
    longs = (size, 512, (size + 511) // 512)
    head = b"".join(word.to_bytes(4, "big") for word in words)
    return head + b"".join(each.to_bytes(8, "big") for each in longs) + bytes(12)


FileRequest = FileAnswer | HostFile
