"""`netmon conference legs` against an MCU and a hub that answer, and against those that do not."""

from __future__ import annotations

import json
import os
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import meeting
import pytest
from mcuserver import CMS_PAGES, GOLDEN, McuServer, serving

from netmon.cli.app import main

PAGES = {path: (GOLDEN / name).read_bytes() for path, name in CMS_PAGES.items()}


@pytest.fixture
def mcu(tmp_path: Path) -> Iterator[McuServer]:
    """An MCU with its hub.yaml and inventory: room 1 is in and loses, room 2 is known by its alias, room 3 is not in."""
    with serving(tmp_path, PAGES) as one:
        made = meeting.inventory(3)
        rooms = (made.rooms[0], replace(made.rooms[1], alias="2002"), made.rooms[2])
        text = meeting.as_yaml(replace(made, rooms=rooms))
        text += "agents:\n  - {agent: hub, site: core}\nchecks:\n  - {check: k1, agent: hub, to: r00001}\n"
        (tmp_path / "inventory.yaml").write_text(text)
        (tmp_path / "hub.yaml").write_text(
            f"mcus:\n  - {{mcu: m1, kind: cms, url: '{one.url}', user: reader, password_file: secret, ca_file: ca.pem, timeout: 10s}}\n"
        )
        yield one


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """A hub's local socket that knows one check: media towards room 1."""
    values = {"lost_fwd_percent": 0.0, "lost_bwd_percent": 6.0}
    check = {
        "check": "k1",
        "agent": "hub",
        "kind": "media",
        "at_ms": time.time() * 1000,
        "outcome": 0,
        "values": values,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"checks": [check]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "local"

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    path = f"/tmp/netmon-legs-{os.getpid()}.sock"
    server = socketserver.ThreadingUnixStreamServer(path, Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()
        os.unlink(path)


def legs(folder: Path, hub: str, *more: str) -> int:
    files = ["--inventory", f"{folder}/inventory.yaml", "--config", f"{folder}/hub.yaml", "--hub", hub]
    return main(["--lang", "en", "conference", "legs", "hn", *files, *more])


def test_both_halves_stand_side_by_side(mcu: McuServer, hub: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert legs(mcu.folder, hub, "-o", "json") == 1
    told = json.loads(capsys.readouterr().out)
    one, two, three = told["rooms"]
    assert (one["room"], one["reading"], one["mcu"]) == ("r00001", "network", "m1")
    assert one["reported"]["lost_fwd_percent"] == 2.5 and one["reported"]["lost_bwd_percent"] == 0.4
    assert one["measured"] == {
        "check": "k1", "kind": "media", "outcome": "OK", "lost_fwd_percent": 6.0, "lost_bwd_percent": 0.0,
    }  # fmt: skip
    assert two["reported"]["state"] == "ringing" and "lost_fwd_percent" not in two["reported"] and "measured" not in two
    assert three["reading"] == "absent" and "reported" not in three and told["mcus"] == ["m1"]


def test_a_table_has_one_line_a_room(mcu: McuServer, hub: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert legs(mcu.folder, hub) == 1
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:9] == [
        "Room 00001", "connected", "2.5/0.4", "6.0/0.0", "71/-", "11/4", "1.5/2.4", "1280x720/1920x1080",
        "audio video presentation",
    ]  # fmt: skip
    assert len(lines) == 3 and lines[2][-1].startswith("NOT IN")


def test_without_the_hub_the_mcus_half_is_still_told(mcu: McuServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert legs(mcu.folder, "/nowhere/hub.sock", "-o", "json") == 4
    told = capsys.readouterr()
    assert json.loads(told.out)["rooms"][0]["reported"]["lost_fwd_percent"] == 2.5 and "/nowhere/hub.sock" in told.err


def test_without_the_mcu_nobody_is_called_absent(mcu: McuServer, hub: str, capsys: pytest.CaptureFixture[str]) -> None:
    mcu.pages["/api/v1/calls?offset=0&limit=20"] = (503, {}, b"")
    assert legs(mcu.folder, hub, "-o", "json") == 4
    told = capsys.readouterr()
    assert {one["reading"] for one in json.loads(told.out)["rooms"]} == {""} and "too busy" in told.err


def test_an_mcu_nobody_says_how_to_ask_is_a_usage_error(
    mcu: McuServer, hub: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert legs(mcu.folder, hub, "--mcu", "m9") == 2
    assert "does not say how to ask m9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("https://", "http://"), "in the clear"), (("kind: cms", "kind: rmx"), "cms or pexip"),
        (("mcu: m1", "mcu: m7"), "is no MCU of inventory.yaml"), (("user: reader, ", ""), "is missing"),
    ],
)  # fmt: skip
def test_config_check_tells_what_is_wrong_with_an_mcu(
    mcu: McuServer, change: tuple[str, str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = mcu.folder / "hub.yaml"
    assert main(["config", "check", str(file)]) == 0
    file.write_text(file.read_text().replace(*change))
    assert main(["config", "check", str(file)]) != 0
    told = capsys.readouterr()
    assert what in told.out + told.err
