"""Bytes of a terminal to keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netmon.console.keys import Keys


def test_arrows_letters_and_vietnamese_are_told_apart() -> None:
    keys = Keys()
    assert keys.feed(b"\x1b[A\x1b[Bq\r") == ["up", "down", "q", "enter"]
    assert keys.feed("đ".encode()[:1]) == []
    assert keys.feed("đ".encode()[1:]) == ["đ"]


def test_a_lone_escape_is_esc_and_an_unknown_sequence_is_nothing() -> None:
    assert Keys().feed(b"\x1b") == ["esc"]
    assert Keys().feed(b"\x1b[99;5Zq") == ["q"]


@given(st.binary(max_size=200))
def test_any_bytes_make_keys_and_never_raise(data: bytes) -> None:
    assert all(isinstance(key, str) for key in Keys().feed(data))
