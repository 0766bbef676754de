"""Aligned PER (ITU-T X.691), as much of it as H.323 needs: types are tables, values are plain Python.

SEQUENCE ↔ dict (what is absent has no key), CHOICE ↔ (name, value), SEQUENCE OF ↔ list, OCTET STRING ↔ bytes, OBJECT
IDENTIFIER ↔ tuple of ints, NULL ↔ None. Reading raises `WireError` and nothing else, whatever the bytes are; writing
raises `ValueError` for a value of ours that does not fit. Not read: fragments of 16 KiB, which no such message needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from probes.wire.h323.bits import BitReader, BitWriter

MAX_ITEMS = 128  # of one SEQUENCE OF
_MAX_EXTENSIONS = 256
_MAX_ARCS_BYTES = 64  # of an OBJECT IDENTIFIER


class Type(Protocol):
    """One ASN.1 type."""

    def read(self, source: BitReader) -> Any:
        """The value that stands next; raises `WireError`."""

    def write(self, out: BitWriter, value: Any) -> None:
        """Put a value; raises `ValueError` for one that does not fit."""


def decode(kind: Type, data: bytes) -> Any:
    """The value of a whole message; bytes after it are forgiven. Raises `WireError`."""
    return kind.read(BitReader(data))


def encode(kind: Type, value: Any) -> bytes:
    """The bytes of a value; raises `ValueError`."""
    out = BitWriter()
    kind.write(out, value)
    return out.done()


class Null:
    """NULL: nothing at all."""

    def read(self, source: BitReader) -> None:
        """Nothing."""

    def write(self, out: BitWriter, value: Any) -> None:
        """Nothing."""


class Rest:
    """What is not looked into, at the end of a message only: its bytes."""

    def read(self, source: BitReader) -> bytes:
        """All that is left."""
        return source.rest()

    def write(self, out: BitWriter, value: Any) -> None:
        """Bytes as they are."""
        out.octets(value)


class Boolean:
    """BOOLEAN."""

    def read(self, source: BitReader) -> bool:
        """One bit."""
        return bool(source.bits(1))

    def write(self, out: BitWriter, value: Any) -> None:
        """One bit."""
        out.bits(bool(value), 1)


class Whole:
    """INTEGER (low..high) of at most 65,536 values (X.691 §11.5.7)."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._span = low, high - low + 1
        if not 0 < self._span <= 65_536:
            raise ValueError(f"{low}..{high} is not made for")
        self._bits = (self._span - 1).bit_length()

    def read(self, source: BitReader) -> int:
        """The number."""
        if self._span >= 256:
            source.align()
        value = source.bits(self._bits if self._span <= 256 else 16)
        if value >= self._span:
            raise source.fault("a number out of its limits")
        return self._low + value

    def write(self, out: BitWriter, value: Any) -> None:
        """The number, within its limits."""
        if not 0 <= value - self._low < self._span:
            raise ValueError(f"{value} is out of its limits")
        if self._span >= 256:
            out.align()
        out.bits(value - self._low, self._bits if self._span <= 256 else 16)


class _Sized:
    """What has a length: fixed, limited, or free (high None)."""

    def __init__(self, low: int, high: int | None) -> None:
        self._low, self._high = low, high
        self._count = None if high is None or low == high else Whole(low, high)

    def read_length(self, source: BitReader) -> int:
        if self._count:
            return self._count.read(source)
        return source.length() if self._high is None else self._low

    def write_length(self, out: BitWriter, count: int) -> None:
        if count < self._low or (self._high is not None and count > self._high):
            raise ValueError(f"a length of {count}")
        if self._count:
            self._count.write(out, count)
        elif self._high is None:
            out.length(count)


