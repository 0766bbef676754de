"""No loop of a hub ends in silence: an exception in each of them is told, and the work goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import hubdeaths
import pytest
from deaths import until
from hubinside import with_hub_inside
from hubs import HubProcess

from netmon.cli.app import main
from netmon.hub.hub import Hub


def test_an_exception_in_every_loop_of_a_hub_is_told_and_its_work_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def drive(hub: Hub, door: HubProcess) -> dict[str, Any]:
        work = hubdeaths.Work(hub, door, lambda: taken[0])
        assert work.goes_on() and door.request("GET", "/health")[0] == 200
        silent = hubdeaths.run_at_once(hub, work, lambda: RuntimeError("put in"))
        status, _, body = door.request("GET", "/health")
        incident = until(lambda: any(row["element"] == "hub:test" for row in door.read()["incidents"]))
        assert main(["--lang", "en", "status", "--hub", str(door.folder / "hub.sock")]) == 1
        goes_on = work.goes_on()
        work.close()
        return {"silent": silent, "goes on": goes_on, "health": status, "body": body, "incident": incident}

    with hubdeaths.database() as (port, taken):
        found = with_hub_inside(tmp_path, drive, hubdeaths.config(tmp_path, port))
    assert found["silent"] == set() and found["goes on"]
    told = json.loads(found["body"])
    assert found["health"] == 503 and told["status"] == "fail"
    assert any("a fault of netmon" in one["message"] for one in told["checks"])
    assert found["incident"] and "Hub test: IN TROUBLE" in capsys.readouterr().out


def test_a_token_that_is_changed_is_good_and_the_old_one_is_not_without_a_restart(tmp_path: Path) -> None:
    def drive(hub: Hub, door: HubProcess) -> None:
        old = door.token("c1")
        assert door.write("c1", [], token=old)[0] != 401
        (door.state / "trust" / "tokens" / "c1.token").write_bytes(b"\xef\xbb\xbfanother-token-of-c1\r\n")
        until_s = time.monotonic() + 10
        while door.write("c1", [], token="another-token-of-c1")[0] == 401 and time.monotonic() < until_s:
            time.sleep(0.2)
        assert door.write("c1", [], token="another-token-of-c1")[0] != 401
        assert door.write("c1", [], token=old)[0] == 401

    with_hub_inside(tmp_path, drive)


def test_a_local_socket_that_could_not_be_had_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "hub.sock" / "in the way").mkdir(parents=True)  # a folder stands where the socket should be

    def drive(hub: Hub, door: HubProcess) -> None:
        assert any(row["part"] == "listener on the local socket" for row in hub.troubles.rows())
        (tmp_path / "hub.sock" / "in the way").rmdir()
        (tmp_path / "hub.sock").rmdir()
        assert until(lambda: (tmp_path / "hub.sock").is_socket())
        assert until(lambda: main(["status", "--hub", str(tmp_path / "hub.sock")]) in (0, 1))

    with_hub_inside(tmp_path, drive)
