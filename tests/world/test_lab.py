"""The main job end to end, on real packets: one break, one incident, one firing and one resolved page."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from netmon.lab.scenario import MEND_S

pytestmark = [pytest.mark.world, pytest.mark.needs("linux", "ip", "nft", "tc")]
NETMON = [sys.executable, "-m", "netmon"]
COMMUNES = 6
LASTS_S = {"lossy-link": 30.0}  # after it is mended: its window must be clean again before it is over
HALVED = [
    sys.executable,
    "-c",
    "import sys; from netmon.lab import scenario; scenario.BREAK_S /= 2; scenario.MEND_S /= 2; "
    "from netmon.cli.app import main; sys.exit(main(sys.argv[1:]))",
]
# Scenarios break and mend at half their times wherever each change is tried, and at their real ones in `make matrix`.
scale = pytest.mark.parametrize("scale", [0.5, pytest.param(1.0, marks=pytest.mark.long)])


def up(*words: str, timeout_s: float = 180, scale: float = 1.0) -> tuple[int, list[dict[str, Any]], str]:
    """Run `netmon up` without a screen: exit code, its JSON lines, what it said."""
    done = subprocess.run(
        [*(NETMON if scale == 1.0 else HALVED), "up", "--no-console", "-o", "jsonl", *words],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@cache
def events(name: str, scale: float) -> list[dict[str, Any]]:
    """The events of one scenario, the summary last. All four labs share the machine."""
    return _all(scale)[name]


@cache
def _all(scale: float) -> dict[str, list[dict[str, Any]]]:
    names = ("uplink-cut", "commune-cut", "mcu-down", "lossy-link")
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(names, pool.map(partial(_lab, scale), names), strict=True))


def _lab(scale: float, name: str) -> list[dict[str, Any]]:
    for_s = MEND_S * scale + LASTS_S.get(name, 12.0)
    code, lines, said = up("--lab", str(COMMUNES), "--scenario", name, "--for", f"{for_s:g}s", scale=scale)
    assert code == 0, said
    return lines


def pages(lines: list[dict[str, Any]]) -> list[str]:
    return [line["detail"] for line in lines if line.get("event") == "page"]


@scale
@pytest.mark.needs("netns")
def test_a_cut_uplink_is_one_incident_one_page_and_all_communes(scale: float) -> None:
    lines = events("uplink-cut", scale)
    summary = lines[-1]["summary"]
    assert [row["element"] for row in summary["incidents"]] == ["link:core-province"]
    assert len({name for name in summary["incidents"][0]["symptoms"] if name.startswith("commune:")}) == COMMUNES
    assert pages(lines) == ["firing", "resolved"]
    assert summary["pages"] == 2
    assert summary["detection_s"] <= 8


@scale
@pytest.mark.needs("netns")
@pytest.mark.parametrize(
    ("name", "element"),
    [("commune-cut", "link:province-c1"), ("mcu-down", "mcu:mcu-1"), ("lossy-link", "link:province-c1")],
)
def test_each_fault_is_one_incident_that_names_it(name: str, element: str, scale: float) -> None:
    lines = events(name, scale)
    assert [row["element"] for row in lines[-1]["summary"]["incidents"]] == [element]
    assert pages(lines) == ["firing", "resolved"]


@scale
@pytest.mark.needs("netns")
@pytest.mark.parametrize("name", ["uplink-cut", "commune-cut", "mcu-down", "lossy-link"])
def test_every_point_an_agent_sent_is_stored(name: str, scale: float) -> None:
    summary = events(name, scale)[-1]["summary"]
    assert summary["points_sent"] == summary["points_stored"] > 0


@pytest.mark.needs("netns")
def test_every_line_is_an_event_and_the_last_is_the_summary() -> None:
    lines = events("uplink-cut", 0.5)
    assert all(set(line) == {"at", "event", "element", "incident", "detail"} for line in lines[:-1])
    assert set(lines[-1]["summary"]) == {"points_sent", "points_stored", "incidents", "pages", "detection_s"}
    rows = lines[-1]["summary"]["incidents"]
    assert [set(row) for row in rows] == [{"element", "kind", "opened", "resolved", "symptoms"}]


@pytest.mark.needs("userns")
def test_a_lab_needs_no_root_where_user_namespaces_are_to_be_had() -> None:
    code, lines, said = up("--lab", "2", "--namespaces", "user", "--for", "3s")
    assert code == 0, said
    assert lines[-1]["summary"]["points_stored"] > 0
    assert lines[-1]["summary"]["incidents"] == []


@pytest.mark.long
@pytest.mark.needs("netns")
def test_without_icmp_sockets_the_agents_fall_back_to_raw_ones() -> None:
    code, lines, said = up("--lab", "1", "--raw-ping", "--scenario", "commune-cut", "--for", "16s")
    assert code == 0, said
    assert [row["element"] for row in lines[-1]["summary"]["incidents"]] == ["link:province-c1"]


@pytest.mark.needs("root")
def test_without_namespaces_the_lab_says_so_and_uses_loopback() -> None:
    code, lines, said = up("--lab", "2", "--namespaces", "loopback", "--for", "3s")
    assert code == 0, said
    assert any("no namespaces" in line.get("detail", "") for line in lines[:-1])
    assert lines[-1]["summary"]["points_stored"] > 0
    code, _, said = up("--lab", "2", "--namespaces", "loopback", "--scenario", "uplink-cut", "--for", "3s")
    assert code == 3
    assert "no link can be cut" in said


@pytest.mark.needs("netns")
def test_nothing_stays_behind_when_a_lab_is_killed(tmp_path: Path) -> None:
    lab = subprocess.Popen(
        [*NETMON, "up", "--no-console", "--lab", "2", "--keep", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert lab.stdout is not None
    assert any("started" in line for line in lab.stdout)
    lab.kill()
    lab.wait()
    until = time.monotonic() + 10
    while (left := _running(tmp_path)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []


def _running(folder: Path) -> list[str]:
    """Programs whose command line names a folder."""
    found = subprocess.run(["pgrep", "-af", str(folder)], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


@pytest.mark.alone
@pytest.mark.needs("netns")
def test_the_rooms_of_a_lab_are_ready_and_the_lab_says_how_to_try_them(tmp_path: Path) -> None:
    lab = subprocess.Popen(
        [
            *NETMON,
            "up",
            "--no-console",
            "-o",
            "jsonl",
            "--lab",
            "2",
            "--rooms",
            "--for",
            "25s",
            "--keep",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert lab.stdout is not None
    try:
        said = next(line["detail"] for text in lab.stdout if (line := json.loads(text)).get("event") == "rooms")
        words = shlex.split(said.removeprefix("to try them: "))
        at = words.index("netmon")
        done = subprocess.run(
            [*words[:at], *NETMON, *words[at + 1 :], "--set", "media_for=2s", "-o", "json"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert [row["state"] for row in json.loads(done.stdout)["rooms"]] == ["ready"] * 2
    finally:
        lab.terminate()
        lab.communicate(timeout=20)
