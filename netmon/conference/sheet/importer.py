"""A list of rooms as offices send it → contacts, rooms and a conference. Pure: rows in, nouns and remarks out.

No row is lost in silence: each becomes a room, or a remark says why not and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from inventory.model import Conference, Contact, Inventory, Room
from inventory.timestamp import Timestamp
from netmon.conference.sheet.call import DialTarget, call
from netmon.conference.sheet.cells import DATE_TYPED, Odd, looks_like_date
from netmon.conference.sheet.header import PLACES, Heading, Row, meaning, within
from netmon.conference.sheet.messages import Remark
from netmon.conference.sheet.site import NAMED, Place, SiteIndex, Unclear, plain_name
from netmon.conference.sheet.text import accented, bare, commune_code, fold, number, phone, province_code, slug

_SUM = re.compile(r"(tong|tong cong|tong so|cong|sum|total)( .{0,40})?")
_PROVINCE = re.compile(
    r"(?:[ivxlc]{1,6}|[a-z]|[0-9]{1,2})?\s*[.):-]?\s*((?:tỉnh|thành phố|tp\.?)\s+.{2,60})", re.IGNORECASE
)
_COMMUNE = re.compile(r"\b(xa|phuong|dac khu|thi tran)\b")
_COUNTED = re.compile(r"\(?[0-9]{1,2}\)?", re.ASCII)
_NEEDED = ("code", "commune", "province", "province_code", "address", "domain", "protocol", "alias")
_NO_DATES = ("alias", "phone")  # a date is never meant there
_SEPARATED = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{3})+", re.ASCII)
_SAYING = ("code", "commune", "province", "province_code", "room", "address", "domain", "alias")


class ConferenceHead(NamedTuple):
    """The conference the rooms will be in, as the command line says it."""

    id: str
    name: str
    starts: Timestamp
    ends: Timestamp
    mcus: tuple[str, ...]
    profile: str


class ImportResult(NamedTuple):
    """What came of a sheet. `rooms` and `contacts`: those the inventory does not have yet; `conference`: None without
    a room."""

    contacts: tuple[Contact, ...]
    rooms: tuple[Room, ...]
    conference: Conference | None
    remarks: tuple[Remark, ...]

    @property
    def left_out(self) -> int:
        """Rows no room came of, though they wanted to be one."""
        return sum(remark.left_out for remark in self.remarks)


def take(rows: Sequence[Row], heading: Heading, meeting: ConferenceHead, inventory: Inventory | None) -> ImportResult:
    """All rows below the heading; names and ids are held against the inventory where there is one."""
    taker = _Taker(heading, inventory)
    for row in rows[heading.body :]:
        taker.row(row)
    conference = None
    if taker.invited:
        conference = Conference(
            id=meeting.id, name=meeting.name, starts=meeting.starts, ends=meeting.ends, mcus=meeting.mcus,
            rooms=tuple(taker.invited), profile=meeting.profile,
        )  # fmt: skip
    if len(rows) <= heading.body:
        taker.remarks.append(Remark(0, "", "no_rows", {}, False))
    remarks = (*heading.notes, *taker.remarks)
    return ImportResult(tuple(taker.contacts.new), tuple(taker.rooms), conference, remarks)


class _Contacts:
    """Contacts by what they are called; those of the inventory keep their ids."""

    def __init__(self, known: Iterable[Contact]) -> None:
        self.new: list[Contact] = []
        contacts = list(known)
        self._taken = {contact.id for contact in contacts}
        self._ids = {(fold(contact.name), contact.phone): contact.id for contact in contacts}

    def id_of(self, name: str, number: str) -> str:
        """The id of the contact with a name and a telephone number; a new one where there is none yet."""
        if (fold(name), number) not in self._ids:
            made = _free(slug(name) or "contact", self._taken)
            self._ids[fold(name), number] = made
            self.new.append(Contact(id=made, name=name, phone=number))
        return self._ids[fold(name), number]


class _Taker:
    """Takes row after row; remembers what is taken already."""

    def __init__(self, heading: Heading, inventory: Inventory | None) -> None:
        self.rooms: list[Room] = []
        self.invited: list[str] = []
        self.remarks: list[Remark] = []
        self._heading = heading
        self._places = SiteIndex(None if inventory is None else inventory.sites)
        self._known: dict[str, list[Room]] = {}  # site → its rooms in the inventory
        for room in getattr(inventory, "rooms", ()):
            self._known.setdefault(room.site, []).append(room)
        ends = ("sites", "mcus", "services", "rooms")
        self._ids = {record.id for rows in ends for record in getattr(inventory, rows, ())}
        self.contacts = _Contacts(getattr(inventory, "contacts", ()))
        self._first: dict[tuple[str, ...], int] = {}  # what a room is known by → its row
        self._many: dict[str, int] = {}  # site → rooms of this sheet
        self._above = ""  # the province named above
        self._columns = columns_beside(heading)

    def row(self, row: Row) -> None:
        """One row: a room, a heading of rows, or a remark."""
        if not any(row.cells) and not self._odd(row):
            return
        cells = {what: row.cells[at] for what, at in self._heading.columns.items() if at < len(row.cells)}
        cells = {what: cell for what, cell in cells.items() if cell}
        if self._is_aside(row, cells):
            return
        if beside := [row.cells[at] for at in self._columns if at < len(row.cells) and row.cells[at]]:
            self.remarks.append(Remark(row.number, "", "beside", {"text": " ".join(beside)}, True))
            if not cells:
                return
        before = len(self.remarks)
        try:
            self._room(row, self._meant(row, cells))
        except Unclear as fault:
            del self.remarks[before:]  # remarks on a row that is not taken only hide why
            title = self._heading.titles.get(fault.column, "")
            self.remarks.append(Remark(row.number, title, fault.code, fault.with_, True))
            for what, about in () if row.is_hidden else self._odd(row).items():  # to be mended in one go
                if what != fault.column:
                    self._tell(row, what, about.code, text=cells.get(what, ""), detail=about.detail)

    def _tell(self, row: Row, column: str, code: str, /, **with_: str) -> None:
        self.remarks.append(Remark(row.number, self._heading.titles.get(column, ""), code, with_, False))

    # --- rows that are no rooms ---

    def _is_aside(self, row: Row, cells: dict[str, str]) -> bool:
        said = [cell for cell in row.cells if cell]
        if not said:
            return False
        titles = self._heading.row.cells
        if all(fold(cell) == fold(title) for cell, title in zip(row.cells, titles, strict=False) if cell):
            self._tell(row, "", "again")
        elif heading := within(row):
            self._tell(row, "", "again" if heading.columns == self._heading.columns else "another")
            self._heading = heading
            self._columns = columns_beside(heading)
        elif all(cell.startswith("(") and cell.endswith(")") for cell in said):
            self._tell(row, "", "again")  # (5 số) (IPv4): explanations of the titles
        elif len(said) > 2 and [cell.strip("()") for cell in said] == [str(number + 1) for number in range(len(said))]:
            self._tell(row, "", "again")  # (1) (2) (3) below the titles
        elif any(_SUM.fullmatch(fold(cells.get(what, said[0]))) for what in ("number", "province", "commune", "room")):
            self._tell(row, "", "sum")
        elif self._odd(row):
            return False
        elif set(cells) == {"number"} and len(said) == 1 and _COUNTED.fullmatch(number(said[0])):
            self._tell(row, "number", "empty_number")
        elif row.merged and self._own(row, cells) == {"number"}:
            self._tell(row, "number", "empty_number")  # all else is another row's
        else:
            return self._is_section(row, [cell for cell in said if cell != cells.get("number")] or said)
        return True

    def _odd(self, row: Row) -> dict[str, Odd]:
        """What is odd about the columns that matter."""
        columns = self._heading.columns.items()
        return {what: row.odd[at] for what, at in columns if at in row.odd and what not in ("number", "note")}

    def _own(self, row: Row, cells: dict[str, str]) -> set[str]:
        """What a row says itself, beside what cells merged from above say for it."""
        return {what for what in cells if self._heading.columns[what] not in row.merged}

    def _is_section(self, row: Row, said: list[str]) -> bool:
        match = _PROVINCE.fullmatch(said[0])
        if len(said) != 1 or match is None:
            return False
        self._above = match[1]
        self._tell(row, "", "section", text=said[0])
        return True

    # --- a room ---

    def _meant(self, row: Row, cells: dict[str, str]) -> dict[str, str]:
        """The cells that say what was typed; others are told, and raise `Unclear` where the room depends on them."""
        if row.is_hidden:
            raise Unclear("hidden", "")
        odd = self._odd(row)
        odd |= {what: DATE_TYPED for what in _NO_DATES if looks_like_date(cells.get(what, "")) and what not in odd}
        for what, about in odd.items():
            with_ = {"text": cells.get(what, ""), "detail": about.detail}
            if what in _NEEDED:
                raise Unclear(about.code, what, **with_)
            self._tell(row, what, about.code, **with_)
        meant = {what: cell for what, cell in cells.items() if what not in odd}
        if _SEPARATED.fullmatch(alias := meant.get("alias", "")):
            self._tell(row, "alias", "separators", text=alias)
        return meant

    def _room(self, row: Row, cells: dict[str, str]) -> None:
        if not any(cells.get(what) for what in _SAYING):
            raise Unclear("no_room", "", text=" ".join(cell for cell in row.cells if cell))
        place = self._place(row, cells)
        how = call(cells)
        name = cells.get("room") or place.name or cells.get("commune") or cells.get("province") or place.code
        key = (how.address.lower(), how.alias.lower()) if how.address or how.alias else (place.site, fold(name))
        if key in self._first:
            raise Unclear("double", "", first=str(self._first[key]))
        self._first[key] = row.number
        for note in how.notes:
            self._tell(row, note.column, note.code, **note.with_)
        if not how.address:
            self._tell(row, "address", "no_address")
        self._invite(row, place, name, how, self._contact(row, cells, name))

    def _invite(self, row: Row, place: Place, name: str, how: DialTarget, contact: str) -> None:
        known = self._already(place.site, name, how)
        if known:
            self._tell(row, "", "known", known=known)
            self.invited.append(known)
            return
        self._many[place.site] = many = self._many.get(place.site, 0) + 1
        if many > 1:
            self._tell(row, "", "second", many=str(many), code=place.code)
        if others := [room.id for room in self._known.get(place.site, ()) if room.id not in self.invited]:
            self._tell(row, "", "others", known=", ".join(others[:NAMED]), code=place.code)
        made = _free(f"r{place.code}", self._ids)
        room = Room(id=made, site=place.site, name=name, contact=contact, address=how.address, alias=how.alias)
        self.rooms.append(room)
        self.invited.append(made)

    def _already(self, site: str, name: str, how: DialTarget) -> str:
        """The id of a room of the inventory that is meant, "" when there is none."""
        for room in self._known.get(site, ()):
            if room.id in self.invited:
                continue
            same = how.address == room.address if how.address else fold(room.name) == fold(name)
            if same or (how.alias and how.alias == room.alias):
                return room.id
        return ""

    def _contact(self, row: Row, cells: dict[str, str], room: str) -> str:
        name, said = cells.get("contact", ""), cells.get("phone", "")
        if not name and not said:
            return ""
        kept = phone(said)
        if kept != said:
            self._tell(row, "phone", "phone", text=said, known=kept)
        return self.contacts.id_of(name or room, kept)

    # --- where it is ---

    def _place(self, row: Row, cells: dict[str, str]) -> Place:
        own = cells.get("province", "")
        if own:
            self._above = own
        code = self._province(cells.get("province_code", "")) or self._province(own)
        commune = cells.get("commune", "")
        if "code" in cells:
            if own and not code and self._places.known:
                self._tell(row, "province", "strange_province", text=own)
            return self._by_code(row, cells["code"], commune, code)
        if own and not code and self._places.known:
            raise Unclear("strange_name", "province", text=own)
        if commune:
            return self._by_name(row, "commune", commune, code or self._province(self._above))
        room = cells.get("room", "")
        if room and (_COMMUNE.search(fold(room)) or not (own or code)):
            return self._by_name(row, "room", room, code or self._province(self._above))
        if own or code:
            return self._places.by_province(code, own)
        raise Unclear("no_place", "")

    def _province(self, text: str) -> str:
        return province_code(text) or self._places.province(text)

    def _by_code(self, row: Row, text: str, commune: str, province: str) -> Place:
        code = commune_code(text)
        if not code:
            raise Unclear("bad_code", "code", text=text)
        place = self._places.by_code(code, commune, province)
        if code != text:
            self._tell(row, "code", "zeros", text=text, code=code)
        return place

    def _by_name(self, row: Row, column: str, name: str, province: str) -> Place:
        try:
            place = self._places.by_name(name, province)
        except Unclear as fault:
            raise Unclear(fault.code, column, **fault.with_) from None
        if plain_name(name) != plain_name(place.name) and bare(name) != accented(name):
            self._tell(row, column, "read_as", text=name, known=place.name, code=place.code)
        return place


def columns_beside(heading: Heading) -> list[int]:
    """Positions of the titles of a second list at the right of the first; none where a title alone is there twice."""
    twice = {
        at: what
        for at, title in enumerate(heading.row.cells)
        if (what := meaning(title)) and heading.columns[what] != at and what not in ("number", "note")
    }
    held = set(twice.values())
    return list(twice) if held & set(PLACES) and held & {"address", "domain", "alias"} else []


def _free(wanted: str, taken: set[str]) -> str:
    """`wanted`, or the first of wanted-2, wanted-3, … that is free; taken from now on."""
    free = next(id for id in _tries(wanted) if id not in taken)
    taken.add(free)
    return free


def _tries(wanted: str) -> Iterator[str]:
    yield wanted
    yield from (f"{wanted}-{many}" for many in count(2))
