"""A conference of simulated rooms: an inventory of provinces and communes, and rooms that answer, some with a fault."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from inventory.model import Conference, Inventory, Link, Mcu, Room, Site
from inventory.timestamp import Timestamp
from inventory.topology import Network
from probes.answer.standin import sip as standin
from probes.answer.standin.room import RoomStandIn
from probes.target import Endpoint

STARTS, ENDS = "2031-03-01T08:00:00+07:00", "2031-03-01T11:00:00+07:00"


def address(number: int) -> str:
    """The address of room `number`, from 0."""
    return f"10.98.{number // 250}.{number % 250 + 1}"


def inventory(rooms: int, provinces: int = 4, *, responder: str = "", ports: int | None = None) -> Inventory:
    """A core with an MCU, provinces behind uplinks, one commune with a room behind each access link."""
    names = [f"{one:02}" for one in range(1, provinces + 1)]
    sites = [Site(id="core", kind="core", name="Core", owner="CBDTW")]
    sites += [Site(id=f"p{one}", kind="province", code=one, name=f"Province {one}", owner=f"So {one}") for one in names]
    links = [
        Link(id=f"core-p{one}", from_site="core", to_site=f"p{one}", carrier="VNPT", capacity_bps=10**9)
        for one in names
    ]
    made = []
    for number in range(rooms):
        code, province = f"{number + 1:05}", names[number % provinces]
        sites.append(
            Site(
                id=f"c{code}", kind="commune", code=code, province=province, name=f"Commune {code}", owner=f"Xa {code}"
            )
        )
        links.append(
            Link(
                id=f"p-c{code}",
                from_site=f"p{province}",
                to_site=f"c{code}",
                carrier="Viettel",
                capacity_bps=20_000_000,
            )
        )
        made.append(Room(
            id=f"r{code}", site=f"c{code}", name=f"Room {code}", address=f"sip:room@{address(number)}",
            responder=responder.format(ip=address(number)),
        ))  # fmt: skip
    return Inventory(
        hub_site="core", sites=tuple(sites), links=tuple(links), rooms=tuple(made),
        mcus=(Mcu(id="m1", site="core", name="MCU", owner="MCU team", ports=ports),),
        conferences=(Conference(
            id="hn", name="Hoi nghi", starts=Timestamp(STARTS), ends=Timestamp(ENDS), mcus=("m1",),
            rooms=tuple(one.id for one in made), profile="conf-720p",
        ),),
    )  # fmt: skip


def network(rooms: int, provinces: int = 4, **how: Any) -> Network:
    """The same, ready to be asked."""
    return Network(inventory(rooms, provinces, **how))


async def serve(rooms: int, faults: Mapping[int, Mapping[str, Any] | None]) -> None:
    """Rooms that answer for ever; `faults`: room number → what its stand-in does instead, None: it is not there."""
    for number in range(rooms):
        how = faults.get(number, {})
        if how is not None:
            host = address(number)
            await standin.listen(Endpoint(host, 5060), RoomStandIn(socket.AF_INET, host, **{"alias": "room", **how}))
    await asyncio.Event().wait()


def as_yaml(made: Inventory) -> str:
    """An inventory as its file."""
    import yaml

    keys = {"from_site": "from", "to_site": "to", "capacity_bps": "capacity", "rate_bps": "rate"}

    def plain(record: Any) -> dict[str, Any]:
        rows = {keys.get(name, name): getattr(record, name) for name in asdict(record)}
        out = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in rows.items()
            if value not in ("", None, ())
        }
        if "capacity" in out:
            out["capacity"] = f"{out['capacity']}bit"
        return {name: str(value) if isinstance(value, Timestamp) else value for name, value in out.items()}

    whole: dict[str, Any] = {"hub_site": made.hub_site}
    for name in ("sites", "links", "mcus", "rooms", "conferences"):
        whole[name] = [plain(one) for one in getattr(made, name)]
    return str(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False))
