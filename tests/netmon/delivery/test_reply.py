"""What each answer to a write means, in whoever's words: done, to be kept, halved or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netmon.delivery import set_aside
from netmon.delivery.reply import Act, WriteReply, judge, said


@pytest.mark.parametrize(
    ("status", "text", "act"),
    [
        (204, "", Act.DONE),
        (200, "", Act.DONE),
        (400, 'partial write: field type conflict: input field "a" dropped=1', Act.PARTIAL),
        (422, "partial write: points beyond retention dropped=3", Act.PARTIAL),
        (400, "unable to parse 'x': missing fields", Act.HALVE),
        (413, "request too large", Act.HALVE),
        (401, "", Act.REFUSED),
        (403, "", Act.REFUSED),
        (404, "database not found", Act.REFUSED),
        (429, "", Act.KEEP),
        (500, "", Act.KEEP),
        (503, "", Act.KEEP),
        (0, "connection refused", Act.KEEP),
    ],
)
def test_every_answer_leads_where_the_table_says(status: int, text: str, act: Act) -> None:
    assert judge(WriteReply(status, text)).act is act


def test_dropped_lines_and_waits_are_read_from_the_answer() -> None:
    assert judge(WriteReply(400, "partial write: x dropped=7")).dropped == 7
    assert judge(WriteReply(503, "", "12")).wait_s == 12.0
    assert judge(WriteReply(503, "", "Tue, 24 Nov")).wait_s == 0.0
    assert judge(WriteReply(429, "", "99999")).wait_s == 60.0


PAGE = "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "Client sent an HTTP request to an HTTPS server.\n"),
        (400, PAGE),
        (400, ""),
        (400, 'missing route for "http://x/api/v2/write"'),
        (400, '{"message":"no Route matched with those values"}'),
        (400, "<html>unable to parse the request</html>"),
        (405, ""),
        (301, ""),
        (302, "<a href=x>Found</a>"),
        (200, "<!DOCTYPE html><title>Log in</title>"),
        (200, '{"error":"not stored"}'),
        (200, '{"status":"ok"}'),
        (202, "accepted"),
        (407, "proxy"),
        (451, ""),
        (400, "\ufeff<!-- a proxy's -->\n<html>unable to parse</html>"),
    ],
)
def test_what_is_no_word_about_lines_costs_no_line(status: int, text: str) -> None:
    assert judge(WriteReply(status, text)).act is Act.REFUSED


@pytest.mark.parametrize(
    ("status", "text", "act"),
    [
        (400, '{"error":"unable to parse \'x y\': invalid field format"}', Act.HALVE),
        (400, '{"code":"invalid","message":"failed to parse line protocol: errors on line(s) 2","line":2}', Act.HALVE),
        (400, '{"error":"parsing failed for write_lp endpoint","data":[{"line_number":1}]}', Act.HALVE),
        (400, "error in /write: too long line: more than 262144 bytes", Act.HALVE),
        (500, '{"message":"partial write: field type conflict: x dropped=1"}', Act.PARTIAL),
        (500, '{"error":"partial write"}', Act.KEEP),
        (503, "<html>unable to parse</html>", Act.KEEP),
        (502, "<html>partial write: x dropped=3</html>", Act.KEEP),
        (408, "", Act.KEEP),
    ],
)
def test_a_database_that_names_lines_is_believed(status: int, text: str, act: Act) -> None:
    assert judge(WriteReply(status, text)).act is act


@given(st.integers(0, 999), st.text(max_size=80), st.text(max_size=8))
def test_no_answer_is_too_odd_for_the_table(status: int, text: str, more: str) -> None:
    judge(WriteReply(status, text, more))
    assert len(said(WriteReply(status, text, location=more))) < 1000


def test_the_mistake_is_named_with_its_way_out() -> None:
    assert said(WriteReply(400, PAGE)) == (
        "400: a web page: 400 The plain HTTP request was sent to HTTPS port (its url should say https://?)"
    )
    assert "http://x/y (write that address" in said(WriteReply(307, location="http://x/y"))
    assert said(WriteReply(404, '{"code":"not found","message":"bucket x not found"}·')) == "404: bucket x not found"


def test_the_file_of_refused_lines_is_bounded_and_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    aside = set_aside.SetAside(tmp_path, "s", max_bytes=30)
    assert aside.add(["0123456789"] * 4) == 2 and aside.count == 2
    assert aside.path.stat().st_mode & 0o777 == 0o600 and set_aside.SetAside(tmp_path, "s").count == 2
