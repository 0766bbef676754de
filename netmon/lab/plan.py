"""The lab on paper: hosts, links, addresses, checks and the files each process is started with. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_COMMUNES = 250
MAX_ROOMS = 12  # two processes each
CONFERENCE = "lab"
STAMP_PORT, SIP_PORT, HUB_PORT, MEDIA_PORT = 862, 5060, 8443, 8622
# Real names and codes of Hà Nội (administrative units of 1 July 2025) for the first ones.
_WARDS = (
    ("00004", "Phường Ba Đình"),
    ("00008", "Phường Ngọc Hà"),
    ("00025", "Phường Giảng Võ"),
    ("00070", "Phường Hoàn Kiếm"),
    ("00082", "Phường Cửa Nam"),
    ("00091", "Phường Phú Thượng"),
    ("00097", "Phường Hồng Hà"),
    ("00103", "Phường Tây Hồ"),
    ("00118", "Phường Bồ Đề"),
    ("00127", "Phường Việt Hưng"),
)
_PROVINCE = "01"


@dataclass(frozen=True, slots=True)
class Wire:
    """A link of the lab: two hosts, an address each, a rate, a one-way delay where the kernel can make one."""

    id: str
    near: str  # the end toward the core
    far: str
    near_ip: str
    far_ip: str
    rate: str
    delay_ms: float = 2.0


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace: its device names are the wires' ids; `routes` are (network, gateway)."""

    name: str
    routes: tuple[tuple[str, str], ...] = ()
    forwards: bool = False


@dataclass(frozen=True, slots=True)
class LabPlan:
    """A whole lab. `loopback`: every host is an address of this machine, nothing can be cut."""

    hosts: tuple[Host, ...]
    wires: tuple[Wire, ...]
    inventory: dict[str, Any]
    checks: dict[str, list[dict[str, str]]]  # agent → its checks
    hub_ip: str
    reflectors: tuple[tuple[str, str], ...]  # (host, listen)
    mcu_listen: str
    loopback: bool = False
    rooms: tuple[tuple[str, str], ...] = ()  # (host, its address): a room and a media responder each

    @property
    def agents(self) -> tuple[str, ...]:
        """Names of the agents; each stands on the host of the same name."""
        return tuple(self.checks)

    def wire(self, id: str) -> Wire:
        """A wire by its id."""
        return next(wire for wire in self.wires if wire.id == id)


def plan(communes: int, *, loopback: bool = False, rooms: bool = False) -> LabPlan:
    """The lab with this many communes; `rooms`: the first of them have a meeting room, and there is a conference. Raises
    ValueError outside 1..250."""
    if not 1 <= communes <= MAX_COMMUNES:
        raise ValueError(f"a lab has 1 to {MAX_COMMUNES} communes, not {communes}")
    names = [f"c{number}" for number in range(1, communes + 1)]
    wires = _loopback_wires(names) if loopback else _wires(names)
    by_id = {wire.id: wire for wire in wires}
    uplink, media = by_id["core-province"], by_id["core-mcu"]
    mcu = f"{media.far_ip}:{SIP_PORT}"
    venues = tuple((name, by_id[f"province-{name}"].far_ip) for name in names[:MAX_ROOMS] if rooms)
    return LabPlan(
        hosts=_hosts(names, by_id),
        wires=wires,
        inventory=_inventory(names) | _conference(venues),
        checks=_checks(names, by_id, mcu),
        hub_ip=uplink.near_ip,
        reflectors=_reflectors(uplink, loopback),
        mcu_listen=mcu,
        loopback=loopback,
        rooms=venues,
    )


def _reflectors(uplink: Wire, loopback: bool) -> tuple[tuple[str, str], ...]:
    if loopback:
        return (("core", f"{uplink.near_ip}:{STAMP_PORT}"), ("province", f"{uplink.far_ip}:{STAMP_PORT}"))
    return (("core", f"0.0.0.0:{STAMP_PORT}"), ("province", f"0.0.0.0:{STAMP_PORT}"))


def _wires(names: list[str]) -> tuple[Wire, ...]:
    trunk = (
        Wire("core-mcu", "core", "mcu", "10.77.0.1", "10.77.0.2", "100mbit"),
        Wire("core-province", "core", "province", "10.77.1.1", "10.77.1.2", "100mbit"),
    )
    return trunk + tuple(
        Wire(f"province-{name}", "province", name, f"10.78.{at}.1", f"10.78.{at}.2", "20mbit")
        for at, name in enumerate(names, 1)
    )


