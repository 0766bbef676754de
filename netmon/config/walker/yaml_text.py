"""The one door YAML comes through: text, lists and tables with their line numbers, and nothing else.

Every scalar stays the text the user wrote: the commune code 00123 never becomes 83, nor `NO` false. No anchors,
aliases, tags, duplicate keys or second document; size and depth are capped. All faults of a file are told at once,
as far as its text can still be understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from netmon.errors import ConfigError, Problem
from probes.clean import clean

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
_PARSER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

# What YAML's parser complains of → what to write.
_HINTS: tuple[tuple[str, str], ...] = (
    ("cannot start any token", "indent with spaces, never tabs; put text with special characters in quotes"),
    ("mapping values are not allowed", "put text that holds ': ' in quotes, and check the indentation"),
    ("did not find expected key", "check the indentation"),
    ("expected node content", "put text that begins with : or holds { } [ ] in quotes, as '::1'"),
    ("did not find expected '-'", "check the indentation"),
    ("could not find expected ':'", "write key: value"),
    ("did not find expected ',' or ']'", "close the list with ]"),
    ("did not find expected ',' or '}'", "close the table with }"),
    ("unexpected end of stream", "close the quotes"),
    ("control characters are not allowed", "remove the control character"),
)


class Text(NamedTuple):
    """A scalar as written. `empty`: nothing at all stands there (`key:`), not even quotes."""

    text: str
    line: int
    empty: bool


class Rows(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    line: int


class Entry(NamedTuple):
    """One key of a table; `line` is the key's."""

    key: str
    line: int
    value: Node


class Table(NamedTuple):
    """A mapping in file order, no key twice."""

    entries: tuple[Entry, ...]
    line: int


Node = Text | Rows | Table
OnFault = Callable[[int, str, str, str], None]  # (line, key, what, write)


class _Stop(Exception):
    """The rest of the text cannot be understood; the reason is already told."""


def read(path: Path, *, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file; raises `ConfigError` when it cannot be had, is too big, or is not UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise ConfigError([Problem(str(path), "", f"cannot be read: {reason}")]) from None
    if len(data) > max_bytes:
        raise ConfigError([Problem(str(path), "", f"is larger than {max_bytes} bytes")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise ConfigError([Problem(f"{path}:{line}", "", "is not UTF-8 text", "save the file as UTF-8")]) from None


def parse(text: str, fault: OnFault) -> Node | None:
    """The tree of a text, None when there is none; every fault goes to `fault`, nothing is raised."""
    if (at := _surrogate(text)) is not None:
        fault(text.count("\n", 0, at) + 1, "", "is not text", "remove the broken character")
        return None
    try:
        return _Builder(fault).build(iter(yaml.parse(text, Loader=_PARSER)))
    except _Stop:
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "cannot be read"
        fault(mark.line + 1 if mark else 1, "", f"is not YAML: {problem}", _hint(problem))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 1
        fault(line, "", f"is not YAML: {error.reason}", _hint(error.reason))
    except yaml.YAMLError as error:
        fault(1, "", f"is not YAML: {clean(str(error))}", "")
    return None


def _surrogate(text: str) -> int | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _hint(problem: str) -> str:
    return next((write for part, write in _HINTS if part in problem), "")


class _Builder:
    """Builds the tree from parser events, so that depth, anchors and tags are seen before anything is made."""

    def __init__(self, fault: OnFault) -> None:
        self._fault = fault

    def build(self, events: Iterator[yaml.Event]) -> Node | None:
        root: Node | None = None
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if root is not None:
                self._fault(
                    _line(event), "", "a second document begins here", "one file holds one document: remove ---"
                )
                break
            root = self._node(next(events), events, 1)
        return root

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        line = _line(event)
        assert isinstance(event, yaml.NodeEvent)
        self._plain(event, line)
        if isinstance(event, yaml.ScalarEvent):
            return Text(event.value, line, event.value == "" and not event.style)
        if isinstance(event, yaml.AliasEvent):
            return Text("", line, False)
        if depth > MAX_DEPTH:
            self._fault(line, "", f"is nested deeper than {MAX_DEPTH} levels", "")
            raise _Stop
        if isinstance(event, yaml.SequenceStartEvent):
            return Rows(tuple(self._items(events, depth)), line)
        return Table(tuple(self._entries(events, depth)), line)

    def _plain(self, event: yaml.NodeEvent, line: int) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._fault(line, "", f"*{clean(event.anchor or '', 40)}: aliases are not read", "write the value itself")
            return
        if event.anchor is not None:
            self._fault(
                line, "", f"&{clean(event.anchor, 40)}: anchors are not read", "write the value wherever it is needed"
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._fault(line, "", f"{clean(tag, 40)}: tags are not read", "remove it: every value is text")

    def _items(self, events: Iterator[yaml.Event], depth: int) -> Iterator[Node]:
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, events, depth + 1)

    def _entries(self, events: Iterator[yaml.Event], depth: int) -> Iterator[Entry]:
        seen: dict[str, int] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                return
            name = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if not isinstance(name, Text):
                self._fault(name.line, "", "a key must be a word", "write key: value")
            elif name.text in seen:
                key = clean(name.text, 60)
                self._fault(name.line, key, f"is written twice, first in line {seen[name.text]}", "keep one")
            else:
                seen[name.text] = name.line
                yield Entry(name.text, name.line, value)


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark else 1
