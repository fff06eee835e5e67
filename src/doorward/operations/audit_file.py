"""The audit file: records as lines, in files that rotate, with a hash chain if it is wanted."""

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from doorward.errors import ConfigurationError
from doorward.event_buffer import EventBuffer
from doorward.operations.audit_chain import HEAD_SUFFIX, START, Head, link, read_link
from doorward.operations.records import Record

_encode = msgspec.json.Encoder(order="deterministic").encode
_PIECE = 64 * 1024


class AuditFile(EventBuffer[Record]):
    """
    Appends records to the file at ``path``, which only this account can read.

    At ``max_bytes`` the file is renamed to ``path.1``, the older ones to ``path.2`` and so on, and
    the oldest of ``keep`` files is deleted. With ``chain``, each line has the hash of the one before,
    and ``path.head`` the last of them. Lines are written at the end of the event loop's turn.

    If a record cannot be written, requests go on: ``failed`` is called with the number of lost records.

    Raises:
        ConfigurationError: ``audit-file``, ``audit-file-in-use``.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = 100 * 1024 * 1024,
        keep: int = 10,
        chain: bool = False,
        failed: Callable[[int], None] = lambda _lost: None,
    ) -> None:
        super().__init__()
        self._path, self._max_bytes, self._keep, self._chain = path, max_bytes, keep, chain
        self._failed = failed
        try:
            self._file = _open(path)
            self._head = self._continue() if chain else START
            self._first = self._head.first
        except OSError as error:
            raise ConfigurationError(
                "audit-file",
                f"The audit file {path} cannot be opened: {error.strerror}.",
                "Set audit.file to a path that this account can write.",
            ) from None

    def _write(self, events: list[Record]) -> None:
        try:
            self._append(events)
        except OSError as error:
            self._failed(len(events))
            text = f"doorward: {len(events)} audit events were not written: {error.strerror}\n"
            if sys.stderr is not None:
                sys.stderr.write(text)

    def close(self) -> None:
        """Write what is waiting, and let another process have the file."""
        self.flush()
        os.close(self._file)

    def _append(self, records: list[Record]) -> None:
        head, lines = self._head, []
        for record in records:
            line = _encode(record)
            if self._chain:
                line, head = link(line, head)
            lines.append(line)
        data = b"\n".join(lines) + b"\n"
        size = os.fstat(self._file).st_size
        if size and size + len(data) > self._max_bytes:
            self._rotate()
            size = 0
        try:
            _write_all(self._file, data)
        except OSError:
            # Half a line would look like a changed one.
            with suppress(OSError):
                os.ftruncate(self._file, size)
            raise
        if self._chain:
            self._head = head = msgspec.structs.replace(head, first=self._first)
            # Not synchronised to the disk: after a power cut, the chain goes on from its last line.
            _replace(_head_path(self._path), msgspec.json.encode(head))

    def _rotate(self) -> None:
        for number in range(self._keep - 1, 0, -1):
            older = rotated(self._path, number)
            if older.exists():
                older.replace(rotated(self._path, number + 1))
        if self._keep > 0:
            self._path.replace(rotated(self._path, 1))
        else:
            self._path.unlink()
        # The new file is locked before the old one is let go, so that no other process gets between.
        following = _open(self._path)
        os.close(self._file)
        self._file = following
        if self._chain:
            self._first = self._first_kept()

    def _first_kept(self) -> int:
        """Return the number of the first line that is still there, or of the next one."""
        for path in files_of(self._path):
            with path.open("rb") as file:
                if (found := read_link(file.readline().rstrip(b"\n"))) is not None:
                    return found[0].sequence
        return self._head.sequence + 1

    def _continue(self) -> Head:
        """Return the head that the next line follows."""
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, _PIECE, max(0, size - _PIECE))
        if tail and not tail.endswith(b"\n"):
            # A process that was killed left half a line.
            cut = len(tail) - (tail.rfind(b"\n") + 1)
            os.ftruncate(self._file, size - cut)
            tail = tail[: len(tail) - cut]
        last = tail.rstrip(b"\n").rpartition(b"\n")[2]
        found = read_link(last) if last else None
        written = found[0] if found is not None else START
        stored = read_head(self._path) or START
        # From the later one. If the end of the file was removed, the gap stays visible.
        later = stored if stored.sequence > written.sequence else written
        return msgspec.structs.replace(later, first=stored.first)


def read_head(path: Path) -> Head | None:
    """Return the head that belongs to the audit file at ``path``, or ``None`` if there is none."""
    try:
        return msgspec.json.decode(_head_path(path).read_bytes(), type=Head)
    except (OSError, msgspec.DecodeError):
        return None


def files_of(path: Path) -> list[Path]:
    """Return the file at ``path`` and the rotated ones beside it, oldest first."""
    ours = re.compile(re.escape(path.name) + r"\.([0-9]+)")
    older = [
        (int(found[1]), one)
        for one in path.parent.iterdir()
        if (found := ours.fullmatch(one.name)) is not None
    ]
    return [one for _, one in sorted(older, reverse=True)] + ([path] if path.exists() else [])


def rotated(path: Path, number: int) -> Path:
    """Return the path of an older file; 1 is the newest of them."""
    return path.with_name(f"{path.name}.{number}")


def _head_path(path: Path) -> Path:
    return path.with_name(path.name + HEAD_SUFFIX)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
    temporary.replace(path)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        _lock(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(
            "audit-file-in-use",
            f"Another process writes to the audit file {path}.",
            "Give each process an audit file of its own.",
        ) from None
