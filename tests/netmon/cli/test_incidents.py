"""`netmon incidents`, `ack` and `silence` against a live hub, against none, and against one that lies."""

from __future__ import annotations

import json
import re
import socketserver
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hubs import HubProcess, hub
from outages import ELEMENT, Outage
from receivers import receiver

from netmon.cli.app import main
from netmon.cli.output import span
from netmon.cli.times import seconds

pytestmark = pytest.mark.world


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, Outage]]:
    """A hub with one incident that is over and one that is open."""
    with hub(tmp_path_factory.mktemp("cli"), extra="settle: 0s\n", start=False) as one:
        inventory = one.folder / "inventory.yaml"
        inventory.write_text(inventory.read_text().replace("name: Phường Sài Gòn", "name: '[red]Sài Gòn[/red]'"))
        one.start()
        outage = Outage(one).tell(12).tell(6, bad=("c2",))
        outage.opened()
        outage.tell(4).resolved()
        outage.tell(13, bad=("c1",)).opened()  # so soon after the first, it must last
        yield one, outage


def netmon(one: HubProcess, *words: str) -> int:
    return main(["--log", "error", *words, "--hub", f"{one.folder}/hub.sock"])


def rows(one: HubProcess, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert netmon(one, "incidents", "-o", "json", *words) == 0
    return list(json.loads(capsys.readouterr().out))


def test_open_incidents_come_first_then_those_closed_in_the_last_day(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    one, _ = live
    got = rows(one, capsys)
    assert [(row["element"], row["state"]) for row in got] == [(ELEMENT, "open"), ("link:province-c2", "resolved")]
    assert [row["state"] for row in rows(one, capsys, "--open")] == ["open"]


def test_a_table_has_one_line_an_incident_and_jsonl_one_object(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    one, _ = live
    assert netmon(one, "incidents") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert ELEMENT in lines[0].split("\t")
    assert "ĐANG XẢY RA" in lines[0]
    assert main(["--lang", "en", "incidents", "-o", "jsonl", "--hub", f"{one.folder}/hub.sock"]) == 0
    assert [json.loads(line)["state"] for line in capsys.readouterr().out.splitlines()] == ["open", "resolved"]


def test_ack_tells_everybody_who_works_on_it(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    one, _ = live
    id = rows(one, capsys)[0]["id"]
    assert netmon(one, "ack", id, "--who", "lan\x1b[31m", "--note", "gọi VNPT") == 0
    assert capsys.readouterr().out == f"{id}\n"
    row = rows(one, capsys)[0]
    assert (row["acked_by"], row["ack_note"]) == ("lan·[31m", "gọi VNPT")


def test_a_task_is_given_shown_and_kept_in_the_timeline(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    one, _ = live
    id = rows(one, capsys)[0]["id"]
    task = ("--to", "Trần B", "--task", "thay cáp", "--result", "thông tuyến", "--authority", "cắt 5 phút")
    assert netmon(one, "incidents", "assign", id, *task, "--by", "2h", "--who", "lan\x1b[31m") == 0
    assert capsys.readouterr().out == f"{id}\n"
    assert rows(one, capsys)[0]["assigned"]["responsible"] == "Trần B"
    assert netmon(one, "incidents", "show", id) == 0
    out = capsys.readouterr().out
    assert "lan·[31m giao cho Trần B: thay cáp, hạn " in out
    assert "mở sự cố: " in out
    assert netmon(one, "incidents", "show", id, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["timeline"][0]["what"] == "opened"
    with pytest.raises(SystemExit):
        netmon(one, "incidents", "assign", id, *task)  # until when is not said


def test_evidence_and_reports_come_from_a_hub(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    one, _ = live
    id = rows(one, capsys, "--open")[0]["id"]
    assert netmon(one, "incidents", "evidence", id) == 0
    assert "LÚC MỞ SỰ CỐ" in capsys.readouterr().out
    assert netmon(one, "incidents", "evidence", id, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["pictures"][-1]["moment"] == "now"
    for part, title in (("initial", "BAN ĐẦU"), ("progress", "TIẾN ĐỘ"), ("end", "KẾT THÚC")):
        assert netmon(one, "incidents", "report", id, "--part", part) == 0
        assert f"BÁO CÁO {title}" in capsys.readouterr().out
    assert netmon(one, "rules", "explain", id) == 0
    assert "LÚC MỞ SỰ CỐ" in capsys.readouterr().out


def test_what_was_seen_before_it_changed_is_not_taken_in_hand(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    one, _ = live
    open_row, ended = rows(one, capsys)
    assert netmon(one, "ack", ended["id"], "--who", "lan", "--seen", "1") == 2
    assert "is over" in capsys.readouterr().err
    assert netmon(one, "ack", open_row["id"], "--who", "lan", "--seen", str(open_row["version"]), "--for", "2h") == 0
    capsys.readouterr()
    row = rows(one, capsys, "--open")[0]
    assert row["acked_until_ms"] - row["acked_ms"] == 7_200_000
    assert netmon(one, "ack", open_row["id"], "--who", "lan", "--undo") == 0
    capsys.readouterr()
    assert rows(one, capsys)[0]["acked_by"] == ""


def test_ack_of_an_incident_nobody_knows_is_an_error(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    assert netmon(live[0], "ack", "../../state", "--who", "lan") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "404" in told.err


def test_a_silence_is_made_listed_and_ended(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    one, _ = live
    assert netmon(one, "silence", "link:core-province", "--for", "1h30m", "--note", "thay cáp", "--who", "lan") == 0
    id = capsys.readouterr().out.strip()
    assert netmon(one, "silence", "--list", "-o", "json") == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["id"], row["element"], row["who"], row["note"]) == (id, "link:core-province", "lan", "thay cáp")
    assert row["until_ms"] - row["from_ms"] == 5_400_000
    assert rows(one, capsys)[0]["silenced"] is True  # the link to c1 lies behind the uplink
    assert netmon(one, "silence", "--remove", id) == 0
    assert capsys.readouterr().out.strip() == id
    assert netmon(one, "silence", "--list", "-o", "jsonl") == 0
    assert capsys.readouterr().out == ""
    assert rows(one, capsys)[0]["silenced"] is False


def test_maintenance_is_planned_and_comes_again(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    planned = [
        "--for",
        "2h",
        "--from",
        "2026-12-06T22:00",
        "--every",
        "7d",
        "--until",
        "2027-03-01T00:00",
        "--kind",
        "down",
    ]
    assert netmon(live[0], "silence", "link:*", *planned, "--carrier", "VNPT") == 0
    id = capsys.readouterr().out.strip()
    assert netmon(live[0], "silence", "--list", "-o", "json") == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["from_ms"], row["every_s"], row["lasts_s"]) == (1_796_569_200_000, 604_800, 7_200)
    assert (row["kinds"], row["carriers"]) == (["down"], ["VNPT"])
    assert netmon(live[0], "silence", "--list") == 0
    assert "link:* kind=down carrier=VNPT" in " ".join(capsys.readouterr().out.split())
    assert netmon(live[0], "silence", "--remove", id) == 0


@pytest.mark.parametrize(
    "words",
    [
        ["silence", "link:nowhere", "--for", "1h"],
        ["silence", "--remove", "no-such"],
        ["silence"],
        ["silence", ELEMENT],
        ["silence", ELEMENT, "--for", "1h", "--every", "7d"],
        ["silence", ELEMENT, "--for", "7d", "--every", "1d", "--until", "2027-01-01T00:00"],
        ["silence", ELEMENT, "--for", "1h", "--from", "2099-01-01T00:00"],
        ["silence", ELEMENT, "--list"],
        ["ack", "no-such"],
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_silenced(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert netmon(live[0], *words, "--who", "lan") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err
    assert live[0].read()["silences"] == []


def test_names_of_the_inventory_are_never_markup(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    assert netmon(live[0], "incidents") == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [["incidents"], ["ack", "x"], ["silence", "--list"]])
def test_without_a_hub_the_code_is_4(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main([*words, "--hub", str(tmp_path / "no.sock")]) == 4
    told = capsys.readouterr()
    assert told.out == ""
    assert "nobody answers there" in told.err


def test_a_token_file_that_is_not_there_is_this_machines_fault(tmp_path: Path) -> None:
    assert main(["incidents", "--hub", "https://127.0.0.1:1", "--token-file", str(tmp_path / "none")]) == 3


# --- a hub that lies ---


class _Liar(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        row: dict[str, Any] = dict.fromkeys(
            ("id", "severity", "element", "vi", "en", "acked_by"), "\x1b]0;owned\x07[red]\u202e\nx"
        )
        row |= {"state": "open", "silenced": False, "resolved_ms": None, "opened_ms": 0, "symptom_count": 1}
        silence: dict[str, Any] = dict.fromkeys(("id", "element", "who", "note"), "\x1b[2J[red]\n") | {
            "from_ms": 0,
            "until_ms": 1e15,
        }
        raw = json.dumps({"incidents": [row], "silences": [silence]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def address_string(self) -> str:
        return ""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("words", [["incidents"], ["silence", "--list"]])
def test_hostile_texts_reach_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "liar"), _Liar) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        assert main([*words, "--hub", str(tmp_path / "liar")]) == 0
        server.shutdown()
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", out)
    assert "[red]" in out  # as it stands, never as a colour


@pytest.mark.parametrize("words", [["incidents"], ["silence", "--list"]])
def test_hostile_texts_colour_no_drawn_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "400")
    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "liar"), _Liar) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        assert main([*words, "--hub", str(tmp_path / "liar")]) == 0
        server.shutdown()
    out = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)  # the table's own bold heads
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", out)
    assert "[red]" in out


# --- words ---


@pytest.mark.parametrize(("text", "wanted"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400), ("1h30m", 5400)])
def test_times_are_read_with_their_units(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "2 h", "1w", "nan", "1e9s"])
def test_a_time_without_a_unit_is_a_usage_error(text: str) -> None:
    with pytest.raises(SystemExit) as told:
        main(["silence", ELEMENT, "--for", text])
    assert told.value.code == 2


@pytest.mark.parametrize(
    ("lasted", "text"), [(0, "0s"), (61, "1m 1s"), (7_500, "2h 5m"), (90_061, "1d 1h"), (-5, "0s")]
)
def test_spans_have_two_units_at_most(lasted: float, text: str) -> None:
    assert span(lasted) == text


def test_without_receivers_there_is_nothing_to_try(
    live: tuple[HubProcess, Outage], capsys: pytest.CaptureFixture[str]
) -> None:
    assert netmon(live[0], "hub", "test-page") == 0
    assert netmon(live[0], "hub", "test-page", "--receiver", "nobody") == 2


def test_a_test_page_is_taken_or_it_is_told_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret").write_text("geheim")
    with receiver() as duty, receiver(lambda request: (400, {})) as broken:
        rows = [
            {"name": name, "url": to.url, "secret_file": str(tmp_path / "secret")}
            for name, to in (("duty", duty), ("broken", broken))
        ]
        with hub(tmp_path / "hub", extra=f"receivers: {json.dumps(rows)}\n") as one:
            assert netmon(one, "hub", "test-page", "--receiver", "duty", "-o", "json") == 0
            [row] = json.loads(capsys.readouterr().out)
            assert (row["receiver"], row["state"]) == ("duty", "accepted")
            monkey = pytest.MonkeyPatch()
            monkey.setattr("netmon.cli.hub.WAIT_S", 1.0)
            assert netmon(one, "hub", "test-page") == 1
            monkey.undo()
            assert "answered 400" in capsys.readouterr().out
    assert json.loads(duty.accepted[0].raw)["test"] is True
