"""docs/hub.md names everything the hub answers to and counts."""

from __future__ import annotations

import re
from dataclasses import fields

from checkout import ROOT

from netmon.hub import limits
from netmon.line import MAX_LINE

TEXT = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")


def test_every_path_is_documented() -> None:
    code = "".join((ROOT / "netmon" / "hub" / "web" / name).read_text() for name in ("api.py", "app.py"))
    paths = set(re.findall(r'"(/(?:api/|write|ping|health)[^"]*)"', code))
    assert len(paths) >= 9
    assert [path for path in paths if path not in TEXT] == []


def test_every_counter_and_header_is_documented() -> None:
    code = (ROOT / "netmon" / "hub" / "ingest" / "ingest.py").read_text()
    headers = {name.lower() for name in re.findall(r'"(x-netmon-[a-z]+)"', code)}
    assert len(headers) == 6 and all(name in TEXT.lower() for name in headers)
    assert [field.name for field in fields(limits.Counters) if field.name not in TEXT] == []


def test_limits_in_the_text_are_those_of_the_code() -> None:
    assert limits.MAX_HEAD_BYTES == 16 * 1024 and "16 kB (431), 10 s" in TEXT
    assert (limits.HEAD_DEADLINE_S, limits.BODY_DEADLINE_S, limits.TLS_DEADLINE_S) == (10, 30, 10)
    assert limits.KEEP_ALIVE_S >= 75 and f"| idle connection | {limits.KEEP_ALIVE_S:.0f} s |" in TEXT
    assert f"{limits.MAX_SERIES:,} series" in TEXT and f"{limits.MAX_LINES:,} lines" in TEXT
    assert (
        f"{limits.MAX_FIELDS:,} fields; {limits.MAX_TAGS} tags" in TEXT and MAX_LINE == 64 * 1024 and "64 kB;" in TEXT
    )
    assert f"tags of {limits.MAX_SERIES_TEXT:,}" in TEXT and f"name of {limits.MAX_NAME} characters" in TEXT
    assert f"{limits.MAX_FIELD_NAMES:,} names" in TEXT and limits.MAX_SERIES_BYTES == 4_000_000 and "in 4 MB" in TEXT
    assert f"{limits.MAX_CONNECTIONS:,}" in TEXT
