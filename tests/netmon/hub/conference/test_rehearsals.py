"""What a rehearsal leaves behind: its result and its pages together, told to the right people; links kept free meanwhile."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import meeting
import pytest
from checkout import ROOT
from hubtables import HubTables

from alerts.incidents import Incident
from inventory.topology import Network
from netmon import readiness
from netmon.config.hub import ConferencesConfig, HubConfig, LeasesConfig, RoomTestConfig
from netmon.config.receiver import ReceiverConfig
from netmon.config.walker.shape import shape_of
from netmon.config.walker.value import parse_settings
from netmon.hub.conference import child as rehearse
from netmon.hub.conference.child import RehearsalFailed
from netmon.hub.conference.page import _ROW, MAX_ROWS
from netmon.hub.conference.rehearsals import Rehearsals
from netmon.hub.conference.schedule import PlannedStage
from netmon.hub.conference.tables import KEPT_OVER, KeptStage
from netmon.hub.leases.desk import LeaseDesk
from probes.kinds.room.kind import RoomSettings

INVENTORY = meeting.inventory(6, provinces=2)
NETWORK = Network(INVENTORY)
START_S = INVENTORY.conferences[0].starts.at_s
Row = dict[str, Any]


def receivers(**owners: tuple[str, ...]) -> tuple[ReceiverConfig, ...]:
    return tuple(ReceiverConfig(name=name, url="http://x", secret_file="s", owners=one) for name, one in owners.items())


class Links:
    """No heavy tests here."""

    def hold(self, conference: str, until_s: float) -> float:
        return 0.0

    def let_go(self, conference: str) -> None:
        pass


class World:
    """Rehearsals over one database; restarted at will."""

    def __init__(self, folder: Path, network: Network = NETWORK, **owners: tuple[str, ...]) -> None:
        self.config = HubConfig(name="h", lang="en", receivers=receivers(**(owners or {"duty": ()})))
        self.told = list[Row]()
        self.path, self.network, self.now_s, self.woken = folder / "hub.db", network, START_S - 86_400, 0
        self.restart()

    def restart(self) -> None:
        self.db = HubTables(self.path)
        self.it = Rehearsals(
            self.config, self.network, self.db.conferences, Links(), self._owed, self.told.copy, lambda: self.now_s
        )

    def _owed(self) -> None:
        self.woken += 1

    def run(self, stage: str) -> PlannedStage:
        (run,) = (one for runs in self.it._schedule._runs.values() for one in runs if one.stage == stage)
        return run

    def settle(self, stage: str, result: Row) -> Row | None:
        """The page that stage owes the first receiver, None for none."""
        run = self.run(stage)
        self.now_s = run.due_s + 30
        before = self.pages()
        self.it.settle(run, result, self.now_s)
        after = self.pages()
        return after[-1] if len(after) > len(before) else None

    def pages(self) -> list[Row]:
        rows = self.db.database.rows("SELECT body FROM outbox ORDER BY seq")
        return [json.loads(row[0]) for row in rows]


def row(number: int, state: str = "ready", rung: str = "", **more: Any) -> Row:
    id = f"r{number:05}"
    return {"room": id, "name": f"Room {number}", "state": state, "rung": rung, "owner": f"Xa {number}", **more}


def result(*broken: Row, light: bool = False, rooms: int = 6, causes: tuple[Row, ...] = ()) -> Row:
    by_room = {one["room"]: one for one in broken}
    found = [by_room.get(f"r{number:05}", row(number)) for number in range(1, rooms + 1)]
    return {"rooms": found, "causes": list(causes), "summary": readiness.counted(found), "light": light, "at": "2031"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_first_stage_and_the_last_page_and_those_between_only_what_is_not_well(world: World) -> None:
    first = world.settle("T-24h", result())
    assert first is not None and first["status"] == "resolved" and first["conference"]["delta"]["first"]
    assert world.settle("T-60min", result()) is None
    third = world.settle("T-30min", result(row(2, "not_ready", "port")))
    assert third is not None and [one["room"] for one in third["conference"]["delta"]["worse"]] == ["r00002"]
    last = world.settle("T-10min", result(light=True))
    assert last is not None and last["status"] == "resolved"
    assert last["commonAnnotations"]["summary"] == "Conference Hoi nghi, T-10min: all 6 rooms are ready"
    assert {one["alerts"][0]["fingerprint"] for one in world.pages()} == {first["alerts"][0]["fingerprint"]}


def test_a_room_that_stays_broken_is_told_at_every_stage(world: World) -> None:
    broken = row(2, "not_ready", "call")
    for stage in ("T-24h", "T-60min", "T-30min"):
        page = world.settle(stage, result(broken))
        assert page is not None and page["status"] == "firing"
    assert [one["room"] for one in page["conference"]["delta"]["still"]] == ["r00002"]


def test_a_stage_that_only_asks_does_not_mend_what_it_cannot_see(world: World) -> None:
    cause = {"element": "link:x", "rung": "quality", "rooms": ["r00001", "r00003"], "owner": "VNPT", "name": "x"}
    bad = [row(one, "not_ready", "quality") for one in (1, 3)]
    world.settle("T-30min", result(*bad, row(4, "not_ready", "port"), row(5, "risk"), causes=(cause,)))
    page = world.settle("T-10min", result(row(6, "not_ready", "port"), row(3, "not_ready", "port"), light=True))
    assert page is not None
    told = page["conference"]
    assert {one["room"]: one["rung"] for one in told["rooms"]} == {
        "r00001": "quality",
        "r00003": "port",
        "r00006": "port",
    }
    assert told["summary"] == {"ready": 2, "risk": 1, "not_ready": 3, "not_measured": 0}
    assert [one["room"] for one in told["delta"]["better"]] == ["r00004"] and told["causes"] == []
    assert [one.get("as_of") for one in told["rooms"] if one["room"] == "r00001"] == ["2031"]


def test_a_room_that_was_only_asked_keeps_what_was_known_of_it(world: World) -> None:
    world.settle("T-60min", result(row(1, "not_ready", "call"), row(2, "not_ready", "call")))
    page = world.settle("T-30min", result(row(1, asked_only=True)))
    assert page is not None and [one["room"] for one in page["conference"]["rooms"]] == ["r00001"]
    assert [one["room"] for one in page["conference"]["delta"]["better"]] == ["r00002"]


def test_a_rehearsal_that_failed_is_told_and_nothing_is_compared_with_it(world: World) -> None:
    failed = {"failed": "no route", "rooms": [], "causes": [], "summary": readiness.counted(()), "light": False}
    page = world.settle("T-24h", failed)
    assert page is not None and page["status"] == "firing" and "no route" in page["commonAnnotations"]["summary"]
    assert world.it.rows()[0]["last"]["failed"] == "no route"
    page = world.settle("T-60min", result(row(1, "not_ready", "port")))
    assert page is not None and page["conference"]["delta"]["worse_count"] == 1


def test_only_receivers_that_are_concerned_get_the_page(tmp_path: Path) -> None:
    owners = {"all": (), "mcu": ("MCU team",), "room": ("Xa 2",), "carrier": ("Viettel",), "nobody": ("Xa 5",)}
    world = World(tmp_path, **owners)
    cause = {"element": "link:x", "rung": "port", "rooms": ["r00002"], "owner": "", "carrier": "Viettel", "name": "x"}
    world.settle("T-24h", result(row(2, "not_ready", "port"), causes=(cause,)))
    assert {one["receiver"] for one in world.pages()} == {"all", "mcu", "room", "carrier"}


def test_who_is_concerned_no_more_is_told_that_it_is_over_for_him(tmp_path: Path) -> None:
    world = World(tmp_path, **{"room": ("Xa 2",), "other": ("Xa 3",), "carrier": ("Viettel",)})
    cause = {"element": "link:x", "rung": "port", "rooms": ["r00002"], "owner": "", "carrier": "Viettel", "name": "x"}
    third = row(3, "not_ready", "port")
    world.settle("T-24h", result(row(2, "not_ready", "port"), third, causes=(cause,)))
    world.settle("T-60min", {**result(rooms=0), "failed": "away"})
    world.settle("T-30min", result(third))
    world.settle("T-10min", result(third))
    told = [(one["receiver"], one["status"], one["conference"]["stage"]) for one in world.pages()]
    assert sorted(told) == [
        ("carrier", "firing", "T-24h"),
        ("carrier", "resolved", "T-30min"),
        ("other", "firing", "T-10min"),
        ("other", "firing", "T-24h"),
        ("other", "firing", "T-30min"),
        ("room", "firing", "T-24h"),
        ("room", "resolved", "T-30min"),
    ]


def test_the_owner_of_a_room_the_page_has_no_room_for_is_told_too(tmp_path: Path) -> None:
    world = World(tmp_path, last=(f"Xa {MAX_ROWS + 1}",))
    broken = [row(one, "not_ready", "port") for one in range(1, MAX_ROWS + 2)]
    page = world.settle("T-24h", result(*broken, rooms=MAX_ROWS + 1))
    assert page is not None and page["conference"]["rooms_not_shown"] == 1


def test_every_key_of_the_page_is_documented(world: World) -> None:
    text = (ROOT / "docs" / "webhook.md").read_text(encoding="utf-8")
    page = world.settle("T-24h", result(row(2, "not_ready", "port")))
    assert page is not None
    told = page["conference"]
    keys = {*told, *told["delta"], *told["summary"], *_ROW}
    assert [key for key in keys if f'"{key}"' not in text and f"`{key}`" not in text] == []
    assert f"the first {MAX_ROWS} of them" in text


def test_more_rooms_than_fit_are_counted(world: World) -> None:
    page = world.settle("T-24h", result(*(row(one, "not_ready", "port") for one in range(1, 301)), rooms=300))
    assert page is not None
    told = page["conference"]
    assert len(told["rooms"]) == MAX_ROWS == len(told["delta"]["worse"])
    assert (told["rooms_not_shown"], told["delta"]["worse_count"], told["summary"]["not_ready"]) == (100, 300, 300)


def test_what_was_kept_outlives_the_hub_and_pages_are_owed_once(world: World) -> None:
    world.settle("T-24h", result(row(1, "not_ready", "port")))
    world.restart()
    assert world.it.rows()[0]["last"]["stage"] == "T-24h"
    assert world.it._schedule.due(world.now_s, world.it._stages.keys()) == []
    world.it.settle(world.run("T-24h"), result(row(1, "not_ready", "port")), world.now_s)  # as if it had not been known
    assert len(world.pages()) == 1


def test_a_refusing_disk_keeps_neither_result_nor_page(world: World) -> None:
    class Refusing(Exception):
        pass

    def pages() -> Any:
        raise Refusing
        yield

    one = KeptStage("hn", 1, "T-24h", 1, 1, {})
    with pytest.raises(Refusing):
        world.db.conferences.keep(one, b"{}", pages(), now_ms=2)
    assert world.db.conferences.stages() == [] and world.pages() == []


def test_pages_of_conferences_stay_when_incidents_are_forgotten(world: World) -> None:
    world.settle("T-24h", result())
    world.db.incidents.commit([Incident("i1", "link:a", "down", "reach", "critical", 2_000, 1_000)], now_ms=1)
    world.db.incidents.commit(forgotten=["i1"], now_ms=2)
    assert len(world.pages()) == 1  # it still waits


def test_of_conferences_that_are_over_the_last_are_kept(world: World) -> None:
    for number in range(KEPT_OVER + 20):
        world.db.conferences.keep(KeptStage("c", number, "T-24h", number, number + 1, {}), b"{}", (), now_ms=10_000)
    world.db.conferences.keep(KeptStage("c", 20_000, "T-24h", 10_000, 20_001, {}), b"{}", (), now_ms=10_000)
    kept = [one.starts_ms for one in world.db.conferences.stages()]
    assert kept == [*range(20, KEPT_OVER + 20), 20_000]


def test_open_incidents_on_the_way_of_rooms_are_told_with_their_rooms(world: World) -> None:
    told = [
        {"id": "a", "element": "link:core-p01", "state": "open"},
        {"id": "b", "element": "commune:00002", "state": "open"},
        {"id": "c", "element": "link:core-p02", "state": "resolved"},
        {"id": "d", "element": "site:elsewhere", "state": "open"},
    ]
    found = {one["id"]: one["rooms"] for one in world.it.live("hn", told)["incidents"]}
    assert found == {"a": ["r00001", "r00003", "r00005"], "b": ["r00002"]}
    with pytest.raises(KeyError):
        world.it.live("nope", ())


def test_incidents_that_touched_a_conference_are_kept_once_it_is_over(world: World) -> None:
    start_ms = round(START_S * 1000)
    gone = {"state": "resolved", "element": "link:core-p01"}
    world.told += [
        {"id": "a", **gone, "first_miss_ms": start_ms + 1, "resolved_ms": start_ms + 9_000},
        {"id": "b", **gone, "first_miss_ms": start_ms - 9, "resolved_ms": start_ms},
        {"id": "c", "state": "open", "element": "site:x", "first_miss_ms": start_ms, "resolved_ms": None},
    ]
    world.settle("T-10min", result(light=True))
    for after_s, kept in ((10_799, 0), (10_859, 0), (10_861, 1), (10_990, 1)):
        world.now_s = START_S + after_s
        asyncio.run(world.it._remember(world.now_s))
        assert len(world.it.whole("hn")) == 1 + kept
    (_, raw) = world.it.whole("hn")[-1]
    assert [(one["id"], one["rooms"]) for one in json.loads(raw)["incidents"]] == [
        ("a", ["r00001", "r00003", "r00005"])
    ]
    assert world.it.rows()[0]["last"]["stage"] == "T-10min" and len(world.it.live("hn", ())["stages"]) == 1
    world.restart()
    assert world.it.rows()[0]["last"]["stage"] == "T-10min"


def test_states_and_next_stages_follow_the_clock(world: World) -> None:
    seen = []
    for after_s in (-3600 * 30, -3601, -60, 0, 3 * 3600):
        world.now_s = START_S + after_s
        (one,) = world.it.rows()
        seen.append((one["state"], one["next"] and one["next"]["stage"]))
    assert seen == [
        ("upcoming", "T-24h"),
        ("upcoming", "T-24h"),
        ("upcoming", "T-10min"),
        ("live", None),
        ("over", None),
    ]


# --- the child ---


def test_every_setting_of_hub_yaml_is_one_of_the_kind_with_the_checks_own_default() -> None:
    checks = parse_settings(["call_for=2s", "media_for=4s"], RoomSettings)  # as netmon conference check has them
    for key in shape_of(RoomTestConfig).keys:
        known = shape_of(RoomSettings).by_name[key.name]
        assert (key.unit, key.type, key.low, key.high) == (known.unit, known.type, known.low, known.high)
        assert key.default == getattr(checks, known.attribute)


def test_what_hub_yaml_says_reaches_the_child_and_defaults_need_no_word() -> None:
    assert rehearse.pairs(RoomTestConfig()) == []
    given = RoomTestConfig(
        timeout_s=0.7, video=False, user="u", password_file="/x/y", verify=False, server_name="m.x", reports_s=0.0
    )
    pairs = rehearse.pairs(given)
    words = "timeout=700ms reports=0s video=false user=u password_file=/x/y verify=false server_name=m.x"
    assert pairs == words.split()
    read = parse_settings(pairs, RoomSettings)
    assert (read.timeout_s, read.video, read.verify, read.password_file) == (0.7, False, False, "/x/y")
    words = rehearse.command("/i.yaml", "hn", ConferencesConfig(streams=5), "en", light=True, limit_s=139.0)
    told = "--lang en --log error conference check hn --inventory /i.yaml -o json --attached --streams 5"
    assert words[4:] == [*told.split(), "--within", "100s", "--light"]  # 15 s to start and tell, 23.5 s for a climb


def child(code: str, limit_s: float = 20.0) -> Row:
    return asyncio.run(rehearse.run([sys.executable, "-c", code], limit_s))


@pytest.mark.parametrize(
    ("code", "why", "again"),
    [
        ("import time; time.sleep(60)", "not done within 1 s", False),
        ("import sys; sys.exit('no \\x1b[31mroute')", "ended with 1: no ·[31mroute", True),
        ("print('{}')", "not the JSON of a run", True),
        ("print('[' * 100000)", "not the JSON of a run", True),
        ('print(\'{"rooms": [{"room": "a", "name": "", "state": "?", "rung": ""}]}\')', "no state that is known", True),
        (f"print('x' * {rehearse.MAX_RESULT_BYTES + 70_000})", "told more than", False),
    ],
)
def test_whatever_a_child_does_is_a_failure_with_its_reason(code: str, why: str, again: bool) -> None:
    with pytest.raises(RehearsalFailed, match=why.replace("[", "\\[")) as fault:
        child(code, 1.0 if "sleep" in code else 20.0)
    assert fault.value.again is again


def test_a_child_takes_its_own_children_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse, "HANG_UP_S", 0.5)
    code = "import subprocess, sys, time; subprocess.Popen(['sleep', '61']); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(RehearsalFailed):
        child(code, 1.0)  # the grandchild holds the pipe: only the end of the whole group ends it
    assert time.monotonic() - began < 5


def test_a_failed_run_is_tried_again_and_then_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = list[float]()

    async def fails(words: Any, limit_s: float) -> Row:
        tries.append(limit_s)
        raise RehearsalFailed("away")

    monkeypatch.setattr(rehearse, "run", fails)
    monkeypatch.setattr("netmon.hub.conference.rehearsals.AGAIN_S", 0.01)
    until_settled(world, "T-60min")
    assert len(tries) == 2 and len(world.pages()) == 1 and world.pages()[0]["conference"]["failed"] == "away"


def test_a_good_stage_after_one_that_failed_is_told(world: World) -> None:
    world.settle("T-24h", result())
    failed = world.settle("T-60min", {**result(rooms=0), "failed": "away"})
    assert failed is not None and failed["status"] == "firing"
    page = world.settle("T-30min", result())
    assert page is not None and page["status"] == "resolved"


def test_a_fault_of_ours_in_a_rehearsal_is_told_as_one_that_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(words: Any, limit_s: float) -> Row:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(rehearse, "run", fails)
    monkeypatch.setattr("netmon.hub.conference.rehearsals.AGAIN_S", 0.01)
    until_settled(world, "T-60min")
    assert "can't start new thread" in world.pages()[0]["conference"]["failed"]


def until_settled(world: World, stage: str, late_s: float = 1.0) -> None:
    """Run the loop until the stage is kept."""

    async def main() -> None:
        world.now_s = world.run(stage).due_s + late_s
        task = asyncio.create_task(world.it.run())
        end = time.monotonic() + 10
        while not any(key[2] == stage for key in world.it._stages):
            assert time.monotonic() < end and not task.done()
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_the_loop_makes_a_stage_once_and_never_after_the_start(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list[tuple[bool, float]]()

    async def good(words: list[str], limit_s: float) -> Row:
        calls.append(("--light" in words, limit_s))
        return result(light="--light" in words)

    monkeypatch.setattr(rehearse, "run", good)
    until_settled(world, "T-60min")
    until_settled(world, "T-10min")
    assert [light for light, _ in calls] == [False, True]
    assert calls[0][1] == pytest.approx(120 + 23.5 * 6 / 12)  # seconds it may take


def test_a_fault_of_ours_in_one_look_ends_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = list[float]()

    async def fails(now_s: float) -> None:
        looks.append(now_s)
        raise ZeroDivisionError

    monkeypatch.setattr(world.it, "_remember", fails)
    monkeypatch.setattr("netmon.hub.conference.rehearsals.LOOK_S", 0.02)

    async def main() -> None:
        task = asyncio.create_task(world.it.run())
        await asyncio.sleep(0.2)
        assert len(looks) > 2 and not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_calls_end_ten_minutes_before_the_start(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = list[float]()

    async def good(words: list[str], limit_s: float) -> Row:
        limits.append(limit_s)
        return result()

    monkeypatch.setattr(rehearse, "run", good)
    until_settled(world, "T-30min", late_s=1100.0)
    assert limits == [100.0]


def test_heavy_tests_wait_while_a_conference_is_rehearsed(tmp_path: Path) -> None:
    clock = [START_S - 86_400.0]
    desk = LeaseDesk(LeasesConfig(), NETWORK, HubTables(tmp_path / "db").leases, lambda: clock[0])
    site = replace(NETWORK.inventory.sites[0])
    assert site.id == "core"
    assert desk.hold("hn", clock[0] + 300) == 0.0
    from netmon.hub.leases.rules import Want

    want = Want("a", "c", ("link:core-p01",), 1, 10.0)
    refused = desk._book.ask(want, "1", clock[0])
    assert refused.reason == "conference" and refused.retry_after_s == 60 and refused.about == "Hoi nghi"  # type: ignore[union-attr]
    desk.let_go("hn")
    lease = desk._book.ask(want, "2", clock[0])
    assert lease.id == "2" and desk.hold("hn", clock[0] + 300) == 15.0  # type: ignore[union-attr]
    clock[0] += 301
    assert desk._book.ask(want, "3", clock[0]).id == "3"  # type: ignore[union-attr]
