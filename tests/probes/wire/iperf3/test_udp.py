"""Heads read and written at once are those read and written one by one."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from probes.wire.iperf3.messages import head_bytes, read_head, write_head
from probes.wire.iperf3.udp import HeadWriter, StreamLedger, read_heads

blocks = st.integers(16, 64)
first_numbers = st.one_of(st.integers(1, 2**33), st.integers(2**32 - 20, 2**32 + 20))


@given(blocks, st.integers(1, 20), st.integers(0, 2**62), first_numbers, st.booleans())
def test_heads_written_at_once_are_those_written_one_by_one(
    block: int, many: int, now_ns: int, first: int, wide: bool
) -> None:
    filled = random.Random(block).randbytes(block * 20)
    at_once, one_by_one = bytearray(filled), bytearray(filled)
    HeadWriter(at_once, block, wide).write(many, now_ns, first)
    for place in range(many):
        write_head(memoryview(one_by_one)[place * block :], now_ns, first + place, wide)
    assert at_once == one_by_one


@given(st.binary(max_size=400), st.integers(1, 64), st.integers(1, 12), st.booleans())
def test_heads_read_at_once_are_those_read_one_by_one(data: bytes, stride: int, many: int, wide: bool) -> None:
    found = read_heads(memoryview(data), stride, many, wide)
    if found is None:
        assert stride % 4 or stride * (many - 1) + head_bytes(wide) > len(data)
        return
    for place, (seconds, micros, number) in enumerate(zip(*found, strict=True)):
        head = read_head(data[place * stride :], wide)
        assert head == (seconds * 10**9 + micros * 1000, number)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 9), st.booleans(), st.randoms(use_true_random=False))  # fmt: skip
def test_a_ledger_counts_runs_as_it_counts_packets(numbers: list[int], slice_of: int, wide: bool, chance: random.Random) -> None:  # fmt: skip
    if chance.random() < 0.5:
        numbers = sorted(set(numbers))  # in order: what is read at once
    stride, by_run, by_packet = 32, StreamLedger(wide), StreamLedger(wide)
    for at in range(0, len(numbers), slice_of):
        some = numbers[at : at + slice_of]
        buffer, lengths, stamps = bytearray(stride * len(some)), [], []
        for place, number in enumerate(some):
            write_head(memoryview(buffer)[place * stride :], 10**9 + number * 1000, number, wide)
            lengths.append(chance.choice([32, 28, 16, 8]))
            stamps.append(2 * 10**9 + number * 1500 + chance.randrange(900))
        by_run.take_run(memoryview(buffer), stride, lengths, stamps)
        for place, (length, stamp) in enumerate(zip(lengths, stamps, strict=True)):
            by_packet.take(memoryview(buffer)[place * stride :][:length], length, stamp)
    for name in ("bytes", "lost", "highest", "reordered", "repeated", "strange", "jitter_ns"):
        assert getattr(by_run, name) == getattr(by_packet, name), name
