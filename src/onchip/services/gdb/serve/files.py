"""``vFile``: GDB fetches a core dump or a memory as a file (``remote get core.elf``).

``F``: what GDB did for the program, which called through semihosting.
"""

from __future__ import annotations

from onchip.errors import OnchipError, WireError
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.documents.files import FileRefused
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.services.gdb.serve.memory import PACKET_SIZE
from onchip.wire.gdb_rsp.file_io import (
    O_CREAT,
    O_RDWR,
    O_TRUNC,
    O_WRONLY,
    FileAnswer,
    FileErrno,
    HostFile,
    encode_stat,
)
from onchip.wire.gdb_rsp.replies import EMPTY

_WRITES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC


def _serve(talk: Conversation, request: HostFile) -> Reply:
    """Answer in the protocol's error numbers; the log has the words."""
    try:
        answer = _answer(talk, request)
    except FileRefused as refused:
        if refused.text:
            talk.log(f"vFile:{request.operation}: {refused.text}")
        answer = FileAnswer(-1, refused.errno)
    except WireError:
        raise
    except OnchipError as error:
        talk.target.note(error)
        talk.log(f"vFile:{request.operation}: {error}")
        answer = FileAnswer(-1, FileErrno.EIO)
    return EMPTY if answer is None else answer.encode()


def _answer(talk: Conversation, request: HostFile) -> FileAnswer | None:
    files = talk.files
    match request.operation:
        case "setfs":
            return FileAnswer(0)
        case "open":
            writes = bool(request.number(1) & _WRITES)
            return FileAnswer(files.open(request.name(0), for_writing=writes))
        case "close":
            files.close(request.number(0))
            return FileAnswer(0)
        case "pread":
            length = min(request.number(1), PACKET_SIZE // 2)
            data = files.find(request.number(0)).read(request.number(2), length)
            return FileAnswer(len(data), data=data)
        case "fstat":
            data = encode_stat(files.find(request.number(0)).size, inode=request.number(0))
            return FileAnswer(len(data), data=data)
        case "pwrite":
            files.find(request.number(0))
            return FileAnswer(-1, FileErrno.EROFS)
        case "unlink":
            return FileAnswer(-1, FileErrno.EROFS)
        case "readlink":
            return FileAnswer(-1, FileErrno.EINVAL)  # there are no links
    return None


def _answer_call(talk: Conversation, request: FileAnswer) -> Reply:
    """Take what GDB did for the program; the core goes on, and this client waits on."""
    talk.target.answer_call(talk, request)
    return None


HANDLERS: Handlers = {HostFile: _serve, FileAnswer: _answer_call}
