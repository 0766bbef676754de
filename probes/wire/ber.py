"""The one thing all of BER and DER is made of (X.690 §8.1): a one-byte tag, a definite length, a body. Pure."""

from __future__ import annotations

from probes.errors import WireError


def body(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Begin and end of the body of the element at `at`; raises `WireError` when it does not end by `limit`."""
    if at + 2 > limit:
        raise WireError(at, "cut off")
    size, begin = data[at + 1], at + 2
    if size & 0x80:
        many = size & 0x7F
        if not 0 < many <= 4 or begin + many > limit:
            raise WireError(at, "a length nobody writes")
        size, begin = int.from_bytes(data[begin : begin + many], "big"), begin + many
    if begin + size > limit:
        raise WireError(at, "longer than what holds it")
    return begin, begin + size
