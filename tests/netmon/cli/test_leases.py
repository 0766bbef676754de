"""What `netmon leases` shows of a hub's leases."""

from __future__ import annotations

from netmon.cli.leases import rows

VIEW = {
    "bytes_per_day": 5_000_000_000,
    "leases": [{"agent": "c1", "check": "c1-capacity", "bytes": 2_000_000, "expires_ms": 1_065_000}],
    "links": [{"link": "link:up", "name": "link:up (A\x1b – B)", "used_bytes": 1_234_567_890}],
    "conferences": [
        {"id": "x", "name": "", "from_ms": 900_000, "until_ms": 4_600_000, "links": 3},
        {"id": "y", "name": "Giao ban", "from_ms": 1_120_000, "until_ms": 4_600_000, "links": 9},
    ],
}


def test_tests_links_and_conferences_are_one_table() -> None:
    assert rows(VIEW, "en", 1000.0) == [
        ("test", "c1/c1-capacity", "1m 5s left, at most 2.0 MB"),
        ("used", "link:up (A· – B)", "1,234.6 MB of 5,000.0 MB"),
        ("conference", "x", "3 links, now, 1h left"),
        ("conference", "Giao ban", "9 links, in 2m"),
    ]
    assert rows(VIEW, "vi", 1000.0)[0][0] == "đang đo"
