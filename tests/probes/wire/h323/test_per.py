"""Aligned PER: its rules one by one, values that come back as they went, and bytes nobody should send."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire.h323 import bits as per_bits
from probes.wire.h323 import per, types
from probes.wire.h323.per import BOOLEAN, NULL, Bmp, Choice, Fields, Ia5Text, Items, Octets, Oid, Type, Whole

DIGITS = "0123456789#*,"
LONG_CHOICE = Choice([(f"a{at}", NULL) for at in range(25)], [("b0", BOOLEAN), ("b1", None)])
EXTENDED = Fields([("a", BOOLEAN), ("b?", Whole(0, 255))], [("c", BOOLEAN), ("d?", Octets()), ("e?", None)])


@pytest.mark.parametrize(
    ("kind", "value", "bits"),
    [
        (Whole(1, 65_535), 11, "000a"),
        (Whole(0, 255), 184, "b8"),
        (Whole(96, 127), 98, "10"),  # 5 bits
        (Whole(7, 7), 7, ""),
        (BOOLEAN, True, "80"),
        (Octets(4, 4), b"\x0a\x63\0\1", "0a630001"),
        (Octets(2, 2), b"\1\2", "0102"),
        (Octets(), b"abc", "03616263"),
        (Octets(1, 256), b"ab", "016162"),
        (Ia5Text(1, 128, DIGITS), "8001", "06b334"),  # 7 bits of length, then four bits a digit after alignment
        (Ia5Text(1, 512), "h323:a", "0005683332333a61"),
        (Bmp(1, 256), "ab", "0100610062"),
        (Bmp(1, 128), "ab", "0200610062"),
        (Oid(), (0, 0, 8, 2250, 0, 4), "060008914a0004"),
        (Oid(), (2, 100, 3), "03813403"),
        (Items(BOOLEAN), [True, False, True], "03a0"),
        (LONG_CHOICE, ("a24", None), "60"),  # one bit for the extension, five for the place
        (LONG_CHOICE, ("b0", True), "800180"),
        (EXTENDED, {"a": True, "b": 7}, "6007"),
    ],
)
def test_a_value_has_these_bytes_and_no_others(kind: Type, value: Any, bits: str) -> None:
    assert per.encode(kind, value).hex() == bits
    assert per.decode(kind, per.encode(kind, value)) == value


def test_additions_are_counted_marked_and_wrapped() -> None:
    # 1 extension, 0 no b, 1 a, 0000010 three additions, 110 which of them; then two open types
    data = per.encode(EXTENDED, {"a": True, "c": True, "d": b"x"})
    assert data.hex() == "a0b0" + "0180" + "020178"
    assert per.decode(EXTENDED, data) == {"a": True, "c": True, "d": b"x"}


def test_a_release_with_its_call_has_no_byte_too_many() -> None:
    """The case a public encoder gets wrong: padding counted before the bits ahead of it are."""
    release = per.encode(
        types.RELEASE,
        {
            "protocolIdentifier": (0, 0, 8, 2250, 0, 4),
            "reason": ("undefinedReason", None),
            "callIdentifier": {"guid": bytes(16)},
        },
    )
    assert release.hex() == "c0060008914a000458a8001100" + bytes(16).hex()


def test_unknown_additions_and_alternatives_are_skipped() -> None:
    newer = Fields([("a", BOOLEAN)], [("c", BOOLEAN), ("d?", Octets()), ("e?", Octets()), ("f?", Octets())])
    older = Fields([("a", BOOLEAN)], [("c", BOOLEAN)])
    data = per.encode(newer, {"a": True, "c": True, "e": b"new", "f": b"newer"})
    assert per.decode(older, data) == {"a": True, "c": True}
    new = Choice([("a", NULL)], [("b", NULL), ("c", Octets())])
    assert per.decode(Choice([("a", NULL)], []), per.encode(new, ("c", b"x"))) == ("extension 1", b"\x01x")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Whole(1, 5), 6),
        (Whole(1, 65_535), 0),
        (Octets(4, 4), b"abc"),
        (Octets(1, 20), b""),
        (Octets(), bytes(1 << 14)),
        (Ia5Text(1, 128, DIGITS), "8x"),
        (Ia5Text(1, 3), "héé"),
        (Bmp(1, 4), "😀"),
        (Fields([("a", BOOLEAN)]), {}),
        (Fields([("a?", None)]), {"a": 1}),
    ],
)
def test_a_value_of_ours_that_does_not_fit_is_a_value_error(kind: Type, value: Any) -> None:
    with pytest.raises(ValueError):
        per.encode(kind, value)


@pytest.mark.parametrize(
    ("kind", "bits", "word"),
    [
        (Whole(1, 65_535), "00", "too early"),
        (Whole(0, 4), "e0", "out of its limits"),
        (Octets(), "c1", "fragment"),
        (Octets(), "05aa", "too early"),
        (Ia5Text(1, 128, DIGITS), "00f0", "none"),
        (Oid(), "00", "object identifier"),
        (Items(NULL), "81ff", "511 items"),
        (Choice([("a", None), ("b", NULL)]), "00", "not read"),
        (Choice([("a", NULL)], []), "c003ffffff", "not small"),
        (EXTENDED, "e0", "too early"),
        (Fields([], []), "c08fff", "additions"),
    ],
)
def test_bytes_that_do_not_fit_are_a_wire_error_that_says_where(kind: Type, bits: str, word: str) -> None:
    with pytest.raises(WireError) as caught:
        per.decode(kind, bytes.fromhex(bits))
    assert word in caught.value.reason and 0 <= caught.value.offset <= len(bits) // 2 + 1


def test_a_message_longer_than_any_is_refused_before_it_is_read() -> None:
    with pytest.raises(WireError):
        per.decode(Octets(), bytes(per_bits.MAX_BYTES + 1))


WHOLES = st.tuples(st.integers(0, 300), st.integers(0, 65_535)).flatmap(
    lambda ends: st.tuples(st.just(Whole(ends[0], ends[0] + ends[1])), st.integers(ends[0], ends[0] + ends[1]))
)


@given(
    st.lists(WHOLES | st.tuples(st.just(BOOLEAN), st.booleans()), max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_whatever_is_written_is_read_again(parts: list[tuple[Any, Any]], given_: list[bool]) -> None:
    root = [(f"v{at}?", kind) for at, (kind, _) in enumerate(parts)]
    for kind in (Fields(root), Fields(root, []), Fields([], root)):
        value = {f"v{at}": one for at, (_, one) in enumerate(parts) if given_[at]}
        assert per.decode(kind, per.encode(kind, value)) == value


@given(st.binary(max_size=200), st.sampled_from([types.RAS, types.USER, EXTENDED, LONG_CHOICE]))
def test_any_bytes_give_a_value_or_a_wire_error(data: bytes, kind: Type) -> None:
    with suppress(WireError):
        value = per.decode(kind, data)
        assert per.decode(kind, per.encode(kind, value)) == value
