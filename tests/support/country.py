"""A small country for tests of the inventory."""

from __future__ import annotations

from inventory.model import Agent, Check, Contact, Inventory, Link, Mcu, Service, Site


def country(provinces: int = 2, communes: int = 3) -> Inventory:
    """A core with an MCU room, provinces, and communes in each; every commune measures its uplink and the MCU."""
    core = Site(id="core", kind="core", name="Trung tâm", owner="CBĐTW", contact="noc")
    sites, links = [core, Site(id="room", kind="datacentre")], [Link(id="core-room", from_site="room", to_site="core")]
    agents, checks = [Agent(agent="core", site="core")], [Check(check="core-mcu", agent="core", to="mcu-1")]
    for at in range(1, provinces + 1):
        province = f"{at:02}"
        sites.append(Site(id=f"p{province}", kind="province", code=province, name=f"Tỉnh {at}"))
        links.append(Link(id=f"up{province}", from_site="core", to_site=f"p{province}", carrier="VNPT", circuit="T1"))
        for number in range(communes):
            code = f"{at:02}{number:03}"
            sites.append(Site(id=f"c{code}", kind="commune", code=code, province=province, name=f"Xã {code}"))
            links.append(Link(id=f"l{code}", from_site=f"c{code}", to_site=f"p{province}"))
            agents.append(Agent(agent=f"a{code}", site=f"c{code}"))
            checks.append(Check(check=f"{code}-up", agent=f"a{code}", to=f"p{province}"))
            checks.append(Check(check=f"{code}-mcu", agent=f"a{code}", to="mcu-1"))
    return Inventory(
        hub_site="core",
        contacts=(Contact(id="noc", name="Trực", phone="080"),),
        sites=tuple(sites),
        links=tuple(links),
        mcus=(Mcu(id="mcu-1", site="room", name="MCU", owner="Đội MCU"),),
        services=(Service(id="dns", site="core", name="DNS"),),
        agents=tuple(agents),
        checks=tuple(checks),
    )
