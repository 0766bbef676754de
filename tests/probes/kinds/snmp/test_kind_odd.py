"""`snmp` and devices that do not keep to the book: late, silent to big questions, dead counters, doubled names, odd values.

Both libraries must tell the same.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
import snmpagent as fake
from snmpagent import IF, IFX, SILENCE, UPTIME, Agent, router, speaking, ups_table
from snmplooks import SILENT_FOR_S, look

from probes.base import Measurement, Outcome

pytestmark = pytest.mark.usefixtures("snmp_forgets")
SENSORS = "1.3.6.1.2.1.99.1.1.1"
ELSEWHERE = "127.0.0.3"


def two_looks(table: fake.Table, clock: list[float], grown: dict[str, int], seconds: float = 30.0) -> Measurement:
    """The second of two looks at `wan0`; `grown`: column → how much its counter grew meanwhile."""
    agent = Agent(table)
    with speaking(agent.answer) as port:
        look(port, interface="wan0")
        clock[0] += seconds
        table[UPTIME] = fake.TICKS, table[UPTIME][1] + round(100 * seconds)
        for column, by in grown.items():
            tag, value = table[f"{column}.1"]
            table[f"{column}.1"] = tag, value + by
        return look(port, interface="wan0")


# --- time ---


def test_an_answer_to_the_first_try_counts_though_a_second_was_made(snmp_library: str, told_silence: None) -> None:
    """The device answers a question when it has come twice, and then what came first."""
    agent, waiting = Agent(ups_table(state=2, charge=77)), list[bytes]()

    def slow(data: bytes) -> list[bytes]:
        waiting.append(data)
        return [agent.answer(waiting[-2])[0]] if len(waiting) % 2 == 0 else []

    with speaking(slow, tells_silence=True) as port:
        got = look(port, what="ups")
    assert got.outcome == Outcome.OK and got.values["charge_share"] == 0.77
    assert len(waiting) >= 2


def test_a_dead_device_costs_one_question_and_its_repeat(snmp_library: str) -> None:
    asked: list[bytes] = []

    def dead(data: bytes) -> list[bytes]:
        asked.append(data)
        return []

    with speaking(dead) as port:
        got = look(port, interface="wan0", timeout_s=SILENT_FOR_S)
        as_a_whole = look(port, timeout_s=SILENT_FOR_S)
    assert (got.outcome, as_a_whole.outcome) == (Outcome.LOST, Outcome.LOST)
    assert len(asked) == 4 and asked[0] == asked[1]


def test_a_device_that_dies_between_two_looks_costs_one_question(snmp_library: str, told_silence: None) -> None:
    agent, asked, is_dead = Agent(router(["wan0"])), [0], [False]

    def mortal(data: bytes) -> list[bytes]:
        asked[0] += 1
        return [] if is_dead[0] else agent.answer(data)

    with speaking(mortal, tells_silence=True) as port:
        assert look(port, interface="wan0").outcome == Outcome.OK
        asked[0], is_dead[0] = 0, True
        assert look(port, interface="wan0").outcome == Outcome.LOST
        assert asked[0] == 2
        is_dead[0] = False
        assert look(port, interface="wan0").outcome == Outcome.OK


@pytest.mark.parametrize("most", [1, 12])
def test_a_device_that_is_silent_to_big_questions_is_asked_smaller_ones(
    snmp_library: str, told_silence: None, most: int
) -> None:
    agent = Agent(router(["lan", "wan0", "usb"]))

    def small_only(data: bytes) -> list[bytes]:
        answers = agent.answer(data)
        code, repetitions, names = agent.asked[-1]
        return [] if max(len(names), repetitions if code == fake.BULK else 0) > most else answers

    with speaking(small_only, tells_silence=True) as port:
        first = look(port, interface="wan0")
        learned = len(agent.asked)
        second = look(port, interface="wan0")
    assert (first.outcome, second.outcome) == (Outcome.OK, Outcome.OK)
    sizes = [len(names) for _, _, names in agent.asked[learned:]]
    assert max(sizes) <= most  # what it bears is remembered


def test_an_answer_from_another_address_is_named_and_not_taken(snmp_library: str, told_silence: None) -> None:
    agent = Agent(router(["wan0"]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((ELSEWHERE, 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.bind(("127.0.0.1", 0))
            asked.settimeout(5)

            def answer() -> None:
                for _ in range(2):
                    data, source = asked.recvfrom(9000)
                    other.sendto(b"\x30\x03\x02\x01\x01", source)  # foreign: proves nothing
                    other.sendto(agent.answer(data)[0], source)
                    asked.sendto(SILENCE, source)

            thread = threading.Thread(target=answer)
            thread.start()
            got = look(asked.getsockname()[1], interface="wan0")
            thread.join()
    assert got.outcome == Outcome.PROTOCOL and ELSEWHERE in got.why and "community" not in got.why


# --- counters ---


def test_a_64_bit_counter_that_never_moves_gives_way_to_the_32_bit_one(snmp_clock: list[float]) -> None:
    table = router(["wan0"], speed_mbps=100)
    got = two_looks(table, snmp_clock, {f"{IF}.10": 3_750_000, f"{IF}.16": 7_500_000})
    assert (got.values["rx_bps"], got.values["tx_bps"]) == (1e6, 2e6)


def test_on_a_port_too_fast_for_32_bits_a_dead_64_bit_counter_gives_no_rate(snmp_clock: list[float]) -> None:
    table = router(["wan0"], speed_mbps=10_000)
    got = two_looks(table, snmp_clock, {f"{IF}.10": 3_750_000})
    assert "rx_bps" not in got.values and got.values["tx_bps"] == 0


def test_32_bit_ports_have_their_share_when_the_whole_device_is_asked(snmp_clock: list[float]) -> None:
    table = router(["wan0", "lan"], speed_mbps=100)
    for oid in [oid for oid in table if oid.startswith(f"{IFX}.")]:
        del table[oid]
    with speaking(Agent(table).answer) as port:
        look(port)
        snmp_clock[0] += 30
        table[UPTIME] = fake.TICKS, table[UPTIME][1] + 3000
        table[f"{IF}.10.2"] = fake.COUNTER32, table[f"{IF}.10.2"][1] + 37_500_000
        got = look(port)
    assert (got.values["rx_busiest_share"], got.values["tx_busiest_share"]) == (0.1, 0.0)


def test_counters_without_their_zero_byte_are_no_negative_numbers(snmp_library: str) -> None:
    table = router(["wan0"])
    table[UPTIME] = fake.TICKS, (0xC000_0000).to_bytes(4, "big")
    table[f"{IF}.14.1"] = fake.COUNTER32, (0xFFFF_FFFE).to_bytes(4, "big")
    with speaking(Agent(table).answer) as port:
        got = look(port, interface="wan0")
    assert (got.outcome, got.values["uptime_s"]) == (Outcome.OK, 0xC000_0000 // 100)


@pytest.mark.parametrize(
    ("low", "high", "speed_bps"),
    [
        (2**32 - 1, 0, None),
        (2**31 - 1, 0, None),
        (2**32 - 1, 4294, None),
        (10**8, 2**32 - 1, 1e8),
        (2**32 - 1, 10_000, 1e10),
        (10**9, 0, 1e9),
    ],
)
def test_a_speed_that_does_not_fit_is_no_speed(low: int, high: int, speed_bps: float | None) -> None:
    table = router(["wan0"]) | {f"{IF}.5.1": (fake.GAUGE, low), f"{IFX}.15.1": (fake.GAUGE, high)}
    with speaking(Agent(table).answer) as port:
        assert look(port, interface="wan0").values.get("speed_bps") == speed_bps


@pytest.mark.parametrize(
    ("ticks", "seconds", "said"),
    [
        (30, 30.0, "no rates: its sysUpTime went on by 0.30 s while 30.00 s"),
        (3, 3.0, "no rates: its sysUpTime went on by 0.03 s while 3.00 s"),
        (0, 30.0, "no rates: its sysUpTime went on by 0.00 s"),
        (-99_000, 30.0, "no rates: it started again 10 s ago"),
    ],
)
def test_a_clock_that_counts_wrong_says_why_there_are_no_rates(
    snmp_clock: list[float], ticks: int, seconds: float, said: str
) -> None:
    table = router(["wan0"])
    table[UPTIME] = fake.TICKS, 100_000
    with speaking(Agent(table).answer) as port:
        first = look(port, interface="wan0")
        snmp_clock[0] += seconds
        table[UPTIME] = fake.TICKS, 100_000 + ticks
        second = look(port, interface="wan0")
    assert first.why == "" and second.why.startswith(said) and "rx_bps" not in second.values
    assert ("uptime_s" in second.values) == ("started again" in said)  # no age by a clock that counts wrong


# --- names and rows ---


def test_a_name_of_several_interfaces_is_refused_and_each_is_named() -> None:
    table = router(["atm0", "lan", "atm0"]) | {f"{IF}.2.3": (fake.OCTETS, b"atm0-adsl")}
    with speaking(Agent(table).answer) as port:
        doubled = look(port, interface="atm0")
        by_description = look(port, interface="atm0-adsl")
    assert doubled.outcome == Outcome.PROTOCOL and doubled.values == {}
    assert "2 interfaces are called 'atm0': 1 port atm0, 3 atm0-adsl" in doubled.why
    assert by_description.outcome == Outcome.OK


def test_names_that_differ_in_their_last_letter_only_are_two_names() -> None:
    long = "Converged Network Adapter, Virtual Function Driver, Packet Scheduler " * 3
    agent = Agent(router([f"{long}A", f"{long}B"]))
    with speaking(agent.answer) as port:
        got = look(port, interface=f"{long}B")
    assert got.outcome == Outcome.OK and f"{IF}.8.2" in agent.asked[-1][2]


def in_own_order(agent: Agent, rows: list[int]) -> Callable[[bytes], list[bytes]]:
    """The agent, but GETBULK lists the rows of a column in this order."""

    def following(oid: str) -> str:
        column, _, index = oid.rpartition(".")
        if f"{oid}.{rows[0]}" in agent.table:
            return f"{oid}.{rows[0]}"
        at = rows.index(int(index)) + 1
        return f"{column}.{rows[at]}" if at < len(rows) else "1.3.9.1"

    def answer(data: bytes) -> list[bytes]:
        plain = agent.answer(data)
        code, repetitions, names = agent.asked[-1]
        if code != fake.BULK:
            return plain
        oid, found = names[0], []
        while len(found) < repetitions and not oid.startswith("1.3.9"):
            oid = following(oid)
            found.append(fake.row(oid, *agent.table.get(oid, (fake.INTEGER, 1))))
        return [fake.message(fake.request_of(data), found)]

    return answer


def test_rows_out_of_order_are_all_seen(snmp_library: str) -> None:
    agent = Agent(router([f"p{number}" for number in range(1, 31)]))
    rows = [1, *range(20, 31), *range(2, 20)]
    with speaking(in_own_order(agent, rows)) as port:
        got = look(port)
        found = look(port, interface="p19")
    assert (got.values["if_up"], found.outcome) == (30, Outcome.OK)


def test_a_device_that_does_not_know_getbulk_is_walked_row_by_row(snmp_library: str, told_silence: None) -> None:
    agent = Agent(router(["lan", "wan0"]))

    def no_bulk(data: bytes) -> list[bytes]:
        answers = agent.answer(data)
        return [] if agent.asked[-1][0] == fake.BULK else answers

    with speaking(no_bulk, tells_silence=True) as port:
        got = look(port, interface="wan0")
    assert got.outcome == Outcome.OK and fake.GETNEXT in {code for code, _, _ in agent.asked}


def test_a_row_that_is_listed_twice_hides_none_behind_it() -> None:
    agent = Agent(router([f"p{number}" for number in range(1, 13)]))
    answer = in_own_order(agent, list(range(1, 13)))

    def twice(data: bytes) -> list[bytes]:
        (plain,) = answer(data)
        code, _, names = agent.asked[-1]
        if code != fake.BULK or not names[0].startswith(f"{IFX}.1"):
            return [plain]
        rows = fake.parts(fake.parts(fake.read(plain)[1])[2][1])[3][1]
        found = [fake.tlv(tag, body) for tag, body in fake.parts(rows)]
        return [fake.message(fake.request_of(plain), [*found[:3], found[2], *found[3:]])]

    with speaking(twice) as port:
        assert look(port, interface="p12").outcome == Outcome.OK


# --- values that cannot be ---


@pytest.mark.parametrize(
    ("name", "shown", "field"),
    [
        ("charge", 255, "charge_share"),
        ("charge", -1, "charge_share"),
        ("minutes", 65535, "battery_left_s"),
        ("minutes", 2**31 - 1, "battery_left_s"),
        ("seconds", 2**31 - 1, "on_battery_s"),
        ("seconds", 65535, "on_battery_s"),  # on the mains it is 0
        ("state", 0, "battery_state"),
        ("alarms", 2**32 - 1, "alarms"),
    ],
)
def test_what_a_ups_cannot_have_it_does_not_have(name: str, shown: int, field: str) -> None:
    good = {"state": 2, "seconds": 0, "minutes": 14, "charge": 77, "source": 3, "alarms": 0}
    with speaking(Agent(ups_table(**(good | {name: shown}))).answer) as port:
        got = look(port, what="ups")
    others = {"battery_state", "on_battery_s", "battery_left_s", "charge_share", "power_source", "alarms", "uptime_s"}
    assert set(got.values) == others - {field} and got.why == ""


def sensor(index: int, kind_: int, value: int, precision: int = 0) -> fake.Table:
    columns = (kind_, 9, precision, value, 1)
    return {f"{SENSORS}.{at}.{index}": (fake.INTEGER, entry) for at, entry in enumerate(columns, 1)}


@pytest.mark.parametrize(
    ("kind_", "value"),
    [(8, 10**9), (8, -(10**9)), (8, 2**31 - 1), (8, -32768), (9, 255), (10, -(10**9)), (10, -1)],
)
def test_a_reading_that_cannot_be_is_none_and_is_told(kind_: int, value: int) -> None:
    table = {UPTIME: (fake.TICKS, 5000), **sensor(1, 8, 45), **sensor(2, 10, 6000), **sensor(3, 9, 40)}
    with speaking(Agent(table | sensor(4, kind_, value)).answer) as port:
        got = look(port, what="sensors")
    assert (got.values["temp_max_c"], got.values["fan_min_rpm"], got.values["humidity_max_share"]) == (45, 6000, 0.4)
    assert got.why == "1 of its sensors say they work, but show no possible reading"


def test_a_state_that_no_interface_can_have_is_none() -> None:
    table = router(["wan0"]) | {f"{IF}.8.1": (fake.INTEGER, 255), f"{IF}.7.1": (fake.INTEGER, 0)}
    with speaking(Agent(table).answer) as port:
        got = look(port, interface="wan0")
    assert got.outcome == Outcome.OK and not {"if_state", "if_oper", "if_admin"} & set(got.values)


def test_a_closed_port_is_refused_by_either_library(snmp_library: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    got = look(port)
    assert got.outcome == Outcome.REFUSED and "ICMP type 3 code 3" in got.why
