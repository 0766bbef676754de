"""One grammar of line protocol: a body to lines, a line to its series, values and stamp, and the way back.

Whoever reads lines reads them here (ingest, replay, sealer, sinks), so what was accepted is read as the same series and
values ever after. As InfluxDB 1.8 and 2 read them; where netmon differs stands in docs/hub.md, *Lines*.

A line has sections: the head (measurement and tags), the fields, the stamp. A quote opens a text where the value of a
field begins and is an ordinary character everywhere else. A newline ends a line unless it stands in a text or behind a backslash.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_LINE = 64 * 1024  # bytes of one line
BOM = b"\xef\xbb\xbf"
Value = int | float


@dataclass(frozen=True, slots=True)
class Line:
    """One decoded line of anybody's line protocol: free tags, numbers only (texts and booleans are dropped)."""

    name: str
    tags: dict[str, str]
    fields: dict[str, Value]
    time: int | None


class LineError(ValueError):
    """A line that is not line protocol, with the reason; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


# --- a body to lines ----------------------------------------------------------------------------------------------

# Every loop below eats what no other part of it can, so none of them goes back over what it has seen.
_TEXT = rb'"[^"\\]*(?:\\[\s\S][^"\\]*)*("|\\?\Z)'
_VALUE = rb"(?:" + _TEXT + rb")?[^\\,\n]*(?:\\[\s\S][^\\,\n]*)*"
_FIELDS = rb"[^\\=\n]*(?:(?:\\[\s\S]|=(" + _VALUE + rb"))[^\\=\n]*)*"
# A blank behind any backslashes goes on, a newline behind an odd number of them.
_ESCAPES = rb"(?:\\+[^\\\n]|(?:\\\\)*\\\n|(?:\\\\)+(?=\n|\Z))"
_START = rb"[^\\ \n]*(?:" + _ESCAPES + rb"[^\\ \n]*)*"
# Groups: it is a comment; the head has ended; its last value; where the last text ends, with or without a quote.
_WHOLE = re.compile(rb"[ \t\0]*(?:(#)[^\n]*|" + _START + rb"(?:( )" + _FIELDS + rb")?)")


class Splitter:
    """Lines out of a body that comes in parts of any size; each byte is looked at once, one line is held at most."""

    def __init__(self) -> None:
        self._begin: bytes | None = b""  # what may be a byte order mark; None once that is known
        self._number = 1  # of the line that is being read
        self._pieces: list[bytes] = []  # of that line
        self._state = b""  # a few bytes that lead where those pieces lead
        self._newlines = 0  # in that line
        self.size = 0  # of that line, bytes

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes | None]]:
        """(number of its first line in the body, the line) for each that ends in what came; None for one too long."""
        if self._begin is not None:
            data = self._begin + data
            self._begin = data if len(data) < len(BOM) and BOM.startswith(data) else None
            if self._begin is not None:
                return
            data = data.removeprefix(BOM)
        body, new, at = self._state + data, len(self._state), 0
        for end in _ends(body):
            self._add(body[max(at, new) : end])
            yield self._line()
            at = end + 1
        self._add(body[max(at, new) :])
        self._state = _in_short(body[at:])

    def end(self) -> Iterator[tuple[int, bytes | None]]:
        """The last line, which no newline ends."""
        self._add(self._begin or b"")
        if self.size:
            yield self._line()

    def _add(self, piece: bytes) -> None:
        self.size += len(piece)
        self._newlines += piece.count(b"\n")
        if self.size <= MAX_LINE:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def _line(self) -> tuple[int, bytes | None]:
        number, line = self._number, b"".join(self._pieces) if self.size <= MAX_LINE else None
        self._number += 1 + self._newlines
        self._pieces, self._newlines, self.size = [], 0, 0
        return number, line


def _ends(body: bytes) -> Iterator[int]:
    """Where each line ends whose end is in `body`."""
    if b'"' not in body and b"\\" not in body:
        end = body.find(b"\n")
        while end >= 0:
            yield end
            end = body.find(b"\n", end + 1)
        return
    at = 0
    while (whole := _WHOLE.match(body, at)) and body[whole.end() : whole.end() + 1] == b"\n":
        yield whole.end()
        at = whole.end() + 1


def _in_short(rest: bytes) -> bytes:
    """A few bytes that leave the reader where `rest`, the begin of a line, leaves it."""
    if not rest.strip(b" \t\0"):
        return b""
    backslashes = len(rest) - len(rest.rstrip(b"\\"))
    escape = b"\\" * (backslashes % 2)
    rest = rest[: len(rest) - len(escape)]
    whole = _WHOLE.match(rest)
    if whole is None or whole[1]:
        return b"#"
    if not whole[2]:
        return b"m" + (escape or b"\\\\"[:backslashes])
    if whole.end(3) != len(rest):
        return b"m k" + escape
    is_open = whole.end(4) == len(rest) and whole[4] != b'"'
    return (b'm k="' if is_open else b"m k=0" if whole[3] else b"m k=") + escape


def split(body: bytes) -> Iterator[tuple[int, bytes | None]]:
    """Every line of a body, blank ones and comments too: (its number, the line; None when it is too long)."""
    splitter = Splitter()
    yield from splitter.feed(body)
    yield from splitter.end()


def says_something(line: bytes) -> bool:
    """Is it more than blank or a comment?"""
    text = line.lstrip(b" \t\0").removesuffix(b"\r")
    return bool(text) and not text.startswith(b"#")


# --- a line to its parts ------------------------------------------------------------------------------------------

_HEAD = re.compile(r"[^\\ ]*(?:\\+[^\\]?[^\\ ]*)*")  # a blank behind a backslash goes on
_COMMA, _EQUALS = re.compile(r"(?<!\\),"), re.compile(r"(?<!\\)=")
# Backslashes before a comma, equals sign or blank: InfluxDB's two readers of field names agree on an odd number only.
_FIELD = re.compile(
    r'((?:[^\\,= ]|\\(?:\\\\)*[,= ]|\\+(?![\\,= ]))+)=(?:("[^"\\]*(?:\\[\s\S][^"\\]*)*")|([^", ][^, ]*))(?=[, ]|\Z)'
)
_FLOAT = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"-?[0-9]{1,40}i|[0-9]{1,40}u")
_STAMP = re.compile(r"-?[0-9]{1,40}")
_LOST = re.compile(r'\\\\[,= "]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TWO_WAYS = re.compile(
    r"(?<!\\)(?:\\\\)+ "
)  # InfluxDB's reader of lines ends the head here, its reader of tags does not
_BOOLEANS = frozenset(("t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"))
_BLANK = " \t\0"


def decode(body: str | bytes) -> Iterator[Line | LineError]:
    """Every line of a body that says something, good or as the `LineError` it is; never raises. Lines of one series share
    their tags."""
    heads: dict[str, tuple[str, dict[str, str]]] = {}
    for number, line in split(body if isinstance(body, bytes) else body.encode("utf-8", "replace")):
        if line is not None and not says_something(line):
            continue
        try:
            head, rest = take_apart(text_of_line(line))
            known = heads.get(head)
            if known is None:
                known = heads[head] = decode_head(head)
            yield Line(*known, *decode_rest(rest))
        except ValueError as fault:
            yield LineError(number, str(fault))


def text_of_line(line: bytes | None) -> str:
    """A line's text without what only surrounds it. Raises ValueError when it is too long or no UTF-8."""
    if line is None:
        raise ValueError(f"longer than {MAX_LINE} bytes")
    try:
        return line.decode().removesuffix("\r").lstrip(_BLANK)
    except UnicodeDecodeError as fault:
        raise ValueError(f"not UTF-8: byte {fault.start} of the line") from fault


