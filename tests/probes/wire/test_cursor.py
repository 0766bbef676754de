"""The bounded reader: what is read is what stands there, and nothing behind the end is."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire.cursor import ByteCursor


@given(st.binary(max_size=60), st.integers(0, 70), st.integers(0, 70), st.lists(st.integers(-3, 40), max_size=12))
def test_it_reads_on_in_order_and_never_leaves_its_bytes(data: bytes, at: int, end: int, counts: list[int]) -> None:
    at, end = sorted((min(at, len(data)), min(end, len(data))))
    held, taken = ByteCursor(data, at, end), b""
    for count in counts:
        if 0 <= count <= end - held.at:
            taken += held.take(count, "")
        else:
            with pytest.raises(WireError, match=f"at byte {held.at}: too short"):
                held.take(count, "too short")
    assert taken + held.rest() == data[at:end] and held.left == 0


def test_numbers_fields_and_what_is_held_inside() -> None:
    held = ByteCursor(b"\x01\x02\x03\x04\x05\x06\x07\x08", 1)
    assert held.number(2, "") == 0x0203 and held.unpack(struct.Struct("!BB"), "") == (4, 5)
    inside = held.inside(2, "")
    assert (inside.rest(), held.rest()) == (b"\x06\x07", b"\x08")
    with pytest.raises(WireError, match="gone"):
        inside.number(1, "gone")
