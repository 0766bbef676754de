"""`snmp` against devices made of tables: rates, reboots, new numbers, too big answers, nonsense, hostile names."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import snmpagent as fake
from snmpagent import IF, IFX, SILENCE, UPTIME, Agent, router, speaking, ups_table
from snmplooks import SILENT_FOR_S, look

from probes.base import Outcome
from probes.errors import BadSettings
from probes.io.snmp.walk import Walker
from probes.kinds.snmp.kind import FIELDS, SnmpSettings

pytestmark = pytest.mark.usefixtures("snmp_forgets")


def later(agent: Agent, clock: list[float], seconds: float, carried: int = 0, index: int = 1) -> None:
    """Time passes on both clocks, and bytes are carried in both directions."""
    clock[0] += seconds
    tag, ticks = agent.table[UPTIME]
    agent.table[UPTIME] = tag, (ticks + round(seconds * 100)) % 2**32
    for column in (f"{IFX}.6", f"{IFX}.10"):
        tag, count = agent.table[f"{column}.{index}"]
        agent.table[f"{column}.{index}"] = tag, count + carried


def test_one_interface_has_its_state_and_after_two_looks_its_rates(snmp_clock: list[float]) -> None:
    agent = Agent(router(["lan", "wan0"]))
    with speaking(agent.answer) as port:
        first = look(port, interface="wan0", capacity_bps=2e8)
        later(agent, snmp_clock, 30.0, 37_500_000, index=2)
        second = look(port, interface="wan0", capacity_bps=2e8)
    assert (first.outcome, first.why) == (Outcome.OK, "")
    assert first.values == {"if_state": 1, "if_admin": 1, "if_oper": 1, "speed_bps": 2e8, "uptime_s": 1000}
    assert second.values == {
        **{"if_state": 1, "if_admin": 1, "if_oper": 1, "speed_bps": 2e8, "uptime_s": 1030},
        **{"rx_bps": 1e7, "tx_bps": 1e7, "rx_share": 0.05, "tx_share": 0.05, "errors": 0, "discards": 0},
    }


@pytest.mark.parametrize(("carried", "share"), [(375_000_000, 0.1), (0, 0.0)])
def test_five_minute_shares_come_when_five_minutes_are_over(
    snmp_clock: list[float], carried: int, share: float
) -> None:
    """Of an idle port, too: no load is a sample, and not a missing one."""
    agent = Agent(router(["wan0"]))
    told = []
    with speaking(agent.answer) as port:
        for _ in range(25):
            told.append(look(port, interface="wan0").values)
            later(agent, snmp_clock, 30.0, carried)
    shares = [each["rx_5m_share"] for each in told if "rx_5m_share" in each]
    assert 1 <= len(shares) <= 2 and shares == pytest.approx([share] * len(shares))
    assert all(one.default for one in FIELDS if one.name in ("rx_5m_share", "tx_5m_share"))


def test_a_reboot_and_cleared_counters_have_no_rates(snmp_clock: list[float]) -> None:
    agent = Agent(router(["wan0"]))
    with speaking(agent.answer) as port:
        look(port, interface="wan0")
        later(agent, snmp_clock, 30.0)
        agent.table |= router(["wan0"], ticks=500)
        agent.table[f"{IFX}.6.1"] = fake.COUNTER64, 10**15
        rebooted = look(port, interface="wan0")
        later(agent, snmp_clock, 30.0)
        agent.table[f"{IFX}.6.1"] = fake.COUNTER64, 5
        cleared = look(port, interface="wan0")
    assert rebooted.outcome == Outcome.OK and rebooted.values["uptime_s"] == 5
    assert not {"rx_bps", "tx_bps", "errors", "rx_share"} & set(rebooted.values)
    assert "rx_bps" not in cleared.values and cleared.values["tx_bps"] == 0


def test_a_device_with_only_32_bits_is_read_over_its_wrap(snmp_clock: list[float]) -> None:
    table = router(["wan0"], speed_mbps=100)
    for column in (6, 10):
        del table[f"{IFX}.{column}.1"]
    table |= {f"{IF}.{column}.1": (fake.COUNTER32, 2**32 - 1000) for column in (10, 16)}
    agent = Agent(table)
    with speaking(agent.answer) as port:
        look(port, interface="wan0")
        snmp_clock[0] += 30
        table[UPTIME] = fake.TICKS, table[UPTIME][1] + 3000
        table |= {f"{IF}.{column}.1": (fake.COUNTER32, 2000) for column in (10, 16)}
        got = look(port, interface="wan0")
    assert got.values["rx_bps"] == 800.0


@pytest.mark.parametrize(("name", "index"), [("wan0", "2"), ("port wan0", "2"), ("to wan0", "2"), ("2", "2")])
def test_an_interface_goes_by_its_name_description_alias_or_number(name: str, index: str) -> None:
    agent = Agent(router(["lan", "wan0"]))
    with speaking(agent.answer) as port:
        assert look(port, interface=name).outcome == Outcome.OK
    assert f"{IF}.8.{index}" in agent.asked[-1][2]


def test_new_numbers_after_a_reboot_are_noticed(snmp_clock: list[float]) -> None:
    agent = Agent(router(["lan", "wan0"]))
    with speaking(agent.answer) as port:
        look(port, interface="wan0")
        later(agent, snmp_clock, 30.0)
        agent.table = router(["usb", "lan", "wan0"], ticks=agent.table[UPTIME][1])
        agent.table[f"{IF}.8.3"] = fake.INTEGER, 2
        moved = look(port, interface="wan0")
    assert moved.values["if_state"] == 2 and "rx_bps" not in moved.values
    assert moved.why == "interface wan0 is down"


def test_a_number_that_has_become_another_interface_is_said(snmp_clock: list[float]) -> None:
    agent = Agent(router(["lan", "wan0"]))
    with speaking(agent.answer) as port:
        look(port, interface="2")
        later(agent, snmp_clock, 30.0)
        agent.table = router(["lan", "usb"], ticks=agent.table[UPTIME][1])
        got = look(port, interface="2")
    assert got.why == "interface 2 was wan0 and is usb" and "rx_bps" not in got.values


@pytest.mark.parametrize(("admin", "oper", "state"), [(2, 2, 0), (1, 2, 2), (1, 7, 7)])
def test_down_and_switched_off_are_two_things_and_neither_is_the_devices_failure(
    admin: int, oper: int, state: int
) -> None:
    table = router(["wan0"])
    table |= {f"{IF}.7.1": (fake.INTEGER, admin), f"{IF}.8.1": (fake.INTEGER, oper)}
    with speaking(Agent(table).answer) as port:
        got = look(port, interface="wan0")
    assert (got.outcome, got.values["if_state"]) == (Outcome.OK, state) and "wan0" in got.why


def test_the_device_as_a_whole_is_counted(snmp_clock: list[float]) -> None:
    agent = Agent(router([f"p{number}" for number in range(60)]))
    agent.table[f"{IF}.8.7"] = fake.INTEGER, 2
    agent.table[f"{IF}.7.9"] = fake.INTEGER, 2
    with speaking(agent.answer) as port:
        first = look(port)
        later(agent, snmp_clock, 30.0, 375_000_000, index=20)
        agent.table[f"{IF}.14.20"] = fake.COUNTER32, 57
        second = look(port)
    assert first.values == {"if_up": 58, "if_down": 1, "if_off": 1, "uptime_s": 1000}
    assert second.values == {
        **{"if_up": 58, "if_down": 1, "if_off": 1, "errors": 7, "discards": 0, "uptime_s": 1030},
        **{"rx_busiest_share": 0.1, "tx_busiest_share": 0.1},
    }


@pytest.mark.parametrize("most", [1, 4, 7, 30])
def test_pages_shrink_until_the_device_bears_them(most: int) -> None:
    agent = Agent(router([f"p{number}" for number in range(40)]), most_rows=most)
    with speaking(agent.answer) as port:
        got = look(port)
    assert (got.outcome, got.values["if_up"]) == (Outcome.OK, 40)
    sizes = [size for code, size, _ in agent.asked if code == fake.BULK]
    if most < 10:
        assert sizes[-1] <= most and max(sizes[-40:]) <= most
    else:
        assert max(sizes) > 10


def test_a_device_that_never_ends_a_column_is_left() -> None:
    agent = Agent(router(["wan0"]), loop=True)
    with speaking(agent.answer) as port:
        got = look(port, interface="nope")
    assert got.outcome == Outcome.PROTOCOL and len(agent.asked) < 20


def test_no_such_interface_names_those_there_are() -> None:
    with speaking(Agent(router(["lan", "wan0"])).answer) as port:
        got = look(port, interface="wan9")
        by_number = look(port, interface="77")
    assert (got.outcome, got.values) == (Outcome.PROTOCOL, {})
    assert got.why == "no interface 'wan9'; it has lan, wan0" and by_number.outcome == Outcome.PROTOCOL


def test_hostile_names_reach_nobody_raw() -> None:
    names = ["\x1b[2Jwan", "a\u202eb", "[link=http://x]y[/link]"]
    with speaking(Agent(router(names)).answer) as port:
        got = look(port, interface="\x1b[31mx")
    assert got.why.isprintable() and "\u202e" not in got.why and "·[2Jwan" in got.why


def test_a_ups_on_battery_is_said() -> None:
    table = ups_table(state=2, seconds=120, minutes=14, charge=77, source=5, alarms=1)
    with speaking(Agent(table).answer) as port:
        got = look(port, what="ups")
    assert got.values == {
        **{"battery_state": 2, "on_battery_s": 120, "battery_left_s": 840, "charge_share": 0.77},
        **{"power_source": 5, "alarms": 1, "uptime_s": 50},
    }
    assert (got.outcome, got.why) == (Outcome.OK, "on battery for 120 s, 14 minutes left")


def test_a_ups_on_the_mains_says_nothing_and_a_small_one_less() -> None:
    with speaking(Agent(ups_table(state=2, seconds=0, source=3)).answer) as port:
        got = look(port, what="ups")
    assert (got.values, got.why) == (
        {"battery_state": 2, "on_battery_s": 0, "power_source": 3, "uptime_s": 50},
        "",
    )


@pytest.mark.parametrize(("what", "missing"), [("ups", "UPS-MIB"), ("sensors", "ENTITY-SENSOR-MIB")])
def test_what_a_device_does_not_have_is_said(what: str, missing: str) -> None:
    with speaking(Agent(router(["lan"])).answer) as port:
        got = look(port, what=what)
    assert (got.outcome, got.values) == (Outcome.PROTOCOL, {}) and missing in got.why


def test_sensors_are_read_with_their_scale_and_precision() -> None:
    def sensor(index: int, *columns: int) -> fake.Table:
        base = "1.3.6.1.2.1.99.1.1.1"
        return {f"{base}.{at}.{index}": (fake.INTEGER, one) for at, one in enumerate(columns, 1)}

    table = {UPTIME: (fake.TICKS, 5000), **sensor(1, 8, 9, 1, 415, 1), **sensor(2, 8, 8, 0, 39_000, 1)}
    table |= sensor(3, 9, 9, 0, 62, 1) | sensor(4, 10, 9, 0, 3300, 1) | sensor(5, 8, 9, 0, 99, 3)
    with speaking(Agent(table).answer) as port:
        got = look(port, what="sensors")
    assert got.values == {
        **{"temp_max_c": 41.5, "humidity_max_share": 0.62, "fan_min_rpm": 3300.0},
        **{"sensors_ok": 4, "sensors_bad": 1, "uptime_s": 50},
    }


# --- outcomes ---


def test_a_wrong_community_is_silence_and_why_says_so(tmp_path: Path) -> None:
    (tmp_path / "community").write_text("geheim\n")
    with speaking(Agent(router(["lan"])).answer) as port:
        got = look(port, community_file=str(tmp_path / "community"), timeout_s=SILENT_FOR_S)
    assert (got.outcome, got.values) == (Outcome.LOST, {})
    assert "wrong community is silence" in got.why and "geheim" not in got.why + repr(SnmpSettings())


def test_a_lost_question_is_asked_again(told_silence: None) -> None:
    agent, times = Agent(router(["wan0"])), []

    def lossy(data: bytes) -> list[bytes]:
        times.append(1)
        return [] if len(times) % 2 else agent.answer(data)

    with speaking(lossy, tells_silence=True) as port:
        assert look(port, interface="1").outcome == Outcome.OK


def test_a_closed_port_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    got = look(port)
    assert got.outcome == Outcome.REFUSED and "ICMP type 3 code 3" in got.why and got.took_ms < 3000


def garbled(change: Callable[[bytes], bytes]) -> Callable[[bytes], list[bytes]]:
    agent = Agent(router(["wan0"]))
    return lambda data: [*map(change, agent.answer(data)), SILENCE]


@pytest.mark.parametrize(
    "change", [lambda one: one[:-3], lambda one: b"", lambda one: b"\xff\xffhello", lambda one: b"HTTP/1.1 400"]
)
def test_what_is_no_snmp_is_told_as_such(told_silence: None, change: Callable[[bytes], bytes]) -> None:
    with speaking(garbled(change)) as port:
        got = look(port)
    assert (got.outcome, got.values) == (Outcome.PROTOCOL, {})


def test_foreign_bytes_do_not_end_the_waiting() -> None:
    agent = Agent(router(["wan0"]))
    with speaking(lambda data: [b"\x30\x05nonsense", *agent.answer(data)]) as port:
        assert look(port, interface="wan0").outcome == Outcome.OK


def test_any_bytes_never_raise() -> None:
    """An answer with any one byte changed, cut anywhere, or made of chance ends in an outcome."""
    rng, agent = random.Random(7), Agent(router(["wan0"]))

    def hostile(data: bytes) -> list[bytes]:
        good = bytearray(agent.answer(data)[0])
        dice = rng.random()
        if dice < 0.2:
            return [rng.randbytes(rng.randrange(200))]
        if dice < 0.9:
            good[rng.randrange(len(good))] = rng.randrange(256)
        return [bytes(good[: rng.randrange(len(good) + 1)]) if dice < 0.4 else bytes(good)]

    shown = {one.name for one in FIELDS}
    with speaking(hostile) as port:
        for number in range(160):
            what = ("interfaces", "ups", "sensors", "system")[number % 4]
            got = look(port, what=what, interface="" if number % 8 else "wan0", timeout_s=0.02)
            assert isinstance(got.outcome, Outcome) and set(got.values) <= shown and got.why.isprintable()


def test_an_answer_with_other_names_than_asked_is_not_believed() -> None:
    agent = Agent(router(["wan0"]))
    agent.table = {UPTIME: (fake.TICKS, 5)}

    def other(data: bytes) -> list[bytes]:
        good = agent.answer(data)[0]
        return [good.replace(fake.oid(UPTIME), fake.oid("1.3.6.1.2.1.1.5.0"))]

    with speaking(other) as port:
        assert look(port, what="ups").outcome == Outcome.PROTOCOL


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"version": "v3"}, "needs a user"),
        ({"version": "v3", "user": "netmon"}, "auth_password_file"),
        ({"version": "v3", "user": "netmon", "auth_password_file": "/no/such"}, "/no/such"),
        ({"community_file": "/no/such"}, "community_file /no/such"),
    ],
)
def test_settings_that_cannot_be_are_told_with_the_way_out(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        look(9, **settings)


def test_short_and_empty_secrets_are_told_without_the_secret(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("kurz")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(BadSettings, match="8 characters") as told:
        look(9, version="v3", user="netmon", auth_password_file=str(tmp_path / "short"))
    assert "kurz" not in str(told.value)
    with pytest.raises(BadSettings, match="is empty"):
        look(9, community_file=str(tmp_path / "empty"))


def test_a_walker_learns_upwards_while_the_device_keeps_pace() -> None:
    walker = Walker()
    walker._learn(10, {str(one): 1 for one in range(49)}, False)
    assert walker.size == 25
    walker._learn(12, {str(one): 1 for one in range(49)}, False)
    walker._learn(12, {str(one): 1 for one in range(49)}, False)
    assert walker.size == 12