def take_apart(text: str) -> tuple[str, str]:
    """A line → its head, and what stands behind it."""
    if "\\" not in text:
        head, _, rest = text.partition(" ")
        return head, rest
    begin = _HEAD.match(text)
    end = begin.end() if begin else len(text)
    return text[:end], text[end:]


def decode_head(text: str) -> tuple[str, dict[str, str]]:
    """`name,tag=value,…` → name and tags; raises ValueError."""
    if _CONTROL.search(text):
        raise ValueError("control character in measurement or tag")
    name, *pairs = _COMMA.split(text)
    if not name:
        raise ValueError("no measurement name")
    if _LOST.search(name):
        raise ValueError(
            "backslashes before a blank, comma, equals sign or quote: InfluxDB does not find such a measurement"
        )
    if '"' in text and _TWO_WAYS.search(text):
        raise ValueError("a quote beside backslashes before a blank: databases read such a line in two ways")
    tags: dict[str, str] = {}
    for pair in pairs:
        key, *value = _EQUALS.split(pair, maxsplit=1)
        if not key or not value or not value[0] or _EQUALS.search(value[0], 1):
            raise ValueError(f"bad tag {pair[:64]!r}")
        key = _plain(key)
        if key in tags:
            raise ValueError(f"tag {key[:64]!r} twice")
        tags[key] = _plain(value[0])
    return _plain_field(name), tags


