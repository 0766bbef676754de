"""Pages on their way by other channels than the webhook: refused, put off, and there in the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hubtables import HubTables
from pages import VIEW
from receivers import Receiver, receiver

from alerts.incidents import Incident
from alerts.notify import webhook
from netmon.config.receiver import PersonConfig, ReceiverConfig
from netmon.hub.outbox import Outbox
from netmon.hub.outbox_table import NewPage
from netmon.process.troubles import Troubles

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's seconds as hundredths."""
    monkeypatch.setattr(webhook, "BACKOFF_S", tuple(wait_s / 50 for wait_s in webhook.BACKOFF_S))


@pytest.fixture
def db(tmp_path: Path) -> HubTables:
    return HubTables(tmp_path / "state.db")


def config(tmp_path: Path, duty: Receiver | None = None, **more: object) -> ReceiverConfig:
    secret = tmp_path / "duty.secret"
    secret.write_text(KEY + "\n")
    url = duty.url if duty else ""
    return ReceiverConfig(**{"name": "duty", "kind": "pagerduty", "url": url, "secret_file": str(secret), **more})  # type: ignore[arg-type]


def owe(db: HubTables) -> None:
    """The pages of one incident, as the hub makes them."""
    pages = []
    for status, ended in (("firing", None), ("resolved", 1_790_000_090_000)):
        raw = webhook.body({**VIEW, "resolved_ms": ended}, status, "duty", "hub-79", "vi")  # type: ignore[arg-type]
        pages.append(NewPage(webhook.page_id(VIEW["id"], "duty", status), VIEW["id"], "duty", status, raw))  # type: ignore[arg-type]
    kept = Incident(VIEW["id"], "link:a", "down", "reach", "critical", 2_000, 1_000)
    db.incidents.commit([kept], pages, now_ms=time.time_ns() // 1_000_000)


def send(db: HubTables, to: ReceiverConfig, done: Callable[[], bool] | None = None) -> Troubles:
    """Run an outbox until nothing waits (or `done`); what was told."""
    troubles = Troubles()
    is_done = done or (lambda: "waiting" not in db.outbox.counts())

    async def run() -> None:
        task = asyncio.create_task(Outbox(db.outbox, [to], lambda: None, troubles=troubles).run())
        until_s = time.monotonic() + 20
        while not (is_done() or troubles.rows() and done) and time.monotonic() < until_s and not task.done():
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return troubles


def test_pagerduty_gets_trigger_and_resolve_in_order_whatever_it_answers_at_first(
    tmp_path: Path, db: HubTables
) -> None:
    answers = iter([429, 500])
    with receiver(lambda request: (next(answers, 202), {})) as duty:
        owe(db)
        send(db, config(tmp_path, duty))
    events = [json.loads(request.raw) for request in duty.requests]
    assert [event["event_action"] for event in events] == ["trigger"] * 3 + ["resolve"]
    assert {event["dedup_key"] for event in events} == {VIEW["id"]} and {event["routing_key"] for event in events} == {
        KEY
    }
    assert events[0] == events[2]  # the same event at every attempt
    assert db.outbox.counts() == {"accepted": 2}


def test_a_bot_that_was_thrown_out_gets_its_pages_when_it_is_back(tmp_path: Path, db: HubTables) -> None:
    (tmp_path / "bot").write_text("1:abc")
    answers = iter([403, 403])
    with receiver(lambda request: (next(answers, 502), {})) as duty:  # 502: the stand-in's answer has no JSON
        owe(db)
        to = config(
            tmp_path, duty, kind="telegram", secret_file=str(tmp_path / "bot"), to=("-100",), url=duty.url[:-12]
        )
        send(db, to, lambda: len(duty.requests) >= 4)
    assert {request.path for request in duty.requests} == {"/bot1:abc/sendMessage"}
    assert db.outbox.counts() == {"waiting": 2}


@pytest.mark.parametrize(("secret", "why"), [("two words", "blanks"), ("", "is empty"), (None, "No such file")])
def test_a_key_that_cannot_be_used_is_told_at_the_start(
    tmp_path: Path, db: HubTables, secret: str | None, why: str
) -> None:
    to = config(tmp_path)
    Path(to.secret_file).unlink() if secret is None else Path(to.secret_file).write_text(secret)
    [row] = send(db, to, lambda: False).rows()
    assert row["why"].startswith("pages cannot be sent: ") and why in row["why"] and "two words" not in row["why"]


def test_a_page_nobody_can_read_is_given_up_in_the_end_and_does_not_stop_others(tmp_path: Path, db: HubTables) -> None:
    with receiver(lambda request: (202, {})) as duty:
        kept = Incident("bad", "link:b", "down", "reach", "critical", 2_000, 1_000)
        db.incidents.commit([kept], [NewPage("x", "bad", "duty", "firing", b"{}")], now_ms=time.time_ns() // 1_000_000)
        owe(db)
        send(db, config(tmp_path, duty), lambda: db.outbox.counts().get("accepted", 0) == 2)
    assert db.outbox.counts() == {"accepted": 2, "waiting": 1}
    [waits] = db.outbox.undelivered()
    assert "the page cannot be read" in waits.trouble


def test_a_message_goes_to_who_is_on_duty_when_it_is_sent(
    tmp_path: Path, db: HubTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    weeks = iter([0.0, 0.0, 7 * 86400.0])  # the second page is tried a week later
    monkeypatch.setattr("netmon.hub.outbox.time.time", lambda: 1_796_086_800.0 + next(weeks, 7 * 86400.0))
    people = PersonConfig(name="lan", phone="1111"), PersonConfig(name="minh", phone="2222")
    with receiver(lambda request: (200, {})) as duty:
        more = {
            "url": duty.url + "&to={to}&t={text}",
            "secret_file": "",
            "rota": ("lan", "minh"),
            "rota_from": "2026-11-30",
        }
        to = config(tmp_path, None, kind="sms", method="GET", **more)
        owe(db)
        run_until_sent(db, to, people)
    assert [request.path.partition("&to=")[2][:4] for request in duty.requests] == ["1111", "2222"]


def run_until_sent(db: HubTables, to: ReceiverConfig, people: tuple[PersonConfig, ...]) -> None:
    async def run() -> None:
        task = asyncio.create_task(Outbox(db.outbox, [to], lambda: None, people=people).run())
        until_s = time.monotonic() + 20
        while "waiting" in db.outbox.counts() and time.monotonic() < until_s:
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
