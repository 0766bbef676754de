"""What an inventory can be wrong about, all of it at once. Pure.

A key that must be written and is empty is told once, as missing, and not judged any further.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any, get_args, get_origin, get_type_hints

from inventory.codes import SAY_NAME, is_commune, is_name, is_province
from inventory.conferences import faults_of
from inventory.errors import InventoryFault
from inventory.links import faults_of_links
from inventory.model import Inventory, Link, Site

NEAR_FOR = 40_000  # ids looked at for a `did you mean`, of all faults together: each takes some 25 µs
NAMED = 5  # things a message names before it says `and N more`


_ENDS = ("sites", "mcus", "services", "rooms")  # what checks end at: no two have one id
_ALONE = (("contacts", "id"), ("links", "id"), ("conferences", "id"), ("agents", "agent"), ("checks", "check"))
_NAMES = (*((rows, "id") for rows in _ENDS), *_ALONE)
_REFERENCES = tuple(
    (rows, key)
    for rows, hint in get_type_hints(Inventory).items()
    for key in (fields(get_args(hint)[0]) if get_origin(hint) is tuple else ())
    if "names" in key.metadata
)
_CODES = {"commune": (is_commune, "write five digits, as 00123"), "province": (is_province, "write two digits, as 01")}
_WITHOUT_CODE = ("core", "datacentre")  # a kind that is misspelt was told already and is not judged by its code
_WITHOUT_PROVINCES = (*_WITHOUT_CODE, "commune")
_NOUNS = {
    "contact": "contact",
    "site": "site",
    "link": "link",
    "agent": "agent",
    "mcu": "MCU",
    "room": "room",
    "target": "site, MCU, service or room",
}


def faults(inventory: Inventory) -> list[InventoryFault]:
    """Every fault of an inventory; empty when a network can be built from it."""
    known = _known(inventory)
    references = _ReferenceCheck(known)
    problems = [*_missing(inventory), *_names(inventory), *_taken(inventory), *_codes(inventory)]
    problems += faults_of(inventory)
    problems += references.hub(inventory)
    for rows, key in _REFERENCES:
        problems += references.rows(inventory, rows, key)
    return [*problems, *faults_of_links(inventory, known["site"], references.touched)]


def _known(inventory: Inventory) -> dict[str, dict[str, None]]:
    """What may be named, by noun, in the order of the file."""
    return {
        "contact": dict.fromkeys(record.id for record in inventory.contacts),
        "site": dict.fromkeys(record.id for record in inventory.sites),
        "link": dict.fromkeys(record.id for record in inventory.links),
        "mcu": dict.fromkeys(record.id for record in inventory.mcus),
        "room": dict.fromkeys(record.id for record in inventory.rooms),
        "agent": dict.fromkeys(record.agent for record in inventory.agents),
        "target": dict.fromkeys(record.id for rows in _ENDS for record in getattr(inventory, rows)),
    }


def _missing(inventory: Inventory) -> Iterator[InventoryFault]:
    if not inventory.hub_site:
        yield InventoryFault(inventory, "hub_site", "is missing", "write the id of the site the hub stands in")
    for rows, _ in _NAMES:
        for number, record in enumerate(getattr(inventory, rows), 1):
            for key in fields(record):
                if key.default is MISSING and not getattr(record, key.name):
                    name = key.metadata["key"] or key.name
                    yield InventoryFault(record, f"{rows}[{number}].{name}", "is missing", key.metadata["meaning"])


def _names(inventory: Inventory) -> Iterator[InventoryFault]:
    for rows, attribute in _NAMES:
        for key, record, text in _keyed(inventory, (rows,), attribute):
            if text and not is_name(text):
                yield InventoryFault(record, key, f"'{text[:60]}' cannot be used here", SAY_NAME)


# --- each thing once ---


def _taken(inventory: Inventory) -> Iterator[InventoryFault]:
    for rows, attribute in _ALONE:
        yield from _twice(_keyed(inventory, (rows,), attribute), "choose another name")
    yield from _twice(_keyed(inventory, _ENDS, "id"), "choose another name")
    for kind in ("province", "commune"):
        sites = [
            (key, record, text) for key, record, text in _keyed(inventory, ("sites",), "code") if record.kind == kind
        ]
        yield from _twice(sites, "a code has one site; give the others kind: datacentre")


def _keyed(inventory: Inventory, lists: Iterable[str], attribute: str) -> list[tuple[str, Any, str]]:
    return [
        (f"{rows}[{number}].{attribute}", record, getattr(record, attribute))
        for rows in lists
        for number, record in enumerate(getattr(inventory, rows), 1)
    ]


def _twice(rows: Iterable[tuple[str, Any, str]], write: str) -> Iterator[InventoryFault]:
    first: dict[str, Any] = {}
    for key, record, text in rows:
        if text and first.setdefault(text, record) is not record:
            yield InventoryFault(record, key, f"'{text[:60]}' is already taken", write, first[text])


# --- codes ---


def _codes(inventory: Inventory) -> Iterator[InventoryFault]:
    provinces = {site.code for site in inventory.sites if site.kind not in _WITHOUT_PROVINCES}
    for number, site in enumerate(inventory.sites, 1):
        for key, what, write in _code_faults(site, provinces):
            yield InventoryFault(site, f"sites[{number}].{key}", what, write)


def _code_faults(site: Site, provinces: set[str]) -> Iterator[tuple[str, str, str]]:
    code, province = f"'{site.code[:60]}'", f"'{site.province[:60]}'"
    if site.kind in _CODES:
        fits, write = _CODES[site.kind]
        if not fits(site.code):
            yield "code", f"{code} is not a {site.kind}'s code" if site.code else "is missing", write
        if site.kind == "commune" and not site.province:
            yield "province", "is missing", "write the two digits of its province, as 01"
        if site.kind == "province" and site.province not in ("", site.code):
            yield "province", f"{province} is not its own code", "leave it out: code says it"
    elif site.code and site.kind in _WITHOUT_CODE:
        yield "code", f"{code}: only communes and provinces have a code", "leave it out"
    if not site.province or site.kind == "province":
        return
    if not is_province(site.province):
        yield "province", f"{province} is not a province's code", "write two digits, as 01"
    elif site.kind == "commune" and site.province not in provinces:
        yield "province", f"{province} is no province of this file", "add its site: kind: province with this code"


# --- what is named and is not there ---


class _ReferenceCheck:
    """Looks references up; remembers sites near a broken link, which are not blamed for it a second time."""

    def __init__(self, known: dict[str, dict[str, None]]) -> None:
        self._known = known
        self._near_left = NEAR_FOR
        self.touched: set[str] = set()

    def hub(self, inventory: Inventory) -> list[InventoryFault]:
        """Is the hub's site there?"""
        if not inventory.hub_site or inventory.hub_site in self._known["site"]:
            return []
        what, write, _ = self._say(inventory.hub_site, "site")
        return [InventoryFault(inventory, "hub_site", what, write)]

    def rows(self, inventory: Inventory, rows: str, key: Field[Any]) -> Iterator[InventoryFault]:
        """Faults of one kind of reference."""
        noun, name = key.metadata["names"], key.metadata["key"] or key.name
        for number, record in enumerate(getattr(inventory, rows), 1):
            for text, at in _named(getattr(record, key.name)):
                if not text or text in self._known[noun]:
                    continue
                what, write, near = self._say(text, noun)
                if isinstance(record, Link) and noun in ("site", "link"):
                    self.touched |= {record.from_site, record.to_site, near}
                yield InventoryFault(record, f"{rows}[{number}].{name}{at}", what, write)

    def _say(self, text: str, to: str) -> tuple[str, str, str]:
        near = self._near(text, to)
        known = list(self._known[to])
        if near:
            write = f"did you mean {near}?"
        elif known:
            write = f"known: {_listed(known)}"
        else:
            write = f"this file has no {_NOUNS[to]} yet"
        return f"'{text[:60]}' is no {_NOUNS[to]} of this file", write, near

    def _near(self, text: str, to: str) -> str:
        if self._near_left <= 0:
            return ""
        self._near_left -= len(self._known[to])
        return next(iter(get_close_matches(text[:64], self._known[to], n=1, cutoff=0.6)), "")


def _named(value: Any) -> Iterable[tuple[str, str]]:
    """What a key names, and where in the key: one text, or a list of them."""
    if isinstance(value, tuple):
        return [(text, f"[{number}]") for number, text in enumerate(value, 1)]
    return [(value, "")]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