def decode_rest(text: str) -> tuple[dict[str, Value], int | None]:
    """What stands behind a head → numbers by field, and the stamp; raises ValueError."""
    text = text.lstrip(_BLANK)
    if not text:
        raise ValueError("no fields")
    fields: dict[str, Value] = {}
    at = 0
    while True:
        field = _FIELD.match(text, at)
        if field is None:
            raise ValueError(_why_bad(text[at:]))
        if field[3] is not None:
            value = _value(field[3])
            if value is not None:
                fields[_plain_field(field[1])] = value
        at = field.end()
        if text[at : at + 1] != ",":
            break
        at += 1
    stamp = text[at:].lstrip(_BLANK).rstrip(" ")
    if stamp and not _STAMP.fullmatch(stamp):
        raise ValueError(f"bad timestamp {stamp[:32]!r}")
    return fields, int(stamp) if stamp else None


def _why_bad(text: str) -> str:
    if re.match(r'[^"]*?="[^"\\]*(?:\\[\s\S][^"\\]*)*\\?\Z', text):
        return f"a text that is never closed at {text[:32]!r}"
    return f"bad field at {text[:32]!r}"


def _value(text: str) -> Value | None:
    """A number, or None for a boolean (valid, but nothing netmon stores)."""
    if _INTEGER.fullmatch(text):
        return int(text[:-1])
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"{text[:32]!r} is not a finite number")
        return number
    if text in _BOOLEANS:
        return None
    raise ValueError(f"bad value {text[:32]!r}")


# --- and back -----------------------------------------------------------------------------------------------------

_UNESCAPE, _UNESCAPE_FIELD = re.compile(r"\\([,= ])"), re.compile(r'\\([,= "])')
_ESCAPE, _ESCAPE_NAME, _ESCAPE_FIELD = re.compile(r"([,= ])"), re.compile("([, ])"), re.compile(r'([,= "])')


def _plain(text: str) -> str:
    return _UNESCAPE.sub(r"\1", text) if "\\" in text else text


def _plain_field(text: str) -> str:
    return _UNESCAPE_FIELD.sub(r"\1", text) if "\\" in text else text


def escaped(text: str) -> str:
    """The key or value of a tag as a line has it. A backslash is itself; one at the end would swallow
    what follows, so it gets a mark behind it (no line can bring one there)."""
    if text.isalnum():
        return text
    text = _ESCAPE.sub(r"\\\1", _CONTROL.sub(" ", text))
    return text + "·" if text.endswith("\\") else text


def escaped_name(text: str) -> str:
    """A measurement as a line has it; of what may be escaped only what must be, for InfluxDBs differ in the rest."""
    return text if text.isalnum() else _ESCAPE_NAME.sub(r"\\\1", text)


def escaped_field(text: str) -> str:
    """The key of a field as a line has it."""
    return text if text.isalnum() else _ESCAPE_FIELD.sub(r"\\\1", text)


def head_text(name: str, tags: Mapping[str, str]) -> str:
    """`name,tag=value,…`: what `decode_head` reads."""
    return ",".join([escaped_name(name), *(f"{escaped(key)}={escaped(value)}" for key, value in tags.items())])
