"""The durable outbox between bus and broker: what it acknowledges survives any power cut.

One thread writes. It takes everything that is queued into one transaction and commits; callers
wait for the commit, and what arrives meanwhile forms the next group, so the groups grow with the
cost of fsync by themselves. With a linger the transaction stays open for a while: its records can
be read and published already, and what is confirmed by then never reaches the disk.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Generic, Self, TypeVar

from gateway import database
from gateway.database import FileLock, from_sqlite_error, open_reader, open_writer, translated
from gateway.errors import StoreDamagedError, StoreError, StoreUnavailableError
from gateway.journal import Head
from gateway.outbox import CommandEntry, Note, Outbox, PutResult
from gateway.queries import COUNTERS, Ledger, Reader
from gateway.records import GapNotice, Priority, Record, Row, first_sequence, is_pressing, unix_ms

log = logging.getLogger(__name__)

DEFAULT_LIMIT_BYTES = 512 * 1024 * 1024
MAX_STAGED = 4096
"""Records that wait for company at most; bounds the memory, and what a crash sends again."""

_T = TypeVar("_T")


@dataclass
class _Job(Generic[_T]):
    work: Callable[[Outbox], _T]
    future: asyncio.Future[_T]


_Outcome = tuple[asyncio.Future[Any], Any, BaseException | None]


class Store:
    """The store of one gateway; one process at a time, methods for one asyncio loop.

    `limit_bytes` bounds the database (oldest routine records go first, alarms and audit never).
    `linger_s` lets routine records and deletions wait that long for company before a commit, to
    spare the disk; alarms and commands never wait, nor does anything once much has come together.
    Every coroutine returns after the commit, and raises a StoreError when there was none: then
    nothing of the call has happened, and the same call may be made again.
    With `replace_damaged`, `open` renames a damaged file and starts with an empty one instead of
    raising StoreDamagedError; nothing is deleted.
    """

    def __init__(
        self,
        path: Path,
        *,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        linger_s: float = 0.0,
        replace_damaged: bool = False,
    ) -> None:
        self.path = path
        self.new_rows = asyncio.Event()
        """Set after every commit that stored records; the reader clears it."""
        self.new_urgent = asyncio.Event()
        """Set after every commit that stored alarms or audit records; the reader clears it."""
        self.last_error: StoreError | None = None
        """Why the latest commit failed; None when it did not."""
        self.set_aside: Path | None = None
        """The new name of a damaged database that `open` found and replaced."""
        self.began_ms: int | None = None
        """When `open` made an empty file instead of a damaged one (Unix time)."""
        self._limit_bytes = limit_bytes
        self._linger_s = linger_s
        self._replace_damaged = replace_damaged
        self._lock = FileLock(path)
        self._jobs: deque[_Job[Any]] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._hurry = False
        self._thread: threading.Thread | None = None

    # --- life -------------------------------------------------------------------------------

    async def open(self) -> None:
        """Locks, checks and migrates the file and starts the writer. Raises a StoreError."""
        self._loop = asyncio.get_running_loop()
        self._reads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stoep-store-read")
        opening = self._loop.run_in_executor(self._reads, self._open)
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            # A thread cannot be interrupted: when this returns it has ended, and nothing is open.
            with suppress(StoreError):
                await opening
                await self._loop.run_in_executor(self._reads, self._reader.close)
                self._connection.close()
                self._lock.release()
            self._reads.shutdown(wait=False)
            raise
        except BaseException:
            self._reads.shutdown(wait=False)
            raise
        self._thread = threading.Thread(target=self._run, name="stoep-store", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        self._lock.acquire()
        try:
            try:
                self._open_file()
            except StoreDamagedError as error:
                if not self._replace_damaged:
                    raise
                self.set_aside = database.set_aside(self.path)
                self.began_ms = unix_ms()
                log.error("%s. It is now %s, and a new store is begun", error, self.set_aside)
                self._open_file()
        except BaseException:
            self._lock.release()
            raise

    def _open_file(self) -> None:
        self._connection = open_writer(self.path)
        try:
            with translated(self.path):
                self._outbox = Outbox(self._connection, self._limit_bytes)
            self._reader = Reader(open_reader(self.path), self.path)
        except BaseException:
            self._connection.close()
            raise

    async def close(self) -> None:
        """Commits what is queued, folds the log into the file and frees it; twice is harmless."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(thread.join)
        await self._loop.run_in_executor(self._reads, self._reader.close)
        self._reads.shutdown()
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        self._lock.release()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def file_bytes(self) -> int:
        """What the database and its log take on the disk now; may wait for the disk."""
        files = (self.path.with_name(self.path.name + suffix) for suffix in ("", "-wal"))
        size = 0
        for file in files:
            with suppress(OSError):
                size += file.stat().st_size
        return size

    # --- records ----------------------------------------------------------------------------

    async def put(self, records: Sequence[Record], gaps: Iterable[GapNotice] = ()) -> PutResult:
        """Stores records and reported losses; after it returns they may be acknowledged.

        A record whose `(unit, boot, sequence)` was received before is counted, not stored.
        """
        gaps = tuple(gaps)
        hurry = any(is_pressing(record) for record in records)
        result = await self.write(lambda outbox: outbox.put(records, gaps), hurry=hurry)
        if result.stored:
            self.new_rows.set()
            if any(record.priority > Priority.ROUTINE for record in records):
                self.new_urgent.set()
        return result

    async def set_limit(self, limit_bytes: int) -> None:
        """Bounds the database anew; what is too much goes at once."""
        await self.write(lambda outbox: outbox.set_limit(limit_bytes))

    async def delete(self, ids: Iterable[int]) -> int:
        """Removes rows after the broker's PUBACK; returns how many were still there."""
        ids = tuple(ids)
        return await self.write(lambda outbox: outbox.delete(ids), hurry=False)

    def flush(self) -> None:
        """Lets what was asked for so far wait no longer for company."""
        with self._wake:
            self._hurry = True
            self._wake.notify()

    @property
    def _shows_early(self) -> bool:
        """Not while commits fail: what is not acknowledged would be published over and over."""
        return self._linger_s > 0 and self.last_error is None

    async def read(self, *, urgent: bool, after_id: int, limit: int) -> list[Row]:
        """Up to `limit` rows of one class with ids above `after_id`, in the order of arrival."""
        # First those of the open transaction: what is committed between the two looks is in both.
        early = self._outbox.staged(urgent=urgent, after_id=after_id) if self._shows_early else []
        rows = await self.query(lambda reader: reader.rows(urgent, after_id, limit))
        if early:
            merged = {row.id: row for row in (*rows, *early)}
            rows = sorted(merged.values(), key=lambda row: row.id)[:limit]
        if rows and not urgent:
            self._outbox.reading_to = rows[-1].id
        return rows

    @property
    def last_id(self) -> int:
        """The id of the newest durable row there ever was in this run; 0 when none."""
        return self._outbox.last_id

    def resume(self, unit: str, boot: int) -> tuple[int, int]:
        """The first routine and the first urgent number of this boot that is not durable yet."""
        return (
            self._outbox.resume(unit, boot, first_sequence(urgent=False)),
            self._outbox.resume(unit, boot, first_sequence(urgent=True)),
        )

    async def counters(self) -> dict[str, int]:
        """received, stored, duplicates, delivered and every dropped:CAUSE, since the beginning."""
        if self._thread is None:
            raise StoreUnavailableError(f"{self.path} is closed")
        return {**dict.fromkeys(COUNTERS, 0), **self._outbox.counters()}

    async def places(self) -> list[tuple[str, str]]:
        """Every (slot, kind) that a record ever came from."""
        return await self.query(lambda reader: reader.places())

    async def ledger(self) -> Ledger:
        """The fate of every sequence number, with the sums checked."""
        return await self.query(lambda reader: reader.ledger())

    # --- commands ---------------------------------------------------------------------------

    async def begin_command(self, entry: CommandEntry, note: Note | None = None) -> bool:
        """Remembers a command durably, with its note; False when its id was seen before."""
        return await self.write(lambda outbox: outbox.begin_command(entry, note))

    async def finish_command(
        self, command_id: str, result: bytes, note: Note | None = None
    ) -> bool:
        """Keeps the final result durably, with its note; False when there already is one."""
        return await self.write(lambda outbox: outbox.finish_command(command_id, result, note))

    async def command_answered(self, command_id: str) -> None:
        """Notes that the final result reached the broker."""
        await self.write(lambda outbox: outbox.command_answered(command_id))

    async def known_commands(self, limit: int) -> list[str]:
        """The newest `limit` command ids that are remembered, oldest first."""
        return await self.query(lambda reader: reader.known_commands(limit))

    async def open_commands(self) -> list[CommandEntry]:
        """Commands whose final result has not reached the broker, oldest first."""
        return await self.query(lambda reader: reader.open_commands())

    def note(self, note: Note) -> asyncio.Future[None]:
        """Adds an entry to the journal, after what was asked for before; done when durable.

        Raises StoreUnavailableError, and the future any StoreError.
        """
        return self._enqueue(lambda outbox: outbox.journal.append(*note), hurry=True)

    @property
    def journal_head(self) -> Head:
        """The newest durable entry of the journal."""
        return self._outbox.journal.head

    # --- threads ----------------------------------------------------------------------------

    async def write(self, work: Callable[[Outbox], _T], *, hurry: bool = True) -> _T:
        """Has the writer do this in its next commit, which waits for company without `hurry`."""
        return await self._enqueue(work, hurry=hurry)

    def _enqueue(self, work: Callable[[Outbox], _T], *, hurry: bool) -> asyncio.Future[_T]:
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        with self._wake:
            if self._thread is None or self._closing:
                raise StoreUnavailableError(f"{self.path} is closed")
            self._jobs.append(_Job(work, future))
            self._hurry |= hurry
            self._wake.notify()
        return future

    async def query(self, work: Callable[[Reader], _T]) -> _T:
        """Has the reading thread look at what is durable."""
        if self._thread is None:
            raise StoreUnavailableError(f"{self.path} is closed")
        return await self._loop.run_in_executor(self._reads, work, self._reader)

    def _run(self) -> None:
        while self._group():
            pass

    def _group(self) -> bool:
        """One transaction, from its first job to its commit; False when the store closes."""
        jobs: list[_Job[Any]] = []
        results: list[Any] = []
        deadline_s: float | None = None
        try:
            while True:
                new, due = self._next_jobs(deadline_s)
                jobs += new
                if not jobs:
                    if due:
                        return False
                    continue
                if deadline_s is None:
                    deadline_s = monotonic() + self._linger_s
                    self._outbox.begin()
                urgent_before = self._outbox.last_urgent_id
                results += [job.work(self._outbox) for job in new]
                if due or self._outbox.staged_count >= MAX_STAGED:
                    break
                urgent = self._outbox.last_urgent_id > urgent_before
                self._tell_loop(self._new_early_rows, urgent)
            self._outbox.commit()
        except Exception as error:  # noqa: BLE001 - handed to the callers; the thread lives on
            outcomes, failure = self._failed(jobs, error)
        else:
            outcomes = [(j.future, r, None) for j, r in zip(jobs, results, strict=True)]
            failure = None
        self._tell_loop(self._settle, outcomes, failure)
        return True

    def _next_jobs(self, deadline_s: float | None) -> tuple[list[_Job[Any]], bool]:
        """What was asked for meanwhile, and whether it must be committed now; waits for either."""
        wait_s = None if deadline_s is None else max(0.0, deadline_s - monotonic())
        with self._wake:
            self._wake.wait_for(lambda: self._jobs or self._closing or self._hurry, wait_s)
            jobs = list(self._jobs)
            self._jobs.clear()
            late = deadline_s is not None and monotonic() >= deadline_s
            has_work = bool(jobs) or deadline_s is not None
            due = self._closing or (has_work and (self._hurry or late or not self._linger_s))
            self._hurry = False
            return jobs, due

    def _failed(
        self, jobs: list[_Job[Any]], error: Exception
    ) -> tuple[list[_Outcome], StoreError | None]:
        """Undoes the group. Not the disk's fault: one job's, and the others are done again."""
        with suppress(sqlite3.Error):
            self._outbox.rollback()
        if isinstance(error, sqlite3.Error):
            error = from_sqlite_error(error, self.path)
        if isinstance(error, StoreError) or len(jobs) == 1:
            failure = error if isinstance(error, StoreError) else None
            return [(job.future, None, error) for job in jobs], failure
        return [self._alone(job) for job in jobs], None

    def _alone(self, job: _Job[Any]) -> _Outcome:
        try:
            self._outbox.begin()
            result = job.work(self._outbox)
            self._outbox.commit()
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed([job], error)[0][0]
        return job.future, result, None

    def _tell_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop may be gone when the process ends
            self._loop.call_soon_threadsafe(call, *arguments)

    def _new_early_rows(self, urgent: bool) -> None:
        if self._shows_early:
            self.new_rows.set()
            if urgent:
                self.new_urgent.set()

    def _settle(self, outcomes: list[_Outcome], error: StoreError | None) -> None:
        self.last_error = error
        for future, result, failure in outcomes:
            if future.done():
                continue
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)