class Octets(_Sized):
    """OCTET STRING (SIZE (low..high)); a fixed size of one or two bytes is not aligned (X.691 §17.6)."""

    def __init__(self, low: int = 0, high: int | None = None) -> None:
        super().__init__(low, high)
        self._loose = low == high and low <= 2

    def read(self, source: BitReader) -> bytes:
        """The bytes."""
        count = self.read_length(source)
        if self._loose:
            return source.bits(8 * count).to_bytes(count, "big")
        return source.octets(count) if count else b""

    def write(self, out: BitWriter, value: Any) -> None:
        """The bytes."""
        self.write_length(out, len(value))
        if self._loose:
            out.bits(int.from_bytes(value, "big"), 8 * len(value))
        elif value:
            out.octets(value)


class Ia5Text(_Sized):
    """IA5String (SIZE (low..high)), of `alphabet` only when one is given (X.691 §30): digits take four bits then."""

    def __init__(self, low: int, high: int, alphabet: str = "") -> None:
        super().__init__(low, high)
        self._alphabet = "".join(sorted(alphabet))
        bits = (len(alphabet) - 1).bit_length() if alphabet else 8
        self._bits = 1 << (bits - 1).bit_length()

    def read(self, source: BitReader) -> str:
        """The text."""
        count = self.read_length(source)
        source.align()
        if not self._alphabet:
            return source.octets(count).decode("latin-1")
        places = [source.bits(self._bits) for _ in range(count)]
        if max(places, default=0) >= len(self._alphabet):
            raise source.fault("a character that is none")
        return "".join(self._alphabet[place] for place in places)

    def write(self, out: BitWriter, value: Any) -> None:
        """The text."""
        self.write_length(out, len(value))
        out.align()
        if self._alphabet:
            for char in value:
                out.bits(self._alphabet.index(char), self._bits)
        else:
            out.octets(value.encode("ascii"))


class Bmp(_Sized):
    """BMPString (SIZE (low..high)): two bytes a character; what is no character becomes U+FFFD."""

    def read(self, source: BitReader) -> str:
        """The text."""
        return source.octets(2 * self.read_length(source)).decode("utf-16-be", "replace")

    def write(self, out: BitWriter, value: Any) -> None:
        """The text, of the basic plane only."""
        data = value.encode("utf-16-be")
        if len(data) != 2 * len(value):
            raise ValueError("characters outside the basic plane")
        self.write_length(out, len(value))
        out.octets(data)


