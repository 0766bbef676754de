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


class Places:
    """The sites of an inventory by code and by name; without one, every code is believed."""

    def __init__(self, sites: Iterable[Site] | None) -> None:
        self.known = sites is not None
        told = list(sites or ())
        self._communes = {one.code: one for one in told if one.kind == "commune"}
        self._provinces = {one.code: one for one in told if one.kind == "province"}
        self._by_name: dict[str, list[Site]] = {}
        self._province_names: dict[str, list[Site]] = {}
        for one in self._communes.values():
            self._by_name.setdefault(bare(one.name), []).append(one)
        for one in self._provinces.values():
            self._province_names.setdefault(bare(one.name), []).append(one)

    def province(self, text: str) -> str:
        """The code of a province by its name, "" when it is not there or not the only one."""
        found = self._province_names.get(bare(text), []) if text else []
        found = _narrowed(found, lambda one: accented(one.name) == accented(text))
        return found[0].code if len(found) == 1 else ""

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
        found = self._by_name.get(bare(name), []) if bare(name) else []
        if province:
            found = [one for one in found if one.province == province]
        if not found:
            raise Unclear("strange_name", "commune", text=name)
        found = _narrowed(found, lambda one: plain_name(one.name) == plain_name(name))
        found = _narrowed(found, lambda one: accented(one.name) == accented(name))
        found = _narrowed(found, lambda one: fold(one.name) == fold(name))
        if len(found) > 1:
            raise Unclear("ambiguous", "commune", text=name, known=_listed(found))
        return Place(found[0].id, found[0].code, found[0].name)

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


def _narrowed(found: list[Site], fits: Callable[[Site], bool]) -> list[Site]:
    """Those that fit, when any does."""
    return ([one for one in found if fits(one)] or found) if len(found) > 1 else found


def _listed(found: Sequence[Site]) -> str:
    more = f" +{len(found) - NAMED}" if len(found) > NAMED else ""
    return ", ".join(f"{one.name} ({one.code}, {one.province})" for one in found[:NAMED]) + more
