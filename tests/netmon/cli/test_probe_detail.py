"""`netmon probe path`: the hop table stands under the values, in JSON as a list of rows, for other kinds not at all."""

from __future__ import annotations

import json

import pytest

from netmon.cli import app
from netmon.cli.probe import _rows

pytestmark = pytest.mark.needs("linux")
PATH = ["probe", "path", "127.0.0.1", "--set", "flows=2", "--set", "mtu=false"]


def test_the_hop_table_stands_under_the_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(PATH) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "path 127.0.0.1: OK"
    assert lines[-2].split()[:3] == ["hop", "address", "flows"]
    assert lines[-1].split()[:3] == ["1", "127.0.0.1", "1,2"] and lines[-1].endswith("target")


def test_in_json_it_is_a_list_behind_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main([*PATH, "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["kind", "target", "outcome", "at", "took_ms", "values", "why", "detail"]
    assert (told["detail"][0]["hop"], told["detail"][0]["address"]) == (1, "127.0.0.1")


def test_columns_are_aligned_and_hostile_cells_are_harmless() -> None:
    rows = _rows(({"hop": 9, "address": "a"}, {"hop": 10, "note": "\x1b[31mx"}))
    assert rows == ["  hop  address  note", "    9  a", "   10           ·[31mx"]
    assert _rows(()) == []
