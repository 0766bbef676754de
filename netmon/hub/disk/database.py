"""One SQLite file whose owner can go on whatever becomes of the disk: what a full, read-only or broken disk does not take
is kept in memory and brought to the disk as soon as it does.

At start every row is looked at. What is damaged is set aside as a whole file, for people; the rows that are sound go into
a new one. Whoever writes gives statements, not a connection, so that they can be run again elsewhere.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from netmon.files import make_folder, said_aside, set_aside
from netmon.hub.disk.ballast import Ballast
from netmon.hub.disk.row_sums import Row, SqlTable
from netmon.process.troubles import Troubles

log = logging.getLogger("netmon.hub")
AGAIN_S = 5.0  # between two tries to get back to the disk
BUSY_S = 2.0  # for somebody who reads or copies the file
PART = "hub.db"
# What SQLite says when the disk, not the statement, is at fault (https://sqlite.org/rescode.html).
_OF_DISK = frozenset(
    {3, 5, 6, 8, 10, 11, 13, 14, 15, 22, 23, 24, 26}
)  # PERM BUSY … READONLY IOERR CORRUPT FULL CANTOPEN …
_FULL, _NO_ROOM, _DAMAGED = 13, (13, 5, 6), (11, 24, 26)  # FULL BUSY LOCKED; CORRUPT FORMAT NOTADB


class Damaged(sqlite3.DatabaseError):
    """The file is no database of ours, or has rows that are not what was written."""

    sqlite_errorcode = 11


class Statements:
    """What belongs together in one transaction."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, list[Sequence[object]]]] = []

    def execute(self, query: str, values: Sequence[object] = ()) -> None:
        """One statement, run at the end of the transaction."""
        self._calls.append((query, [values]))

    def executemany(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        """One statement for each row."""
        self._calls.append((query, list(rows)))

    def run(self, sql: sqlite3.Connection) -> None:
        """All of it or nothing. Raises `sqlite3.Error`."""
        sql.execute("BEGIN IMMEDIATE")
        try:
            for query, rows in self._calls:
                sql.executemany(query, rows)
            sql.commit()
        except BaseException:
            if sql.in_transaction:  # a full disk may have ended it already
                sql.rollback()
            raise


class Database:
    """See above. Any thread may use it. Raises `sqlite3.Error` for statements that are wrong, never for the disk."""

    def __init__(
        self, path: Path, tables: Iterable[SqlTable], troubles: Troubles | None = None, ballast: Ballast | None = None
    ) -> None:
        """Open or create it; what is damaged is set aside."""
        self.path, self._tables = path, {table.name: table for table in tables}
        self._troubles = troubles or Troubles()
        self._ballast = ballast or Ballast(path.with_name(path.name + ".ballast"))
        self._lock = threading.Lock()
        self._in_memory, self._again_s = False, 0.0
        self._columns = _columns(self._fresh())
        try:
            make_folder(path.parent)
            self._sql = self._open()
        except (sqlite3.Error, OSError) as fault:
            self._sql = self._to_memory(fault)
        self._ballast.fill()

    # --- using it ---

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Statements]:
        """Statements that are run together at the end: all of them or none."""
        statements = Statements()
        yield statements
        with self._lock:
            self._use(statements.run)

    def rows(self, query: str, *values: object) -> list[Any]:
        """The rows a query finds."""
        with self._lock:
            rows: list[Any] = self._use(lambda sql: sql.execute(query, values).fetchall())
        return rows

    def tend(self) -> None:
        """Now and then: back to the disk when it takes writes again, and the ballast filled."""
        with self._lock:
            self._back_to_disk()
            if not self._in_memory:
                self._ballast.fill()

    def close(self) -> None:
        """Let go of the file; what is only in memory is tried once more."""
        with self._lock:
            self._again_s = 0.0
            self._back_to_disk()
            self._sql.close()

    def _use(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        self._back_to_disk()
        while True:
            try:
                return work(self._sql)
            except sqlite3.Error as fault:
                code = _code(fault)
                if self._in_memory or code not in _OF_DISK:
                    raise
                if code == _FULL and self._ballast.release():
                    log.warning("%s: the disk is full: a piece of the ballast was given up", self.path)
                    continue
                self._sql = self._to_memory(fault)

    # --- opening ---

    def _schema(self) -> str:
        return "".join(table.create for table in self._tables.values())

    def _fresh(self) -> sqlite3.Connection:
        memory = _connect(":memory:")
        memory.executescript(self._schema())
        return memory

    def _open(self) -> sqlite3.Connection:
        """The file, looked through. Raises `sqlite3.Error`: `Damaged` for what can be read and is not right."""
        sql = _connect(str(self.path))
        try:
            sql.executescript(self._schema())
            self._upgrade(sql)
            self.path.chmod(0o600)
            (verdict,) = sql.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != "ok":
                raise Damaged(str(verdict).splitlines()[-1])
            for table, row in _each(sql, self._columns):
                if self._tables[table].sound(row) != row:
                    raise Damaged(f"a row of {table} is not what was written")
        except sqlite3.OperationalError as fault:
            sql.close()
            if _code(fault) not in _OF_DISK:  # a table or column has another name than ours
                raise Damaged(str(fault)) from fault
            raise
        except BaseException:
            sql.close()
            raise
        return sql

    def _upgrade(self, sql: sqlite3.Connection) -> None:
        """Columns that earlier versions did not have."""
        for table, columns in self._columns.items():
            known = [row[1] for row in sql.execute(f"PRAGMA table_info({table})")]
            for name in columns:
                if name not in known:
                    sql.execute(f"ALTER TABLE {table} ADD COLUMN {name}")

    # --- in memory, and back ---

    def _to_memory(self, fault: Exception) -> sqlite3.Connection:
        """What the file holds, in memory; a damaged file is set aside, and a new one tried at once."""
        with contextlib.suppress(AttributeError, sqlite3.Error):
            self._sql.close()
        memory, lost, unread = self._salvage()
        self._in_memory, self._again_s = True, time.monotonic() + AGAIN_S
        why = str(fault)
        if _code(fault) in _DAMAGED or self.path.is_dir():
            aside = said_aside(set_aside(self.path))
            with contextlib.suppress(OSError):  # a journal belongs to its file alone
                self._beside("-journal").unlink(missing_ok=True)
            rows = f"{lost} rows are lost" + (f", and of {', '.join(unread)} what could not be read" if unread else "")
            self._troubles.tell(f"{PART} damaged", f"{self.path}: {why}: {aside}; {rows}", severity="warning")
            restored = self._to_disk(memory)
            if restored is not None:
                memory.close()
                self._in_memory = False
                return restored
            why = "it is damaged, and the disk takes no new one"
        self._troubles.tell(PART, f"{self.path}: {why}: incidents and pages are kept in memory and go out all the same")
        return memory

    def _salvage(self) -> tuple[sqlite3.Connection, int, list[str]]:
        """All sound rows of the file in memory, how many were not, and the tables that could not be read to their end."""
        memory, lost, unread = self._fresh(), 0, list[str]()
        sql = _open_to_read(self.path)
        if sql is None:
            return memory, lost, unread
        with contextlib.closing(sql):
            for table, columns in self._columns.items():
                whole = _copy_rows(sql, memory, self._tables[table], columns)
                lost += whole.lost
                unread += [table] if whole.cut else []
        memory.commit()
        return memory, lost, unread

    def _back_to_disk(self) -> None:
        if not self._in_memory or time.monotonic() < self._again_s:
            return
        self._again_s = time.monotonic() + AGAIN_S
        restored = self._to_disk(self._sql)
        if restored is not None:
            self._sql.close()
            self._sql, self._in_memory = restored, False
            self._troubles.well(PART)

    def _to_disk(self, memory: sqlite3.Connection) -> sqlite3.Connection | None:
        """All that is in memory into the file; None when the disk does not take it. A file that cannot be written although
        the disk has room makes way for another one."""
        try:
            return self._written(memory)
        except (sqlite3.Error, OSError) as fault:
            if _code(fault) in _NO_ROOM or not self.path.exists():
                return None
        aside = set_aside(self.path)
        if aside is None:
            return None
        try:
            return self._written(memory)
        except (sqlite3.Error, OSError):
            with contextlib.suppress(OSError):  # it was not the file's fault
                aside.replace(self.path)
            return None

    def _written(self, memory: sqlite3.Connection) -> sqlite3.Connection:
        make_folder(self.path.parent)
        sql = _connect(str(self.path))
        try:
            memory.backup(sql)
            self.path.chmod(0o600)
            sql.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            sql.close()
            raise
        return sql

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)


