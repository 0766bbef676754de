"""`snmp` and devices with ways of their own: v3 on a lossy way, walks that fail, names in other letters, speeds exceeded."""

from __future__ import annotations

import unicodedata
from collections import Counter as Tally
from typing import Any

import pytest
import snmpagent as fake
from snmpagent import IF, IFX, UPS, Agent, router, speaking, tlv
from snmplooks import look

from probes.base import Outcome
from probes.kinds.snmp import kind
from probes.kinds.snmp.interface import Interface, values_of
from probes.kinds.snmp.rates import Poll, PollChange

pytestmark = pytest.mark.usefixtures("snmp_forgets")
ENGINE = b"\x80\x00\x00\x00\x04test"
UNKNOWN_ENGINES = "1.3.6.1.6.3.15.1.1.4.0"


# --- v3 ---


class V3:
    """A v3 device without passwords that loses the first copy of each message."""

    def __init__(self, *, is_deaf: bool = False, loses: int = 1) -> None:
        self.engine, self._loses = ENGINE, loses
        self.seen: Tally[bytes] = Tally()
        self._agent, self._is_deaf = Agent({f"{UPS}.4.1.0": (fake.INTEGER, 3)}), is_deaf

    def answer(self, data: bytes) -> list[bytes]:
        self.seen[data] += 1
        if self.seen[data] <= self._loses:
            return []
        _, (_, header), (_, security), (_, scoped) = fake.parts(fake.read(data)[1])
        engine, _, _, (_, user), *_ = fake.parts(fake.read(security)[1])
        is_known = engine[1] == self.engine
        if is_known and self._is_deaf:
            return []
        kind_, pdu = fake.parts(scoped)[2]
        if is_known:
            plain = tlv(0x30, fake.number(1) + tlv(4, b"public") + tlv(kind_, pdu))
            said = fake.parts(fake.read(self._agent.answer(plain)[0])[1])[2][1]
        else:
            kind_, said = 0xA8, b"".join(tlv(2, one) for _, one in fake.parts(pdu)[:3])
            said += tlv(0x30, fake.row(UNKNOWN_ENGINES, fake.COUNTER32, 1))
        return [self._message(fake.parts(header)[0][1], user, 0xA8 if kind_ == 0xA8 else 0xA2, said)]

    def _message(self, number: bytes, user: bytes, kind_: int, pdu: bytes) -> bytes:
        header = tlv(2, number) + fake.number(65507) + tlv(4, b"\0") + fake.number(3)
        security = tlv(0x30, tlv(4, self.engine) + fake.number(1) + fake.number(60) + tlv(4, user) + tlv(4, b"") * 2)
        scoped = tlv(0x30, tlv(4, self.engine) + tlv(4, b"") + tlv(kind_, pdu))
        return tlv(0x30, fake.number(3) + tlv(0x30, header) + tlv(4, security) + scoped)


def test_each_message_of_a_v3_question_has_its_own_repeat(snmp_library: str, told_silence: None) -> None:
    device = V3()
    with speaking(device.answer, tells_silence=True) as port:
        got = look(port, what="ups", version="v3", user="u", auth="none")
    assert got.outcome == Outcome.OK and got.values["power_source"] == 3


def test_a_v3_device_that_only_tells_its_engine_is_asked_the_question_twice(
    snmp_library: str, told_silence: None
) -> None:
    device = V3(is_deaf=True)
    with speaking(device.answer, tells_silence=True) as port:
        got = look(port, what="ups", version="v3", user="u", auth="none")
    assert got.outcome in (Outcome.REFUSED, Outcome.LOST)
    assert len(device.seen) == 2 and set(device.seen.values()) == {2}


def test_a_v3_device_put_in_the_place_of_another_is_asked_anew(snmp_library: str) -> None:
    device = V3(loses=0)
    with speaking(device.answer, tells_silence=True) as port:
        assert look(port, what="ups", version="v3", user="u", auth="none", timeout_s=2.0).outcome == Outcome.OK
        device.engine = ENGINE + b"2"
        assert look(port, what="ups", version="v3", user="u", auth="none", timeout_s=2.0).outcome == Outcome.OK


