"""Several tries told as one measurement."""

from __future__ import annotations

import asyncio

import pytest

from probes import early
from probes.base import Measurement, Outcome, Target
from probes.kinds.shared import attempts
from probes.kinds.shared import service as reach
from probes.kinds.shared.service import Try
from probes.target import Endpoint

LOST, LOCAL = Try(Outcome.LOST, "silence"), Try(Outcome.LOCAL, "no way")


def good(rtt_ms: float, status: int = 200) -> Try:
    return Try(Outcome.OK, "", {"rtt_ms": rtt_ms, "connect_ms": 1.0}, {"status": status}, answered=True)


def told(*tries: Try, host: str = "127.0.0.1") -> Measurement:
    left = list(tries)

    async def once(family: int, sockaddr: attempts.SocketAddress, deadline: float) -> Try:
        return left.pop(0)

    return asyncio.run(reach.several("x", Target("t"), Endpoint(host, 9), 1.0, len(tries), once))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "SPACING_S", 0.0)


def test_one_good_try_makes_it_good_and_the_counts_tell_the_losses() -> None:
    got = told(good(3.0, 200), LOST)
    assert (got.outcome, got.why) == (Outcome.OK, "")
    assert got.values == {
        "sent": 2, "rcvd": 1, "rtt_ms": 3.0, "rtt_min_ms": 3.0, "rtt_max_ms": 3.0, "connect_ms": 1.0, "status": 200,
    }  # fmt: skip


def test_the_last_try_speaks_for_many_bad_ones() -> None:
    refused = Try(Outcome.REFUSED, "503", {}, {"status": 503}, answered=True)
    got = told(LOST, refused)
    assert (got.outcome, got.why, got.values) == (Outcome.REFUSED, "503", {"sent": 2, "rcvd": 1, "status": 503})


def test_phases_are_medians_and_what_was_said_is_the_last_good_tries() -> None:
    got = told(good(9.0, 200), good(1.0, 201), good(2.0, 202), LOST)
    assert [got.values[one] for one in ("rtt_ms", "rtt_min_ms", "rtt_max_ms", "status")] == [2.0, 1.0, 9.0, 202]


def test_what_we_could_not_send_was_not_sent() -> None:
    assert told(LOCAL, LOCAL).values == {"sent": 0, "rcvd": 0}


def test_only_a_name_has_a_look_up() -> None:
    assert "resolve_ms" not in told(LOST).values
    assert told(LOST, host="localhost").values["resolve_ms"] > 0


def test_no_further_try_begins_once_what_is_known_is_asked_for() -> None:
    async def asked_early() -> tuple[list[bool], float | None]:
        asked = early.arm()

        async def once(family: int, sockaddr: attempts.SocketAddress, deadline: float) -> bool:
            asked.set()
            return True

        return await attempts.attempts(Endpoint("127.0.0.1", 9), 1.0, 5, once)

    assert asyncio.run(asked_early()) == ([True], None)
