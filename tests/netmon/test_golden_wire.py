"""Bytes of netmon's own protocols as a relay between `netmon probe` and `netmon reflector` sees them, read by layouts written
down here: an agent of today and a responder of December 2026 understand each other. SIP, H.323, STAMP and all that others
speak have recorded bytes in `tests/probes/wire`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from goldens import World
from ports import free_ports

pytestmark = pytest.mark.world
KEY = b"a key for tests alone"
HEAD = struct.Struct("!4sBxHQ")
HELLO, COOKIE, GO, READY, NO, DATA, ASK, TOLD, STOP = range(1, 10)
LEAST, TAG = 96, 16
RECORDED = json.loads((Path(__file__).parents[1] / "golden" / "wire" / "media.json").read_text())


@dataclass
class Relay:
    """What passed: (from the agent, its bytes), in order."""

    port: int
    passed: list[tuple[bool, bytes]] = field(default_factory=list)

    def of(self, kind: int, *, from_agent: bool) -> list[bytes]:
        """Packets of one kind from one side."""
        return [data for is_agents, data in self.passed if is_agents == from_agent and data[4] == kind]


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Datagrams to and from a port of loopback."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as front,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back,
    ):
        front.bind(("127.0.0.1", 0))
        back.connect(("127.0.0.1", port))
        made, over = Relay(front.getsockname()[1]), threading.Event()

        def pass_on() -> None:
            peer = None
            while not over.is_set():
                for ready in select.select([front, back], [], [], 0.1)[0]:
                    if ready is front:
                        data, peer = front.recvfrom(65_535)
                        back.send(data)
                    elif peer is not None:
                        data = back.recv(65_535)
                        front.sendto(data, peer)
                    made.passed.append((ready is front, data))

        thread = threading.Thread(target=pass_on, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            over.set()
            thread.join()


def conversation(folder: Path, kind: str, option: str, *settings: str) -> tuple[Relay, dict[str, Any]]:
    """One probe through a relay, and what it printed."""
    folder.mkdir(exist_ok=True)
    (folder / "key").write_bytes(KEY)
    (folder / "key").chmod(0o600)
    made, (port, other) = World(folder, 0.0), free_ports(2)
    ends = [f"--listen=127.0.0.1:{other}", f"--{option}=127.0.0.1:{port}", "--key-file=key"]
    made.start("reflector", "reflector", *ends)
    try:
        made.until(lambda: is_bound(port), "reflector")
        with relay(port) as between:
            told = [word for setting in ("key_file=key", *settings) for word in ("--set", setting)]
            done = made.netmon("probe", kind, f"127.0.0.1:{between.port}", *told, "-o", "json")
            time.sleep(0.2)  # for its last packet
        return between, json.loads(done.stdout)
    finally:
        made.stop("reflector")


def is_bound(port: int) -> bool:
    """Does somebody hold this UDP port?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def assert_heads_and_seals(between: Relay, magic: bytes, key_ids: bool) -> None:
    """Of every packet; control packets end with an HMAC-SHA-256 of 16 bytes, data packets never do."""
    key_id = int.from_bytes(hashlib.sha256(KEY).digest()[:2], "big") | 1 if key_ids else None
    numbers = set()
    for is_agents, data in between.passed:
        found, kind, told, number = HEAD.unpack_from(data)
        assert (found, data[5]) == (magic, 0)
        numbers.add(number)
        if kind == DATA:
            continue
        assert data[-TAG:] == hmac.digest(KEY, data[:-TAG], "sha256")[:TAG], kind
        assert len(data) >= LEAST or not is_agents
        assert key_id is None or told == key_id
    assert len(numbers) == 1
    (hello, *_) = between.of(HELLO, from_agent=True)
    assert hello[16:-TAG] == bytes(LEAST - 16 - TAG)
    (challenge, *_) = between.of(COOKIE, from_agent=False)
    cookie = challenge[16:32]
    for kind in (GO, ASK, STOP):
        assert all(data[16:32] == cookie for data in between.of(kind, from_agent=True)), kind


def test_media_speaks_as_it_did(tmp_path: Path) -> None:
    settings = ("duration=1s", "rate=500kbit", "seed=7", "variant=burst", "dscp=34", "audio_dscp=46")
    between, printed = conversation(tmp_path / "w", "media", "media", *settings)
    assert printed["outcome"] in ("OK", "LOCAL"), printed  # a busy machine sends late: bytes are asked for here
    assert_heads_and_seals(between, b"nmd1", key_ids=True)
    (go, *_) = between.of(GO, from_agent=True)
    assert go[32:48].hex() == RECORDED["go"]
    for side, from_agent in (("agent", True), ("responder", False)):
        assert stream(between, from_agent) == RECORDED[side]
    came = {}
    for report in between.of(TOLD, from_agent=False):
        _, _, known, _, _, _, _, flags = struct.unpack_from("!IIIIIIHB", report, 16)
        body = report[16 + 27 : -TAG]
        assert flags in (0, 1) and len(body) % 9 == 0
        came.update({known + at: struct.unpack_from("!IIB", body, 9 * at) for at in range(len(body) // 9)})
    sent = between.of(DATA, from_agent=True)
    assert sorted(number for number, _, _ in came.values()) == list(range(len(sent)))


def stream(between: Relay, from_agent: bool) -> list[list[int]]:
    """What each data packet says of itself, but for times: stream, DSCP, number, frame, part, parts, bytes."""
    rows = []
    for data in between.of(DATA, from_agent=from_agent):
        sort, dscp, _, number, frame, part, parts, _ = struct.unpack_from("!BBHIIHHQ", data, 16)
        rows.append([sort, dscp, number, frame, part, parts, len(data)])
    return sorted(rows, key=lambda row: row[2])[:100]


def test_trains_speak_as_they_did(tmp_path: Path) -> None:
    between, printed = conversation(tmp_path / "w", "headroom", "train", "duration=1s", "profile=conf-720p", "dscp=34")
    assert printed["outcome"] in ("OK", "LOCAL"), printed  # a busy machine sends late: bytes are asked for here
    assert_heads_and_seals(between, b"nmt1", key_ids=False)
    (go, *_) = between.of(GO, from_agent=True)
    assert go[32:53].hex() == RECORDED["train_go"]
    packets, size, _ = struct.unpack_from("!IHI", go, 32)
    sent = between.of(DATA, from_agent=True)
    assert [struct.unpack_from("!I", data, 16)[0] for data in sent] == list(range(packets))
    assert {len(data) for data in (*sent, *between.of(DATA, from_agent=False))} == {size}
    arrivals = {}
    for told in between.of(TOLD, from_agent=False):
        part, _, rcvd, _, _, _ = struct.unpack_from("!HHIIII", told, 16)
        rest = told[16 + 20 : -TAG]
        if part == 0xFFFF or not any(rest):
            continue
        for at in range(len(rest) // 8):
            arrivals[part * 140 + at] = struct.unpack_from("!H", rest, 8 * at)[0]
    assert rcvd == packets and sorted(arrivals.values()) == list(range(packets))
