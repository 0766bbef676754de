"""After hours without a receiver, and above its budget: one digest instead of hundreds of pages, and nothing lost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hubtables import HubTables
from makers import SCHEMAS, misfits
from pages import VIEW
from receivers import Receiver, Request, receiver

from alerts.incidents import Incident
from alerts.notify import channels, digest, webhook
from alerts.notify.notice import Destination, notice_of
from alerts.notify.webhook import Delivery
from netmon.config.receiver import ReceiverConfig
from netmon.hub.outbox import Outbox
from netmon.hub.outbox_table import NewPage

HOURS_AGO_MS = (time.time_ns() // 1_000_000) - 6 * 3_600_000


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's seconds as hundredths."""
    monkeypatch.setattr(webhook, "BACKOFF_S", tuple(wait_s / 50 for wait_s in webhook.BACKOFF_S))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[HubTables]:
    made = HubTables(tmp_path / "state.db")
    yield made
    made.close()


def config(tmp_path: Path, duty: Receiver, **more: Any) -> ReceiverConfig:
    (tmp_path / "secret").write_text("0123456789abcdef0123456789abcdef")
    return ReceiverConfig(**{"name": "duty", "url": duty.url, "secret_file": str(tmp_path / "secret"), **more})


def owe(db: HubTables, number: int, *statuses: str, suffer: int = 1, now_ms: int = HOURS_AGO_MS) -> None:
    """Pages of one incident, in its order."""
    id, pages = f"i{number:04}", []
    for status in statuses:
        ended = 1_790_000_090_000 if status == "resolved" else None
        view = {**VIEW, "id": id, "element": f"link:l{number}", "symptom_count": suffer, "resolved_ms": ended}
        view["vi"] = view["en"] = f"DOWN {number}"
        said_as, repeat = ("firing", 1) if status == "repeat-1" else (status, 0)
        raw = webhook.body(view, said_as, "duty", "hub-79", "vi", repeat=repeat)
        pages.append(NewPage(webhook.page_id(id, "duty", status), id, "duty", status, raw))
    db.incidents.commit(
        [Incident(id, f"link:l{number}", "down", "reach", "critical", 2_000, 1_000)], pages, now_ms=now_ms
    )


def a_bad_night(db: HubTables) -> None:
    """A hundred came and went, sixty leaves and five root causes are open, three ended that the receiver knows."""
    for number in range(100):
        owe(db, number, "firing", "resolved")
    for number in range(100, 160):
        owe(db, number, "firing", "repeat-1")
    for number in range(160, 165):
        owe(db, number, "firing", suffer=98)
    for number in range(165, 168):
        owe(db, number, "resolved")


def drive(db: HubTables, to: ReceiverConfig, done: Callable[[], bool] | None = None) -> None:
    is_done = done or (lambda: "waiting" not in db.outbox.counts())

    async def run() -> None:
        outbox = Outbox(db.outbox, [to], lambda: None, hub="hub-79")
        task = asyncio.create_task(outbox.run())
        until_s = time.monotonic() + 20
        while not is_done() and time.monotonic() < until_s and not task.done():
            outbox.wake()  # `done` may owe more
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert is_done()


def said(requests: list[Request]) -> list[tuple[str, str]]:
    """(incident or digest, status) of each page that came."""
    pages = [json.loads(request.raw) for request in requests]
    return [("digest" if "digest" in page else page["alerts"][0]["fingerprint"], page["status"]) for page in pages]


def test_a_receiver_that_was_away_for_hours_gets_a_digest_first_and_no_flood(tmp_path: Path, db: HubTables) -> None:
    a_bad_night(db)
    answers = iter([503, 503, 503])
    with receiver(lambda request: (next(answers, 200), {})) as duty:
        drive(db, config(tmp_path, duty))
    came = said(duty.accepted)
    assert came[0] == ("digest", "firing") and len(came) <= 40
    ids = [id for id, status in came[1:] if status == "firing"]
    assert ids == sorted(ids) and {f"i{number:04}" for number in range(160, 165)} <= set(ids)
    assert {f"i{number:04}" for number in range(165, 168)} == {id for id, status in came if status == "resolved"}
    digest_of = json.loads(duty.accepted[0].raw)["digest"]
    assert digest_of["over"] == 100 and digest_of["open"] + len(ids) == 65
    told = {row["id"] for row in digest_of["rows"]} | {id for id, _ in came}
    assert told >= {f"i{number:04}" for number in range(168)}  # nothing is lost
    assert len({request.id for request in duty.requests}) == len(came)  # each attempt by its id


