"""Every function of the language against a plain count over a list of points, whatever way they come in."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from engine_world import START_MS

from alerts.base import LOCAL, LOST, OK, PROTOCOL, REFUSED, UNRESOLVED, Sample
from alerts.engine.compile import CheckView, values_of
from alerts.engine.series import Series
from alerts.language.parse import parse
from alerts.language.tree import Figure, figures_of

TEXTS = (
    "sent(7s) > 0", "lost(20s) > 0", "loss(20s) > 0%", "count(reply, 9s) > 0", "count(refused, 30s) > 0",
    "count(rtt_p50_ms, 20s) > 0", "avg(rtt_p50_ms, 20s) > 0", "min(rtt_p50_ms, 13s) > 0", "max(rtt_p50_ms, 1s) > 0",
    "max(rtt_p50_ms, 31s) > 0", "last(rtt_p50_ms) > 0", "age(reply) > 0", "age(ok) > 0", "age(rtt_p50_ms) > 0",
    "missed(reply) > 0", "missed(ok) > 0", "p50(rtt, 20s) > 0", "p95(rtt, 60s) > 0",
)  # fmt: skip
FIGURES = [figure for text in TEXTS for figure in figures_of(parse(text))]
Points = list[tuple[int, dict[str, int | float]]]


def outcome_values(rng: random.Random) -> dict[str, int | float]:
    outcome = rng.choices([OK, LOST, REFUSED, UNRESOLVED, PROTOCOL, LOCAL], [20, 4, 2, 1, 1, 1])[0]
    sent = rng.randrange(1, 4)
    rcvd = rng.randrange(1, sent + 1) if outcome == OK else int(outcome == PROTOCOL)
    found: dict[str, int | float] = {"outcome": outcome, "sent": sent, "rcvd": rcvd}
    if outcome == OK:
        found |= {"rtt_p50_ms": rng.uniform(0.5, 90), f"rtt_b{rng.randrange(90, 110)}": rcvd}
    return found


def plain(figure: Figure, points: Points, frontier_ms: int) -> float:
    """The same from a list of points in order of time."""
    newest = (frontier_ms - 1) // 1000
    seen = [(at, one) for at, one in points if at // 1000 <= newest]
    inside = [one for at, one in seen if at // 1000 > newest - figure.window_s]
    counted = [one for one in inside if one["outcome"] not in (LOCAL, UNRESOLVED)]
    sent, rcvd = sum(one["sent"] for one in counted), sum(one["rcvd"] for one in counted)
    figures = [one["rtt_p50_ms"] / 1000 for one in inside if "rtt_p50_ms" in one]
    reply = [at for at, one in seen if one["rcvd"] and one["outcome"] in (OK, PROTOCOL)]
    good = [at for at, one in seen if one["outcome"] == OK]
    times = {"reply": reply, "ok": good, "rtt_p50_ms": good}
    judged = [one for _, one in seen if one["outcome"] not in (LOCAL, UNRESOLVED)]
    runs = {"reply": (OK, PROTOCOL), "ok": (OK,)}
    run = next(
        (n for n, one in enumerate(reversed(judged)) if one["outcome"] in runs.get(figure.what, ())), len(judged)
    )
    spread = sorted(
        int(name[5:]) for one in inside for name in one if name[:5] == "rtt_b" for _ in range(int(one[name]))
    )
    table: dict[str, Callable[[], float]] = {
        "sent": lambda: sent,
        "lost": lambda: sent - rcvd,
        "loss": lambda: (sent - rcvd) / sent,
        "count": lambda: {"reply": rcvd, "refused": sum(one["outcome"] == REFUSED for one in inside)}.get(
            figure.what, len(figures)
        ),
        "avg": lambda: sum(figures) / len(figures),
        "min": lambda: min(figures),
        "max": lambda: max(figures),
        "last": lambda: [one["rtt_p50_ms"] for _, one in seen if "rtt_p50_ms" in one][-1] / 1000,
        "age": lambda: max(0, frontier_ms - (times[figure.what] or [points[0][0]])[-1]) / 1000,
        "missed": lambda: run,
        "p50": lambda: 2 ** ((spread[math.ceil(0.5 * len(spread)) - 1] + 0.5) / 8) / 1e6,
        "p95": lambda: 2 ** ((spread[math.ceil(0.95 * len(spread)) - 1] + 0.5) / 8) / 1e6,
    }
    try:
        return table[figure.function]()
    except (ZeroDivisionError, IndexError, ValueError):
        return math.nan


def latest(series: Series, figure: Figure, frontier_ms: list[int]) -> list[float]:
    rows = np.arange(len(frontier_ms))
    view = CheckView(series, rows, np.ones(len(rows), np.int64), np.array(frontier_ms, np.int64), {})
    with np.errstate(divide="ignore", invalid="ignore"):
        return [float(one) for one in values_of(figure)(view)]


@pytest.mark.parametrize("flush_s", [1, 4, 10, 45])
@pytest.mark.parametrize("seed", range(2))
def test_windows_count_what_a_plain_count_counts(seed: int, flush_s: int) -> None:
    rng = random.Random(seed * 100 + flush_s)
    series = Series(FIGURES, 60)
    checks = 5
    points: list[Points] = [[] for _ in range(checks)]
    due = [rng.randrange(1000) for _ in range(checks)]
    periods = [1000, 1000, 2500, 700, 9000]
    frontier = [0] * checks
    for now_s in range(flush_s, 200, flush_s):
        for check in range(checks):
            frontier[check] = START_MS + now_s * 1000 - 40 * check
            while due[check] < now_s * 1000:
                at_ms, what = START_MS + due[check], outcome_values(rng)
                points[check].append((at_ms, what))
                sample = Sample("a", f"k{check}", "ping", at_ms, what)
                series.add(series.row(sample, 0), sample)
                due[check] += periods[check] + rng.randrange(-20, 20)
        if len(series.names) < checks:
            continue
        series.advance(np.array(frontier, np.int64))
        assert series.histograms is not None
        series.histograms.settle(np.arange(checks))
        for figure in rng.sample(FIGURES, max(2, min(len(FIGURES), flush_s * 2))):
            found = latest(series, figure, frontier)
            for check in range(checks):
                is_covered = (frontier[check] - 1) // 1000 - figure.window_s + 1 >= points[check][0][0] // 1000
                wanted = (
                    plain(figure, points[check], frontier[check]) if is_covered or not figure.window_s else math.nan
                )
                assert found[check] == pytest.approx(wanted, rel=1e-5, nan_ok=True), (figure, check, now_s)


def test_late_points_count_in_the_windows_that_hold_them() -> None:
    series = Series(FIGURES, 60)
    kept: Points = []
    for second in [*range(0, 40), *range(45, 70), *range(40, 45)]:
        at_ms = START_MS + second * 1000 + 300
        what: dict[str, int | float] = {
            "outcome": OK,
            "sent": 2,
            "rcvd": 2 - second % 2,
            "rtt_p50_ms": float(second + 1),
        }
        what[f"rtt_b{90 + second % 7}"] = 2 - second % 2
        kept.append((at_ms, what))
        sample = Sample("a", "k", "ping", at_ms, what)
        series.add(series.row(sample, 0), sample)
        series.advance(np.array([max(at for at, _ in kept) + 1], np.int64))
    kept.sort(key=lambda one: one[0])
    assert series.histograms is not None
    series.histograms.settle(np.arange(1))
    for figure in FIGURES:
        assert latest(series, figure, [kept[-1][0] + 1])[0] == pytest.approx(
            plain(figure, kept, kept[-1][0] + 1), rel=1e-5
        )


@pytest.mark.parametrize("seed", range(5))
def test_a_windows_p95_is_within_five_percent_of_the_exact_one(seed: int) -> None:
    from probes import log_buckets as probes_buckets

    rng = random.Random(seed)
    series = Series(FIGURES, 60)
    delays: list[float] = []
    for second in range(61):
        some = [rng.lognormvariate(2.5, 0.8) for _ in range(10)]
        delays = [*delays, *some][-600:]
        spread = {f"rtt_b{bucket}": many for bucket, many in probes_buckets.count(some).items()}
        sample = Sample("a", "k", "ping", START_MS + second * 1000, {"outcome": 0, "sent": 10, "rcvd": 10, **spread})
        series.add(series.row(sample, 0), sample)
    frontier = START_MS + 60_999
    series.advance(np.array([frontier], np.int64))
    assert series.histograms is not None
    series.histograms.settle(np.arange(1))
    found = latest(series, next(figures_of(parse("p95(rtt, 60s) > 0"))), [frontier])[0]
    assert found * 1000 == pytest.approx(sorted(delays)[math.ceil(0.95 * 600) - 1], rel=0.05)


def test_many_checks_more_than_the_store_began_with_keep_their_figures() -> None:
    series = Series(FIGURES, 60)
    for check in range(600):
        for second in range(70):
            sample = Sample("a", f"k{check}", "ping", START_MS + second * 1000, {"outcome": 0, "sent": 1, "rcvd": 1})
            series.add(series.row(sample, 0), sample)
        if check % 150 == 0:
            series.advance(np.full(check + 1, START_MS + 69_500, np.int64))
    series.advance(np.full(600, START_MS + 69_500, np.int64))
    assert latest(series, next(figures_of(parse("sent(60s) > 0"))), [START_MS + 69_500] * 600) == [60.0] * 600


def test_buckets_are_those_of_the_probes() -> None:
    from alerts.engine import log_buckets as buckets
    from probes import log_buckets as probes_buckets

    assert (buckets.PER_OCTAVE, buckets.LAST, buckets.PREFIX) == (
        probes_buckets.PER_OCTAVE,
        probes_buckets.LAST,
        probes_buckets.PREFIX,
    )
    middles = [probes_buckets.middle_ms(bucket) for bucket in range(256)]
    assert [buckets.middle_ms(bucket) for bucket in range(256)] == middles
    assert [probes_buckets.bucket_of(middle_ms) for middle_ms in middles] == [*range(256)]
    assert [buckets.field_bucket(name) for name in ("rtt_b93", "rtt_b", "rtt_b256", "rtt_b-1", "rtt_x1")] == [
        93, None, None, None, None,
    ]  # fmt: skip
