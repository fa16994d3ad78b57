"""A disk under SQLite that remembers what it was told, so that power can be cut at any moment.

`Disk` is a VFS on top of the real one. `lay_under` brings the gateway's own database code onto it,
although Python's sqlite3 cannot take a VFS: a connection of apsw is made to look like one of
sqlite3. `images` gives back what a disk might hold after a power cut.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

SECTOR = 512
"""What a disk writes whole or not at all."""
_DIRECTORY_SYNC = (
    apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
)
"""Of these SQLite's Unix VFS syncs the folder with the first sync of a new file."""


class Operation(NamedTuple):
    """One thing a disk was told; `what` is create, write, truncate, sync, delete or mark.

    `offset` is the size of a truncate, and whether the folder was synced too of the others.
    """

    what: str
    name: str = ""
    offset: int = 0
    data: bytes = b""
    mark: Any = None


Fault = Callable[[Operation], int]
"""Judges an operation before it is done: 0, or the SQLite error code it fails with."""


class Disk(apsw.VFS):
    """A recording VFS; `fault` may make operations fail, `honest` False turns syncs into lies."""

    def __init__(self, name: str, *, honest: bool = True) -> None:
        self.name = name
        self.honest = honest
        self.fault: Fault | None = None
        self.operations: list[Operation] = []
        self._lock = threading.Lock()
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # as SQLite names it
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        is_new = not path.exists()
        file = _File(self, path, flags)
        if is_new and flags[1] & apsw.SQLITE_OPEN_CREATE:
            self.note(Operation("create", path.name))
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802  # as SQLite names it
        self.note(Operation("delete", Path(filename).name, int(syncdir)))
        super().xDelete(filename, syncdir)

    def note(self, operation: Operation) -> None:
        """Records the operation. Raises the error that `fault` wants."""
        with self._lock:
            if self.fault is not None and (code := self.fault(operation)):
                raise apsw.exception_for(code)
            if operation.what != "sync" or self.honest:
                self.operations.append(operation)

    def mark(self, what: Any) -> None:
        """Notes a moment of the workload between the operations."""
        with self._lock:
            self.operations.append(Operation("mark", mark=what))


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, path: Path, flags: list[int]) -> None:
        self._disk = disk
        self._name = path.name
        self._syncs_folder = int(bool(flags[0] & _DIRECTORY_SYNC))
        super().__init__("", str(path), flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # as SQLite names it
        self._disk.note(Operation("write", self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802  # as SQLite names it
        self._disk.note(Operation("truncate", self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802, ARG002  # as SQLite names it
        self._disk.note(Operation("sync", self._name, self._syncs_folder))
        self._syncs_folder = 0


# --- Python's sqlite3 on that disk --------------------------------------------------------------


@contextmanager
def lay_under(disk: Disk, patch: pytest.MonkeyPatch, *pragmas: str) -> Generator[None]:
    """While it lasts, `gateway.database` opens files on `disk`; `pragmas` have the last word."""
    with patch.context() as inside:
        inside.setattr("gateway.database.sqlite3", _Module(disk, pragmas))
        yield


class _Module:
    """sqlite3, but for `connect`."""

    def __init__(self, disk: Disk, pragmas: Sequence[str]) -> None:
        self._disk = disk
        self._pragmas = pragmas

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(self, database: Any, **options: Any) -> _Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        if options.get("uri"):
            flags |= apsw.SQLITE_OPEN_URI
        return _Connection(str(database), flags, self._disk.name, self._pragmas)


class _Cursor:
    def __init__(self, rows: Iterable[Any], rowcount: int, lastrowid: int) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount
        self.lastrowid = lastrowid

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)


class _Connection:
    """As much of `sqlite3.Connection` as the gateway uses."""

    def __init__(self, name: str, flags: int, vfs: str, pragmas: Sequence[str]) -> None:
        with _as_sqlite3():
            self._apsw = apsw.Connection(name, flags=flags, vfs=vfs)
        self._pragmas = pragmas

    def execute(self, sql: str, values: Sequence[Any] = ()) -> _Cursor:
        for pragma in self._pragmas:
            if pragma.split("=", maxsplit=1)[0] in sql:
                sql = pragma
        with _as_sqlite3():
            before = self._apsw.total_changes()
            rows = self._apsw.execute(sql, tuple(values)).fetchall()
            changed = self._apsw.total_changes() - before
            return _Cursor(rows, changed, self._apsw.last_insert_rowid())

    def executemany(self, sql: str, many: Iterable[Sequence[Any]]) -> _Cursor:
        with _as_sqlite3():
            before = self._apsw.total_changes()
            self._apsw.executemany(sql, [tuple(values) for values in many]).fetchall()
            return _Cursor((), self._apsw.total_changes() - before, 0)

    @property
    def in_transaction(self) -> bool:
        return self._apsw.in_transaction

    def close(self) -> None:
        with _as_sqlite3():
            self._apsw.close()


@contextmanager
def _as_sqlite3() -> Generator[None]:
    try:
        yield
    except apsw.Error as error:
        kind = (
            sqlite3.DatabaseError
            if isinstance(error, apsw.CorruptError | apsw.NotADBError)
            else sqlite3.OperationalError
        )
        translated = kind(str(error))
        translated.sqlite_errorcode = getattr(error, "extendedresult", apsw.SQLITE_ERROR)
        raise translated from error


# --- what is left after a power cut -------------------------------------------------------------


@dataclass
class _Platter:
    """One file: what is safe, and what was asked of it since."""

    safe: bytearray = field(default_factory=bytearray)
    waiting: list[Operation] = field(default_factory=list)
    is_named: bool = False
    """Whether the folder knows it for sure."""
    is_deleted: bool = False
    """Whether it was deleted, and the folder may not know yet."""


class Image(NamedTuple):
    """What one power cut left: the files, and the marks that came before it."""

    files: dict[str, bytes]
    marks: list[Any]
    moment: int
    """The number of operations before the cut."""


def images(
    operations: Sequence[Operation], chance: random.Random, cuts_per_operation: float
) -> Iterator[Image]:
    """Power cuts before every operation but marks, each time some ways to lose what waits."""
    folder: dict[str, _Platter] = {}
    marks: list[Any] = []
    owed = 0.0
    for moment, operation in enumerate(operations):
        if operation.what == "mark":
            marks.append(operation.mark)
            continue
        owed += cuts_per_operation
        while owed >= 1:
            owed -= 1
            yield Image(_cut(folder, operation, chance), marks, moment)
        _apply(folder, operation)
    yield Image(_cut(folder, None, chance), marks, len(operations))


def _apply(folder: dict[str, _Platter], operation: Operation) -> None:
    platter = folder.setdefault(operation.name, _Platter())
    if operation.what == "create":
        folder[operation.name] = _Platter()
    elif operation.what == "delete":
        platter.is_deleted = True
    elif operation.what == "sync":
        for waiting in platter.waiting:
            _do(platter.safe, waiting)
        platter.waiting.clear()
    else:
        platter.waiting.append(operation)
    if operation.what in ("sync", "delete") and operation.offset:
        for name, one in tuple(folder.items()):
            one.is_named = True
            if one.is_deleted:
                del folder[name]


def _cut(
    folder: dict[str, _Platter], current: Operation | None, chance: random.Random
) -> dict[str, bytes]:
    """Content of the files after a cut in the middle of `current`."""
    how = chance.choice(("nothing", "everything", "start", "some", "few", "most", "by_file"))
    left: dict[str, bytes] = {}
    for name, platter in folder.items():
        keeps = how
        if how == "by_file":
            keeps = chance.choice(("nothing", "everything", "some"))
        if platter.is_deleted and (keeps == "everything" or chance.random() < 0.5):
            continue
        if not platter.is_named and keeps != "everything" and chance.random() < 0.5:
            continue
        content = bytearray(platter.safe)
        waiting = list(platter.waiting)
        if current is not None and current.name == name and current.what in ("write", "truncate"):
            waiting.append(current)
        _survive(content, waiting, keeps, chance)
        left[name] = bytes(content)
    return left


def _survive(
    content: bytearray, waiting: list[Operation], keeps: str, chance: random.Random
) -> None:
    """Does as much of what waits as survives: whole sectors, in any order."""
    if keeps == "nothing":
        return
    if keeps == "everything":
        for operation in waiting:
            _do(content, operation)
        return
    share = {"start": 1.0, "some": 0.5, "few": 0.1, "most": 0.95}[keeps]
    if keeps == "start":
        waiting = waiting[: chance.randint(0, len(waiting))]
    filler = chance.choice((b"\0", b"\xa5"))
    for number, operation in enumerate(waiting):
        if operation.what == "truncate":
            if chance.random() < share:
                _do(content, operation)
            continue
        torn = keeps == "start" and number == len(waiting) - 1
        for start in range(0, len(operation.data), SECTOR):
            if chance.random() < (0.5 if torn else share):
                part = operation.data[start : start + SECTOR]
                _do(content, operation._replace(offset=operation.offset + start, data=part), filler)


def _do(content: bytearray, operation: Operation, filler: bytes = b"\0") -> None:
    if operation.what == "truncate":
        del content[operation.offset :]
        return
    if len(content) < operation.offset:
        content.extend(filler * (operation.offset - len(content)))
    content[operation.offset : operation.offset + len(operation.data)] = operation.data
