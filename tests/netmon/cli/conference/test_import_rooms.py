"""`netmon conference import`: what it prints stands in an inventory, and what it could not take is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import meeting
import pytest

from netmon.cli.app import main
from netmon.load import inventory as load

HEADS = "STT;Tỉnh;Mã xã;Tên xã;Tên điểm cầu;Địa chỉ IP;Giao thức;Số máy;Đầu mối;Điện thoại\n"
GOOD_ROWS = (
    "1;;1;;Phòng 1: 'A';10.1.1.1;SIP;1;Nguyễn Văn A;0912345678\n"
    "2;;00002;;Phòng 2 # [x] {y};10.1.1.2;H.323;2;Nguyễn Văn A;0912345678\n"
    '3;;3;;"- no: ""yes""";;;;;\n'
)
TIMES = [
    "--conference",
    "moi",
    "--starts",
    "2031-04-01T08:00:00+07:00",
    "--ends",
    "2031-04-01T11:00:00+07:00",
    "--mcu",
    "m1",
]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An inventory of 12 communes without a room or conference, and its file."""
    made = replace(meeting.inventory(12), rooms=(), conferences=())
    text = meeting.as_yaml(made).replace("rooms: []\n", "").replace("conferences: []\n", "")
    (tmp_path / "inventory.yaml").write_text(text)
    return tmp_path


def run(folder: Path, rows: str, *more: str) -> int:
    (folder / "list.csv").write_text(HEADS + rows, encoding="utf-8")
    return main(["--lang", "en", "conference", "import", str(folder / "list.csv"), *TIMES, *more])


def test_what_it_prints_stands_in_the_inventory(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inventory = base / "inventory.yaml"
    assert run(base, GOOD_ROWS, "--inventory", str(inventory), "--name", "Họp: 'mới'") == 0
    told = capsys.readouterr()
    inventory.write_text(inventory.read_text() + told.out)
    assert main(["config", "check", str(inventory)]) == 0
    network = load.load(inventory)
    rooms = {one.id: one for one in network.inventory.rooms}
    assert list(rooms) == ["r00001", "r00002", "r00003"] and rooms["r00003"].name == '- no: "yes"'
    assert rooms["r00002"].address == "h323:2@10.1.1.2" and rooms["r00001"].contact == "nguyen-van-a"
    conference = network.conference("moi")
    assert conference is not None and conference.name == "Họp: 'mới'" and len(network.routes("moi")) == 3
    assert "3 rooms, 3 of them new; 0 rows left out" in told.err


def test_a_second_time_the_rooms_are_known_and_only_the_conference_is_new(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = base / "inventory.yaml"
    run(base, GOOD_ROWS, "--inventory", str(inventory))
    inventory.write_text(inventory.read_text() + capsys.readouterr().out)
    assert run(base, GOOD_ROWS, "--inventory", str(inventory)) == 2  # the same id
    assert "is already taken" in capsys.readouterr().err
    assert run(base, GOOD_ROWS, "--inventory", str(inventory), "--conference", "khac", "-o", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["contacts"], told["rooms"]) == ([], []) and told["conferences"][0]["rooms"] == [
        "r00001",
        "r00002",
        "r00003",
    ]


def test_rows_left_out_are_told_and_the_exit_code_says_so(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = GOOD_ROWS + "4;;99;;D;10.1.1.4;SIP;;;\n5;;x;;E\x1b[31m;;;;;\n"
    assert run(base, rows, "--inventory", str(base / "inventory.yaml")) == 1
    told = capsys.readouterr()
    left = [line for line in told.err.splitlines() if line.startswith("LEFT OUT")]
    assert len(left) == 2 and "list.csv: row 5, column 'Mã xã': code 00099 is not in the inventory (" in left[0]
    assert "r00003" in told.out and "\x1b" not in told.out + told.err


def test_without_an_inventory_sites_are_called_by_their_codes(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(base, GOOD_ROWS) == 0
    told = capsys.readouterr()
    assert "site: c00001" in told.out and "held against nothing" in told.err


def test_a_list_without_a_room_prints_nothing_and_is_no_success(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(base, "") == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--ends", "2031-04-01T07:00:00+07:00"], "is not after it starts"),
        (["--starts", "tomorrow"], "is not a date and time"),
        (["--starts", "2031-04-01T08:00:00"], "offset"),
        (["--conference", "hai từ"], "cannot be used here"),
        (["--mcu", "m9"], "is no MCU of this file"),
    ],
)
def test_a_conference_that_cannot_be_is_a_usage_error_before_the_list_is_read(
    base: Path, more: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(base, GOOD_ROWS, "--inventory", str(base / "inventory.yaml"), *more) == 2
    told = capsys.readouterr()
    assert what in told.err and told.out == ""


def test_many_rooms_stand_one_in_a_line(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{at};;{at};;Phòng {at};10.1.2.{at};SIP;;;\n" for at in range(1, 13))
    assert run(base, rows, "--inventory", str(base / "inventory.yaml"), "--profile", "conf-720p") == 0
    out = capsys.readouterr().out
    assert "    rooms:\n      - r00001\n" in out and "    profile: conf-720p\n" in out
    (base / "inventory.yaml").write_text((base / "inventory.yaml").read_text() + out)
    assert main(["config", "check", str(base / "inventory.yaml")]) == 0


def test_a_list_of_which_no_row_can_be_taken_says_why_of_each(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "1;;99999;;A;10.1.1.1;;;;\n2;;xyz;;B;10.1.1.2;;;;\n"
    assert run(base, rows, "--inventory", str(base / "inventory.yaml"), "-o", "json") == 1
    told = capsys.readouterr()
    assert [row["row"] for row in json.loads(told.out)["left_out"]] == [2, 3]
    assert "row 2, column 'Mã xã'" in told.err and "row 3, column 'Mã xã'" in told.err
