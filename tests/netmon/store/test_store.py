from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from hubs import line

from netmon.store import layout, read, record, seal
from netmon.store.frames import END, FRAME, CutShort

DAY = layout.DAY_MS
FIGURES = {"segments": 1, "files": 1, "rows": 4, "unreadable": 1}
AT = 20_000 * DAY  # 2024-10-04 00:00 UTC


def _body(lines: list[str]) -> bytes:
    return record.encode(
        record.Header("c1", "c1", "b", 1, len(lines), None, False, False, 0), "\n".join(lines).encode(), gzipped=False
    )


def _stream(*records: tuple[int, bytes], end: bool = True) -> io.BytesIO:
    data = b"".join(FRAME.pack(segment, len(body)) + body for segment, body in records)
    return io.BytesIO(data + (FRAME.pack(END, 0) if end else b""))


def test_points_are_sealed_by_day_and_read_back(tmp_path: Path) -> None:
    lines = [line("c1", number, AT - 1000 + number * 100) for number in range(20)]
    done = seal.seal(_stream((7, _body(lines))), tmp_path, 0)
    assert done == {"segments": 1, "files": 2, "rows": 80, "unreadable": 0}
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["day=2024-10-03", "day=2024-10-04"]
    found = read.range(tmp_path, "netmon_ping", "sent", AT - 500, AT + 500)
    assert [sample.value for sample in found] == [float(number) for number in range(5, 15)]
    assert found[0].time_ms == AT - 500 and found[0].tags == ("c1", "c1-uplink", "26734", "79", "c1", "p79")
    assert read.range(tmp_path, "netmon_ping", "sent", AT, AT + 500, agent="c2") == []
    with pytest.raises(ValueError, match="no tag"):
        read.range(tmp_path, "netmon_ping", "sent", AT, AT + 500, colour="red")


def test_sealing_a_segment_again_longer_replaces_it(tmp_path: Path) -> None:
    first, second = _body([line("c1", 1, AT)]), _body([line("c1", 2, AT + 1)])
    seal.seal(_stream((1, first)), tmp_path, 0)
    seal.seal(_stream((1, first), (1, second)), tmp_path, 0)
    seal.seal(_stream((1, first), (1, second), (2, _body([line("c2", 3, AT + 2)]))), tmp_path, 0)
    assert [sample.value for sample in read.range(tmp_path, "netmon_ping", "sent", 0, AT + DAY)] == [1.0, 2.0, 3.0]
    assert not list(tmp_path.glob("day=*/*.new"))


def test_without_the_end_mark_the_last_segment_is_left_as_it_was(tmp_path: Path) -> None:
    whole = [(1, _body([line("c1", 1, AT)])), (1, _body([line("c1", 2, AT + 1)]))]
    seal.seal(_stream(*whole), tmp_path, 0)
    with pytest.raises(CutShort):
        seal.seal(_stream(*whole[:1], end=False), tmp_path, 0)
    assert len(read.range(tmp_path, "netmon_ping", "sent", 0, AT + DAY)) == 2


def test_the_child_program_tells_its_figures_and_passes_over_what_is_no_record(tmp_path: Path) -> None:
    data = _stream((3, b"no record"), (3, _body([line("c1", 1, AT)]))).getvalue()
    command = [sys.executable, "-m", "netmon.store.seal", str(tmp_path), "0"]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout) == {**FIGURES, "damaged": 0, "aside": 0}
    assert subprocess.run(command, input=data[:-3], capture_output=True, timeout=60, check=False).returncode == 1


def test_the_table_has_the_documented_columns(tmp_path: Path) -> None:
    foreign = "cpu,agent=-,check=-,commune=-,province=-,site=c1,target=-,host=srv1 idle=1.5 " + str(AT)
    seal.seal(_stream((1, _body([line("c1", 1, AT), foreign]))), tmp_path, 0)
    files = read.files(tmp_path, 0, AT + DAY)
    described = duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet({files!r}, hive_partitioning = false)").fetchall()
    assert tuple(row[0] for row in described) == layout.COLUMNS
    assert duckdb.sql(f"SELECT tags FROM read_parquet({files!r}) WHERE name = 'cpu'").fetchall() == [("host=srv1",)]


def test_days_past_the_retention_go_and_are_not_sealed_again(tmp_path: Path) -> None:
    old_and_new = _body([line("c1", 1, AT - 5 * DAY), line("c1", 2, AT)])
    seal.seal(_stream((1, old_and_new)), tmp_path, 0)
    assert layout.retire(tmp_path, AT - 4 * DAY) == 1
    assert layout.retire(tmp_path, AT - 4 * DAY) == 0
    seal.seal(_stream((1, old_and_new)), tmp_path, AT - 4 * DAY)
    assert [folder.name for folder in tmp_path.iterdir()] == ["day=2024-10-04"]


def test_records_come_back_as_they_were_written() -> None:
    from netmon.line import Line, decode

    odd = [Line("m x", {"a b": "c,d=e", "t": "é"}, {"f g": 1, "h": -0.5, "e": 1e-9}, 5)]
    header = record.Header("c1", "s", "b", 1, 1, 7, True, False, 9)
    told, text = record.split(record.encode(header, record.text_of(odd).encode(), gzipped=False))
    assert told == header and list(decode(text)) == odd
    for bad in (b"", b"{}\n", b'{"v":1}\nx', b'{"v":9}\nx', b"[]\n", b"\xff\n"):
        with pytest.raises(ValueError):
            record.split(bad)
