"""Pages on their way: real receivers on loopback that refuse, hang, vanish and come back."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hubtables import HubTables
from receivers import Request, good, receiver

from alerts.incidents import Incident
from alerts.notify import webhook
from alerts.notify.webhook import Delivery, Status
from netmon.config.receiver import ReceiverConfig
from netmon.hub.outbox import Outbox
from netmon.hub.outbox_table import NewPage
from netmon.lab.receiver import fault_of
from netmon.process.troubles import Troubles

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's seconds as hundredths."""
    monkeypatch.setattr(webhook, "BACKOFF_S", tuple(one / 50 for one in webhook.BACKOFF_S))


@pytest.fixture
def db(tmp_path: Path) -> HubTables:
    return HubTables(tmp_path / "state.db")


def config(tmp_path: Path, name: str, url: str, **more: object) -> ReceiverConfig:
    secret = tmp_path / f"{name}.secret"
    secret.write_text(KEY + "\n")
    return ReceiverConfig(name=name, url=url, secret_file=str(secret), **{"timeout_s": 5.0, **more})  # type: ignore[arg-type]


def owe(db: HubTables, incident: str, receiver: str, *statuses: Status) -> None:
    """Put pages into the outbox."""
    kept = Incident(incident, "link:a", "down", "reach", "critical", 2_000, 1_000)
    pages = [
        NewPage(webhook.page_id(incident, receiver, one), incident, receiver, one, json.dumps({"status": one}).encode())
        for one in statuses
    ]
    db.incidents.commit([kept], pages, now_ms=time.time_ns() // 1_000_000)


def send(db: HubTables, receivers: list[ReceiverConfig], done: Callable[[], bool], within_s: float = 10.0) -> Outbox:
    """Run an outbox until `done()`."""
    outbox = Outbox(db.outbox, receivers, on_change=lambda: None)
    drive(outbox, done, within_s)
    return outbox


def drive(outbox: Outbox, done: Callable[[], bool], within_s: float = 10.0) -> None:
    """The same with one that is made already."""

    async def run() -> None:
        task = asyncio.create_task(outbox.run())
        until = time.monotonic() + within_s
        while not done() and time.monotonic() < until and not task.done():
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert done()


def settled(db: HubTables) -> Callable[[], bool]:
    return lambda: "waiting" not in db.outbox.counts()


def test_firing_goes_before_resolved_and_both_are_signed(tmp_path: Path, db: HubTables) -> None:
    with receiver() as duty:
        owe(db, "i1", "duty", "firing", "resolved")
        send(db, [config(tmp_path, "duty", duty.url)], settled(db))
    assert [status for status, _ in duty.pages()] == ["firing", "resolved"]
    for request in duty.requests:
        assert fault_of(request.headers, request.raw, webhook.key_of(KEY), time.time()) == ""


def test_a_page_that_is_refused_a_while_arrives_once_with_one_id(tmp_path: Path, db: HubTables) -> None:
    answers = iter([503, 404, 500])
    with receiver(lambda request: (next(answers, 200), {})) as duty:
        owe(db, "i1", "duty", "firing")
        owe(db, "i1", "duty", "resolved")
        send(db, [config(tmp_path, "duty", duty.url)], settled(db))
    assert len(duty.requests) == 5
    assert [status for status, _ in duty.pages()] == ["firing", "resolved"]
    assert len({one.id for one in duty.requests[:4]}) == 1
    stamps = [int(one.headers["webhook-timestamp"]) for one in duty.requests]
    assert stamps == sorted(stamps)


def test_a_receiver_that_hangs_delays_nobody_else(tmp_path: Path, db: HubTables) -> None:
    released = threading.Event()

    def hang(request: Request) -> None:
        released.wait(20)

    def are_told() -> bool:
        if len(duty.accepted) == 2:
            released.set()  # or the end would wait for its answer
        return released.is_set()

    with receiver(hang) as slow, receiver() as duty:
        owe(db, "i1", "slow", "firing")
        owe(db, "i1", "duty", "firing", "resolved")
        began = time.monotonic()
        both = [config(tmp_path, "slow", slow.url, timeout_s=20.0), config(tmp_path, "duty", duty.url)]
        send(db, both, are_told)
        assert time.monotonic() - began < 10
    assert db.outbox.paged()["i1", "slow", "firing"] == "waiting"


def test_a_receiver_that_comes_back_gets_everything_in_order(tmp_path: Path, db: HubTables) -> None:
    with receiver() as gone:
        port = int(gone.url.split(":")[2].split("/")[0])
    owe(db, "i1", "duty", "firing", "resolved")
    owe(db, "i2", "duty", "firing")
    duty = config(tmp_path, "duty", f"http://127.0.0.1:{port}/hook")
    send(db, [duty], lambda: (one := db.outbox.next_page("duty")) is not None and one.tries >= 1)
    with receiver(port=port) as back:
        send(db, [duty], settled(db))  # another process: nothing but the database came along
    assert sorted(status for status, _ in back.pages()) == ["firing", "firing", "resolved"]
    firing = webhook.page_id("i1", "duty", "firing")
    resolved = webhook.page_id("i1", "duty", "resolved")
    ids = [id for _, id in back.pages()]
    assert ids.index(firing) < ids.index(resolved)


def test_retry_after_is_kept(tmp_path: Path, db: HubTables) -> None:
    answers = iter([(503, {"Retry-After": "1"})])
    with receiver(lambda request: next(answers, (200, {}))) as duty:
        owe(db, "i1", "duty", "firing")
        owe(db, "i2", "duty", "firing")  # the receiver asked for peace, whatever the page
        began = time.monotonic()
        send(db, [config(tmp_path, "duty", duty.url)], settled(db))
        assert 0.9 <= time.monotonic() - began < 4
    assert len(duty.requests) == 3


def test_a_refused_body_is_tried_for_its_day_and_given_up_with_its_resolved_page_and_others_go_on(
    tmp_path: Path, db: HubTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "REFUSED_S", 0.3)
    bad = webhook.page_id("i1", "duty", "firing")
    with receiver(lambda request: (400 if request.id == bad else 200, {})) as duty:
        owe(db, "i1", "duty", "firing", "resolved")
        owe(db, "i2", "duty", "firing")
        send(db, [config(tmp_path, "duty", duty.url)], settled(db))
    assert [request.id for request in duty.requests].count(bad) > 3
    assert duty.pages() == [("firing", webhook.page_id("i2", "duty", "firing"))]
    assert db.outbox.counts() == {"accepted": 1, "failed": 2}


@pytest.mark.parametrize("status", [400, 410])
def test_a_receiver_that_refuses_for_a_moment_is_told_of_and_gets_all_its_pages(
    tmp_path: Path, db: HubTables, status: int
) -> None:
    troubles, told = Troubles(), list[str]()
    answers = iter([status, status])
    with receiver(lambda request: (next(answers, 200), {})) as duty:
        owe(db, "i1", "duty", "firing", "resolved")
        outbox = Outbox(
            db.outbox, [config(tmp_path, "duty", duty.url)], lambda: told.extend(whys(troubles)), troubles=troubles
        )
        drive(outbox, settled(db))
    assert f"receiver duty: takes no pages: answered {status}" in told
    assert [status for status, _ in duty.pages()] == ["firing", "resolved"]
    assert whys(troubles) == []


def whys(troubles: Troubles) -> list[str]:
    """What stands on the board."""
    return [f"{row['part']}: {row['why']}" for row in troubles.rows()]


@pytest.mark.parametrize("set_s", [-300, 3600, -3600, 40 * 86400])
def test_a_set_clock_neither_holds_a_page_back_nor_gives_it_up(
    tmp_path: Path, db: HubTables, monkeypatch: pytest.MonkeyPatch, set_s: float
) -> None:
    answers = iter([500, 500])
    clock, real = [0.0], time.time
    monkeypatch.setattr("netmon.hub.outbox.time.time", lambda: real() + clock[0])

    def answer(request: Request) -> tuple[int, dict[str, str]]:
        clock[0] = set_s
        return next(answers, 200), {}

    with receiver(answer) as duty:
        owe(db, "i1", "duty", "firing")
        send(db, [config(tmp_path, "duty", duty.url)], settled(db), within_s=10)
    assert db.outbox.counts() == {"accepted": 1}


def test_a_page_that_waited_before_a_restart_is_due_at_once(tmp_path: Path, db: HubTables) -> None:
    with receiver() as duty:
        owe(db, "i1", "duty", "firing")
        page = db.outbox.next_page("duty")
        assert page is not None
        db.outbox.mark(page, "waiting", 1 << 60, "answered 503")
        send(db, [config(tmp_path, "duty", duty.url)], settled(db), within_s=10)


@pytest.mark.parametrize(
    ("secret", "why"),
    [(None, "No such file"), (b"", "is empty"), (b"whsec_!!", "not base64"), (b"\xff\xfe", "not UTF-8 text")],
)
def test_a_secret_that_cannot_be_used_is_told_at_the_start(
    tmp_path: Path, db: HubTables, secret: bytes | None, why: str
) -> None:
    one, troubles = config(tmp_path, "duty", "http://127.0.0.1:9/"), Troubles()
    Path(one.secret_file).unlink() if secret is None else Path(one.secret_file).write_bytes(secret)
    drive(Outbox(db.outbox, [one], lambda: None, troubles=troubles), lambda: bool(troubles.rows()))
    [told] = whys(troubles)
    assert told.startswith("receiver duty: pages cannot be signed: ")
    assert why in told


def test_resolved_has_the_labels_of_its_firing_page(db: HubTables) -> None:
    def body(kind: str) -> bytes:
        labels = {"alertname": kind}
        alert = {"labels": labels, "startsAt": kind, "status": kind}
        return json.dumps({"groupLabels": labels, "commonLabels": labels, "alerts": [alert]}).encode()

    kept = Incident("i1", "link:a", "down", "reach", "critical", 2_000, 1_000)
    db.incidents.commit([kept], [NewPage("a", "i1", "duty", "firing", body("loss"))], now_ms=1)
    db.incidents.commit([kept], [NewPage("b", "i1", "duty", "resolved", body("down"))], now_ms=2)
    raw = db.database.rows("SELECT body FROM outbox WHERE status = 'resolved'")[0][0]
    [alert] = json.loads(raw)["alerts"]
    assert alert == {"labels": {"alertname": "loss"}, "startsAt": "loss", "status": "down"}


def test_a_secret_that_is_mended_while_the_hub_runs_frees_the_page(tmp_path: Path, db: HubTables) -> None:
    with receiver() as duty:
        one = config(tmp_path, "duty", duty.url)
        Path(one.secret_file).unlink()
        owe(db, "i1", "duty", "firing")

        def done() -> bool:
            page = db.outbox.next_page("duty")
            if page is not None and page.tries == 2:
                Path(one.secret_file).write_text(KEY)
            return page is None

        send(db, [one], done)
    assert [status for status, _ in duty.pages()] == ["firing"]


def test_pages_for_somebody_who_left_the_configuration_are_given_up(tmp_path: Path, db: HubTables) -> None:
    with receiver() as duty:
        owe(db, "i1", "old", "firing")
        owe(db, "i1", "duty", "firing")
        send(db, [config(tmp_path, "duty", duty.url)], settled(db))
    assert db.outbox.paged() == {("i1", "old", "firing"): "failed", ("i1", "duty", "firing"): "accepted"}


def test_pages_of_a_receiver_that_left_the_configuration_for_a_while_wait_for_it(tmp_path: Path, db: HubTables) -> None:
    with receiver() as duty:
        owe(db, "i1", "duty", "firing")
        send(db, [], settled(db))
        assert db.outbox.paged() == {("i1", "duty", "firing"): "failed"}
        send(db, [config(tmp_path, "duty", duty.url)], lambda: "accepted" in db.outbox.counts(), within_s=10)
    assert duty.pages() == [("firing", webhook.page_id("i1", "duty", "firing"))]


def test_whoever_takes_a_page_and_asks_for_peace_gets_the_next_one_at_once(tmp_path: Path, db: HubTables) -> None:
    with receiver(lambda request: (200, {"Retry-After": "3600"})) as duty:
        owe(db, "i1", "duty", "firing", "resolved")
        send(db, [config(tmp_path, "duty", duty.url)], settled(db), within_s=10)
    assert [status for status, _ in duty.pages()] == ["firing", "resolved"]


@pytest.mark.parametrize("wanted", ["3600", "99999999999", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_a_receiver_that_wants_peace_for_long_is_told_of_at_once(tmp_path: Path, db: HubTables, wanted: str) -> None:
    troubles = Troubles()
    with receiver(lambda request: (429, {"Retry-After": wanted})) as duty:
        owe(db, "i1", "duty", "firing")
        one = config(tmp_path, "duty", duty.url)
        drive(Outbox(db.outbox, [one], lambda: None, troubles=troubles), lambda: bool(troubles.rows()), within_s=10)
    assert whys(troubles) == ["receiver duty: takes no pages: answered 429"]
    assert len(duty.requests) == 1


def test_trouble_a_receiver_tells_is_kept_harmless(tmp_path: Path, db: HubTables) -> None:
    with receiver(lambda request: b"\x1b[2J\x1b]0;owned\x07 nonsense\r\n\r\n") as duty:
        owe(db, "i1", "duty", "firing")
        send(
            db,
            [config(tmp_path, "duty", duty.url)],
            lambda: (page := db.outbox.next_page("duty")) is not None and page.tries > 0,
        )
    [(trouble,)] = db.database.rows("SELECT trouble FROM outbox")
    assert trouble
    assert "\x1b" not in trouble


def test_a_new_page_wakes_a_sleeping_outbox_from_any_thread(tmp_path: Path, db: HubTables) -> None:
    async def run() -> None:
        outbox = Outbox(db.outbox, [config(tmp_path, "duty", duty.url)], on_change=lambda: None)
        task = asyncio.create_task(outbox.run())
        await asyncio.sleep(0.2)  # it sleeps for half a minute now
        owe(db, "i1", "duty", "firing")
        await asyncio.to_thread(outbox.wake)
        until = time.monotonic() + 5
        while not duty.accepted and time.monotonic() < until:
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with receiver(good) as duty:
        asyncio.run(run())
    assert len(duty.accepted) == 1


def test_a_disk_that_refuses_to_note_an_answer_repeats_the_page_by_the_same_id(
    tmp_path: Path, db: HubTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once with one id is what a receiver can live with; never is what it cannot."""
    import sqlite3

    from netmon.hub import outbox as module

    monkeypatch.setattr(module, "DISK_S", 0.05)
    real, failures = db.outbox.mark, iter([True, True])

    def mark(*args: object) -> None:
        if next(failures, False):
            raise sqlite3.OperationalError("disk I/O error")
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(db.outbox, "mark", mark)
    with receiver() as duty:
        owe(db, "i1", "duty", "firing")
        send(db, [config(tmp_path, "duty", duty.url)], settled(db))
    assert len(duty.requests) == 3
    assert len({request.id for request in duty.requests}) == 1


def test_told_is_called_when_a_pages_state_changed(tmp_path: Path, db: HubTables) -> None:
    told = list[dict[str, int]]()
    outbox = Outbox(
        db.outbox,
        [config(tmp_path, "duty", "http://x/")],
        lambda: told.append(db.outbox.counts()),
        post=lambda *a, **k: Delivery(200),
    )
    owe(db, "i1", "duty", "firing")

    async def run() -> None:
        task = asyncio.create_task(outbox.run())
        while not told:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 5))
    assert told == [{"accepted": 1}]


def test_without_receivers_it_waits_like_any_other(db: HubTables) -> None:
    async def run() -> bool:
        task = asyncio.create_task(Outbox(db.outbox, [], on_change=lambda: None).run())
        await asyncio.sleep(0.05)
        ended = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return ended

    assert not asyncio.run(run())