# --- walks ---


def test_a_device_that_refuses_getbulk_is_walked_row_by_row(snmp_library: str) -> None:
    agent = Agent(router(["lan", "wan0"]))

    def old(data: bytes) -> list[bytes]:
        answers = agent.answer(data)
        code, _, names = agent.asked[-1]
        refused = fake.message(fake.request_of(data), [fake.row(names[0], fake.NULL, b"")], fake.GEN_ERR)
        return [refused] if code == fake.BULK else answers

    with speaking(old) as port:
        got = look(port, interface="wan0")
    assert got.outcome == Outcome.OK and got.values["if_state"] == 1


def test_a_getbulk_that_brings_no_rows_at_all_is_asked_smaller(snmp_library: str) -> None:
    agent = Agent(router(["lan", "wan0"]))

    def small(data: bytes) -> list[bytes]:
        answers = agent.answer(data)
        code, most, _ = agent.asked[-1]
        return [fake.message(fake.request_of(data), [])] if code == fake.BULK and most > 5 else answers

    with speaking(small) as port:
        assert look(port, interface="wan0").outcome == Outcome.OK


def test_a_state_that_a_walk_left_out_is_asked_for() -> None:
    agent = Agent(router(["lan", "wan0", "usb"]))

    def forgetful(data: bytes) -> list[bytes]:
        answers = agent.answer(data)
        row = fake.row(f"{IF}.8.2", fake.INTEGER, 1)
        is_walk = agent.asked[-1][0] == fake.BULK
        return [one.replace(row, fake.row(f"{IF}.8.1", fake.INTEGER, 1)) if is_walk else one for one in answers]

    with speaking(forgetful) as port:
        assert look(port).values["if_up"] == 3


# --- names and speeds ---


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_found_whichever_way_its_accents_are_written(form: Any) -> None:
    table = router(["lan", unicodedata.normalize(form, "Đường Hà Nội")])
    with speaking(Agent(table).answer) as port:
        got = look(port, interface=unicodedata.normalize("NFD" if form == "NFC" else "NFC", "Đường Hà Nội"))
    assert got.outcome == Outcome.OK and got.values["if_state"] == 1


@pytest.mark.parametrize("name", [b"wan0\r\n", b"\twan0 \0\0", b"wan0 "])
def test_what_pads_a_name_is_no_part_of_it(name: bytes) -> None:
    with speaking(Agent(router(["lan"]) | {f"{IFX}.1.1": (fake.OCTETS, name)}).answer) as port:
        assert look(port, interface="wan0").outcome == Outcome.OK


def test_a_speed_that_was_exceeded_is_none_and_a_capacity_that_was_is_one() -> None:
    port = Interface("1", 1, Poll(0.0, 0, {}, speed_bps=64_000.0))
    change = PollChange(10.0, {"rx": 1_000_000, "tx": 10})
    values = values_of(port, change, kind._Memory().slots, 0.0, 1000.0)
    assert values["rx_bps"] == 800_000 and not {"rx_share", "tx_share", "speed_bps"} & set(values)
    assert values_of(port, change, kind._Memory().slots, 400_000.0, 1000.0)["rx_share"] == 2.0


# --- UPS ---


@pytest.mark.parametrize("on_s", [2**31 - 1, 0, -1])
def test_nobody_says_that_a_ups_is_on_battery_for_no_time(on_s: int) -> None:
    table: fake.Table = {f"{UPS}.4.1.0": (fake.INTEGER, 5), f"{UPS}.2.2.0": (fake.INTEGER, on_s)}
    with speaking(Agent(table).answer) as port:
        got = look(port, what="ups")
    assert got.outcome == Outcome.OK and got.why == "on battery"


def test_a_ups_of_which_nothing_can_be_is_not_said_to_be_none() -> None:
    with speaking(Agent({f"{UPS}.2.4.0": (fake.INTEGER, -1)}).answer) as port:
        got = look(port, what="ups")
    assert got.outcome == Outcome.PROTOCOL and "outside of their range" in got.why
