"""Signs of life: sent while the hub judges, and not when it does not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from receivers import receiver

from netmon.config.hub import HeartbeatConfig
from netmon.hub.heartbeat import PATIENCE, Heartbeat
from netmon.process.troubles import Troubles


class Life:
    """A hub that ticks when it is told."""

    def __init__(self) -> None:
        self.ticks = 1

    def view(self, now_s: float) -> dict[str, Any]:
        return {
            "ticks": self.ticks,
            "tick_ms": 1.5,
            "pages": {},
            "incidents": [{"state": "open"}, {"state": "resolved"}],
        }


def test_a_hub_that_judges_says_so_and_one_that_stands_does_not() -> None:
    life = Life()
    with receiver() as watcher:
        heart = Heartbeat(HeartbeatConfig(url=watcher.url), "hub-79", life.view, Troubles())
        assert heart.beat()
        assert not heart.beat()  # it answers, and judges nothing
        life.ticks += 60
        assert heart.beat()
    assert [json.loads(request.raw)["ticks"] for request in watcher.requests] == [1, 61]
    body = json.loads(watcher.requests[0].raw)
    assert (body["hub"], body["open_incidents"], body["troubles"]) == ("hub-79", 1, [])


def test_a_watcher_that_takes_nothing_is_a_trouble_until_it_does() -> None:
    life, troubles, answers = Life(), Troubles(), iter([500] * (PATIENCE + 1))
    with receiver(lambda request: (next(answers, 200), {})) as watcher:
        heart = Heartbeat(HeartbeatConfig(url=watcher.url), "h", life.view, troubles)
        counts = []
        for _ in range(PATIENCE + 2):
            life.ticks += 1
            heart.beat()
            counts.append(len(troubles.rows()))
    assert counts == [0] * (PATIENCE - 1) + [1, 1, 0]


def test_an_address_that_is_a_secret_stays_in_its_file(tmp_path: Path) -> None:
    with receiver() as watcher:
        (tmp_path / "address").write_text(watcher.url + "\n")
        config = HeartbeatConfig(secret_file=str(tmp_path / "address"), method="GET")
        assert Heartbeat(config, "h", Life().view, Troubles()).beat()
        assert watcher.requests[0].raw == b""
    (tmp_path / "address").unlink()
    assert not Heartbeat(config, "h", Life().view, Troubles()).beat()


@pytest.mark.parametrize(("config", "beats"), [(HeartbeatConfig(), False), (HeartbeatConfig(url="http://x/"), True)])
def test_without_a_watcher_nothing_is_sent(
    config: HeartbeatConfig, beats: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart, count = Heartbeat(config, "h", Life().view, Troubles()), list[int]()
    monkeypatch.setattr("netmon.hub.heartbeat.FIRST_S", 0.01)
    monkeypatch.setattr(heart, "beat", lambda: count.append(1))

    async def run() -> None:
        task = asyncio.create_task(heart.run())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert bool(count) is beats
