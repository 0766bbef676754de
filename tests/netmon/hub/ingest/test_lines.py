from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netmon.hub import limits
from netmon.hub.ingest.lines import Bounds, LineReader, Read, bind
from netmon.hub.ingest.writers import Writer
from netmon.line import Line, decode
from netmon.point import TAGS
from probes.base import Field

WRITER = Writer("c1", "26734", "79", frozenset({"c1", "c1-b"}))
NOW_MS = 1_790_000_000_000
BOUNDS = Bounds(NOW_MS - 86_400_000, NOW_MS + limits.FUTURE_MS, NOW_MS * 1_000_000)
SCHEMA = {
    "netmon_ping": (
        Field("sent", "", "", "int"),
        Field("rtt_min_ms", "ms", ""),
        Field("rtt_b", "", "", "int", repeated=True),
    )
}
HEAD = "netmon_ping,agent=c1,check=up,commune=26734,province=79,site=c1,target=p79"


def _read(body: str, agent: str = "c1", reader: LineReader | None = None, precision: str = "ms") -> Read:
    return (reader or LineReader(WRITER, SCHEMA)).read(body, agent, precision, BOUNDS)


def test_a_canonical_body_may_be_stored_as_it_came() -> None:
    body = f"{HEAD} sent=1i,rtt_min_ms=0.5,rtt_b93=1i {NOW_MS}\n{HEAD} sent=2i {NOW_MS + 1}"
    read = _read(body)
    assert read.as_sent and not read.faults
    assert [line.fields["sent"] for line in read.lines if line] == [1, 2]


def test_what_was_filled_in_is_written_anew() -> None:
    for body in (
        f"netmon_ping,check=up sent=1i {NOW_MS}",
        f"{HEAD} sent=1i",
        f'{HEAD} sent=1i,why="x" {NOW_MS}',
        HEAD.replace("up", "u\u202ep") + f" sent=1i {NOW_MS}",
        f"{HEAD} sent=1i {NOW_MS}\r\n",
    ):
        read = _read(body)
        assert not read.faults and not read.as_sent
        assert read.lines[0] is not None and tuple(read.lines[0].tags) == TAGS


_NUMBERS = ["1i", "0.5", "-1.5", "1e-05", "1.e3", ".5", "5", "-3i", "7u", "true", "nan", "inf", "1e999", "1_0", "1_0i"]
_NUMBERS += ["0x1", "", "i", "+4i", "--1", "1.2.3", "99999999999999999999i", "٣", "٣i", "1i i", '"a b"']
_TEXTS = st.sampled_from(["sent", "rtt_min_ms", "rtt_b9", "x", "", "a b", "é", "k=v", "b\\ c"])
_FIELDS = st.lists(st.tuples(_TEXTS, st.sampled_from(_NUMBERS)), min_size=1, max_size=3)
_STAMPS = st.sampled_from([str(NOW_MS), "", "-5", "12x", str(NOW_MS) + "٣", "1" * 20, " 7"])


def _is_beyond(fields: dict[str, float], time_ms: int) -> bool:
    """What 64 bits do not hold: an integer, or a stamp in nanoseconds."""
    return abs(time_ms) * 1_000_000 >= 2**63 or any(type(one) is int and abs(one) >= 2**63 for one in fields.values())


@given(st.lists(st.tuples(_FIELDS, _STAMPS), min_size=1, max_size=4))
def test_the_fast_path_reads_as_the_one_decoder_does(rows: list[tuple[list[tuple[str, str]], str]]) -> None:
    texts = [f"{HEAD} {','.join(f'{key}={value}' for key, value in fields)} {stamp}" for fields, stamp in rows]
    plain = LineReader(WRITER, {})
    plain.read(f"{HEAD} warm=1i {NOW_MS}", "c1", "ms", BOUNDS)  # the head is known, so the fast path is open
    wide = Bounds(-(10**30), 10**30, NOW_MS * 1_000_000)
    for text in texts:
        slow = [found if isinstance(found, Line) else None for found in decode(text)]
        fast = plain.read(text, "c1", "ms", wide).lines
        told = [None if line is None or not line.fields else (line.fields, line.time or NOW_MS) for line in slow]
        big = [None if found and _is_beyond(*found) else found for found in told]
        assert [None if line is None else (line.fields, line.time) for line in fast] == big


def test_types_are_those_of_the_registry() -> None:
    for bad in ("sent=1.0", "rtt_min_ms=1i", "rtt_b93=1.5"):
        assert "the registry says" in _read(f"{HEAD} {bad} {NOW_MS}").faults[0].reason
    assert not _read(f"{HEAD} newer_field=1i {NOW_MS}").faults


def test_a_writer_cannot_grow_series_without_end() -> None:
    reader = LineReader(WRITER, SCHEMA)
    body = "\n".join(f"m,check=k{number} sent=1i {NOW_MS}" for number in range(limits.MAX_SERIES + 5))
    faults = _read(body, reader=reader).faults
    assert len(faults) == 5 and "series from agent c1" in faults[0].reason
    assert not _read(f"m,check=k1 sent=1i {NOW_MS}", reader=reader).faults
    later = Bounds(0, 2 * NOW_MS, BOUNDS.arrived_ns + 2 * limits.SERIES_IDLE_NS)
    assert not reader.read(f"m,check=new sent=1i {NOW_MS}", "c1", "ms", later).faults


