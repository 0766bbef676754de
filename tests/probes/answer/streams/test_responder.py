"""What a responder has of those who ask: cookies that grow old, bytes that run out."""

from __future__ import annotations

import pytest

from probes.answer.streams import responder
from probes.answer.streams.responder import Budget, Cookies, network_of

ASKER = ("192.0.2.1", 40_000)


def test_a_cookie_lasts_as_long_as_the_longest_session_and_no_minute_more() -> None:
    cookies = Cookies(120.0, b"secret")
    shown = cookies.make(ASKER, 59.0)
    assert len(shown) == 16 and cookies.is_good(shown, ASKER, 59.0 + 121.0)
    assert not cookies.is_good(shown, ASKER, 240.0)


def test_no_other_port_and_no_other_secret_takes_a_cookie() -> None:
    shown = Cookies(60.0, b"secret").make(ASKER, 0.0)
    assert not Cookies(60.0, b"secret").is_good(shown, (ASKER[0], 40_001), 0.0)
    assert not Cookies(60.0).is_good(shown, ASKER, 0.0)


def test_bytes_that_do_not_fit_are_not_spent_and_come_back_with_the_next_minute() -> None:
    budget = Budget(100)
    assert [budget.spend("a", many, 0.0) for many in (60, 60, 40, 1)] == [True, False, True, False]
    assert budget.spend("b", 100, 59.0) and budget.spend("a", 100, 60.0)


def test_a_flood_of_sources_takes_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responder, "MAX_SOURCES", 3)
    budget = Budget(1)
    assert all(budget.spend(str(source), 1, 0.0) for source in range(10))
    assert len(budget._spent) == 3 and not budget.spend("9", 1, 0.0)


def test_who_has_one_address_of_a_64_has_them_all() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff%eth0") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