class _Copied:
    def __init__(self) -> None:
        self.lost, self.cut = 0, False


def _copy_rows(sql: sqlite3.Connection, memory: sqlite3.Connection, table: SqlTable, columns: Sequence[str]) -> _Copied:
    """Forward to the first place that cannot be read, then backward from the end to it."""
    done = _Copied()
    key = ", ".join(f"{name} {{0}}" for name in _key(memory, table.name))
    for direction in ("ASC", "DESC"):
        try:
            known = [row[1] for row in sql.execute(f"PRAGMA table_info({table.name})")]
            names = [name for name in columns if name in known]
            query = f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {key.format(direction)}"  # noqa: S608 - our own names
            for values in sql.execute(query):
                row = table.sound(dict(zip(names, values, strict=True)))
                if row is None:
                    done.lost += direction == "ASC"
                    continue
                insert = f"INSERT OR IGNORE INTO {table.name} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
                with contextlib.suppress(sqlite3.IntegrityError):
                    memory.execute(insert, [*row.values()])
        except (sqlite3.Error, OverflowError):
            done.cut = True
        else:
            break
    return done


def _key(sql: sqlite3.Connection, table: str) -> list[str]:
    """What a table's rows lie in order of: no index is needed to read them so."""
    ((text,),) = sql.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchall()
    if "WITHOUT ROWID" not in text:
        return ["rowid"]
    rows = sql.execute(f"PRAGMA table_info({table})").fetchall()
    return [row[1] for row in sorted(rows, key=lambda row: int(row[5])) if row[5]]


