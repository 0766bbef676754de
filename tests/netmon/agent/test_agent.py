"""Whole agents in this process, with kinds that measure what they are told and a hub that answers what it is told."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agenthub import OK, Answer, FakeHub, Request, Told, check, config, running, serving, until
from ports import free_port

from netmon.agent.agent import RunningAgent
from netmon.delivery import set_aside
from netmon.segments import segments
from probes.base import Outcome


def _whole(hub: FakeHub, agent: RunningAgent) -> bool:
    numbers = sorted(number for _, number in hub.stored)
    return numbers == list(range(1, agent.spool.end.seq))


def test_every_point_arrives_once_with_its_number_and_tags(tmp_path: Path) -> None:
    told = Told(outcomes={"b": Outcome.LOST})
    with serving(FakeHub()) as hub:
        with running(config(tmp_path, hub.url, check("c1-a", "a"), check("c1-b", "b", kind="single")), told) as agent:
            assert until(lambda: len(hub.stored) > 20)
        assert _whole(hub, agent) and hub.repeats == 0
        assert agent.spool.stored == len(hub.stored) == agent.senders[0].condition.delivered
    heads = {line.split(" ")[0] for line in hub.stored.values()}
    tags = "commune=26734,province=79,site=c1,target=-"
    assert heads == {
        f"netmon_packet,agent=c1,check=c1-a,{tags}",
        f"netmon_single,agent=c1,check=c1-b,{tags}",
        f"netmon_agent,agent=c1,check=-,{tags}",
    }
    fields = {line.split(" ")[1] for line in hub.stored.values() if line.startswith(("netmon_packet", "netmon_single"))}
    assert fields == {"sent=1i,rcvd=1i,rtt_min_ms=1.0,rtt_b12=1i,outcome=0i", "sent=1i,rcvd=0i,outcome=1i"}
    frontiers = [int(one.headers["x-netmon-frontier"]) for one in hub.requests]
    assert frontiers == sorted(frontiers) and abs(frontiers[-1] / 1000 - time.time()) < 10


def test_the_agent_reports_itself_and_its_clock(tmp_path: Path) -> None:
    with serving(FakeHub()) as hub, running(config(tmp_path, hub.url, check("a", "a")), Told()) as agent:
        own = [line.split(" ")[1] for line in hub.stored.values() if line.startswith("netmon_agent")]
        assert until(lambda: any("clock_offset_ms" in line for line in hub.stored.values()))
        own = [line.split(" ")[1] for line in hub.stored.values() if line.startswith("netmon_agent")]
        names = {pair.split("=")[0] for pair in own[-1].split(",")}
        assert names == {
            *("spool_points", "spool_bytes", "dropped", "clock_offset_ms", "rss_bytes", "cpu_share", "late_ms")
        }
        offset_ms = agent.view()["clock_offset_ms"]
        assert 4_900 < offset_ms < 5_100


def test_a_third_miss_in_a_row_is_told_at_once(tmp_path: Path) -> None:
    told = Told(outcomes={"a": Outcome.LOST, "own": Outcome.LOCAL})
    checks = (check("c1-a", "a"), check("c1-own", "own"))
    with serving(FakeHub()) as hub, running(config(tmp_path, hub.url, *checks, flush_s=60.0), told):
        assert until(lambda: hub.requests)
        assert hub.requests[0].headers["x-netmon-urgent"] == "1"
        misses = [line for line in hub.requests[0].lines if "check=c1-a" in line]
        assert len(misses) == 3 and all("outcome=1i" in line for line in misses)
        time.sleep(0.5)
        assert len(hub.requests) == 1


def test_after_an_outage_new_points_go_first_and_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netmon.agent.agent.LIVE_AGE_S", 0.6)
    hub = FakeHub(port=free_port())
    with running(config(tmp_path, f"http://127.0.0.1:{hub.port}", check("a", "a", every_s=0.05)), Told()) as agent:
        assert until(lambda: agent.spool.end.seq > 60 and agent.view()["spool"]["points"] > 60)
        assert not agent.view()["destinations"][0]["good"]
        with serving(hub):
            assert until(lambda: len(hub.requests) > 3 and agent.view()["spool"]["points"] < 20)
            assert until(lambda: agent.view()["destinations"][0]["good"])
            first = hub.requests[0]
            assert "x-netmon-backfill" not in first.headers and first.seq[0] > 20
            behind = [one for one in hub.requests if one.headers.get("x-netmon-backfill") == "1"]
            assert behind and all("x-netmon-frontier" not in one.headers for one in behind)
            assert min(one.seq[0] for one in behind) == 1
            assert until(lambda: _whole(hub, agent) or agent.view()["spool"]["points"] < 5)
            time.sleep(0.3)
    numbers = sorted(number for _, number in hub.stored)
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_restart_sends_what_the_last_run_left(tmp_path: Path) -> None:
    hub = FakeHub(port=free_port())
    one = config(tmp_path, f"http://127.0.0.1:{hub.port}", check("a", "a"))
    with running(one, Told()) as agent:
        assert until(lambda: agent.spool.end.seq > 15)
    left = agent.spool.end.seq - 1
    with serving(hub), running(one, Told()) as agent:
        assert until(lambda: len(hub.stored) > left + 5)
        assert until(lambda: {number for _, number in hub.stored} >= set(range(1, left + 1)))
        assert len({boot for boot, _ in hub.stored}) == 2 and hub.repeats == 0


Rule = Callable[[Request], Answer]


def _bad_line(request: Request) -> Answer:
    return (400, {}, "unable to parse") if any("outcome=2i" in line for line in request.lines) else OK


def _partial(request: Request) -> Answer:
    bad = sum("outcome=2i" in line for line in request.lines)
    return (400, {}, json.dumps({"code": "invalid", "message": f"partial write: dropped={bad}"})) if bad else OK


def _small(request: Request) -> Answer:
    return (413, {}, "") if len(request.lines) > 2 else OK


@pytest.mark.parametrize(("rule", "rejects"), [(_bad_line, True), (_partial, True), (_small, False)])
def test_a_line_nobody_takes_costs_itself_alone(tmp_path: Path, rule: Rule, rejects: bool) -> None:
    told = Told(outcomes={"bad": Outcome.REFUSED})
    hub = FakeHub(rule)
    checks = (check("good", "a"), check("bad", "bad", every_s=1.0, kind="single"))
    with serving(hub), running(config(tmp_path, hub.url, *checks), told) as agent:
        condition = agent.senders[0].condition
        assert until(lambda: condition.delivered > 20 and (condition.rejected > 1 or not rejects))
        assert condition.good and (condition.rejected > 0) == rejects
    assert agent.senders[0].cursor.waiting == 0
    assert condition.delivered + condition.rejected == agent.spool.stored


PAGE = "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>"


@pytest.mark.parametrize(
    "answer",
    [
        (400, {}, PAGE),
        (302, {"Location": "https://login/"}, ""),
        (200, {}, ""),
        (204, {"X-Netmon-Clock": ""}, ""),  # a network's login page that answers so to everything
        (400, {}, "unable to parse"),
    ],
)
def test_a_place_that_is_wrong_costs_no_point_and_is_told(tmp_path: Path, answer: Answer) -> None:
    wrong = True
    hub = FakeHub(lambda request: answer if wrong else OK)
    with serving(hub):
        with running(config(tmp_path, hub.url, check("a", "a")), Told()) as agent:
            assert until(lambda: agent.view()["troubles"])
            view = agent.view()
            assert not view["destinations"][0]["good"] and view["destinations"][0]["set_aside"] == 0
            assert [row["part"] for row in view["troubles"]] == ["destination hub"]
            wrong = False
            agent.senders[0]._ending.wait = lambda timeout=None: False  # type: ignore[method-assign]  # no more waits
            assert until(lambda: len(hub.stored) > 10 and not agent.view()["troubles"])
        assert _whole(hub, agent) and agent.senders[0].condition.rejected == 0


def test_a_token_that_comes_later_is_told_until_then_and_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with serving(FakeHub()) as hub:
        one = config(tmp_path, hub.url, check("a", "a"))
        one = replace(one, destinations=(replace(one.destinations[0], token_file=str(file)),))
        with running(one, Told()) as agent:
            assert until(lambda: agent.view()["troubles"])
            assert str(file) in agent.view()["troubles"][0]["why"]
            file.write_bytes(b"\xef\xbb\xbfsecret\r\n")
            file.chmod(0o600)
            assert until(lambda: hub.stored)
            assert hub.requests[-1].headers["authorization"] == "Token secret"


def test_points_that_were_set_aside_are_sent_again_when_somebody_asks(tmp_path: Path) -> None:
    told = Told(outcomes={"bad": Outcome.REFUSED})
    mended = False
    hub = FakeHub(lambda request: OK if mended else _bad_line(request))
    checks = (check("good", "a"), check("bad", "bad", every_s=1.0, kind="single"))
    with serving(hub), running(config(tmp_path, hub.url, *checks), told) as agent:
        sender = agent.senders[0]
        assert until(lambda: sender.aside.count > 0)
        mended = True
        assert set_aside.ask_again(sender.aside.path.parent, sender.destination) > 0
        sender._looked = 0.0
        assert until(lambda: sender.aside.count == 0 and any("x-netmon-seq" not in one.headers for one in hub.requests))
        again = next(one for one in hub.requests if "x-netmon-seq" not in one.headers)
        assert all("outcome=2i" in line for line in again.lines) and again.headers["x-netmon-backfill"] == "1"


@pytest.mark.parametrize("status", [0, 401, 403, 404, 429, 500, 503])
def test_a_hub_that_refuses_costs_time_and_no_point(tmp_path: Path, status: int) -> None:
    refusals = [2]

    def rule(request: Request) -> Answer:
        refusals[0] -= 1
        return (status, {"Retry-After": "1"} if status == 503 else {}, "not now") if refusals[0] >= 0 else OK

    with serving(FakeHub(rule)) as hub:
        with running(config(tmp_path, hub.url, check("a", "a")), Told()) as agent:
            assert until(lambda: len(hub.stored) > 10)
        assert _whole(hub, agent) and agent.senders[0].condition.rejected == 0


def test_a_hub_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    came: list[float] = []

    def rule(request: Request) -> Answer:
        came.append(time.monotonic())
        return (503, {"Retry-After": "1"}, "") if len(came) == 1 else OK

    with serving(FakeHub(rule)) as hub, running(config(tmp_path, hub.url, check("a", "a")), Told()):
        assert until(lambda: len(came) > 1)
    assert came[1] - came[0] >= 1.0


def test_a_lost_answer_repeats_the_same_numbers(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def rule(request: Request) -> Answer:
        seen.append(request.seq)
        return (0, {}, "") if len(seen) == 1 else OK

    with serving(FakeHub(rule)) as hub, running(config(tmp_path, hub.url, check("a", "a")), Told()):
        assert until(lambda: len(seen) > 3)
    assert seen[1][0] == seen[0][0] == 1


def test_a_disk_that_takes_nothing_costs_no_point_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fdatasync
    with serving(FakeHub()) as hub:
        with running(config(tmp_path, hub.url, check("a", "a")), Told()) as agent:
            assert until(lambda: len(hub.stored) > 3)

            def refuse(fd: int) -> None:
                raise OSError(errno.EIO, "no disk")

            monkeypatch.setattr(segments.os, "fdatasync", refuse)
            assert until(lambda: agent.view()["spool"]["trouble"])
            before = len(hub.stored)
            time.sleep(0.5)
            monkeypatch.setattr(segments.os, "fdatasync", real)
            assert until(lambda: len(hub.stored) > before + 5)
            assert agent.dropped == 0
        assert _whole(hub, agent)
    stamps = sorted(int(line.rsplit(" ", 1)[1]) for line in hub.stored.values() if line.startswith("netmon_packet"))
    assert max(later - sooner for sooner, later in zip(stamps, stamps[1:], strict=False)) < 500


def test_one_broken_target_leaves_the_others_alone(tmp_path: Path) -> None:
    told = Told(broken="worst")
    checks = [
        check("ok", "a"),
        check("bad", "worst"),
        check("bad-run", "worst", kind="single"),
        check("ok-run", "a", kind="single"),
    ]
    with serving(FakeHub()) as hub, running(config(tmp_path, hub.url, *checks), told) as agent:
        assert until(lambda: sum("check=ok," in line for line in hub.stored.values()) > 5)
        assert until(lambda: sum("check=ok-run," in line for line in hub.stored.values()) > 5)
        assert until(lambda: any("check=bad," in line and "outcome=5i" in line for line in hub.stored.values()))
        assert until(lambda: any("check=bad-run," in line and "outcome=5i" in line for line in hub.stored.values()))
        assert agent.view()["verdict"]["part"] in ("", "self")
    assert [len(jobs) for jobs in told.watched][:3] == [2, 1, 1]


def test_a_run_never_meets_itself(tmp_path: Path) -> None:
    told = Told(run_s=0.35)
    with serving(FakeHub()) as hub, running(config(tmp_path, hub.url, check("a", "a", kind="single")), told):
        assert until(lambda: sum("netmon_single" in line for line in hub.stored.values()) > 3)
    assert told.most_running == 1


@pytest.mark.parametrize(
    ("kind", "path"),
    [("influxdb", "/api/v2/write?org=o&bucket=b&precision=ms"), ("influxdb1", "/write?db=d&precision=ms")],
)
def test_databases_are_written_to_in_their_own_way(tmp_path: Path, kind: str, path: str) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    with serving(FakeHub()) as hub:
        one = config(tmp_path, hub.url, check("a", "a"))
        secret: dict[str, Any] = {"token_file": str(tmp_path / "secret"), "password_file": str(tmp_path / "secret")}
        to = replace(one.destinations[0], kind=kind, org="o", bucket="b", database="d", user="u", **secret)
        with running(replace(one, destinations=(to,)), Told()) as agent:
            assert until(lambda: len(hub.requests) > 2 and agent.senders[0].condition.delivered > 5)
    authorization = {"influxdb": "Token s3cret", "influxdb1": "Basic dTpzM2NyZXQ="}[kind]
    assert hub.requests[0].path == path and hub.requests[0].headers["authorization"] == authorization
    assert not any(name.startswith("x-netmon") for name in hub.requests[0].headers)


def test_each_destination_has_its_own_place(tmp_path: Path) -> None:
    with serving(FakeHub()) as hub:
        one = config(tmp_path, hub.url, check("a", "a"))
        dead = replace(one.destinations[0], name="dead", url=f"http://127.0.0.1:{free_port()}")
        with running(replace(one, destinations=(*one.destinations, dead)), Told()) as agent:
            assert until(lambda: len(hub.stored) > 20)
            good, bad = agent.view()["destinations"]
            assert good["good"] and not bad["good"] and bad["waiting"] > 15 and good["waiting"] < 15
            assert agent.spool.start.seq == 1


def test_a_token_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with serving(FakeHub()) as hub:
        one = config(tmp_path, hub.url, check("a", "a"))
        to = replace(one.destinations[0], token_file=str(tmp_path / "token"))
        with running(replace(one, destinations=(to,)), Told()) as agent:
            assert until(lambda: "token" in agent.view()["destinations"][0]["trouble"])
            (tmp_path / "token").write_text("t\n")
            assert until(lambda: hub.stored)
        assert hub.requests[0].headers["authorization"] == "Token t"


def test_a_hub_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with running(config(tmp_path, url, check("a", "a")), Told()) as agent:
            assert until(lambda: "no answer in time" in agent.view()["destinations"][0]["trouble"])
        assert agent.senders[0].cursor.waiting == agent.spool.stored


def test_points_whose_numbers_the_hub_knows_otherwise_are_numbered_anew_and_arrive_once(tmp_path: Path) -> None:
    """As after a machine was restored with its memory: the process's own boot id is used up to some number."""

    def answer(request: Request) -> Answer:
        boots.append(request.headers["x-netmon-boot"])
        return (409, {}, '{"code": "conflict"}') if request.headers["x-netmon-boot"] == boots[0] else OK

    boots = list[str]()
    with serving(FakeHub(answer=answer)) as hub:
        with running(config(tmp_path, hub.url, check("a", "a")), Told()) as agent:
            assert until(lambda: len(hub.stored) > 10)
        assert _whole(hub, agent) and hub.repeats == 0
    assert len(set(boots)) == 2 and agent.senders[0].condition.good