def test_what_is_followed_by_key_gets_each_that_is_open(tmp_path: Path, db: HubTables) -> None:
    a_bad_night(db)
    with receiver(lambda request: (202, {})) as duty:
        drive(db, config(tmp_path, duty, kind="pagerduty"))
    events = [json.loads(request.raw) for request in duty.accepted]
    assert events[0]["dedup_key"].startswith("digest-") and len(events) == 1 + 65 + 3
    assert misfits(events[0], SCHEMAS["pagerduty"]) == []


def test_a_receiver_that_stays_away_has_one_digest_that_grows(
    tmp_path: Path, db: HubTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netmon.hub.digest.FOLD_AFTER_S", -1.0)
    for number in range(30):
        owe(db, number, "firing", "resolved")
    with receiver(lambda request: (503, {})) as duty:
        to = config(tmp_path, duty)
        drive(db, to, lambda: len(duty.requests) >= 2)
        for number in range(30, 70):
            owe(db, number, "firing", "resolved")
        drive(db, to, lambda: b'"over":70' in duty.requests[-1].raw)
    assert db.outbox.waiting_lines("duty") == []
    assert db.outbox.counts()["waiting"] == 1
    [kept] = [db.outbox.waiting_digest("duty")]
    assert digest.earlier_of(kept).pages == 140 and len(digest.earlier_of(kept).rows) == 70


def test_a_few_pages_that_waited_come_one_by_one(tmp_path: Path, db: HubTables) -> None:
    for number in range(10):
        owe(db, number, "firing", "resolved")
    with receiver() as duty:
        drive(db, config(tmp_path, duty))
    assert len(duty.accepted) == 20 and "digest" not in {id for id, _ in said(duty.accepted)}


def test_a_storm_that_is_fresh_is_not_folded_without_a_budget(tmp_path: Path, db: HubTables) -> None:
    for number in range(25):
        owe(db, number, "firing", now_ms=time.time_ns() // 1_000_000)
    with receiver() as duty:
        drive(db, config(tmp_path, duty))
    assert len(duty.accepted) == 25


def test_above_its_budget_a_receiver_gets_root_causes_and_one_digest(tmp_path: Path, db: HubTables) -> None:
    now_ms = time.time_ns() // 1_000_000
    for number in range(40):
        owe(db, number, "firing", suffer=98 if number % 10 == 9 else 1, now_ms=now_ms)
    with receiver() as duty:
        drive(db, config(tmp_path, duty, budget=5))
    came = said(duty.accepted)
    assert [id for id, _ in came].count("digest") == 1 and len(came) <= 5 + 4 + 1
    assert {"i0009", "i0019", "i0029", "i0039"} <= {id for id, _ in came}


def test_what_comes_after_a_digest_waits_for_the_next_one(tmp_path: Path, db: HubTables) -> None:
    now_ms = time.time_ns() // 1_000_000
    for number in range(8):
        owe(db, number, "firing", now_ms=now_ms)
    with receiver() as duty:

        def done() -> bool:
            if len(duty.accepted) == 3 and not db.outbox.waiting_lines("duty"):  # two, and the digest
                owe(db, 9, "firing", now_ms=now_ms)
                owe(db, 10, "firing", suffer=5, now_ms=now_ms)
            return len(duty.accepted) > 3

        drive(db, config(tmp_path, duty, budget=2), done)
    assert [id for id, _ in said(duty.accepted)][3:] == ["i0010"]
    assert [line.incident for line in db.outbox.waiting_lines("duty")] == ["i0009"]


def test_a_digest_that_is_refused_holds_nobody_up(tmp_path: Path, db: HubTables) -> None:
    a_bad_night(db)
    with receiver(lambda request: (400 if b'"digest":' in request.raw else 200, {})) as duty:
        drive(db, config(tmp_path, duty), lambda: not db.outbox.waiting_lines("duty"))
    assert len(duty.accepted) > 30


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_digest_goes_every_way(kind: str) -> None:
    rows = [
        {
            "id": "i1",
            "element": "link:a",
            "severity": "critical",
            "status": "firing",
            "since": "x",
            "vi": "MẤT",
            "en": "DOWN",
        }
    ]
    key, raw = digest.body(rows * 300, 412, HOURS_AGO_MS, "duty", "hub-79", "vi", "01:02 01/12/2026 +07")
    requests = list[bytes]()

    def post(url: str, body: bytes, *words: Any, **more: Any) -> Delivery:
        requests.append(body)
        return Delivery(200, body=b'{"ok":true}')

    to = Destination(url="https://x.example", secret="0123456789abcdef0123456789abcdef", to=("1",))
    channels.deliver(kind, notice_of(raw, "msg_1"), to, time.time(), post)
    assert misfits(json.loads(requests[0]), SCHEMAS[kind]) == []
    assert "TỔNG HỢP: 412 tin" in requests[0].decode()
