"""A real hub gives leases to real agents' tokens, and to nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hubs import INVENTORY, HubProcess, hub

from netmon.cli.app import main

MORE = """\
  - {{check: c1-core, agent: c1, to: core}}
mcus:
  - {{id: mcu-1, site: core}}
rooms:
  - {{id: r2, site: c2}}
conferences:
  - {{id: past, starts: {past}, ends: {now}, mcus: [mcu-1], rooms: [r2]}}
  - {{id: giao-ban, name: Giao ban, starts: {soon}, ends: {later}, mcus: [mcu-1], rooms: [r2]}}
"""


def inventory() -> str:
    """c2's room meets in a quarter of an hour, less a minute: its links are kept free already."""
    now = datetime.now(UTC)
    moments = {"past": -3600, "now": -60, "soon": 840, "later": 3600}
    told = {name: (now + timedelta(seconds=after)).isoformat(timespec="seconds") for name, after in moments.items()}
    return INVENTORY + MORE.format(**told)


def started(folder: Path, text: str, one: HubProcess) -> HubProcess:
    (folder / "inventory.yaml").write_text(text)
    return one.start()


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub with a conference on c2's way to the core."""
    folder = tmp_path_factory.mktemp("meeting")
    with hub(folder, start=False) as one:
        yield started(folder, inventory(), one)


def post(
    one: HubProcess, path: str, body: Any, *, agent: str = "c1", token: str = ""
) -> tuple[int, dict[str, str], Any]:
    headers = {"Authorization": f"Token {token or one.token(agent)}", "X-Netmon-Agent": agent}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, told, text = one.request("POST", f"/api/v1/leases{path}", data, headers)
    return status, told, json.loads(text) if text else None


def ask(
    one: HubProcess, check: str = "c1-uplink", *, agent: str = "c1", **more: Any
) -> tuple[int, dict[str, str], Any]:
    return post(one, "", {"check": check, "bytes": 2_000_000, "seconds": 20, **more}, agent=agent)


def test_a_lease_is_granted_used_and_given_back(meeting: HubProcess) -> None:
    status, _, told = ask(meeting)
    assert (status, told["links"], told["bytes"], told["for_s"]) == (201, ["link:province-c1"], 2_000_000, 25)
    assert told["quiet"] == []
    (row,) = meeting.read("/api/v1/leases")["leases"]
    assert (row["agent"], row["check"]) == ("c1", "c1-uplink") and row["expires_ms"] > time.time() * 1000
    assert post(meeting, f"/{told['id']}/release", {"bytes_used": 1_000_000})[0] == 204
    view = meeting.read("/api/v1/leases")
    assert view["leases"] == []
    assert view["links"][0]["link"] == "link:province-c1" and view["links"][0]["used_bytes"] >= 1_000_000
    assert [one["id"] for one in view["conferences"]] == ["giao-ban"]
    assert post(meeting, f"/{told['id']}/release", {})[0] == 404


def test_a_refusal_says_why_in_two_languages_and_when_to_come_again(meeting: HubProcess) -> None:
    status, headers, told = ask(meeting, "c2-uplink", agent="c2")
    assert (status, told["reason"], told["link"]) == (409, "conference", "link:province-c2")
    name = "link:province-c2 (TP. Hồ Chí Minh – Phường Tân Định)"
    assert told["en"] == f"not run: conference Giao ban is on, or soon, on {name}"
    assert told["vi"] == f"không chạy: đang hoặc sắp có hội nghị Giao ban trên {name}"
    assert 3500 < told["retry_after_s"] <= 3600 and headers["retry-after"] == str(told["retry_after_s"])
    assert told["quiet"] == [[0, pytest.approx(3600, abs=60)]]


def test_a_check_whose_way_shares_a_conferences_trunk_waits_too(meeting: HubProcess) -> None:
    status, _, told = ask(meeting, "c1-core")
    assert (status, told["reason"], told["link"]) == (409, "conference", "link:core-province")
    assert ask(meeting, "c1-uplink")[0] == 201  # its way is another


def test_a_check_the_inventory_does_not_know_leases_the_way_to_the_hub(meeting: HubProcess) -> None:
    status, _, told = ask(meeting, "never-heard-of")
    assert (status, told["reason"], told["link"]) == (409, "conference", "link:core-province")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"check": "c1-uplink", "bytes": 1, "seconds": NaN}', 400),
        (b'{"check": "c1-uplink", "bytes": 1, "seconds": 1e999}', 400),
        ({"check": "c1-uplink", "bytes": 1 << 60, "seconds": 1}, 400),
        ({"check": "c1-uplink", "bytes": True, "seconds": 1}, 400),
        ({"check": "c1-uplink", "bytes": 1}, 400),
        ({"check": "\x1b[31m", "bytes": 1, "seconds": 1}, 400),
        ({"check": "c2-uplink", "bytes": 1, "seconds": 1}, 403),
        ({"check": "c1-uplink", "bytes": 1 << 50, "seconds": 1}, 409),
        ({"check": "c1-uplink", "bytes": 1, "seconds": 86_400}, 409),
        (b"[" * 65_536, 400),
        (b" " * 70_000, 413),
    ],
)
def test_what_an_agent_may_not_have_is_refused(meeting: HubProcess, body: Any, status: int) -> None:
    assert post(meeting, "", body)[0] == status


def test_netmon_leases_reads_it_on_the_hubs_machine(meeting: HubProcess, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--log", "error", "--lang", "en", "leases", "--hub", f"{meeting.folder}/hub.sock"]
    assert main(words) == 0
    assert "conference\tGiao ban\t" in capsys.readouterr().out
    assert main([*words, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes_per_day"] == 5_000_000_000


def test_only_a_sites_own_token_leases_for_its_agents(meeting: HubProcess) -> None:
    good = {"check": "c1-uplink", "bytes": 1, "seconds": 1}
    assert post(meeting, "", good, token="x")[0] == 401
    assert post(meeting, "", good, token=meeting.read_token)[0] == 401
    assert post(meeting, "", good, token=meeting.token("c2"))[0] == 403
    assert meeting.request("POST", "/api/v1/leases", b"{}", {"Authorization": f"Token {meeting.token('c1')}"})[0] == 400
    assert meeting.request("GET", "/api/v1/leases", headers={"Authorization": f"Token {meeting.token('c1')}"})[0] == 401
    assert post(meeting, "/../release", {})[0] == 404


def test_leases_and_bytes_outlive_a_killed_hub(tmp_path: Path) -> None:
    extra = "leases:\n  bytes_per_day: 5MB\n"
    with hub(tmp_path, extra=extra) as one:
        first = ask(one)[2]
        assert post(one, f"/{first['id']}/release", {"bytes_used": 3_000_000})[0] == 204
        held = ask(one, "c2-uplink", agent="c2")[2]
        one.kill()
        one.start()
        view = one.read("/api/v1/leases")
        assert [row["id"] for row in view["leases"]] == [held["id"]]
        assert {row["link"]: row["used_bytes"] for row in view["links"]} == {"link:province-c1": 3_000_000}
        status, _, told = ask(one, bytes=2_000_001)
        assert (status, told["reason"]) == (409, "budget")
        assert ask(one)[0] == 201