class Oid:
    """OBJECT IDENTIFIER ↔ its arcs (X.690 §8.19)."""

    def read(self, source: BitReader) -> tuple[int, ...]:
        """The arcs."""
        count = source.length()
        if not 0 < count <= _MAX_ARCS_BYTES:
            raise source.fault("an object identifier of that length")
        arcs, arc = [0], 0
        for byte in source.octets(count):
            arc = arc << 7 | byte & 0x7F
            if byte < 0x80:
                arcs.append(arc)
                arc = 0
        if len(arcs) > 1:
            arcs[0] = min(arcs[1] // 40, 2)
            arcs[1] -= 40 * arcs[0]
        return tuple(arcs)

    def write(self, out: BitWriter, value: Any) -> None:
        """The arcs."""
        data = bytearray()
        for arc in (40 * value[0] + value[1], *value[2:]):
            groups = [arc & 0x7F]
            while arc := arc >> 7:
                groups.append(arc & 0x7F | 0x80)
            data += bytes(reversed(groups))
        out.length(len(data))
        out.octets(bytes(data))


class Items:
    """SEQUENCE OF, at most `MAX_ITEMS` of them."""

    def __init__(self, kind: Type) -> None:
        self._kind = kind

    def read(self, source: BitReader) -> list[Any]:
        """The values."""
        count = source.length()
        if count > MAX_ITEMS:
            raise source.fault(f"{count} items")
        return [self._kind.read(source) for _ in range(count)]

    def write(self, out: BitWriter, value: Any) -> None:
        """The values."""
        out.length(len(value))
        for item in value:
            self._kind.write(out, item)


Part = tuple[str, Type | None]  # a name ending in ? is optional; no type: it is skipped and never written
NULL, BOOLEAN, OID, REST = Null(), Boolean(), Oid(), Rest()


class Choice:
    """CHOICE. `more`: the alternatives after the `...`; None: there is no `...`."""

    def __init__(self, root: Sequence[Part], more: Sequence[Part] | None = None) -> None:
        self._root, self._more = tuple(root), None if more is None else tuple(more)
        self._index = Whole(0, len(self._root) - 1)
        self._number = {name: at for at, (name, _) in enumerate((*self._root, *(self._more or ())))}

    def number(self, name: str) -> int:
        """The alternative's place in the list, those after the `...` following; -1: not in it."""
        return self._number.get(name, -1)

    def read(self, source: BitReader) -> tuple[str, Any]:
        """Which, and its value; of those after the `...` without a type, or unknown, the bytes."""
        if self._more is not None and source.bits(1):
            return self._beyond(source.small(), source)
        name, kind = self._root[self._index.read(source)]
        if kind is None:
            raise source.fault(f"{name} is not read here")
        return name, kind.read(source)

    def _beyond(self, at: int, source: BitReader) -> tuple[str, Any]:
        name, kind = self._more[at] if self._more and at < len(self._more) else (f"extension {at}", None)
        inside = source.inside()
        return name, inside.rest() if kind is None else kind.read(inside)

    def write(self, out: BitWriter, value: Any) -> None:
        """(name, value)."""
        name, inner = value
        at = self._number[name]
        beyond = at >= len(self._root)
        if self._more is not None:
            out.bits(beyond, 1)
        if not beyond:
            self._index.write(out, at)
            _typed(name, self._root[at][1]).write(out, inner)
            return
        at -= len(self._root)
        out.small(at)
        out.inside(encode(_typed(name, (self._more or ())[at][1]), inner))


class Fields:
    """SEQUENCE. `more`: the additions after the `...`; None: there is no `...`."""

    def __init__(self, root: Iterable[Part], more: Iterable[Part] | None = None) -> None:
        self._root = tuple((name.rstrip("?"), name.endswith("?"), kind) for name, kind in root)
        self._optional = sum(optional for _, optional, _ in self._root)
        self._more = None if more is None else tuple((name.rstrip("?"), kind) for name, kind in more)

    def read(self, source: BitReader) -> dict[str, Any]:
        """What is there. Additions we have no type for are skipped."""
        extended = self._more is not None and source.bits(1)
        present, left = source.bits(self._optional), self._optional
        out = {}
        for name, optional, kind in self._root:
            left -= optional
            if optional and not present >> left & 1:
                continue
            if kind is None:
                raise source.fault(f"{name} is not read here")
            out[name] = kind.read(source)
        if extended:
            self._beyond(source, out)
        return out

    def _beyond(self, source: BitReader, out: dict[str, Any]) -> None:
        """X.691 §19.7 to 9: how many, which, and each as an open type."""
        count = source.length() if source.bits(1) else source.bits(6) + 1
        if count > _MAX_EXTENSIONS:
            raise source.fault(f"{count} additions")
        present, known = source.bits(count), self._more or ()
        for at in range(count):
            if present >> (count - 1 - at) & 1:
                inside = source.inside()
                name, kind = known[at] if at < len(known) else ("", None)
                if kind is not None:
                    out[name] = kind.read(inside)

    def write(self, out: BitWriter, value: Any) -> None:
        """The fields the dict names; a missing one that is not optional is a `ValueError`."""
        more = [name in value for name, _ in self._more or ()]
        if self._more is not None:
            out.bits(any(more), 1)
        for name, optional, _ in self._root:
            if optional:
                out.bits(name in value, 1)
            elif name not in value:
                raise ValueError(f"{name} is missing")
        for name, _, kind in self._root:
            if name in value:
                _typed(name, kind).write(out, value[name])
        if any(more):
            out.small(len(more) - 1)
            for given in more:
                out.bits(given, 1)
            for name, kind in self._more or ():
                if name in value:
                    out.inside(encode(_typed(name, kind), value[name]))


def _typed(name: str, kind: Type | None) -> Type:
    if kind is None:
        raise ValueError(f"{name} is not written here")
    return kind
