"""`netmon status`: five lines that say what is wrong, whose it is and whom to call."""

from __future__ import annotations

import argparse
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from netmon.cli import status
from netmon.errors import MachineError

VIEW: dict[str, Any] = {
    "agent": "c1",
    "lang": "vi",
    "verdict": {"state": "fine", "part": "", "since_ms": 1_000_000, "checks": [], "why": ""},
    "contacts": [{"about": "link", "who": "VNPT trực kênh", "phone": "080 00002", "circuit": "TSL-HNI-00004"}],
    "spool": {"points": 12, "bytes": 1, "dropped": 0, "trouble": ""},
    "destinations": [{"name": "hub", "good": True, "trouble": ""}],
    "clock_offset_ms": -1.26,
}
DOWN = {"state": "down", "part": "link", "since_ms": 1_000_000, "checks": ["a", "b", "c", "d", "e"], "why": ""}


def _view(**changed: Any) -> dict[str, Any]:
    return {**VIEW, **changed}


def test_a_fine_link_is_said_in_five_lines() -> None:
    lines = status.lines(VIEW, "vi", 1_000 + 3 * 3600)
    assert len(lines) == 5 and lines[0] == "Đường truyền: TỐT" and "(3 giờ)" in lines[1]
    assert lines[4] == "Chờ gửi: 12 điểm đo; đồng hồ lệch: -1.3 ms; máy chủ nhận tốt"


def test_a_cut_link_names_its_owner_and_circuit() -> None:
    lines = status.lines(_view(verdict=DOWN), "en", 1_090)
    assert lines[0] == "Link: DOWN" and lines[1].endswith("(1 min)")
    assert lines[2] == "Whose: the link of this site (a, b, c and 2 more checks)"
    assert lines[3] == "Call: VNPT trực kênh, 080 00002, circuit TSL-HNI-00004"


def test_a_silent_hub_and_lost_points_are_said() -> None:
    spool = {"points": 9, "bytes": 1, "dropped": 4, "trouble": "disk full"}
    bad = [{"name": "hub", "good": False, "trouble": "no answer"}]
    line = status.lines(_view(spool=spool, destinations=bad, clock_offset_ms=None), "en", 2_000)[4]
    assert (
        line
        == "Waiting to be sent: 9 points; clock offset: not known; hub does not take points (no answer); 4 lost; disk full"
    )


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("part", ["self", "link", "upstream", "service"])
@pytest.mark.parametrize("state", ["down", "lossy"])
def test_every_verdict_has_words(lang: str, part: str, state: str) -> None:
    if (state, part) == ("lossy", "self"):
        return
    lines = status.lines(_view(verdict={**DOWN, "state": state, "part": part}), lang, 2_000)
    assert len(lines) == 5 and all(lines) and f"{state}." not in lines[0]


def test_nothing_measured_yet_is_not_fine() -> None:
    unknown = {"state": "unknown", "part": "", "since_ms": 0, "checks": [], "why": ""}
    assert status.lines(_view(verdict=unknown), "vi", 5)[0].startswith("Đường truyền: CHƯA RÕ")


def test_hostile_text_never_reaches_the_terminal() -> None:
    lines = status.lines(_view(verdict={**DOWN, "why": "\x1b[2J\x07evil"}), "en", 2_000)
    assert "\x1b" not in "".join(lines) and "\x07" not in "".join(lines)


@pytest.mark.parametrize(("verdict", "code"), [(VIEW["verdict"], 0), (DOWN, 1)])
def test_the_exit_code_says_it_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verdict: dict[str, Any], code: int
) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()

        def answer() -> None:
            client, _ = server.accept()
            client.sendall(json.dumps(_view(verdict=verdict)).encode())
            client.close()

        thread = threading.Thread(target=answer)
        thread.start()
        args = argparse.Namespace(socket=path, config=Path("/none"), output="json", lang=None)
        assert status.run(args) == code
        thread.join()
    assert json.loads(capsys.readouterr().out)["agent"] == "c1"


def test_without_an_agent_the_machine_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no agent answers") as fault:
        status.ask(tmp_path / "agent.sock")
    assert fault.value.exit_code == 3
