"""The hub's durable state: what belongs together is kept together or not at all."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from hubtables import HubTables

from alerts.incidents import Incident
from alerts.silences import Silence, SilenceTerms
from netmon.hub.outbox_table import NewPage, Undelivered
from netmon.segments.position import Position


def incident(id: str = "i1", **more: object) -> Incident:
    one = Incident(id, "link:a", "down", "reach", "critical", 2_000, 1_000, {("link-down", "c1-uplink")}, 1_500)
    for name, value in more.items():
        setattr(one, name, value)
    return one


def page(incident: str = "i1", receiver: str = "duty", status: str = "firing") -> NewPage:
    return NewPage(f"msg_{incident}_{receiver}_{status}", incident, receiver, status, b"{}")  # type: ignore[arg-type]


@pytest.fixture
def db(tmp_path: Path) -> HubTables:
    return HubTables(tmp_path / "state.db")


def test_everything_of_an_incident_comes_back(tmp_path: Path) -> None:
    kept = incident(suspects=("link:a", "site:b"), against=3, clear=2, resolved_ms=9_000, superseded_by="i0")
    kept.acked_by, kept.acked_ms, kept.ack_note = "lan", 5_000, "đang sửa"
    kept.also_told = ("interface-down wan0", "on-battery ups")
    first = HubTables(tmp_path / "state.db")
    first.incidents.commit([kept], position=Position(7, 99), now_ms=1)
    first.close()
    again = HubTables(tmp_path / "state.db")
    assert again.incidents.incidents() == [kept]
    assert again.incidents.position() == Position(7, 99)


def test_an_incident_kept_before_there_was_such_evidence_comes_back(tmp_path: Path) -> None:
    first = HubTables(tmp_path / "state.db")
    first.incidents.commit([incident()], now_ms=1)
    first.database._sql.execute("UPDATE incidents SET data = json_remove(data, '$.also_told'), sum = NULL")
    assert "also_told" not in first.database.rows("SELECT data FROM incidents")[0][0]
    assert first.incidents.incidents() == [incident()]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    HubTables(tmp_path / "deep" / "state.db")
    assert stat.S_IMODE((tmp_path / "deep" / "state.db").stat().st_mode) == 0o600


def test_an_incident_and_its_pages_are_kept_together(db: HubTables) -> None:
    db.incidents.commit([incident()], [page(), page(receiver="night")], now_ms=5)
    assert db.outbox.paged() == {("i1", "duty", "firing"): "waiting", ("i1", "night", "firing"): "waiting"}
    assert [one.id for one in db.incidents.incidents()] == ["i1"]


def test_what_is_wrong_of_a_transaction_keeps_none_of_it(db: HubTables) -> None:
    with pytest.raises(sqlite3.Error), db.database.transaction() as sql:
        sql.execute("DELETE FROM incidents")
        sql.execute("INSERT INTO silences (id) VALUES (?)", ("half",))
    db.incidents.commit([incident()], [page()], now_ms=5)
    assert db.outbox.counts() == {"waiting": 1}
    assert db.incidents.silences() == []


def test_a_page_there_is_already_stays_as_it_is(db: HubTables) -> None:
    db.incidents.commit([incident()], [page()], now_ms=5)
    first = db.outbox.next_page("duty")
    assert first is not None
    db.outbox.mark(first, "accepted", 0, "")
    db.incidents.commit([incident()], [page()], now_ms=6)
    assert db.outbox.counts() == {"accepted": 1}
    assert db.outbox.next_page("duty") is None


def test_resolved_waits_until_firing_is_done(db: HubTables) -> None:
    db.incidents.commit([incident()], [page()], now_ms=5)
    db.incidents.commit([incident()], [page(status="resolved")], now_ms=6)
    firing = db.outbox.next_page("duty")
    assert firing is not None and firing.status == "firing"
    db.outbox.mark(firing, "waiting", 900_000, "refused")  # tried again later
    again = db.outbox.next_page("duty")
    assert again is not None and (again.status, again.tries, again.next_ms) == ("firing", 1, 900_000)
    db.outbox.mark(again, "accepted", 0, "")
    last = db.outbox.next_page("duty")
    assert last is not None and last.status == "resolved"


def test_another_incidents_page_does_not_wait_for_one_that_is_put_off(db: HubTables) -> None:
    db.incidents.commit([incident()], [page()], now_ms=5)
    first = db.outbox.next_page("duty")
    assert first is not None
    db.outbox.mark(first, "waiting", 900_000, "answered 404")
    db.incidents.commit([incident("i2")], [page("i2")], now_ms=7)
    following = db.outbox.next_page("duty")
    assert following is not None and following.incident == "i2"


def test_who_never_took_firing_gets_no_resolved(db: HubTables) -> None:
    db.incidents.commit([incident()], [page(), page(receiver="night")], now_ms=5)
    db.incidents.commit([incident()], [page(status="resolved"), page(receiver="night", status="resolved")], now_ms=6)
    firing = db.outbox.next_page("duty")
    assert firing is not None
    db.outbox.mark(firing, "failed", 0, "answered 400")
    assert db.outbox.next_page("duty") is None
    assert db.outbox.paged()["i1", "duty", "resolved"] == "failed"
    assert db.outbox.paged()["i1", "night", "resolved"] == "waiting"


def test_pages_of_receivers_that_are_no_more_are_given_up(db: HubTables) -> None:
    db.incidents.commit([incident()], [page(), page(receiver="night")], now_ms=5)
    assert db.outbox.waiting_for() == {"duty", "night"}
    db.outbox.give_up({"night"}, "no such receiver any more")
    assert db.outbox.counts() == {"failed": 1, "waiting": 1}


def test_what_is_forgotten_takes_its_pages_along_but_for_those_that_wait(db: HubTables) -> None:
    db.incidents.commit([incident(), incident("i2")], [page(), page(receiver="night"), page("i2")], now_ms=5)
    duty = db.outbox.next_page("duty")
    assert duty is not None
    db.outbox.mark(duty, "accepted", 0, "")
    db.incidents.commit(forgotten=["i1"], now_ms=6)
    assert db.outbox.paged() == {("i1", "night", "firing"): "waiting", ("i2", "duty", "firing"): "waiting"}
    night = db.outbox.next_page("night")
    assert night is not None
    db.outbox.mark(night, "accepted", 0, "")
    db.incidents.commit(forgotten=["i2"], now_ms=7)
    assert db.outbox.paged() == {("i2", "duty", "firing"): "waiting"}


def test_silences_come_and_go(db: HubTables) -> None:
    one = Silence("s1", "link:a", 1.5, 9.5, "lan", "'; DROP TABLE silences; --")
    db.incidents.add_silence(one)
    assert db.incidents.silences() == [one]
    db.incidents.remove_silences(["s1", "no such"])
    assert db.incidents.silences() == []


def test_pages_that_were_tried_in_vain_or_given_up_are_known(db: HubTables) -> None:
    db.incidents.commit([incident()], [page(), page(receiver="night"), page(receiver="late")], now_ms=5)
    first, second = db.outbox.next_page("duty"), db.outbox.next_page("night")
    assert first is not None and second is not None
    assert db.outbox.undelivered() == []
    db.outbox.mark(first, "waiting", 900, "answered 503")
    db.outbox.mark(second, "failed", 0, "answered 400")
    assert db.outbox.undelivered() == [
        Undelivered("i1", "duty", "firing", "waiting", 5, "answered 503"),
        Undelivered("i1", "night", "firing", "failed", 5, "answered 400"),
    ]


def test_what_a_silence_is_about_is_kept_and_a_clock_that_is_set_moves_no_maintenance(db: HubTables) -> None:
    once = Silence("s1", "", 10, 20, "lan", "", SilenceTerms(kinds=("loss",), owners=("Sở ‘TTTT’",)))
    weekly = Silence("s2", "link:*", 10, 90, "lan", "", SilenceTerms(every_s=30, lasts_s=5))
    for silence in (once, weekly):
        db.incidents.add_silence(silence)
    assert db.incidents.silences() == [once, weekly]
    db.incidents.move_silences(100)
    assert [silence.from_s for silence in db.incidents.silences()] == [110, 10]
    db.incidents.remove_silences(["s1", "s2"])
    assert db.incidents.silences() == [] == db.database.rows("SELECT * FROM silence_terms")


def test_a_silence_whose_terms_are_damaged_is_no_silence_of_everything(tmp_path: Path) -> None:
    made = HubTables(tmp_path / "hub.db")
    made.incidents.add_silence(Silence("s1", "", 10, 20, "lan", "", SilenceTerms(kinds=("loss",))))
    with made.database.transaction() as sql:
        sql.execute("UPDATE silence_terms SET data = '{'")
    made.close()
    again = HubTables(tmp_path / "hub.db")
    assert again.incidents.silences() == []
