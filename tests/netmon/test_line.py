"""The grammar of lines: which are taken, as what, and that they stay the same on every way back."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import netmon.line
from netmon.hub.archive import sink
from netmon.hub.ingest.lines import Bounds, LineReader
from netmon.hub.ingest.writers import Writer
from netmon.line import Line, LineError, Splitter, decode, escaped, split
from netmon.point import fields_text, head
from netmon.store import record

# What InfluxDB 1.6.7 answered to each of these, read back from it (SELECT * … GROUP BY *); 5u as InfluxDB 2 has it.
TAKEN = [
    (b'm,t=a"b v=1', "m", {"t": 'a"b'}, {"v": 1.0}),
    (b"m,t=C:\\Windows v=1", "m", {"t": "C:\\Windows"}, {"v": 1.0}),
    (b"m,t=D:\\\\ new v=1", "m", {"t": "D:\\ new"}, {"v": 1.0}),
    (b"m,t=D:\\\\\\\\ new v=1", "m", {"t": "D:\\\\\\ new"}, {"v": 1.0}),
    (b"m,t\\ k=x\\=y v=1", "m", {"t k": "x=y"}, {"v": 1.0}),
    (b"m,t==x v=1", "m", {"t": "=x"}, {"v": 1.0}),
    (b"m,t=a#b v=1", "m", {"t": "a#b"}, {"v": 1.0}),
    (b"m\\ x\\,y\\=z v=1", "m x,y=z", {}, {"v": 1.0}),
    (b'm\\"x\\y v=1', 'm"x\\y', {}, {"v": 1.0}),
    (b"m=x v=1", "m=x", {}, {"v": 1.0}),
    (b"m#x v=1", "m#x", {}, {"v": 1.0}),
    (b"\t \0m v=1", "m", {}, {"v": 1.0}),
    (b"m  \tv=1  7  ", "m", {}, {"v": 1.0}),
    (b'm a"b=1,c"=2', "m", {}, {'a"b': 1.0, 'c"': 2.0}),
    (b'm a\\"b=1', "m", {}, {'a"b': 1.0}),
    (b"m a\\=b=1,\\ =2", "m", {}, {"a=b": 1.0, " ": 2.0}),
    (b"m v=1,v=2", "m", {}, {"v": 2.0}),
    (b"m v=.5,w=-.5,x=1.,y=1.e3,z=1e+5", "m", {}, {"v": 0.5, "w": -0.5, "x": 1.0, "y": 1000.0, "z": 1e5}),
    (b"m v=00012i,w=5u", "m", {}, {"v": 12, "w": 5}),
    (b'm v="a\\"b, c=d",w=1', "m", {}, {"w": 1.0}),
    (b'm v="a\\\\",w=1', "m", {}, {"w": 1.0}),
    (b'm v="a\nb\n# c",w=1', "m", {}, {"w": 1.0}),
    (b"m v=t,w=True,x=FALSE,y=1i", "m", {}, {"y": 1}),
]
REFUSED = [
    (b"m,a=1,a=2 v=1", "twice"),
    (b"m v=-5u", "bad value"),
    (b"m v=+5", "bad value"),
    (b"m v=.", "bad value"),
    (b"m v=1e", "bad value"),
    (b"m v=1_0", "bad value"),
    (b"m v=1.5i", "bad value"),
    (b"m v=nan", "bad value"),
    (b"m v=1e400", "finite"),
    ("m v=٣".encode(), "bad value"),
    (b"m v=1\t1", "bad value"),
    (b'm v=1,s="oops', "never closed"),
    (b'm v=1,s="oops\\', "never closed"),
    (b'm v="a"b', "bad field"),
    (b"m v=", "bad field"),
    (b"m v=1,", "bad field"),
    (b"m v=1,,w=1", "bad field"),
    (b"m =1", "bad field"),
    (b"m a\\\\=1", "bad field"),
    (b"m v", "bad field"),
    (b"m", "no fields"),
    (b"m\tv=1", "control"),
    (b",t=x v=1", "no measurement"),
    (b"m, v=1", "bad tag"),
    (b"m,t= v=1", "bad tag"),
    (b"m,=x v=1", "bad tag"),
    (b"m,t=x= v=1", "bad tag"),
    (b"m,t=\\ v=1", "bad tag"),
    (b"m v=1 5x", "bad timestamp"),
    (b"m v=1 1 2", "bad timestamp"),
    (b"m v=1 #x", "bad timestamp"),
    # netmon is stricter than InfluxDB here
    (b"m,t=\x01 v=1", "control"),
    (b"m,t=a\\\nb v=1", "control"),
    (b"m,t=caf\xe9 v=1", "byte 7"),
    (b"m\\\\ x v=1", "does not find"),
    (b'm,k\\\\ x=1,z="q v=1', "two ways"),
]


@pytest.mark.parametrize(("body", "name", "tags", "fields"), TAKEN)
def test_a_line_is_read_as_influxdb_reads_it(
    body: bytes, name: str, tags: dict[str, str], fields: dict[str, float]
) -> None:
    for ending in (b"", b"\n", b"\r\n" if not body.endswith(b" ") else b"\n"):
        (line,) = decode(body + ending)
        assert isinstance(line, Line) and (line.name, line.tags, line.fields) == (name, tags, fields)


@pytest.mark.parametrize(("body", "why"), REFUSED)
def test_a_line_that_is_none_is_refused_with_its_reason(body: bytes, why: str) -> None:
    (fault,) = decode(body)
    assert isinstance(fault, LineError) and fault.line == 1 and why in fault.reason


def test_the_number_of_a_bad_line_counts_every_line_of_the_body() -> None:
    body = b'\xef\xbb\xbf# a="\n\n\r\nm v="x\ny",w=1\n \t\nbad\nm,t=" v=1\n'
    told = [(one.line if isinstance(one, LineError) else one.name) for one in decode(body)]
    assert told == ["m", 7, "m"]


def test_lines_behind_a_quote_or_a_bad_line_are_not_lost() -> None:
    for begin in (
        b'lcd,size=15" v=1',
        b'# 15" racks',
        b"m,t=a\\",
        b"m\xff v=1",
        b'm "',
        b'm v=a"b',
        b'm v="x"y"',
        b"m a\\\\\\\\",
    ):
        names = [one.name for one in decode(begin + b"\ncpu v=1\n\ncpu v=2") if isinstance(one, Line)]
        assert names[-1:] == ["cpu"] and names.count("cpu") >= 1


_PIECES = st.sampled_from(
    [b'"', b"\\", b"\n", b" ", b"=", b",", b"m", b"#", b"1", b"\t", b'="', b"\\\\", b"m,t=x v=1 7\n"]
)
_BODIES = st.lists(_PIECES, max_size=30).map(b"".join)


@given(_BODIES | st.binary(max_size=60), st.sampled_from([5, 12, 65536]), st.randoms(use_true_random=False))
@example(b'"\n\t1,11",\\",m,11=1\\\\ ,,=#"\n"#  \n"==# \\', 7, random.Random(3))
def test_a_body_in_parts_has_the_lines_of_the_whole(body: bytes, longest: int, chance: random.Random) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(netmon.line, "MAX_LINE", longest)
        splitter, lines, at = Splitter(), [], 0
        while at < len(body):
            size = chance.randrange(1, 9)
            lines += splitter.feed(body[at : at + size])
            at += size
        lines += splitter.end()
        assert lines == list(split(body))


def test_a_line_without_end_is_one_refusal_and_holds_no_memory() -> None:
    splitter, lines = Splitter(), []
    for part in (b'm,check=a "', *[b"a=1," * 10_000] * 20, b'x="\n', b"\n" * 5, b'"\nm v=1'):
        lines += splitter.feed(part)
        assert sum(map(len, [*splitter._pieces, splitter._state])) < 2 * netmon.line.MAX_LINE
    assert [*lines, *splitter.end()] == [(1, None), (8, b"m v=1")]


WRITER = Writer("c1", "26734", "79", frozenset({"c1"}))
NOW_MS = 1_790_000_000_000
WIDE = Bounds(-(10**30), 10**30, NOW_MS * 1_000_000)
_NAMES = st.text(st.sampled_from('ab"\\ ,=#\té\u202e\xa0'), min_size=1, max_size=6)
_RAW = st.lists(st.sampled_from([*'ab"\\,= #', "\\\\", "é", "\u202e", "\xa0", "1", "=1", "\n", "\r"]), max_size=14).map(
    "".join
)


@st.composite
def _line_texts(draw: st.DrawFn) -> str:
    tags = "".join(f",{draw(_NAMES | _RAW)}={draw(_NAMES | _RAW)}" for _ in range(draw(st.integers(0, 3))))
    values = st.sampled_from(["1", "2i", "0.5", "3u", '"x"', '"a\\"\nb=1"', "t", "-1e-7"]) | _RAW
    fields = ",".join(f"{draw(_NAMES | _RAW)}={draw(values)}" for _ in range(draw(st.integers(1, 3))))
    return f"{draw(_NAMES | _RAW)}{tags} {fields}{draw(st.sampled_from(['', f' {NOW_MS}', ' -5', ' 12', ' x']))}"


@given(st.lists(_line_texts() | _RAW, min_size=1, max_size=4).map("\n".join).map(str.encode) | _BODIES | st.binary())
@example(b'm,z="q,k\\\\ x=1 v=1')
@example('m,t=a\\\xa0,u=" v=1 7'.encode())
def test_accepted_lines_are_those_read_after_a_restart_and_those_sent_to_a_database(body: bytes) -> None:
    read = LineReader(WRITER, {}).read(body, "", "ms", WIDE)
    accepted = [line for line in read.lines if line is not None]
    header = record.Header("", "c1", "", 0, 0, None, False, False, 0)
    payloads = [record.text_of(accepted).encode(), *([body] if read.as_sent else [])] if accepted else []
    for payload in payloads:
        stored = record.encode(header, payload, gzipped=False)
        assert list(decode(record.split(stored)[1])) == accepted
        sent = sink._lines_of(stored)
        assert [one for text in sent for one in decode(text)] == accepted and len(sent) == len(accepted)


@given(st.text(st.sampled_from("ab\\ ,=#\té"), min_size=1, max_size=6))
def test_what_an_agent_writes_is_read_as_it_was_meant(target: str) -> None:
    (line,) = decode(f"{head('netmon_ping', ('a', 'c', '-', '-', 's', target))} {fields_text({'v': 1})} 7")
    meant = target.replace("\t", " ")
    assert isinstance(line, Line)
    assert line.tags["target"] == (meant + "·" if meant.endswith("\\") else meant)


def test_a_backslash_before_the_end_of_a_tag_swallows_nothing() -> None:
    assert escaped("C:\\") == "C:\\·" and escaped("C:\\x, y") == "C:\\x\\,\\ y"
