"""Which sealed files can be believed. One bad file must hide neither its neighbours nor change what is read of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import duckdb

from netmon.files import said_aside, set_aside
from netmon.store import digest, layout

log = logging.getLogger("netmon.store")
TURN_S = 600  # a scrub looks at one day; each turn at the next


def sound(paths: Iterable[Path]) -> list[Path]:
    """Those that are what was written; files without a digest (of earlier versions) count when all of them can be read.
    The others are told in the log and passed over."""
    kept = []
    for path in paths:
        why = fault_of(path)
        if why:
            log.error("%s is damaged (%s): its points are left out", path, why)
        else:
            kept.append(path)
    return kept


def fault_of(path: Path) -> str:
    """Why a sealed file cannot be believed, "" when it can."""
    try:
        verdict = digest.check(path)
        if verdict == "unsigned":
            _read_all(path)
    except OSError as fault:
        return fault.strerror or type(fault).__name__
    except duckdb.Error as fault:
        return str(fault).splitlines()[0][:200]
    return "its digest is another" if verdict == "damaged" else ""


def _read_all(path: Path) -> None:
    columns = ", ".join(f'"{name}"' for name in layout.COLUMNS)
    query = f"SELECT bit_xor(hash({columns})) FROM read_parquet(?)"  # noqa: S608 - our own column names
    with closing(duckdb.connect()) as connection:
        connection.execute(query, [str(path)]).fetchall()


def scrub(store: Path, now_s: float | None = None) -> dict[str, int]:
    """Look through one day's files, each time another day's, and set the damaged ones aside: `damaged`, how many, and
    `aside`, how many of all days lie aside for people."""
    days = [folder for _, folder in layout.days(store)]
    turn = int((time.time() if now_s is None else now_s) // TURN_S)
    damaged = 0
    for path in layout.files_of(days[turn % len(days)]) if days else ():
        why = fault_of(path)
        if why:
            damaged += 1
            log.error("%s is damaged (%s): %s", path, why, said_aside(set_aside(path)))
    return {"damaged": damaged, "aside": sum(1 for folder in days for _ in folder.glob("seg-*.parquet.damaged-*"))}