def test_an_agent_may_have_all_the_series_the_documents_say() -> None:
    reader = LineReader(WRITER, SCHEMA)
    body = "\n".join(HEAD.replace("=up,", f"=check-number-{number},") + f" sent=1i {NOW_MS}" for number in range(2_000))
    assert not _read(body, reader=reader).faults


def test_a_stranger_never_uses_up_an_agents_share() -> None:
    reader = LineReader(WRITER, SCHEMA)
    wide = "\n".join(
        "http " + ",".join(f"x{number + more}=1i" for more in range(1000)) + f" {NOW_MS}"
        for number in range(0, 6000, 1000)
    )
    assert "field names" in _read(wide, agent="", reader=reader).faults[-1].reason
    body = "\n".join(f"http,id=r{number} x{number}=1 {NOW_MS}" for number in range(limits.MAX_SERIES + 50))
    assert len(_read(body, agent="", reader=reader).faults) == 51
    for agent in ("c1", "c1-b"):
        own = HEAD.replace("agent=c1", f"agent={agent}") + f" sent=1i,mine=2i {NOW_MS}"
        assert not _read(own, agent=agent, reader=reader).faults


def test_series_are_bounded_in_bytes_too() -> None:
    reader, faults = LineReader(WRITER, SCHEMA), []
    for number in range(300):
        tags = ",".join(f"t{more}=1" for more in range(limits.MAX_TAGS - 1))
        faults += _read(f"m,check=b{number},{tags} v=1 {NOW_MS}", reader=reader).faults
    assert faults and all("MB of series" in fault.reason for fault in faults)
    assert "tags" in _read("m," + ",".join(f"t{more}=1" for more in range(500)) + " v=1").faults[0].reason
    assert "longer than" in _read(f"m,t={'x' * 5000} v=1").faults[0].reason


def test_names_of_fields_and_counts_are_bounded() -> None:
    assert "bad field name" in _read(f"{HEAD} a\u202eb=1i {NOW_MS}").faults[0].reason
    many = ",".join(f"f{number}=1i" for number in range(limits.MAX_FIELDS + 1))
    assert "fields" in _read(f"{HEAD} {many} {NOW_MS}").faults[0].reason


def test_stamps_far_ahead_or_past_the_retention_are_refused() -> None:
    assert "ahead" in _read(f"{HEAD} sent=1i {NOW_MS + limits.FUTURE_MS + 1}").faults[0].reason
    assert "older" in _read(f"{HEAD} sent=1i 5").faults[0].reason
    assert not _read(f"{HEAD} sent=1i {NOW_MS // 1000}", precision="s").faults


def test_a_stamp_of_another_precision_is_no_clock_fault_and_never_comes_again() -> None:
    read = _read(f"{HEAD} sent=1i {NOW_MS * 1_000_000}")  # nanoseconds told as milliseconds
    assert "out of range at precision ms" in read.faults[0].reason and read.ahead == read.old == 0


def test_an_escaped_head_never_stands_for_a_plain_one() -> None:
    reader = LineReader(WRITER, SCHEMA)
    escaped = _read(f"m,check=x\\,site\\=c2 sent=1i {NOW_MS}", reader=reader)
    plain = _read(f"m,check=x,site=c2 sent=1i {NOW_MS}", reader=reader)
    assert escaped.lines[0] is not None and escaped.lines[0].tags["check"] == "x,site=c2"
    assert plain.faults[0].forged


def test_only_the_senders_own_tags_are_bound() -> None:
    assert bind(WRITER, "c1", {"agent": "c1-b"})[1] and not bind(WRITER, "", {"agent": "c1-b"})[1]
    assert bind(WRITER, "", {"agent": "c2"})[1] and bind(WRITER, "c1", {"province": "01"})[1]
    tags, why = bind(WRITER, "c1", {"host": "srv", "commune": "-"})
    assert not why and list(tags) == [*TAGS, "host"] and tags["commune"] == "26734"


OWNED = replace(WRITER, owners={"c1-up": "c1", "c3-up": "c3"})


@pytest.mark.parametrize(
    ("tags", "agent", "stored"),
    [
        ("check=c1-up", "c1", "c1"),
        ("check=c1-up", "", "c1"),  # a site's other writer, of its own agent's check
        ("check=not-listed", "c1", "c1"),
        ("check=c3-up", "c1", None),
        ("check=c3-up", "", None),
        ("check=agent:c3", "c1", None),  # what an agent's own points are called in the rules
        ("check=agent:c1", "c1", None),
    ],
)
def test_a_check_is_told_of_by_the_agent_that_the_inventory_says_runs_it(
    tags: str, agent: str, stored: str | None
) -> None:
    read = LineReader(OWNED, SCHEMA).read(f"netmon_ping,{tags} sent=1i {NOW_MS}", agent, "ms", BOUNDS)
    ((line,), faults) = read.lines, read.faults
    if stored is None:
        assert line is None and faults[0].forged and "forged" in faults[0].reason
    else:
        assert line is not None and line.tags["agent"] == stored and not faults
