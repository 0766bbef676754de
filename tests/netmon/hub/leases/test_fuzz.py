"""Whatever an agent's token sends to the lease door, an answer comes back and nothing grows."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any

from hubtables import HubTables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.model import Agent, Check, Inventory, Link, Site
from inventory.topology import Network
from netmon.config.hub import LeasesConfig
from netmon.hub.leases.desk import LeaseDesk
from netmon.hub.limits import Counters
from netmon.hub.web.leases import LeaseEndpoint

NETWORK = Network(
    Inventory(
        hub_site="core",
        sites=(Site(id="core", kind="core"), Site(id="p01", kind="province", code="01")),
        links=(Link(id="up", from_site="core", to_site="p01", capacity_bps=1_000_000),),
        agents=(Agent(agent="a1", site="p01"), Agent(agent="a2", site="core")),
        checks=(Check(check="k1", agent="a1", to="core"), Check(check="k2", agent="a2", to="p01")),
    )
)


class Doorman:
    """Lets everybody in, as `Ingest` does who has the right token."""

    def writer(self, token: str, agent: str) -> None:
        """Anybody."""


def answered(door: LeaseEndpoint, path: str, body: bytes) -> tuple[int, bytes]:
    sent = list[Any]()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(door({"path": path, "headers": [(b"x-netmon-agent", b"a1")]}, receive, send))
    return sent[0]["status"], sent[1].get("body", b"")


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "check": st.sampled_from(("k1", "k2", "other")) | VALUES,
        "bytes": st.integers(-1, 1 << 52) | VALUES,
        "seconds": st.floats(-1, 200) | VALUES,
        "bytes_used": st.integers(-1, 1 << 52) | VALUES,
    },
)
BODIES = st.binary(max_size=200) | ASKED.map(lambda one: json.dumps(one).encode())
_examples = count()
PATHS = st.sampled_from(("", "/ab/release", "/x", "/" + "a" * 99 + "/release"))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, path=PATHS)
def test_any_request_is_answered_and_leaves_one_lease_a_link_at_most(tmp_path: Path, body: bytes, path: str) -> None:
    db = HubTables(tmp_path / "hub.db")
    now_s = 1_790_000_000 + next(_examples) * 0.005  # in an example no time passes: no lease runs out in the middle
    desk = LeaseDesk(LeasesConfig(), NETWORK, db.leases, lambda: now_s)
    status, text = answered(LeaseEndpoint(Doorman(), desk, Counters()), "/api/v1/leases" + path, body)  # type: ignore[arg-type]
    assert status in (201, 204, 400, 403, 404, 409)
    assert status == 204 or isinstance(json.loads(text), dict)
    view = desk.view()
    assert len(view["leases"]) <= 1
    assert [one.id for one in db.leases.leases()] == [one["id"] for one in view["leases"]]
    db.close()
