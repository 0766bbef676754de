"""Test pages: at their time of day, once, and for whom somebody asks."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from alerts.calendar import VIET_NAM
from alerts.notify import alertmanager, pagerduty
from alerts.notify.notice import Destination, notice_of
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.hub.incidents.trials import Trials


def trials() -> Trials:
    rows = (("duty", "08:00"), ("night", ""), ("late", "23:59"))
    receivers = tuple(ReceiverConfig(name=name, url="http://x/", secret_file="s", test_at=at) for name, at in rows)
    return Trials(HubConfig(name="hub-79", receivers=receivers))


def at(text: str) -> float:
    return datetime.fromisoformat(f"2026-12-{text}").replace(tzinfo=VIET_NAM).timestamp()


def test_each_day_at_its_time_and_only_then() -> None:
    made = trials()
    moments = (
        "01T07:58:00",
        "01T07:59:59",
        "01T08:00:00",
        "01T08:00:01",
        "01T23:58:59",
        "01T23:59:30",
        "02T00:00:01",
        "02T08:00:05",
    )
    sent = {moment: [page.receiver for page in made.due(at(moment))] for moment in moments}
    assert {moment: names for moment, names in sent.items() if names} == {
        "01T08:00:00": ["duty"], "01T23:59:30": ["late"], "02T08:00:05": ["duty"],
    }  # fmt: skip


def test_a_hub_that_starts_after_the_time_waits_for_the_next_day() -> None:
    made = trials()
    assert made.due(at("01T08:00:30")) == made.due(at("01T09:00:00")) == []


def test_whoever_asks_may_try_one_or_all() -> None:
    made = trials()
    assert [page.receiver for page in made.wanted(["night"], at("01T08:00:00"))] == ["night"]
    assert [page.receiver for page in made.wanted([], at("01T08:00:00"))] == ["duty", "night", "late"]
    with pytest.raises(KeyError):
        made.wanted(["duty", "nobody"], 0)


def test_a_test_page_says_so_and_wakes_nobody() -> None:
    [page] = trials().wanted(["duty"], at("01T08:00:00"))
    notice = notice_of(page.body, page.id)
    assert notice.text("vi").startswith("TIN THỬ từ trung tâm hub-79: không có sự cố") and notice.severity == "info"
    event = json.loads(pagerduty.request(notice, Destination(secret="k"), 0).body)
    assert event["event_action"] == "resolve"
    [alert] = json.loads(alertmanager.request(notice, Destination(url="http://am"), 1_790_000_000).body)
    assert alert["endsAt"] == "2026-09-21T15:13:20.000Z"  # an hour
