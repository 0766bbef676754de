"""The seam: what an agent sends is what the hub's ingest takes, over plain HTTP and over TLS with a pinned CA."""

from __future__ import annotations

import asyncio
import ssl
import threading
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agenthub import Answer, FakeHub, Request, Told, check, config, running, serving, until

from netmon.config.agent import AgentConfig
from netmon.hub.ingest.batch import Batch
from netmon.hub.ingest.ingest import BadWrite, Ingest
from netmon.hub.ingest.journal import Journal
from netmon.hub.ingest.seen import SeenNumbers
from netmon.hub.ingest.writers import Writer, Writers
from netmon.hub.limits import Counters
from netmon.hub.tokens import Tokens
from netmon.hub.web import trust
from netmon.segments.position import Position
from netmon.segments.segments import Segments
from probes.base import Outcome


class RealIngest:
    """A hub's ingest behind the fake hub's door."""

    def __init__(self, folder: Path) -> None:
        self.batches = list[Batch]()
        self.counters = Counters()
        segments = Segments(folder, segment_bytes=1_000_000, quota_bytes=100_000_000)
        self._ingest = Ingest(
            Writers({"c1": Writer("c1", "26734", "79", frozenset({"c1"}))}, ()),
            Tokens([("t", "c1")]),
            {},
            Journal(segments, lambda: 0),
            SeenNumbers(),
            self.counters,
            retention_s=3600,
            position=Position(0, 0),
            publish=self.batches.append,
        )
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Answer:
        body = zlib.compress("\n".join(request.lines).encode(), wbits=31)
        token = request.headers.get("authorization", "").removeprefix("Token ")
        with self._lock:
            try:
                claimed = self._ingest.admit(token, request.headers, "ms")
            except BadWrite as bad:
                return bad.reply.status, {}, bad.reply.message
            reply = asyncio.run(self._ingest.write(claimed, body))
        return reply.status, {}, reply.message


def _with_token(one: AgentConfig, folder: Path, **more: str) -> AgentConfig:
    (folder / "token").write_text("t\n")
    return replace(one, destinations=(replace(one.destinations[0], token_file=str(folder / "token"), **more),))


def test_the_hub_stores_every_point_an_agent_sends_once(tmp_path: Path) -> None:
    ingest, told = RealIngest(tmp_path / "hub"), Told(outcomes={"b": Outcome.LOST})
    checks = (check("c1-a", "a"), check("c1-b", "b", kind="single"))
    with serving(FakeHub(ingest)) as hub:
        with running(_with_token(config(tmp_path / "agent", hub.url, *checks), tmp_path), told) as agent:
            assert until(lambda: ingest.counters.points_stored > 20)
        assert ingest.counters.points_stored == agent.spool.stored
    refused = ingest.counters
    assert refused.points_rejected == refused.malformed == refused.refused == refused.points_repeated == 0
    assert any(batch.header.urgent for batch in ingest.batches)
    frontiers = [batch.header.frontier_ms or 0 for batch in ingest.batches]
    assert frontiers == sorted(frontiers) and frontiers[0] > 0


def _tls(hub: FakeHub, folder: Path) -> ssl.SSLContext:
    return trust.context(trust.ensure(folder, "hub", ["127.0.0.1"], datetime.now(UTC)))


def test_only_a_hub_of_the_pinned_authority_is_written_to(tmp_path: Path) -> None:
    hub = FakeHub()
    hub.tls = _tls(hub, tmp_path / "trust")
    _tls(hub, tmp_path / "other")
    with serving(hub):
        with running(_to(hub, tmp_path, "other"), Told()) as agent:
            assert until(lambda: "not trusted" in agent.view()["destinations"][0]["trouble"])
        assert not hub.requests
        with running(_to(hub, tmp_path, "trust"), Told()):
            assert until(lambda: hub.stored)


def _to(hub: FakeHub, folder: Path, authority: str) -> AgentConfig:
    one = config(folder / f"agent-{authority}", hub.url, check("a", "a"))
    return _with_token(one, folder, ca_file=str(folder / authority / "ca.pem"))
