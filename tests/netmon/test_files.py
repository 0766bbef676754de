from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netmon import files
from netmon.agent.uplink.spool import Spool
from netmon.hub.state import snapshot

WHOLE = {"segment": 123, "names": ["a", "é"], "nested": {"x": 1.5}}


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _shape(plain: Any) -> Any:
    return {"segment": int(plain["segment"]), "names": list(plain["names"]), "nested": dict(plain["nested"])}


def test_any_flipped_bit_of_a_state_file_is_seen_and_the_file_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    files.write_state(file, WHOLE)
    whole = file.read_bytes()
    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        found = files.read_state(file, _shape, "nothing is lost")
        assert found in (None, WHOLE), (bit, found)
        assert file.exists() is (found is not None)


def test_every_truncation_of_a_state_file_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    files.write_state(file, WHOLE)
    whole = file.read_bytes()
    for length in range(len(whole) - 1):
        file.write_bytes(whole[:length])
        assert files.read_state(file, _shape, "nothing is lost") is None


def test_files_of_earlier_versions_are_believed(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps(WHOLE))
    assert files.read_state(tmp_path / "state.json", _shape, "") == WHOLE


def test_of_damaged_files_the_latest_three_are_kept_for_people(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        (tmp_path / "state.json").write_text(f"damage {number}")
        assert files.read_state(tmp_path / "state.json", _shape, "everything is sent again") is None
    kept = sorted(path.read_text() for path in tmp_path.iterdir())
    assert kept == ["damage 2", "damage 3", "damage 4"]
    assert "state.json is damaged" in caplog.text and "everything is sent again" in caplog.text


def test_a_folder_in_a_state_files_place_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    assert files.read_state(tmp_path / "state.json", _shape, "") is None
    files.write_state(tmp_path / "state.json", WHOLE)
    assert files.read_state(tmp_path / "state.json", _shape, "") == WHOLE


def test_whatever_the_umask_files_and_folders_are_for_their_owner(tmp_path: Path, open_umask: None) -> None:
    files.make_folder(tmp_path / "a" / "b")
    files.write_durably(tmp_path / "a" / "b" / "key", b"x")
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/key")]
    assert modes == [0o700, 0o700, 0o600]


def test_what_was_open_to_others_is_closed_but_tokens_tell_of_it(tmp_path: Path, open_umask: None) -> None:
    for name in ("seg.parquet", "ca.pem", "c1.token"):
        (tmp_path / name).write_text("x")
    (tmp_path / "day=2026-11-30").mkdir()
    assert files.tighten(tmp_path) >= 3
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"seg.parquet": 0o600, "ca.pem": 0o644, "c1.token": 0o666, "day=2026-11-30": 0o700}
    assert files.tighten(tmp_path) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(("version", "position", "stored", "seen", "agents", "checks", "live", "behind", "segment"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plain=JSON | st.dictionaries(KEYS, JSON, max_size=9) | st.binary(max_size=30))
def test_no_shape_of_json_keeps_a_role_from_starting(tmp_path: Path, plain: Any) -> None:
    from netmon.agent.uplink import cursor
    from netmon.hub.archive import sealing, sink
    from netmon.segments.position import Position

    spool = Spool(tmp_path / "spool", segment_bytes=1 << 16, quota_bytes=1 << 20)
    for name in (snapshot.FILE, "sealed.json", "sink.json", "hub.cursor"):
        (tmp_path / name).write_bytes(plain if isinstance(plain, bytes) else json.dumps(plain).encode())
    known = snapshot.load(tmp_path)
    assert known.stored >= 0 and min(known.position) >= 0
    assert min(sealing._load(tmp_path / "sealed.json")) >= 0
    assert min(sink._load(tmp_path / "sink.json", Position(0, 0))) >= 0
    live, behind = cursor._load(tmp_path / "hub.cursor", spool)
    assert min(live.position) >= 0 and all(stretch.start.seq >= 0 for stretch in behind)


def test_a_snapshot_comes_back_as_it_was_and_any_flip_of_it_is_seen(tmp_path: Path) -> None:
    row = {"agent": "c1", "check": "u", "site": "c1", "commune": "00001", "province": "01", "kind": "ping"}
    taken = snapshot.Snapshot(
        (3, 4000),
        77,
        {"c1": {"abcd": [(1, 70), (75, 80)]}},
        [{"agent": "c1", "site": "c1", "frontier_ms": None, "arrived_ms": 5, "points": 7, "late_ms": 0.5}],
        [{**row, "at_ms": 9, "outcome": 0, "values": {"rtt_p50_ms": 1.5}}],
        {"c1": {"abcd": 1_790_000_000_000}},
    )
    snapshot.save(tmp_path, taken)
    assert snapshot.load(tmp_path) == taken
    whole = (tmp_path / snapshot.FILE).read_bytes()
    for bit in range(0, len(whole) * 8, 7):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / snapshot.FILE).write_bytes(damaged)
        assert snapshot.load(tmp_path) in (taken, snapshot.Snapshot())


def test_on_a_full_disk_a_small_state_file_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.json"
    files.write_state(file, {"segment": 1, "names": ["long" * 20], "nested": {}})

    def full(*args: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_durably", full)
    for plain in ({"segment": 2, "names": [], "nested": {}}, {"segment": 3, "names": ["x" * 300], "nested": {}}):
        files.write_state(file, plain)
        assert files.read_state(file, _shape, "") == plain
    with pytest.raises(OSError, match="No space"):
        files.write_state(file, {"segment": 4, "names": ["x" * 5000], "nested": {}})
    assert files.read_state(file, _shape, "") == plain
    with pytest.raises(OSError, match="No space"):
        files.write_state(tmp_path / "new.json", plain)


def test_a_token_that_everybody_on_the_machine_can_read_is_refused_by_name(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        file = Path(folder) / "agent.token"
        file.write_text("\ufeffsecret\n", encoding="utf-8")
        file.chmod(0o644)
        assert files.read_token(file) == "secret"  # nobody else gets into the folder
        Path(folder).chmod(0o755)
        with pytest.raises(ValueError, match=r"agent\.token: everybody on this machine can read it .*chmod 600"):
            files.read_token(file)
        file.chmod(0o640)
        assert files.read_token(file) == "secret"


def test_a_pipe_or_something_endless_in_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token", 0o600)
    for path, why in (
        (tmp_path / "token", "no plain file"),
        (Path("/dev/zero"), "no plain file"),
        (tmp_path, "directory"),
    ):
        with pytest.raises(OSError, match=why):
            files.read_secret(path)
    assert files.read_state(tmp_path / "token", _shape, "anew") is None and not (tmp_path / "token").exists()
    (tmp_path / "token").write_bytes(b"x" * (files.MAX_SECRET + 1))
    with pytest.raises(OSError, match="too large"):
        files.read_secret(tmp_path / "token")


def test_a_secret_saved_by_notepad_is_read_without_its_mark(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbfabc\r\n")
    assert files.read_secret(tmp_path / "t") == "abc"
    (tmp_path / "t").write_bytes(b"\xff\xfea\x00")
    with pytest.raises(ValueError, match="is not UTF-8 text"):
        files.read_secret(tmp_path / "t")
