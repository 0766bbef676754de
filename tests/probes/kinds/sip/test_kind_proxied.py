"""Test calls through a real proxy (kamailio) that stays in the way of the call or keeps out of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kamailio
import pytest
from against import against
from checkout import GOLDEN
from ports import free_ports

from probes.answer.standin import sip as standin
from probes.answer.standin.room import RoomStandIn
from probes.base import Measurement, Outcome, Target
from probes.kinds.sip.call.kind import SipCallSettings, run
from probes.target import Endpoint
from probes.wire.sip.message import SipMessage

pytestmark = [pytest.mark.needs("kamailio"), pytest.mark.world]
CONFIG = GOLDEN / "sip" / "kamailio-proxy.cfg"


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Of the proxy, and of the room it leads to."""
    folder, (proxy, room) = tmp_path_factory.mktemp("proxy"), free_ports(2)
    defines = {"LISTEN_UDP": f"udp:127.0.0.1:{proxy}", "ROOM": f'"sip:127.0.0.1:{room}"'}
    with kamailio.running(folder, CONFIG, defines, lambda: kamailio.answers(proxy)):
        yield proxy, room


def called(ports: tuple[int, int], who: str, room: RoomStandIn, **more: Any) -> Measurement:
    settings = SipCallSettings(**{"duration_s": 0.3, "video": False, **more})
    listening = standin.listen(Endpoint("127.0.0.1", ports[1]), room)
    return against(listening, lambda far_end: run(Target(f"sip:{who}@127.0.0.1:{ports[0]}"), settings, 1))


@pytest.mark.parametrize("who", ["recorded", "direct"])
def test_the_room_behind_a_proxy_is_acknowledged_and_hung_up(ports: tuple[int, int], who: str) -> None:
    heard: list[str] = []

    class Behind(RoomStandIn):
        def message(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
            heard.append(message.method)
            return super().message(message, source)

    room = Behind(2, "127.0.0.1")
    got = called(ports, who, room)
    assert (got.outcome, got.why, got.values["bye_status"]) == (Outcome.OK, "", 200)
    assert heard == ["INVITE", "ACK", "BYE"] and room.counts["hung up"] == 1


def test_a_proxy_and_the_room_behind_it_may_both_ask_for_a_password(ports: tuple[int, int], tmp_path: Path) -> None:
    class Asking(RoomStandIn):
        def message(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
            if message.method == "INVITE" and 'realm="mcu.test"' not in message.first("authorization"):
                asked = (("www-authenticate", 'Digest realm="mcu.test", nonce="n", algorithm=SHA-256, qop="auth"'),)
                return self.encoded(401, "Unauthorized", message, source, asked)
            return super().message(message, source)

    (tmp_path / "password").write_text("secret\n")
    got = called(ports, "guarded", Asking(2, "127.0.0.1"), user="auth", password_file=str(tmp_path / "password"))
    assert (got.outcome, got.why, got.values["bye_status"]) == (Outcome.OK, "", 200)
