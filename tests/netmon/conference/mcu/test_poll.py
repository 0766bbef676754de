"""The door to MCUs against a real HTTPS server: pages, passwords, certificates, and everything that can go wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mcuserver import CMS_PAGES, GOLDEN, PEXIP_PAGES, McuServer, dripping, serving

from netmon.conference.mcu import poll as ask
from netmon.conference.mcu.base import FWD, Leg, McuTrouble
from netmon.conference.mcu.poll import KINDS, McuClient
from netmon.config.hub import McuConfig
from netmon.errors import MachineError

PAGES = {path: (GOLDEN / name).read_bytes() for path, name in {**CMS_PAGES, **PEXIP_PAGES}.items()}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McuServer]:
    with serving(tmp_path_factory.mktemp("mcu"), {}) as one:
        yield one


@pytest.fixture
def server(shared: McuServer) -> McuServer:
    """The server as new: all documents, nothing asked yet."""
    shared.pages = dict(PAGES)
    shared.asked.clear()
    shared.connections = 0
    return shared


def polled(config: McuConfig) -> list[Leg]:
    with McuClient(config) as door:
        return KINDS[config.kind]().poll(door.get)


@pytest.mark.parametrize(("kind", "many"), [("cms", 2), ("pexip", 3)])
def test_all_pages_come_over_one_connection_with_the_password(server: McuServer, kind: str, many: int) -> None:
    legs = polled(server.config(kind))
    assert len(legs) == many and legs[0].loss_percent(FWD) == 2.5
    details = [path for path in server.asked if "?" not in path]
    assert server.connections == 1 and len(details) == len(set(details)) and len(set(server.asked)) >= 5


def test_a_server_that_closes_after_each_answer_is_asked_anew(tmp_path: Path) -> None:
    with serving(tmp_path, PAGES, keep=False) as one:
        assert len(polled(one.config())) == 2 and one.connections == len(one.asked)


def test_a_kept_connection_that_was_closed_is_opened_once_more(server: McuServer) -> None:
    with McuClient(server.config()) as door:
        assert door.get("/api/v1/calls?offset=0&limit=20")
        assert door._connection is not None and door._connection.sock is not None
        door._connection.sock.close()
        door._connection.sock = None  # what http.client makes of a closed one
        assert door.get("/api/v1/callLegs/aaaa0001") and server.connections == 2


def test_a_path_in_the_address_comes_first(server: McuServer) -> None:
    server.pages["/mcu/a"] = b"here"
    with McuClient(server.config(url=server.url + "/mcu/")) as door:
        assert door.get("/a") == b"here"


@pytest.mark.parametrize(
    ("status", "what"),
    [(401, "user and password"), (403, "let this user"), (429, "too often"), (503, "too busy"), (500, "answered 500"),
     (302, "redirect is not followed"), (204, "answered 204")],
)  # fmt: skip
def test_what_is_no_answer_is_told_and_no_redirect_is_followed(server: McuServer, status: int, what: str) -> None:
    server.pages["/api/v1/calls?offset=0&limit=20"] = (status, {"Location": server.url + "/elsewhere"}, b"")
    with pytest.raises(McuTrouble, match=what):
        polled(server.config())
    assert len(server.asked) == 1


def test_a_wrong_password_is_told_without_repeating_it(server: McuServer, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("geheim")
    with pytest.raises(McuTrouble, match="user and password") as told:
        polled(server.config(password_file=str(tmp_path / "wrong")))
    assert "geheim" not in str(told.value)


def test_a_leg_that_is_gone_is_none_in_both_ways_servers_say_it(server: McuServer) -> None:
    server.pages["/a"] = (400, {}, b"<failureDetails><callLegDoesNotExist/></failureDetails>")
    server.pages["/b"] = (400, {}, b"<failureDetails><parameterError/></failureDetails>")
    with McuClient(server.config()) as door:
        assert door.get("/a") is None and door.get("/none") is None
        with pytest.raises(McuTrouble, match="answered 400"):
            door.get("/b")


def test_a_huge_answer_is_cut_at_the_cap(server: McuServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "MAX_BYTES", 1 << 20)
    server.pages["/huge"] = b"x" * (3 << 20)
    with McuClient(server.config()) as door, pytest.raises(McuTrouble, match="more than 1 MiB"):
        door.get("/huge")


@pytest.mark.parametrize("every_s", [0.02, 0.04, 60.0])  # in the document, in its headers, before them
def test_a_slow_answer_is_given_up_at_the_deadline(server: McuServer, every_s: float) -> None:
    server.pages["/slow"] = dripping(every_s)
    began = time.monotonic()
    with McuClient(server.config(timeout_s=1.0)) as door, pytest.raises(McuTrouble, match="not done in 1 s"):
        door.get("/slow")
    assert 0.9 < time.monotonic() - began < 5.0


def test_garbage_instead_of_http_is_trouble(server: McuServer) -> None:
    server.pages["/junk"] = lambda handler: handler.wfile.write(b"\x00\x01garbage\r\n\r\n") and handler.wfile.flush()
    server.pages["/short"] = lambda handler: _short(handler)
    with McuClient(server.config()) as door:
        with pytest.raises(McuTrouble, match="does not answer"):
            door.get("/junk")
        with pytest.raises(McuTrouble, match="broke off"):
            door.get("/short")


def _short(handler: object) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\nhalf")  # type: ignore[attr-defined]
    handler.close_connection = True  # type: ignore[attr-defined]


def test_a_certificate_nobody_vouches_for_is_refused_before_the_password_is_sent(
    server: McuServer, tmp_path: Path
) -> None:
    with pytest.raises(McuTrouble, match="not to be trusted.*ca_file"):
        polled(server.config(ca_file=""))
    with pytest.raises(McuTrouble, match="not to be trusted"):
        polled(server.config(url=server.url.replace("127.0.0.1", "localhost")))
    assert server.asked == []


def test_nobody_there_is_told() -> None:
    config = McuConfig(mcu="m1", kind="cms", url="https://127.0.0.1:1", user="u", password_file=__file__, timeout_s=2.0)
    with pytest.raises(McuTrouble, match="does not answer: Connection refused"):
        polled(config)


@pytest.mark.parametrize("file", ["password_file", "ca_file"])
def test_a_file_that_cannot_be_read_is_this_machines_fault(server: McuServer, file: str, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="none"):
        McuClient(replace(server.config(), **{file: str(tmp_path / "none")}))  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["x", "/a b", "/a\r\nX: y", "/ä", "https://evil.example/"])
def test_no_answer_can_make_it_ask_for_something_else(server: McuServer, path: str) -> None:
    with McuClient(server.config()) as door, pytest.raises(McuTrouble, match="cannot be asked for"):
        door.get(path)
    assert server.asked == []