def _loopback_wires(names: list[str]) -> tuple[Wire, ...]:
    trunk = (
        Wire("core-mcu", "core", "mcu", "127.77.0.1", "127.77.0.2", ""),
        Wire("core-province", "core", "province", "127.77.1.1", "127.77.1.2", ""),
    )
    return trunk + tuple(
        Wire(f"province-{name}", "province", name, "127.77.1.2", f"127.78.{at}.2", "")
        for at, name in enumerate(names, 1)
    )


def _hosts(names: list[str], wires: dict[str, Wire]) -> tuple[Host, ...]:
    uplink = wires["core-province"]
    communes = [Host(name, (("default", wires[f"province-{name}"].near_ip),)) for name in names]
    return (
        Host("core", (("10.78.0.0/16", uplink.far_ip),), forwards=True),
        Host("mcu", (("default", wires["core-mcu"].near_ip),)),
        Host("province", (("default", uplink.near_ip),), forwards=True),
        *communes,
    )


def _checks(names: list[str], wires: dict[str, Wire], mcu: str) -> dict[str, list[dict[str, str]]]:
    uplink = wires["core-province"]
    core = [_check("core-province", "ping", uplink.far_ip, "link")]
    core += [_check(f"core-{name}", "ping", wires[f"province-{name}"].far_ip, "link") for name in names]
    core.append(_check("core-mcu", "sip", mcu, "service"))
    checks = {"core": core, "province": [_check("province-core", "stamp", f"{uplink.near_ip}:{STAMP_PORT}", "link")]}
    for name in names:
        checks[name] = [
            _check(f"{name}-uplink", "stamp", f"{wires[f'province-{name}'].near_ip}:{STAMP_PORT}", "link"),
            _check(f"{name}-core", "ping", uplink.near_ip, "upstream"),
            _check(f"{name}-mcu", "sip", mcu, "service"),
        ]
    return checks


def _check(check: str, kind: str, target: str, about: str) -> dict[str, str]:
    return {"check": check, "kind": kind, "target": target, "every": "1s", "about": about}


def _ward(at: int) -> tuple[str, str]:
    return _WARDS[at] if at < len(_WARDS) else (f"9{at:04}", f"Xã thử nghiệm {at + 1}")


def code_of(name: str) -> str:
    """The commune code of a lab host `cN`, `-` for the others."""
    return _ward(int(name[1:]) - 1)[0] if name[0] == "c" and name[1:].isdigit() else "-"


def _inventory(names: list[str]) -> dict[str, Any]:
    carriers = ("VNPT", "Viettel")
    sites: list[dict[str, str]] = [
        {"id": "core", "kind": "core", "name": "Trung tâm (CBĐTW)"},
        {"id": "mcu", "kind": "datacentre", "name": "Phòng MCU"},
        {"id": "province", "kind": "province", "code": _PROVINCE, "name": "Thành phố Hà Nội"},
    ]
    links = [
        {"id": "core-mcu", "from": "core", "to": "mcu", "capacity": "100Mbit", "owner": "CBĐTW", "contact": "noc"},
        {
            "id": "core-province",
            "from": "core",
            "to": "province",
            "carrier": "VNPT",
            "circuit": "TSL-HNI-0001",
            "capacity": "100Mbit",
            "owner": "CBĐTW",
            "contact": "vnpt",
        },
    ]
    for at, name in enumerate(names):
        code, words = _ward(at)
        carrier = carriers[at % 2]
        sites.append({"id": name, "kind": "commune", "code": code, "province": _PROVINCE, "name": words})
        links.append(
            {
                "id": f"province-{name}",
                "from": "province",
                "to": name,
                "carrier": carrier,
                "circuit": f"TSL-HNI-{code}",
                "capacity": "20Mbit",
                "owner": "Sở KHCN Hà Nội",
                "contact": carrier.lower(),
            }
        )
    return {
        "hub_site": "core",
        "contacts": [
            {"id": "noc", "name": "Trực CBĐTW", "phone": "080 00001"},
            {"id": "vnpt", "name": "VNPT trực kênh", "phone": "080 00002"},
            {"id": "viettel", "name": "Viettel trực kênh", "phone": "080 00003"},
        ],
        "sites": sites,
        "links": links,
        "mcus": [{"id": "mcu-1", "site": "mcu", "name": "MCU quốc gia", "owner": "CBĐTW", "contact": "noc"}],
        "agents": [{"agent": name, "site": name} for name in ("core", "province", *names)],
        "checks": _crossings(names),
    }


