"""The E-model against G.107's default, the tables of G.113 and figures others computed (`reference/videoconference.md` §4.2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.kinds.media.emodel import CODECS, VoicePath, burst_ratio, equipment_impairment, mos, rate

PLC = dict(zip(("ie", "bpl"), CODECS["g711-plc"], strict=True))
G729 = dict(zip(("ie", "bpl"), CODECS["g729a"], strict=True))
ROWS: list[tuple[dict[str, Any], float, float]] = [
    ({}, 93.2062, 4.4094),
    ({"ta_ms": 100}, 93.2062, 4.4094),
    ({"ta_ms": 150}, 93.0427, 4.4062),
    ({"ta_ms": 200}, 90.1618, 4.3429),
    ({"ta_ms": 250}, 84.2895, 4.1753),
    ({"ta_ms": 300}, 78.4455, 3.9639),
    ({"ta_ms": 400}, 69.1361, 3.5562),
    ({"ta_ms": 500}, 62.5703, 3.2321),
    ({"t_ms": 150, "ta_ms": 150, "tr_ms": 300}, 89.5391, 4.3275),
    ({"t_ms": 200, "ta_ms": 200, "tr_ms": 400}, 85.8047, 4.2232),
    ({"t_ms": 300, "ta_ms": 300, "tr_ms": 600}, 72.6664, 3.7194),
    (PLC | {"ppl": 2}, 86.1951, 4.2350),
    (PLC | {"ppl": 5}, 77.4255, 3.9231),
    (G729, 82.2062, 4.1046),
    (G729 | {"ppl": 1}, 78.0062, 3.9465),
    (G729 | {"ppl": 2}, 74.2062, 3.7876),
    (G729 | {"ppl": 2, "ta_ms": 250}, 65.2895, 3.3690),
    ({"ppl": 1}, 75.2817, 3.8339),
    ({"ppl": 2, "burst_r": 2}, 57.3572, 2.9623),
    (PLC | {"ppl": 2, "burst_r": 2}, 85.9265, 4.2269),
    ({"telr": 50, "t_ms": 100, "ta_ms": 100, "tr_ms": 200}, 79.7160, 4.0132),
    ({"qdu": 4}, 88.2031, 4.2925),
    ({"pr": 50}, 91.5852, 4.3759),
    ({"a": 10}, 103.2062, 4.5),
]
IMPAIRED = [  # G.113 tables I.2: codec, percent lost, what that costs
    ("g711-plc", 2, 7), ("g711-plc", 3, 10), ("g711-plc", 5, 15), ("g729a", 0, 11), ("g729a", 1, 15), ("g729a", 2, 19),
    ("g729a", 4, 26), ("g729a", 8, 36), ("g723", 2, 24), ("g723", 8, 41),
]  # fmt: skip


@pytest.mark.parametrize(("call", "r", "opinion"), ROWS)
def test_the_reference_rows(call: dict[str, Any], r: float, opinion: float) -> None:
    rating = rate(VoicePath(**call))
    assert rating.r == pytest.approx(r, abs=1e-3) and rating.mos == pytest.approx(opinion, abs=1e-3)


@pytest.mark.parametrize(("codec", "ppl", "cost"), IMPAIRED)
def test_losses_cost_what_g113_says(codec: str, ppl: float, cost: float) -> None:
    assert equipment_impairment(*CODECS[codec], ppl) == pytest.approx(cost, abs=0.8)


@pytest.mark.parametrize(
    ("r", "opinion"), [(90, 4.34), (80, 4.02), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0), (-20, 1.0), (100, 4.5), (103, 4.5)]
)  # fmt: skip
def test_the_bands_of_g109(r: float, opinion: float) -> None:
    assert mos(r) == pytest.approx(opinion, abs=0.006)


def test_the_parts_make_the_whole() -> None:
    rating = rate(VoicePath(ta_ms=250, ppl=2, bpl=25.1))
    assert rating.r == pytest.approx(rating.ro - rating.simultaneous - rating.delay - rating.equipment)


def test_sidetone_out_of_bounds_changes_what_echo_costs() -> None:
    usual = rate(VoicePath(t_ms=100, ta_ms=100))
    assert rate(VoicePath(t_ms=100, ta_ms=100, stmr=25)).delay > usual.delay
    assert rate(VoicePath(t_ms=100, ta_ms=100, stmr=5)).delay != pytest.approx(usual.delay)


@given(st.floats(0, 2000), st.floats(0, 2000), st.floats(0, 100), st.floats(1, 8))
def test_delay_never_raises_r(one: float, other: float, ppl: float, burst_r: float) -> None:
    low, high = sorted((one, other))
    near, far = (rate(VoicePath(ta_ms=ta, ppl=ppl, burst_r=burst_r)) for ta in (low, high))
    assert far.r <= near.r + 1e-9 and 1.0 <= far.mos <= 4.5


@given(st.floats(0, 100), st.floats(0, 100), st.sampled_from(sorted(CODECS)), st.floats(1, 8))
def test_loss_and_bursts_never_raise_r(one: float, other: float, codec: str, burst_r: float) -> None:
    low, high = sorted((one, other))
    ie, bpl = CODECS[codec]
    few, many = (rate(VoicePath(ie=ie, bpl=bpl, ppl=ppl, burst_r=burst_r)) for ppl in (low, high))
    assert many.r <= few.r + 1e-9 and 1.0 <= many.mos <= 4.5
    assert rate(VoicePath(ie=ie, bpl=bpl, ppl=high, burst_r=burst_r + 1)).r <= many.r + 1e-9


def test_burst_ratio_of_random_losses_is_one_and_few_runs_say_nothing() -> None:
    assert burst_ratio(100, 100, 10_000) == 1.0
    assert burst_ratio(400, 100, 10_000) == pytest.approx(4 * 0.96)
    assert burst_ratio(50, 2, 10_000) is None and burst_ratio(10, 5, 10) is None
