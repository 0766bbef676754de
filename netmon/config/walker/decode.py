"""Text → frozen dataclasses whose fields carry `probes.settings` metadata: the one walker of all files.

Every fault of a file is told at once as `file:line: key: what (what to write)`. Values of secret keys are never
repeated. Items of lists are counted from 1: `checks[2].every`.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from netmon.config.walker import yaml_text
from netmon.config.walker.shape import NO_DEFAULT, Key, item_of, mapped_of, shape_of
from netmon.config.walker.value import Unreadable, meant, say, scalar, stand_in
from netmon.config.walker.yaml_text import Entry, Node, Rows, Table, Text
from netmon.errors import ConfigError, Problem
from probes.clean import clean
from probes.errors import ProbeError

T = TypeVar("T")


class Origin(NamedTuple):
    """Where a decoded record stands in its file: its line, its path ("" the whole, `checks[2]`), the table it was made of."""

    line: int
    path: str
    table: Table | None
    record: Any  # itself, so that it lives as long as it is known by its id


Special = Callable[["Reader", Node, str], Any]  # decodes one dataclass in its own way; (reader, node, key)


@dataclass(slots=True)
class Reader:
    """One file while it is decoded: its name, its folder (paths are relative to it), and its faults so far."""

    file: str
    folder: Path = Path()
    extra: Mapping[type[Any], Special] = field(default_factory=dict)
    faults: list[tuple[int, Problem]] = field(default_factory=list)
    origins: dict[int, Origin] = field(default_factory=dict)  # by id(record)

    def fault(self, line: int, key: str, what: str, write: str = "") -> None:
        """Remember a fault."""
        self.faults.append((line, Problem(f"{self.file}:{line}", key, what, write)))

    def problems(self) -> tuple[Problem, ...]:
        """All faults so far, by line."""
        return tuple(problem for _, problem in sorted(self.faults, key=lambda fault: fault[0]))

    def check(self) -> None:
        """Raise `ConfigError` with all faults when there is one."""
        if self.faults:
            raise ConfigError(self.problems())

    def note(self, record: T, line: int, path: str = "", table: Table | None = None) -> T:
        """Remember where a record stands; the record."""
        self.origins[id(record)] = Origin(line, path, table, record)
        return record

    def again(self, old: object, new: T) -> T:
        """A record that stands in an old one's place; the new one."""
        self.origins[id(new)] = self.origins[id(old)]._replace(record=new)
        return new

    def line_of(self, record: object, key: str = "") -> int:
        """The line a decoded record began in; with the name of one of its keys, that key's line where it is written."""
        origin = self.origins[id(record)]
        written = () if origin.table is None or not key else origin.table.entries
        return next((entry.line for entry in written if entry.key == key), origin.line)

    def path_of(self, record: object, key: str = "") -> str:
        """The path of a decoded record, or of one of its keys."""
        path = self.origins[id(record)].path
        return _join(path, key) if key else path

    def table_of(self, record: object) -> Table | None:
        """The table a record was made from, None when it stands in no file."""
        return self.origins[id(record)].table if id(record) in self.origins else None

    def problem(self, record: object, key: str, what: str, write: str = "") -> Problem:
        """What may be meant otherwise in a record's key (`owners`, or the list's item `owners[2]`): nothing is remembered."""
        line = self.line_of(record, key.partition("[")[0])
        return Problem(f"{self.file}:{line}", self.path_of(record, key), what, write)

    def fault_of(self, record: object, key: str, what: str, write: str = "") -> None:
        """Remember a fault of a record's key."""
        self.fault(self.line_of(record, key.partition("[")[0]), self.path_of(record, key), what, write)

    def unique(self, records: Iterable[Any], attribute: str) -> None:
        """A fault for every record whose `attribute` an earlier one has already; empty ones do not count."""
        first: dict[str, Any] = {}
        for record in records:
            name = getattr(record, attribute)
            if name and first.setdefault(name, record) is not record:
                what = f"'{clean(str(name), 60)}' is already taken in line {self.line_of(first[name], attribute)}"
                self.fault_of(record, attribute, what, "choose another name")

    # --- tables ---

    def record(self, node: Node, cls: type[T], key: str = "", given: Mapping[str, Any] | None = None) -> T:
        """A dataclass from a table. `given`: attributes that are known already and are no keys here.

        What is at fault is replaced by a default or an empty value, so that the rest can be checked too.
        """
        special = self.extra.get(cls)
        if special is not None and given is None:
            return typing.cast(T, special(self, node, key))
        if not isinstance(node, Table):
            self.fault(node.line, key, "is not a table", "write its keys below it, one a line: key: value")
            node = Table((), -1)
        before = len(self.faults)
        values = self._values(node, cls, key, dict(given or {}))
        try:
            made = cls(**values)
        except (ValueError, ProbeError) as error:  # what its own class refuses; stand-ins are refused for good reason
            if before == len(self.faults) and node.line > 0:
                self.fault(node.line, key, clean(str(error)))
            made = _unmade(cls, values)
        return self.note(made, node.line, key, node)

    def _values(self, table: Table, cls: type[Any], key: str, values: dict[str, Any]) -> dict[str, Any]:
        shape = shape_of(cls)
        wanted = {name: known for name, known in shape.by_name.items() if known.attribute not in values}
        for entry in table.entries:
            known = wanted.get(entry.key)
            if known is None:
                self.unknown(entry, key, wanted)
            else:
                values[known.attribute] = self.value(entry.value, known, _join(key, known.name))
        for known in wanted.values():
            if known.attribute not in values:
                if known.needed and table.line > 0:
                    self.fault(table.line, _join(key, known.name), "is missing", known.meaning)
                values[known.attribute] = self.resolved(stand_in(known), known)
        if shape.place:
            values["where"] = f"{self.file}:{table.line}"
        return values

    def unknown(self, entry: Entry, key: str, wanted: Iterable[str]) -> None:
        """A fault for a key nobody knows, with the known one it may be meant for."""
        self.fault(entry.line, _join(key, clean(entry.key, 60)), "unknown key", meant(entry.key, wanted))

    # --- values ---

    def value(self, node: Node, key: Key, path: str) -> Any:
        """One value; a stand-in after a fault."""
        item = item_of(key.type)
        is_record = is_dataclass(key.type) and isinstance(key.type, type)
        if isinstance(node, Text) and (node.empty or (key.needed and not node.text)) and not (is_record and key.needed):
            write = key.meaning if key.needed else "write one, or leave the key out"
            self.fault(node.line, path, "has no value", write)
            return stand_in(key)
        if item is not None:
            return self._list(node, key._replace(type=item, default=NO_DEFAULT), path)
        mapped = mapped_of(key.type)
        if mapped is not None:
            return self._mapping(node, key._replace(type=mapped, default=NO_DEFAULT), path)
        if is_record:
            return self.record(node, key.type, path)
        if not isinstance(node, Text):
            kind = "a list" if isinstance(node, Rows) else "a table"
            self.fault(node.line, path, f"is {kind}, not a single value", say(key))
            return stand_in(key)
        return self._scalar(node, key, path)

    def _list(self, node: Node, item: Key, path: str) -> tuple[Any, ...]:
        if not isinstance(node, Rows):
            write = "one `- …` a line" if is_dataclass(item.type) else "write [one, two], or one `- …` a line"
            self.fault(node.line, path, "is not a list", write)
            return ()
        if item.filled and not node.items:
            self.fault(node.line, path, "is an empty list", "write at least one, or leave the key out")
        return tuple([self.value(row, item, f"{path}[{number}]") for number, row in enumerate(node.items, 1)])

    def _mapping(self, node: Node, item: Key, path: str) -> dict[str, Any]:
        if not isinstance(node, Table):
            self.fault(node.line, path, "is not a table", "write its keys below it, one a line: key: value")
            return {}
        return {entry.key: self.value(entry.value, item, _join(path, entry.key)) for entry in node.entries}

    def _scalar(self, node: Text, key: Key, path: str) -> Any:
        try:
            return self.resolved(scalar(node.text, key), key)
        except Unreadable as error:
            self.fault(node.line, path, error.what, error.write)
        return stand_in(key, node.text)

    def resolved(self, value: Any, key: Key) -> Any:
        """Paths made relative to the file's folder; other values as they are."""
        if value and key.is_path and isinstance(value, str):
            return str(self.folder / value)
        return value


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _unmade(cls: type[T], values: Mapping[str, Any]) -> T:
    """A record its own class refuses: never seen by anybody, for the file is refused too."""
    made = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


# --- doors ---


def read(
    path: Path, cls: type[T], extra: Mapping[type[Any], Special] | None = None, max_bytes: int = yaml_text.MAX_BYTES
) -> tuple[T, Reader]:
    """A file as `cls`, and its reader with all faults so far: for callers with more to check. Raises `ConfigError`
    only when there is nothing to check."""
    return read_text(yaml_text.read(path, max_bytes=max_bytes), cls, Reader(str(path), path.parent, extra or {}))


def read_text(text: str, cls: type[T], reader: Reader) -> tuple[T, Reader]:
    """As `read`, from a text."""
    node = yaml_text.parse(text, reader.fault)
    if node is None or (isinstance(node, Text) and node.empty):
        if not reader.faults:
            reader.fault(1, "", "is empty", "netmon config sample prints a file to begin with")
        reader.check()
    assert node is not None
    return reader.record(node, cls), reader
