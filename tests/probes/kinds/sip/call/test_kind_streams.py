"""SIP over TCP and TLS: alerts are named, a name may be told, our own delay is no silence, and a call is followed to its room."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import tlspeer
from certs import authority
from sipfar import busily, elsewhere

from probes.answer.standin import sip as standin
from probes.answer.standin.room import RoomStandIn
from probes.answer.standin.sip import SipStandIn
from probes.base import Measurement, Outcome, Target
from probes.kinds.sip.call.kind import SipCallSettings, run
from probes.kinds.sip.kind import SipSettings
from probes.kinds.sip.kind import run as ask
from probes.target import Endpoint
from probes.wire.sip.message import SipMessage


def asked(target: str, **settings: Any) -> Measurement:
    return asyncio.run(ask(Target(target), SipSettings(**{"timeout_s": 2.0, **settings}), 1))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_certificate_of_ours_is_named(version: ssl.TLSVersion, tmp_path: Path) -> None:
    root = authority("Lab Root")
    ca_file = root.pem(tmp_path / "ca.pem")
    tls = tlspeer.context(root.server(tmp_path / "server.pem"), most=version, client_ca=ca_file)
    with tlspeer.serving(tls=tls) as port:
        got = asked(f"sips:127.0.0.1:{port}", ca_file=ca_file)
    assert got.outcome == Outcome.REFUSED and "it wants a certificate of ours" in got.why


def test_a_server_asked_by_its_address_may_be_checked_by_its_name(tmp_path: Path) -> None:
    root = authority("Lab Root")
    ca_file = root.pem(tmp_path / "ca.pem")
    tls = tlspeer.context(root.server(tmp_path / "server.pem", names=("mcu.test",)))
    with tlspeer.serving(lambda peer: peer.close(), tls) as port:
        target = f"sips:127.0.0.1:{port}"
        right, wrong = (asked(target, ca_file=ca_file, server_name=name) for name in ("mcu.test", "other.test"))
        bare = asked(target, ca_file=ca_file)
    assert right.outcome == Outcome.REFUSED and "connection" in right.why and right.values["cert_days"] > 1
    assert (wrong.outcome, bare.outcome) == (Outcome.PROTOCOL, Outcome.PROTOCOL) and "other.test" in wrong.why


def test_a_server_that_hangs_up_without_a_farewell_has_closed_the_connection(tmp_path: Path) -> None:
    root = authority("Lab Root")
    ca_file = root.pem(tmp_path / "ca.pem")
    tls = tlspeer.context(root.server(tmp_path / "server.pem"))

    def gone(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.shutdown(socket.SHUT_RDWR)

    with tlspeer.serving(gone, tls) as port:
        asked_it = asked(f"sips:127.0.0.1:{port}", ca_file=ca_file)
        settings = SipCallSettings(transport="tls", ca_file=ca_file, duration_s=0.2, timeout_s=2.0)
        called_it = asyncio.run(run(Target(f"sip:test@127.0.0.1:{port}"), settings, 1))
    for got in (asked_it, called_it):
        assert got.outcome == Outcome.REFUSED and "closed the connection" in got.why and "ssl" not in got.why


def test_an_answer_that_waited_for_our_busy_loop_came_in_time() -> None:
    class Slow(SipStandIn):
        def message(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
            time.sleep(0.1)
            return super().message(message, source)

    settings = SipSettings(transport="tcp", timeout_s=0.3)
    with elsewhere(Slow) as port:
        got = busily(lambda: ask(Target(f"127.0.0.1:{port}"), settings, 1), 0.05, 0.4)
    assert (got.outcome, got.why) == (Outcome.OK, "")


def test_a_room_that_is_elsewhere_by_its_own_word_is_hung_up_there() -> None:
    class Door(RoomStandIn):
        """Answers for the room and keeps out of its call."""

        def _ended(self, message: SipMessage, source: tuple[Any, ...], method: str) -> bytes:
            return self.encoded(481, "Not here", message, source)

    async def both() -> tuple[Measurement, RoomStandIn]:
        door, room = Door(2, "127.0.0.1"), RoomStandIn(2, "127.0.0.1")
        doors = await standin.listen(Endpoint("127.0.0.1", 0), door)
        rooms = await standin.listen(Endpoint("127.0.0.1", 0), room)
        at_room, door._calls = rooms.endpoint.port, room._calls  # one call, taken here and kept there
        door.port = at_room or 0
        settings = SipCallSettings(transport="tcp", duration_s=0.2, video=False)
        got = await asyncio.wait_for(run(Target(f"sip:test@{doors.endpoint}"), settings, 1), 8.0)
        await doors.close()
        await rooms.close()
        return got, room

    got, room = asyncio.run(both())
    assert room.counts["hung up"] == 1
    assert (got.outcome, got.why, got.values["bye_status"]) == (Outcome.OK, "", 200)