def _connect(path: str, *, uri: bool = False) -> sqlite3.Connection:
    sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_S, uri=uri)
    sql.text_factory = _text
    for pragma in ("synchronous=FULL", "temp_store=MEMORY", "cell_size_check=ON", "trusted_schema=OFF"):
        sql.execute(f"PRAGMA {pragma}")
    return sql


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")  # a damaged text is found by its row's sum


def _open_to_read(path: Path) -> sqlite3.Connection | None:
    """A file to read what can be read; None when nothing can. Without its journal as a last resort (a read-only disk)."""
    if not path.is_file():
        return None
    for how in ("mode=rw", "mode=ro", "immutable=1"):
        sql = None
        try:
            sql = _connect(f"{path.absolute().as_uri()}?{how}", uri=True)
            sql.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error:
            if sql is not None:
                sql.close()
        else:
            return sql
    return None


def _columns(sql: sqlite3.Connection) -> dict[str, list[str]]:
    """Table → its columns, of our own schema."""
    with contextlib.closing(sql):
        tables = [row[0] for row in sql.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        ours = [table for table in tables if not table.startswith("sqlite_")]
        return {table: [row[1] for row in sql.execute(f"PRAGMA table_info({table})")] for table in ours}


def _each(sql: sqlite3.Connection, columns: dict[str, list[str]]) -> Iterator[tuple[str, Row]]:
    for table, names in columns.items():
        for values in sql.execute(f"SELECT {', '.join(names)} FROM {table}"):  # noqa: S608 - our own names
            yield table, dict(zip(names, values, strict=True))


def _code(fault: Exception) -> int:
    """The primary result code; that of a damaged file where Python tells none of a `DatabaseError`."""
    if isinstance(fault, OSError):
        return 14
    return int(getattr(fault, "sqlite_errorcode", 1)) & 0xFF
