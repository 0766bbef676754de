"""Text from others: whatever it holds, what comes out is printable and short."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.clean import clean


@given(st.text(alphabet=st.characters(), max_size=300) | st.binary(max_size=1000), st.integers(1, 250))
def test_whatever_comes_what_is_shown_is_printable_and_short(text: str | bytes, limit: int) -> None:
    shown = clean(text, limit)
    assert shown.isprintable() and len(shown) <= limit
    assert clean(shown, limit) == shown


@pytest.mark.parametrize(
    "hidden", ["\x1b", "\u202e", "\u2066", "\u200b", "\xad", "\ufeff", "\u2028", "\U000e0041", "\ud800"]
)
def test_what_hides_or_reorders_is_a_dot(hidden: str) -> None:
    assert clean(f"a{hidden}b") == "a·b"


@pytest.mark.parametrize(
    "text", ["Phường Ba Đình", "Sở KHCN Hà Nội – trực", "[/oops]", "đường truyền", "a\u0300 decomposed"]
)
def test_what_people_write_stays(text: str) -> None:
    assert clean(text) == text


def test_a_space_of_another_kind_is_a_space() -> None:
    assert clean("a\u00a0b\u3000c") == "a b c"


def test_every_character_is_shown_by_its_category() -> None:
    shown = {"Zs": " ", "Cc": "·", "Cf": "·", "Cs": "·", "Co": "·", "Cn": "·", "Zl": "·", "Zp": "·"}
    chars = "".join(map(chr, range(0x80, sys.maxunicode + 1)))
    assert clean(chars, len(chars)) == "".join(shown.get(unicodedata.category(char), char) for char in chars)
