"""A whole hub rehearses a conference of simulated rooms: the page arrives with the planted fault, then with its end."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import meeting
import pytest
import yaml
from hubs import HubProcess
from nets import Pair, pair
from netthread import serving, within
from ports import free_port
from receivers import Receiver, receiver

from netmon.cli import app
from probes.answer.standin import sip as standin
from probes.answer.standin.room import RoomStandIn
from probes.target import Endpoint

pytestmark = [pytest.mark.needs("netns"), pytest.mark.world]
ROOMS = 4
SETTINGS = "{timeout: 500ms, ring: 500ms, call_for: 500ms}"


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    with pair() as made:
        made.run("right", ["ip", "route", "add", "local", "10.98.0.0/16", "dev", "lo"])
        made.run("left", ["ip", "route", "add", "10.98.0.0/16", "via", made.right_ip])
        with serving(made.right, lambda: meeting.serve(ROOMS, {1: None, 2: {"call": "486"}})):
            yield made


def hub(folder: Path, link: Pair, duty: Receiver, starts_in_s: float, stages: str) -> HubProcess:
    """A hub in the left namespace whose conference starts soon; not started yet."""
    secret = folder / "secret"
    folder.mkdir(parents=True, exist_ok=True)
    secret.write_text("s3cret\n")
    extra = f"lang: en\nconferences: {{streams: 3, stages: {stages}, settings: {SETTINGS}}}\nreceivers:\n"
    extra += f'  - {{name: duty, url: "{duty.url}", secret_file: "{secret}", unix_socket: "{duty.unix_socket}"}}\n'
    one = HubProcess(folder, "127.0.0.1", free_port(), extra=extra)
    made = yaml.safe_load(meeting.as_yaml(meeting.inventory(ROOMS)))
    now = datetime.now(UTC)
    for key, after_s in (("starts", starts_in_s), ("ends", starts_in_s + 3600)):
        made["conferences"][0][key] = (now + timedelta(seconds=after_s)).isoformat(timespec="milliseconds")
    (folder / "inventory.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
    return one


def until(holds: Callable[[], Any], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


async def room_two(kept: list[RoomStandIn] | None = None) -> None:
    """The room that was not there is switched on."""
    host = meeting.address(1)
    room = RoomStandIn(socket.AF_INET, host, alias="room")
    if kept is not None:
        kept.append(room)
    await standin.listen(Endpoint(host, 5060), room)
    await asyncio.Event().wait()


def children(pid: int) -> list[int]:
    """Processes a process started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_gone(pid: int) -> bool:
    """Ended, whether or not somebody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_planted_fault_is_paged_and_its_end_too(
    link: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiver(path=tmp_path / "duty.sock") as duty:
        one = hub(tmp_path / "hub", link, duty, 3000.0, "[1h, 2992s]")
        within(link.left, one.start)
        try:
            until(lambda: duty.accepted)
            with serving(link.right, room_two):
                until(lambda: len(duty.accepted) > 1)
            path = "/api/v1/conferences"
            rows = within(link.left, lambda: one.read(path))["conferences"]
            stages = within(link.left, lambda: one.read(path + "/hn/stages"))["stages"]
            last = within(link.left, lambda: one.read(path + "/hn"))
            words = ["--lang", "en", "conference"]
            assert app.main([*words, "list", "--hub", f"{one.folder}/hub.sock"]) == 0
            assert app.main([*words, "watch", "hn", "--once", "--hub", f"{one.folder}/hub.sock"]) == 0
        finally:
            one.kill()
    shown = capsys.readouterr().out
    assert "hn\tHoi nghi\t" in shown and "T-2992s: 3 ready, 1 not" in shown and "NOT READY      Room 00003" in shown
    first, second = (request.body for request in duty.accepted)
    told = first["conference"]
    assert (first["version"], first["status"], told["stage"], told["light"]) == ("4", "firing", "T-60min", False)
    broken = {(row["room"], row["rung"], row["owner"]) for row in told["rooms"]}
    assert broken == {("r00002", "signalling", "Xa 00002"), ("r00003", "call", "Xa 00003")}
    assert told["summary"] == {"ready": 2, "risk": 0, "not_ready": 2, "not_measured": 0} and told["delta"]["first"]
    assert first["commonAnnotations"]["summary"].startswith("Conference Hoi nghi, T-60min: 2 of 4 rooms not ready")
    told = second["conference"]
    assert (told["stage"], told["light"], told["delta"]["first"]) == ("T-2992s", False, False)
    assert [row["room"] for row in told["delta"]["better"]] == ["r00002"] and told["delta"]["worse"] == []
    assert [(row["room"], row["rung"]) for row in told["rooms"]] == [("r00003", "call")]
    assert [row["room"] for row in told["delta"]["still"]] == ["r00003"] and told["summary"]["not_ready"] == 1
    assert [row["last"]["stage"] for row in rows] == ["T-2992s"] and rows[0]["next"] is None
    assert [one["stage"] for one in stages] == ["T-60min", "T-2992s"]
    assert last["result"]["stage"] == "T-2992s" and last["stages"][0]["summary"]["not_ready"] == 2


def test_a_stopped_or_killed_hub_leaves_neither_rehearsal_nor_call_behind(link: Pair, tmp_path: Path) -> None:
    busy = list[RoomStandIn]()
    with receiver(path=tmp_path / "duty.sock") as duty, serving(link.right, lambda: room_two(busy)):
        one = hub(tmp_path / "hub", link, duty, 3000.0, "[1h]")
        (tmp_path / "hub" / "hub.yaml").write_text(
            (tmp_path / "hub" / "hub.yaml").read_text().replace("call_for: 500ms", "call_for: 60s")
        )
        for end in (one.stop, one.kill):
            within(link.left, one.start)
            assert one.child is not None
            pid = one.child.pid
            until(lambda: children(pid))  # noqa: B023
            (child,) = children(pid)
            until(lambda: sum(room.live for room in busy))
            end()
            until(lambda: not sum(room.live for room in busy), 5.0)
            until(lambda: is_gone(child), 5.0)  # noqa: B023
    assert duty.requests == []


def test_killed_hubs_lose_no_page_and_tell_none_twice(tmp_path: Path) -> None:
    """Rooms nobody wrote an address of: a rehearsal is only a process that comes and goes."""
    many, chance = 3, random.Random(3)
    with receiver() as duty:
        one = hub(tmp_path / "hub", Pair("", ""), duty, 3000.0, "[1h]")
        text = (tmp_path / "hub" / "hub.yaml").read_text()
        (tmp_path / "hub" / "hub.yaml").write_text(text.replace("streams: 3", "streams: 3, light: true"))
        made = yaml.safe_load((tmp_path / "hub" / "inventory.yaml").read_text())
        for room in made["rooms"]:
            del room["address"]
        made["conferences"] = [made["conferences"][0] | {"id": f"hn{number}"} for number in range(many)]
        (tmp_path / "hub" / "inventory.yaml").write_text(json.dumps(made), encoding="utf-8")
        try:
            for _ in range(2):
                one.start()
                time.sleep(chance.uniform(0.3, 1.5))
                one.kill()
            one.start()
            until(lambda: len({request.id for request in duty.accepted}) == many)
            rows = one.read("/api/v1/conferences")["conferences"]
            results = [len(one.read(f"/api/v1/conferences/{row['id']}/stages")["stages"]) for row in rows]
        finally:
            one.kill()
    told = {request.body["conference"]["id"]: request.id for request in duty.accepted}
    assert len(told) == len(set(told.values())) == many and results == [1] * many
    bodies = {request.id: request.raw for request in duty.accepted}
    assert all(bodies[request.id] == request.raw for request in duty.accepted)  # a repeat says the same
    assert all(row["last"]["summary"]["not_ready"] == ROOMS for row in rows)