def _conference(rooms: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Rooms, and a conference of all of them in a far future, so that no heavy test is ever refused for its sake."""
    if not rooms:
        return {}
    rows = [
        {
            "id": f"room-{name}",
            "site": name,
            "name": f"Phòng họp {_ward(at)[1]}",
            "address": f"sip:room@{address}:{SIP_PORT}",
            "responder": f"{address}:{MEDIA_PORT}",
        }
        for at, (name, address) in enumerate(rooms)
    ]
    meeting = {
        "id": CONFERENCE,
        "name": "Hội nghị trực tuyến thử nghiệm",
        "starts": "2099-01-01T08:00:00+07:00",
        "ends": "2099-01-01T11:00:00+07:00",
        "mcus": ["mcu-1"],
        "rooms": [room["id"] for room in rows],
        "profile": "conf-720p",
    }
    return {"rooms": rows, "conferences": [meeting]}


def _crossings(names: list[str]) -> list[dict[str, str]]:
    rows = [
        {"check": "core-province", "agent": "core", "to": "province"},
        {"check": "core-mcu", "agent": "core", "to": "mcu-1"},
        {"check": "province-core", "agent": "province", "to": "core"},
    ]
    for name in names:
        rows.append({"check": f"core-{name}", "agent": "core", "to": name})
        rows.append({"check": f"{name}-uplink", "agent": name, "to": "province"})
        rows.append({"check": f"{name}-core", "agent": name, "to": "core"})
        rows.append({"check": f"{name}-mcu", "agent": name, "to": "mcu-1"})
    return rows


def _of_link(inventory: dict[str, Any], name: str) -> dict[str, str]:
    """Whom a site calls about its own link: the same people and circuit as the hub's pages name."""
    links = [link for link in inventory["links"] if "carrier" in link]
    link = next((link for link in links if link["to"] == name), links[0])  # the first leads from the core
    who = next(contact for contact in inventory["contacts"] if contact["id"] == link["contact"])
    return {"about": "link", "who": who["name"], "phone": who["phone"], "circuit": link["circuit"]}


def agent_file(lab: LabPlan, name: str, *, folder: str, trust: str) -> dict[str, Any]:
    """What agent `name` is started with. `folder`: its state; `trust`: the hub's trust folder."""
    scheme = "http" if lab.loopback else "https"
    hub = {
        "name": "hub",
        "url": f"{scheme}://{lab.hub_ip}:{HUB_PORT}",
        "token_file": f"{trust}/tokens/{name}.token",
        "timeout": "4s",
    }
    if not lab.loopback:
        hub["ca_file"] = f"{trust}/ca.pem"
    contacts = [
        _of_link(lab.inventory, name),
        {"about": "upstream", "who": "Sở KHCN Hà Nội", "phone": "080 00004"},
        {"about": "service", "who": "Trực CBĐTW", "phone": "080 00001"},
    ]
    return {
        "agent": name,
        "site": name,
        "commune": code_of(name),
        "province": "-" if name == "core" else _PROVINCE,
        "state_dir": folder,
        "flush_every": "1s",
        "destinations": [hub],
        "contacts": contacts,
        "checks": lab.checks[name],
    }


def hub_file(lab: LabPlan, *, folder: str, socket: str, webhook: str, via: str, secret_file: str) -> dict[str, Any]:
    """What the hub is started with. `via`: the Unix socket its webhooks leave the lab through."""
    receiver = {"name": "lab", "url": webhook, "secret_file": secret_file, "unix_socket": via, "timeout": "5s"}
    return {
        "name": "hub-lab",
        "listen": f"{lab.hub_ip}:{HUB_PORT}",
        "server_names": [lab.hub_ip],
        "state_dir": folder,
        "socket": socket,
        "inventory": "inventory.yaml",
        "seal_every": "60s",
        "receivers": [receiver],
    }
