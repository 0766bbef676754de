"""Text → frozen dataclasses whose fields carry `probes.settings` metadata: the one walker of all files.

Every fault of a file is told at once as `file:line: key: what (what to write)`. Values of secret keys are never
repeated. Items of lists are counted from 1: `checks[2].every`.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from netmon.config.walker import yaml_text
from netmon.config.walker.shape import NO_DEFAULT, Key, item_of, shape_of
from netmon.config.walker.value import Unreadable, meant, say, scalar, stand_in
from netmon.config.walker.yaml_text import Entry, Node, Rows, Table, Text
from netmon.errors import ConfigError, Problem
from probes.clean import clean
from probes.errors import ProbeError

T = TypeVar("T")
Special = Callable[["Reader", Node, str], Any]  # decodes one dataclass in its own way; (reader, node, key)


@dataclass(slots=True)
class Reader:
    """One file while it is decoded: its name, its folder (paths are relative to it), and its faults so far."""

    file: str
    folder: Path = Path()
    extra: Mapping[type[Any], Special] = field(default_factory=dict)
    faults: list[tuple[int, Problem]] = field(default_factory=list)
    # id(record) → its line, its table, and itself, so that it stays alive
    lines: dict[int, tuple[int, Table | None, Any]] = field(default_factory=dict)

    def fault(self, line: int, key: str, what: str, write: str = "") -> None:
        """Remember a fault."""
        self.faults.append((line, Problem(f"{self.file}:{line}", key, what, write)))

    def problems(self) -> tuple[Problem, ...]:
        """All faults so far, by line."""
        return tuple(problem for _, problem in sorted(self.faults, key=lambda one: one[0]))

    def check(self) -> None:
        """Raise `ConfigError` with all faults when there is one."""
        if self.faults:
            raise ConfigError(self.problems())

    def note(self, record: T, line: int, table: Table | None = None) -> T:
        """Remember the line a record began in, and the table it was made from; the record."""
        self.lines[id(record)] = (line, table, record)
        return record

    def line_of(self, record: object, key: str = "") -> int:
        """The line a decoded record began in; with the name of one of its keys, that key's line where it is written."""
        line, table, _ = self.lines[id(record)]
        written = () if table is None or not key else table.entries
        return next((entry.line for entry in written if entry.key == key), line)

    def table_of(self, record: object) -> Table | None:
        """The table a record was made from, None when it stands in no file."""
        return self.lines[id(record)][1] if id(record) in self.lines else None

    def unique(self, records: Iterable[Any], attribute: str, key: str) -> None:
        """A fault for every record whose `attribute` an earlier one has already; empty ones do not count."""
        first: dict[str, Any] = {}
        for number, record in enumerate(records, 1):
            name = getattr(record, attribute)
            if name and first.setdefault(name, record) is not record:
                what = f"'{clean(str(name), 60)}' is already taken in line {self.line_of(first[name], attribute)}"
                line = self.line_of(record, attribute)
                self.fault(line, f"{key}[{number}].{attribute}", what, "choose another name")

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
        return self.note(made, node.line, node)

    def _values(self, table: Table, cls: type[Any], key: str, values: dict[str, Any]) -> dict[str, Any]:
        shape = shape_of(cls)
        wanted = {name: one for name, one in shape.by_name.items() if one.attribute not in values}
        for entry in table.entries:
            one = wanted.get(entry.key)
            if one is None:
                self.unknown(entry, key, wanted)
            else:
                values[one.attribute] = self.value(entry.value, one, _join(key, one.name))
        for one in wanted.values():
            if one.attribute not in values:
                if one.needed and table.line > 0:
                    self.fault(table.line, _join(key, one.name), "is missing", one.meaning)
                values[one.attribute] = self.resolved(stand_in(one), one)
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
        return tuple([self.value(one, item, f"{path}[{number}]") for number, one in enumerate(node.items, 1)])

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


def load(
    path: Path, cls: type[T], extra: Mapping[type[Any], Special] | None = None, max_bytes: int = yaml_text.MAX_BYTES
) -> T:
    """A file as `cls`; raises `ConfigError` with all its faults."""
    value, reader = read(path, cls, extra, max_bytes)
    reader.check()
    return value
