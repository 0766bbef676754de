"""The last resort: agents tell people themselves when no hub answers, once an hour and with one id."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import run

import pytest
from agenthub import FakeHub, Told, check, config, running, serving, until
from ports import free_port
from receivers import receiver

from netmon.agent.uplink.last_resort import FRESH_S, SPREAD_S, Alarm, LastResort, SilenceWatch, page_id
from netmon.agent.uplink.sender import DestinationState
from netmon.config.agent import AgentConfig, LastResortConfig

DAY_S = 1_790_000_000.0 // 3600 * 3600 + 600  # ten minutes into an hour


def silent(since_s: float = 100.0) -> DestinationState:
    return DestinationState(silent_since_s=since_s, asked_s=since_s)


def first_s(watch: SilenceWatch, *states: DestinationState, until_s: int = 400) -> tuple[float, Alarm] | None:
    """When it speaks first; hubs are asked in vain all the time."""
    for now_s in range(100, until_s):
        for state in states:
            state.asked_s = float(now_s)
        alarm = watch.look(float(now_s), DAY_S + now_s)
        if alarm is not None:
            return now_s, alarm
    return None


def test_each_agent_speaks_at_its_own_moment_of_the_minute_with_one_id() -> None:
    moments, ids = [], set()
    for number in range(60):
        state = silent()
        spoke = first_s(SilenceWatch(f"c{number:05}", ["hub"], [state], 60.0), state)
        assert spoke is not None
        moments.append(spoke[0] - 100)
        ids.add(page_id(spoke[1]))
    assert len(ids) == 1
    assert min(moments) >= 60 and max(moments) <= 60 + SPREAD_S + 1
    assert len(set(moments)) > 25  # spread, not in step


def test_one_hub_that_answers_is_enough_to_stay_silent() -> None:
    state, well = silent(), DestinationState()
    assert first_s(SilenceWatch("c1", ["a", "b"], [state, well], 60.0), state, well) is None


def test_an_agent_that_has_not_asked_again_holds_its_tongue() -> None:
    state = silent()
    watch = SilenceWatch("c1", ["hub"], [state], 60.0)
    state.asked_s = 300.0 - FRESH_S - 1
    assert watch.look(300.0, DAY_S) is None
    state.asked_s = 299.0
    assert watch.look(300.0, DAY_S) is not None


def test_one_page_an_hour_and_an_all_clear_once() -> None:
    state = silent()
    watch, alarms = SilenceWatch("c1", ["hub"], [state], 60.0), list[Alarm]()
    for now_s in range(100, 100 + 7000):
        state.asked_s = float(now_s)
        alarm = watch.look(float(now_s), DAY_S + now_s)
        if alarm is not None:
            alarms.append(alarm)
            watch.took(alarm)
    assert [alarm.status for alarm in alarms] == ["firing", "firing"]
    assert len({page_id(alarm) for alarm in alarms}) == len(alarms)
    state.silent_since_s = None
    clear = watch.look(8_000.0, DAY_S)
    assert clear is not None and clear.status == "resolved" and clear.key == alarms[-1].key
    watch.took(clear)
    assert watch.look(8_100.0, DAY_S) is None


def test_what_was_never_told_needs_no_all_clear_and_what_nobody_took_is_tried_again() -> None:
    state = silent()
    watch = SilenceWatch("c1", ["hub"], [state], 60.0)
    state.asked_s = 300.0
    assert watch.look(300.0, DAY_S) is not None
    state.asked_s = 301.0
    assert watch.look(301.0, DAY_S) is None  # too soon
    state.asked_s = 331.0
    assert watch.look(331.0, DAY_S) is not None
    state.silent_since_s = None
    assert watch.look(400.0, DAY_S) is None


def test_a_page_is_signed_as_the_hubs_are(tmp_path: Path) -> None:
    secret = tmp_path / "s"
    secret.write_text("whsec_" + base64.b64encode(b"k" * 24).decode())
    secret.chmod(0o600)
    with receiver() as far:
        settings = LastResortConfig(url=far.url, secret_file=str(secret))
        resort = LastResort(_agent(tmp_path, settings), [silent()])
        resort.tell(Alarm("firing", "hub|1", DAY_S))
        [request] = far.accepted
    plain = f"{request.id}.{request.headers['webhook-timestamp']}.".encode() + request.raw
    mark = base64.b64encode(hmac.new(b"k" * 24, plain, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{mark}"
    assert request.body["status"] == "firing"
    assert request.body["last_resort"]["agent"] == "c1"


def test_a_receiver_that_is_away_is_no_fault_of_the_agent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = LastResortConfig(url=f"http://127.0.0.1:{free_port()}/", secret_file=str(tmp_path / "none"))
    LastResort(_agent(tmp_path, settings), [silent()]).tell(Alarm("firing", "hub|1", DAY_S))
    assert "takes no page" in caplog.text


def _agent(tmp_path: Path, settings: LastResortConfig) -> AgentConfig:
    return replace(config(tmp_path, "http://127.0.0.1:1", check("a", "a")), agent="c1", last_resort=settings)


def test_a_whole_agent_whose_hub_dies_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netmon.agent.uplink.last_resort.SPREAD_S", 0.0)
    monkeypatch.setattr("netmon.agent.uplink.last_resort.LOOK_S", 0.1)
    secret = tmp_path / "s"
    secret.write_text("geheim")
    secret.chmod(0o600)
    with receiver() as far:
        settings = LastResortConfig(url=far.url, secret_file=str(secret), silent_s=1.0)
        hub = FakeHub()
        with serving(hub):
            agent = replace(config(tmp_path, hub.url, check("a", "a")), last_resort=settings)
        with running(agent, Told()):  # its hub is gone
            assert until(lambda: far.accepted)
        assert json.loads(far.accepted[0].raw)["commonLabels"]["alertname"] == "hub-silent"


def test_an_agent_without_it_never_imports_it() -> None:
    code = "import sys, netmon.agent.agent; sys.exit('netmon.agent.uplink.last_resort' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
