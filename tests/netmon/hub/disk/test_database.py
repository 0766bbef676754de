"""The hub's state on disks that are full, read-only, broken, or that flipped a bit."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hubtables import HubTables

from alerts.incidents import Incident
from alerts.silences import Silence
from netmon.hub.conference.tables import KeptStage
from netmon.hub.disk import database
from netmon.hub.disk.ballast import PIECE, Ballast
from netmon.hub.leases.rules import Changes, Lease
from netmon.hub.outbox_table import NewPage
from netmon.process.troubles import Troubles
from netmon.segments.position import Position


def incident(id: str = "i1", **more: object) -> Incident:
    one = Incident(id, "link:a", "down", "reach", "critical", 2_000, 1_000, {("link-down", "c1-uplink")}, 1_500)
    for name, value in more.items():
        setattr(one, name, value)
    return one


def page(incident: str = "i1", status: str = "firing") -> NewPage:
    return NewPage(f"msg_{incident}_{status}", incident, "duty", status, b'{"a": "%d"}' % len(incident))  # type: ignore[arg-type]


LEASE = Lease("l1", "c1", "c1-capacity", ("p01-c1",), 1_000, 1.5, 9.0)


def fill(db: HubTables) -> None:
    """Something in every table."""
    db.incidents.commit(
        [incident(f"i{n}") for n in range(9)], [page(f"i{n}") for n in range(9)], Position(3, 77), now_ms=5
    )
    db.incidents.add_silence(Silence("s1", "link:a", 1790000000, 1790000900.5, "lan", "mưa"))
    db.leases.keep(Changes(came={"l1": LEASE}, gone=set(), used={(20_000, "link:a"): 5_000}), 1)
    db.conferences.keep(KeptStage("giao-ban", 9, "T-60min", 5, 99, {"ready": 3}), b'{"rooms": []}', (), now_ms=6)


def everything(db: HubTables) -> list[object]:
    """All that stands in the tables, one row each."""
    return [
        *db.incidents.incidents(),
        *sorted(db.outbox.paged().items()),
        *db.incidents.silences(),
        *db.leases.leases(),
        *db.leases.use().items(),
        *db.conferences.stages(),
        *db.conferences.results("giao-ban", 9),
        db.incidents.position(),
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "hub.db"
    db = HubTables(path)
    fill(db)
    db.close()
    return path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(whole, tmp_path / "hub.db"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(database, "AGAIN_S", 0.0)
    return


def refuse(
    db: HubTables, monkeypatch: pytest.MonkeyPatch, words: str = "database or disk is full", code: int = 13
) -> None:
    """From now on the disk takes nothing more."""

    fault = sqlite3.OperationalError(words)
    fault.sqlite_errorcode = code
    real = database._connect

    def connect(file: str, *, uri: bool = False) -> sqlite3.Connection:
        sql = real(file, uri=uri)
        if file != ":memory:" and not uri:
            sql.close()
            raise fault
        return sql

    monkeypatch.setattr(database, "_connect", connect)
    db.database._sql.execute("PRAGMA max_page_count = 1")
    db.database._sql.execute("PRAGMA query_only = ON")
    db.database._ballast.release = lambda: False  # type: ignore[method-assign]


def test_what_a_disk_does_not_take_is_kept_in_memory_told_and_brought_to_it_later(
    path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    troubles = Troubles()
    db = HubTables(path, troubles)
    before = everything(db)
    with monkeypatch.context() as patch:
        refuse(db, patch)
        db.incidents.commit([incident("new")], [page("new")], Position(4, 1), now_ms=9)
        kept = everything(db)
        assert db.incidents.incidents()[-1].id == "new" and db.incidents.position() == Position(4, 1)
        assert [row["part"] for row in troubles.rows()] == ["hub.db"]
        assert len(kept) == len(before) + 2
    db.database.tend()
    assert everything(db) == kept and not troubles.rows()
    db.close()
    assert everything(HubTables(path)) == kept


def test_no_page_is_sent_twice_by_coming_back_to_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    db = HubTables(path)
    with monkeypatch.context() as patch:
        refuse(db, patch)
        first = db.outbox.next_page("duty")
        assert first is not None
        db.outbox.mark(first, "accepted", 0, "")
    db.database.tend()
    assert db.outbox.counts() == {"accepted": 1, "waiting": 8}


def test_a_folder_nobody_can_write_in_stops_no_page(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    troubles = Troubles()
    db = HubTables(tmp_path / "file" / "hub.db", troubles)
    db.incidents.commit([incident()], [page()], now_ms=5)
    assert db.outbox.next_page("duty") is not None
    assert "in memory" in troubles.rows()[0]["why"]


def test_the_ballast_is_given_up_before_memory_is_all_there_is(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast", 3 * PIECE)
    ballast.fill()
    sizes = []
    while ballast.release():
        sizes.append((tmp_path / "ballast").stat().st_size // PIECE)
    assert sizes == [2, 1, 0]
    ballast.fill()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 3 * PIECE


@pytest.mark.parametrize(
    "damage",
    [b"", b"this is no database at all, but long enough to be read as one" * 200],
    ids=["empty", "other"],
)
def test_a_file_that_is_no_database_is_set_aside(path: Path, damage: bytes) -> None:
    path.write_bytes(damage)
    db = HubTables(path)
    db.incidents.commit([incident()], now_ms=5)
    db.close()
    assert [one.id for one in HubTables(path).incidents.incidents()] == ["i1"]
    assert bool(list(path.parent.glob("hub.db.damaged-*"))) is bool(damage)


def test_a_folder_in_its_place_is_set_aside(path: Path) -> None:
    path.unlink()
    path.mkdir()
    db = HubTables(path)
    fill(db)
    db.close()
    assert len(everything(HubTables(path))) == 9 + 9 + 6
    assert path.is_file()


def test_a_damaged_row_costs_itself_alone_and_is_told(path: Path) -> None:
    before = everything(HubTables(path))
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'"id": "i4", "element"', b'"id": "i4", "elemenu"'))
    troubles = Troubles()
    db = HubTables(path, troubles)
    after = everything(db)
    assert [one for one in before if one not in after] == [incident("i4")]
    (row,) = troubles.rows()
    assert "1 rows are lost" in row["why"] and "hub.db.damaged-" in row["why"]


def test_a_value_that_changed_in_silence_is_no_value(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(
        raw.replace(b'{"a": "2"}', b'{"a": "3"}', 1).replace(b'"severity": "critical"', b'"severity": "Critical"', 1)
    )
    db = HubTables(path)
    assert len(db.incidents.incidents()) == 8 and db.outbox.counts() == {"waiting": 8}


def test_a_page_whose_text_is_right_goes_out_whatever_became_of_its_notes(path: Path) -> None:
    sql = sqlite3.connect(path)
    sql.execute("UPDATE outbox SET next_ms = 90071992547409930, state = 'wbiting', tries = -3, trouble = x'ff'")
    sql.commit()
    sql.close()
    db = HubTables(path)
    due = db.outbox.next_page("duty")
    assert due is not None and due.next_ms == 0 and due.created_ms == 5 and due.tries == 0
    assert db.outbox.counts() == {"waiting": 9}


def test_rows_of_before_there_were_sums_are_believed_when_their_shape_is_right(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "hub.db")
    old.execute("CREATE TABLE incidents (id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID")
    db = HubTables(tmp_path / "new.db")
    db.incidents.commit([incident(), incident("i2")], now_ms=5)
    (good, bad) = (row[0] for row in db.database.rows("SELECT data FROM incidents"))
    old.execute("INSERT INTO incidents VALUES ('i1', ?)", (good,))
    old.commit()
    assert HubTables(tmp_path / "hub.db").incidents.incidents() == [incident()]
    old.execute("INSERT INTO incidents (id, data) VALUES ('i2', ?)", (bad.replace("1500", '"x"'),))
    old.commit()
    old.close()
    assert HubTables(tmp_path / "hub.db").incidents.incidents() == [incident()]


def test_no_flipped_bit_stops_the_hub_or_changes_what_people_get(path: Path) -> None:
    db = HubTables(path)
    before = everything(db)
    db.close()
    raw = path.read_bytes()
    for bit in range(5, len(raw) * 8, len(raw) * 8 // 60):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        db = HubTables(path)
        changed = [one for one in everything(db) if one not in before and one != Position(0, 0)]
        assert not changed, (bit, changed)
        db.incidents.commit([incident("new")], [page("new")], now_ms=9)
        db.close()


def test_a_file_that_breaks_while_in_use_is_set_aside_and_work_goes_on(path: Path) -> None:
    troubles = Troubles()
    db = HubTables(path, troubles)
    raw = bytearray(path.read_bytes())
    raw[4096 : 4096 * 12] = b"\xff" * (4096 * 11)
    path.write_bytes(raw)
    db.database._sql.close()
    db.database._sql = database._connect(str(path))
    db.incidents.commit([incident("new")], [page("new")], now_ms=9)
    assert "new" in [one.id for one in db.incidents.incidents()]
    assert [row["part"] for row in troubles.rows()] == ["hub.db damaged"]
    db.close()
    assert "new" in [one.id for one in HubTables(path).incidents.incidents()]


def test_no_flipped_bit_of_the_rules_memory_is_believed(tmp_path: Path) -> None:
    import numpy as np

    from alerts.engine.memory import Memory
    from netmon.hub.incidents import rules_memory as memory

    kept = Memory({"rules": ["down"]}, {"held:0": np.arange(40)})
    memory.save(tmp_path, memory.Remembered(Position(1, 2), Position(3, 4), 5.0, kept, {"a": 1}))
    path = tmp_path / memory.FILE
    whole = path.read_bytes()
    for bit in range(0, len(whole) * 8, 5):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        found = memory.load(tmp_path)  # bits that deflate pads with may flip
        assert found is None or (
            found.judged == Position(3, 4) and (found.engine.arrays["held:0"] == np.arange(40)).all()
        )
    assert list(tmp_path.glob(f"{memory.FILE}.damaged-*"))
    path.unlink(missing_ok=True)
    path.mkdir()
    assert memory.load(tmp_path) is None
