"""Which site a row of a sheet means: by code, else by name, never by a guess. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from inventory.model import Site
from netmon.conference.sheet.text import accented, bare, fold

NAMED = 5  # places a message names before it counts the rest


class Unclear(Exception):
    """No one place is meant: the message's code, its column, and what it is filled with."""

    def __init__(self, code: str, column: str, /, **with_: str) -> None:
        super().__init__(code)
        self.code, self.column, self.with_ = code, column, with_


class Place(NamedTuple):
    """A site a row means. `name` is the official one, "" without an inventory."""

    site: str
    code: str
    name: str


class SiteIndex:
    """The sites of an inventory by code and by name; without one, every code is believed."""

    def __init__(self, sites: Iterable[Site] | None) -> None:
        self.known = sites is not None
        sites = list(sites or ())
        self._communes = {site.code: site for site in sites if site.kind == "commune"}
        self._provinces = {site.code: site for site in sites if site.kind == "province"}
        self._by_name: dict[str, list[Site]] = {}
        self._province_names: dict[str, list[Site]] = {}
        for site in self._communes.values():
            self._by_name.setdefault(bare(site.name), []).append(site)
        for site in self._provinces.values():
            self._province_names.setdefault(bare(site.name), []).append(site)

    def province(self, text: str) -> str:
        """The code of a province by its name, "" when it is not there or not the only one."""
        provinces = self._province_names.get(bare(text), []) if text else []
        provinces = _narrowed(provinces, lambda site: accented(site.name) == accented(text))
        return provinces[0].code if len(provinces) == 1 else ""

    def by_code(self, code: str, name: str, province: str) -> Place:
        """The commune with a code; `name` and the code of its `province`, where given, must agree. Raises `Unclear`."""
        if not self.known:
            return Place(f"c{code}", code, "")
        site = self._communes.get(code)
        if site is None:
            raise Unclear("strange_code", "code", code=code)
        if name and site.name and bare(name) != bare(site.name):
            raise Unclear("other_name", "code", code=code, known=site.name, text=name)
        if province and province != site.province:
            raise Unclear("other_province", "province", code=site.province, known=site.name, text=province)
        return Place(site.id, code, site.name)

    def by_name(self, name: str, province: str) -> Place:
        """The commune with a name, in a province where that is known. Raises `Unclear`."""
        if not self.known:
            raise Unclear("needs_code", "commune", text=name)
        communes = self._by_name.get(bare(name), []) if bare(name) else []
        if province:
            communes = [site for site in communes if site.province == province]
        if not communes:
            raise Unclear("strange_name", "commune", text=name)
        communes = _narrowed(communes, lambda site: plain_name(site.name) == plain_name(name))
        communes = _narrowed(communes, lambda site: accented(site.name) == accented(name))
        communes = _narrowed(communes, lambda site: fold(site.name) == fold(name))
        if len(communes) > 1:
            raise Unclear("ambiguous", "commune", text=name, known=_listed(communes))
        return Place(communes[0].id, communes[0].code, communes[0].name)

    def by_province(self, code: str, name: str) -> Place:
        """The centre of a province. Raises `Unclear`."""
        if not code:
            raise Unclear("strange_name" if self.known else "needs_code", "province", text=name)
        if not self.known:
            return Place(f"p{code}", code, "")
        site = self._provinces.get(code)
        if site is None:
            raise Unclear("strange_name", "province", text=name or code)
        return Place(site.id, code, site.name)


def plain_name(name: str) -> str:
    """A name with its accents and without its kind."""
    words = accented(name).split(" ")
    return " ".join(words[-max(1, len(bare(name).split(" "))) :])


def _narrowed(sites: list[Site], fits: Callable[[Site], bool]) -> list[Site]:
    """Those that fit, when any does."""
    return ([site for site in sites if fits(site)] or sites) if len(sites) > 1 else sites


def _listed(sites: Sequence[Site]) -> str:
    more = f" +{len(sites) - NAMED}" if len(sites) > NAMED else ""
    return ", ".join(f"{site.name} ({site.code}, {site.province})" for site in sites[:NAMED]) + more
