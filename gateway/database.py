"""Opening the store's SQLite file: lock, pragmas, migration, and errors that say what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

from gateway.errors import (
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreInUseError,
    StoreReadOnlyError,
    StoreUnavailableError,
    StoreVersionError,
)

QUICK_CHECK_LIMIT_BYTES = 64 * 1024 * 1024
"""Files up to this size are checked when they are opened; bigger ones would delay the start."""

_BUSY_TIMEOUT_S = 5.0
_MAGIC = b"SQLite format 3\0"


def migrations() -> list[str]:
    """The shipped schema scripts; entry n-1 lifts a database from version n-1 to n."""
    folder = resources.files("gateway") / "schema"
    names = {entry.name for entry in folder.iterdir()}
    scripts: list[str] = []
    while (name := f"v{len(scripts) + 1}.sql") in names:
        scripts.append((folder / name).read_text(encoding="utf-8"))
    return scripts


class FileLock:
    """Makes sure that one process at a time writes a store; freed by the kernel when it dies."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._descriptor = -1

    def acquire(self) -> None:
        """Takes the lock. Raises StoreInUseError, or the errors of opening a file."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise from_os_error(error, self._path) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise StoreInUseError(
                f"{self._path} is locked: another Stoep gateway runs on this store; "
                "stop it, or give this one another [store] path"
            ) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Frees the lock; doing so twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_writer(path: Path, scripts: list[str] | None = None) -> sqlite3.Connection:
    """The one writing connection: WAL, synchronous=FULL, schema at the newest version.

    The file is created when absent. Raises a StoreError; the file is never changed by a failure.
    """
    with translated(path):
        size = path.stat().st_size if path.exists() else 0
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            if 0 < size <= QUICK_CHECK_LIMIT_BYTES:
                _quick_check(connection, path)
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            _require_wal(mode, path)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA journal_size_limit=8388608")
            _migrate(connection, path, migrations() if scripts is None else scripts)
        except BaseException:
            connection.close()
            raise
        return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection beside a running writer; rows are seen once they are committed."""
    with translated(path):
        if not path.exists():
            raise StoreUnavailableError(f"{path} does not exist; check [store] path")
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA query_only=1")
        return connection


def _require_wal(mode: str, path: Path) -> None:
    if mode != "wal":
        raise StoreUnavailableError(
            f"{path}: this file system cannot hold a write-ahead log (journal mode {mode}); "
            "put [store] path on a local disk"
        )


def _quick_check(connection: sqlite3.Connection, path: Path) -> None:
    findings = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if findings != "ok":
        raise StoreDamagedError(_damaged(path, findings))


def _migrate(connection: sqlite3.Connection, path: Path, scripts: list[str]) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(scripts):
        raise StoreVersionError(
            f"{path} has schema version {version}, this Stoep knows up to {len(scripts)}; "
            "run the newer Stoep again, or give this one another [store] path"
        )
    if version == len(scripts):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in scripts[version:]:
            for statement in statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={len(scripts)}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """The single statements of a script (executescript would commit between them)."""
    collected = ""
    for line in script.splitlines(keepends=True):
        collected += line
        if sqlite3.complete_statement(collected):
            yield collected
            collected = ""
    if collected.strip():
        yield collected


def set_aside(path: Path) -> Path:
    """Renames a damaged database with its log, so that a new one can start; deletes nothing.

    Returns the new name of the database file. Raises a StoreError when renaming fails.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    try:
        for suffix in ("-wal", "-shm", ""):
            source = path.with_name(path.name + suffix)
            if source.exists():
                source.rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise from_os_error(error, path) from error
    return aside


def _damaged(path: Path, finding: str) -> str:
    return (
        f"{path} is damaged ({finding}); nothing was deleted. Keep the file and its -wal file "
        "for examination, move them aside, and start again with an empty store"
    )


def from_os_error(error: OSError, path: Path) -> StoreError:
    """The StoreError for a failed file operation."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFullError(_full(path))
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreReadOnlyError(_read_only(path))
    if error.errno == errno.ENOENT:
        return StoreUnavailableError(
            f"the folder of {path} does not exist; create it, or change [store] path"
        )
    return StoreUnavailableError(f"{path} cannot be opened: {error.strerror}; check [store] path")


def _full(path: Path) -> str:
    return (
        f"no room on the disk of {path}; free some space. Records wait on the controllers, "
        "and storing goes on by itself"
    )


def _read_only(path: Path) -> str:
    return (
        f"{path} or its folder cannot be written; check its owner and mode, and whether the disk "
        "went read-only (dmesg). Storing goes on by itself when it can be written again"
    )


def from_sqlite_error(error: sqlite3.Error, path: Path) -> StoreError:
    """The StoreError for a failed statement."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or _out_of_space(code, path):
        return StoreFullError(_full(path))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreReadOnlyError(_read_only(path))
    if code == sqlite3.SQLITE_NOTADB and _is_foreign(path):
        return StoreUnavailableError(f"{path} is something else than a store; check [store] path")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamagedError(_damaged(path, str(error)))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreInUseError(f"{path} is locked by another program; close it ({error})")
    if code == sqlite3.SQLITE_CANTOPEN:
        if not path.parent.is_dir():
            return from_os_error(FileNotFoundError(errno.ENOENT, "no such folder"), path)
        if not os.access(path.parent, os.W_OK):
            return StoreReadOnlyError(_read_only(path))
    return StoreUnavailableError(f"{path}: {error}; check [store] path and the disk (dmesg)")


def _is_foreign(path: Path) -> bool:
    """Whether the file begins like none of SQLite's, nor like one that a disk has blanked."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(len(_MAGIC)) not in (_MAGIC, bytes(len(_MAGIC)), b"\xff" * len(_MAGIC))
    return False


def _out_of_space(code: int, path: Path) -> bool:
    """A full disk may surface as an I/O error of the write-ahead log's shared memory."""
    if code != sqlite3.SQLITE_IOERR:
        return False
    with suppress(OSError):
        space = os.statvfs(path.parent)
        return space.f_bavail * space.f_frsize < 65536
    return False


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Turns sqlite3 and OS errors of the block into StoreErrors."""
    try:
        yield
    except sqlite3.Error as error:
        raise from_sqlite_error(error, path) from error
    except OSError as error:
        raise from_os_error(error, path) from error
