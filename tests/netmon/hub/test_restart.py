"""A real hub killed at the worst moments, and a real receiver: the same incident, one page, one all-clear."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hubs import HubProcess, eventually, hub
from outages import ELEMENT, Outage
from receivers import Request, good, receiver

from alerts.notify import webhook
from netmon.lab.receiver import fault_of

pytestmark = pytest.mark.world
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def extra(folder: Path, url: str) -> str:
    """The part of hub.yaml about who gets pages."""
    secret = folder / "duty.secret"
    secret.write_text(KEY)
    return f'settle: 0s\nreceivers:\n  - {{name: duty, url: "{url}", secret_file: "{secret}", timeout: 2s}}\n'


def known_as_accepted(one: HubProcess, many: int) -> bool:
    """The hub has heard and kept that so many pages were taken: a kill before that repeats one, and must."""
    return bool(eventually(lambda: one.read()["pages"]["accepted"] == many, 15))


def test_kills_between_decision_and_page_and_during_the_outage_lose_and_repeat_nothing(tmp_path: Path) -> None:
    with receiver(lambda request: (503, {})) as duty, hub(tmp_path / "hub", extra=extra(tmp_path, duty.url)) as one:
        outage = Outage(one).tell(25).tell(6, bad=("c1",))
        row = outage.opened()
        assert row["element"] == ELEMENT
        assert eventually(lambda: duty.requests, 10)

        one.kill()  # decided, told to nobody
        duty.answer = good
        one.start()
        assert known_as_accepted(one, 1), one.log.read_text()
        outage.tell(3, bad=("c1",))
        assert [again["id"] for again in outage.incidents()] == [row["id"]]

        one.kill()  # in the middle of the outage
        one.start()
        outage.tell(4, bad=("c1",))
        assert outage.opened()["id"] == row["id"]

        outage.tell(5)
        over = outage.resolved()
        assert known_as_accepted(one, 2), one.log.read_text()
        one.kill()
        one.start()
        time.sleep(2.0)  # it would send now, if it thought that anything was owed

    assert over["id"] == row["id"]
    assert [request.body["status"] for request in duty.accepted] == ["firing", "resolved"]
    assert {request.body["incident"]["id"] for request in duty.requests} == {row["id"]}
    for request in duty.requests:
        assert fault_of(request.headers, request.raw, webhook.key_of(KEY), time.time()) == ""


def test_a_kill_while_the_receiver_holds_the_page_repeats_it_under_the_same_id(tmp_path: Path) -> None:
    """Nobody can know whether a page whose answer never came was taken: the id tells the receiver."""

    def hang(request: Request) -> None:
        time.sleep(3)

    with receiver(hang) as duty, hub(tmp_path / "hub", extra=extra(tmp_path, duty.url)) as one:
        Outage(one).tell(25).tell(6, bad=("c1",)).opened()
        assert eventually(lambda: duty.requests, 10)
        one.kill()
        duty.answer = good
        one.start()
        assert eventually(lambda: duty.accepted, 15), one.log.read_text()
    assert len(duty.accepted) == 1
    assert len({request.id for request in duty.requests}) == 1
