"""Verdicts: the rung, its owner, and what many rooms have in common, over simulated conferences."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import meeting
import pytest

from inventory.model import Contact
from inventory.topology import Network
from netmon import readiness
from netmon.conference import advice as words
from netmon.conference import plan
from netmon.conference import report as told
from netmon.conference import verdict as judge
from netmon.conference.plan import Plan
from netmon.conference.run import NoAddress, Result
from netmon.conference.verdict import Cause, RoomVerdict
from probes.base import Measurement, Outcome
from probes.kinds.room.rungs import RUNGS

NETWORK = meeting.network(40)
PLAN = plan.make(NETWORK, NETWORK.inventory.conferences[0])


def result(rung: str = "", outcome: Outcome = Outcome.OK, why: str = "", **values: Any) -> Measurement:
    number = RUNGS.index(rung) + 1 if rung else 0
    values = {"rung": number, "risks": 0, **values} if outcome not in (Outcome.LOCAL, Outcome.UNRESOLVED) else {}
    return Measurement("room", "sip:x", 0, 1.0, outcome, values, f"{rung}: {why}" if rung else why)


def judged(
    results: dict[str, Result], network: Network = NETWORK, laid: Plan = PLAN
) -> tuple[dict[str, RoomVerdict], tuple[Cause, ...]]:
    alone = [judge.judge(network, seat, results.get(seat.room, result())) for seat in laid.seats]
    verdicts, causes = judge.together(network, laid, alone)
    return {one.seat.room: one for one in verdicts}, causes


def test_all_well_is_all_ready() -> None:
    verdicts, causes = judged({})
    assert {one.state for one in verdicts.values()} == {"ready"} and causes == ()


@pytest.mark.parametrize(
    ("rung", "outcome", "element", "owner"),
    [
        ("port", Outcome.LOST, "room:r00003", "Xa 00003"),
        ("tls", Outcome.PROTOCOL, "room:r00003", "Xa 00003"),
        ("signalling", Outcome.REFUSED, "room:r00003", "Xa 00003"),
        ("alias", Outcome.REFUSED, "mcu:m1", "MCU team"),
        ("call", Outcome.REFUSED, "room:r00003", "Xa 00003"),
        ("media", Outcome.LOST, "commune:00003", "Xa 00003"),
        ("quality", Outcome.REFUSED, "link:p-c00003", "Viettel"),
    ],
)
def test_a_broken_rung_has_its_own_owner(rung: str, outcome: Outcome, element: str, owner: str) -> None:
    values = {"verdict": 2} if rung == "quality" else {}
    verdicts, causes = judged({"r00003": result(rung, outcome, "it is so", **values)})
    one = verdicts["r00003"]
    assert (one.state, one.rung, one.element, one.owner, one.why) == ("not_ready", rung, element, owner, "it is so")
    assert one.do and all(one.do[lang] for lang in words.LANGUAGES) and causes == () and one.cause == ""
    assert sum(other.state == "ready" for other in verdicts.values()) == 39


def test_rooms_that_are_silent_behind_one_uplink_have_one_cause() -> None:
    behind = [seat.room for seat in PLAN.seats if "link:core-p02" in seat.links]
    verdicts, causes = judged({room: result("signalling", Outcome.LOST, "nothing came back") for room in behind})
    assert [(one.element, len(one.rooms), one.carrier) for one in causes] == [("link:core-p02", 10, "VNPT")]
    assert {one.cause for room, one in verdicts.items() if room in behind} == {"link:core-p02"}
    assert all(one.cause == "" for room, one in verdicts.items() if room not in behind)


def test_one_answer_from_behind_clears_the_uplink() -> None:
    behind = [seat.room for seat in PLAN.seats if "link:core-p02" in seat.links]
    _, causes = judged({room: result("signalling", Outcome.LOST, "") for room in behind[1:]})
    assert causes == ()


def test_a_room_that_failed_lower_or_was_not_measured_says_nothing_of_a_higher_rung() -> None:
    behind = [seat.room for seat in PLAN.seats if "link:core-p02" in seat.links]
    results = {room: result("quality", Outcome.REFUSED, "loss", verdict=2) for room in behind}
    results[behind[0]] = result("call", Outcome.REFUSED, "busy")
    results[behind[1]] = result("", Outcome.LOCAL, "late")
    _, causes = judged(results)
    assert [(one.rung, len(one.rooms)) for one in causes] == [("quality", 8)]


@pytest.mark.parametrize("rung", ["media", "quality"])
def test_a_room_that_was_only_asked_does_not_clear_a_link_of_what_its_streams_would_find(rung: str) -> None:
    behind = [seat.room for seat in PLAN.seats if "link:core-p02" in seat.links]
    seen = {"verdict": 2} if rung == "quality" else {}
    results: dict[str, Result] = {room: result(rung, Outcome.LOST, "", **seen) for room in behind}
    results[behind[0]] = result(climbed=2, signalling_ms=1.0)
    _, causes = judged(results)
    assert [(one.element, one.rung, len(one.rooms)) for one in causes] == [("link:core-p02", rung, 9)]
    results[behind[0]] = result(climbed=5, audio_rcvd=100, verdict=0)
    assert judged(results)[1] == ()


def test_refusals_behind_one_link_are_no_fault_of_the_link() -> None:
    behind = [seat.room for seat in PLAN.seats if "link:core-p02" in seat.links]
    _, causes = judged({room: result("call", Outcome.REFUSED, "busy") for room in behind})
    assert causes == ()


def test_our_own_trouble_is_not_the_rooms() -> None:
    verdicts, _ = judged({"r00001": result("", Outcome.LOCAL, "no route")})
    assert verdicts["r00001"].state == "not_measured" and verdicts["r00001"].element == ""


def test_a_room_without_an_address_is_not_ready_and_says_what_to_write() -> None:
    verdicts, _ = judged({"r00001": NoAddress("target 'a b' is not understood")})
    one = verdicts["r00001"]
    assert (one.rung, one.state) == ("address", "not_ready") and "rooms: address" in (one.do or {})["en"]
    assert "'a b'" in one.why


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.LOST])
def test_a_responder_that_does_not_run_is_no_word_about_a_line_or_a_room(outcome: Outcome) -> None:
    behind = [seat.room for seat in PLAN.seats if "link:core-p02" in seat.links]
    verdicts, causes = judged({room: result("quality", outcome, "port closed", audio_rcvd=50) for room in behind})
    one = verdicts[behind[0]]
    assert causes == () and (one.state, one.rung, one.element) == ("risk", "quality", one.seat.site)
    assert one.owner not in ("VNPT", "Viettel") and "netmon reflector --media" in (one.do or {})["en"]


def test_an_owner_nobody_wrote_down_is_unknown_and_not_guessed() -> None:
    verdicts, _ = judged({"r00003": result("port", Outcome.LOST)})
    nobody = replace(verdicts["r00003"], owner="", contact=Contact(id="", name=""))
    assert told.cells([told.room(nobody, "vi")], "vi")[0][5] == "chưa rõ chủ quản"
    assert told.cells([told.room(verdicts["r00001"], "vi")], "vi")[0][5] in ("", "Xa 00001")


def test_what_holds_and_deserves_a_look_is_at_risk() -> None:
    verdicts, _ = judged({"r00001": result("", why="tls: the certificate ends in 3 days", risks=1)})
    assert verdicts["r00001"].state == "risk" and "3 days" in verdicts["r00001"].why


@pytest.mark.parametrize("seed", range(20))
def test_random_faults_are_each_found_and_no_other(seed: int) -> None:
    rng = random.Random(seed)
    bad = rng.sample([seat.room for seat in PLAN.seats], 6)
    rungs = {room: rng.choice(("alias", "call", "tls", "media", "quality", "signalling")) for room in bad}
    verdicts, causes = judged(
        {
            room: result(
                rung,
                Outcome.LOST if rung == "signalling" else Outcome.REFUSED,
                **({"verdict": 2} if rung == "quality" else {}),
            )
            for room, rung in rungs.items()
        }
    )
    assert {room: one.rung for room, one in verdicts.items() if one.state != "ready"} == rungs
    assert all(len(one.rooms) >= 2 for one in causes)


def test_trunks_carry_their_rooms_and_a_fifth_more() -> None:
    trunks = {one.link: one for one in PLAN.trunks}
    assert trunks["link:core-p01"].need_bps == round(10 * 1_500_000 * 1.2) and trunks["link:core-p01"].state == "enough"
    small = plan.make(NETWORK, NETWORK.inventory.conferences[0], {"link:core-p01": 17_000_000.0})
    short = [one for one in small.trunks if one.state == "short"]
    assert [(one.link, one.measured) for one in short] == [("link:core-p01", True)]


def test_an_mcu_without_licences_enough_is_told() -> None:
    network = meeting.network(40, ports=39)
    laid = plan.make(network, network.inventory.conferences[0])
    assert [(one.rooms, one.ports, one.state) for one in laid.ports] == [(40, 39, "short")]
    assert PLAN.ports[0].state == "unknown"


def run_of(results: dict[str, Result]) -> dict[str, Any]:
    verdicts, causes = judged(results)
    return told.as_json(PLAN, list(verdicts.values()), causes, began_s=0.0, took_s=1.0, lang="vi")


def test_the_delta_tells_who_got_worse_who_better_and_who_is_still_not_ready() -> None:
    busy = result("call", Outcome.REFUSED, "busy")
    before, now = run_of({"r00001": busy, "r00002": busy}), run_of({"r00002": busy, "r00003": busy})
    change = readiness.delta(before, now)
    assert [[row["room"] for row in change[key]] for key in ("worse", "better", "still")] == [
        ["r00003"],
        ["r00001"],
        ["r00002"],
    ]
    assert readiness.delta(None, now)["first"] and len(readiness.delta(None, now)["worse"]) == 2
    assert not any(readiness.delta(now, now)[key] for key in ("worse", "better"))


def test_an_alias_stands_in_front_of_an_address_that_names_nobody() -> None:
    from dataclasses import replace

    inventory = meeting.inventory(1)
    (room,) = inventory.rooms
    for address, alias, target in (
        ("sip:10.0.0.1", "8001", "sip:8001@10.0.0.1"), ("10.0.0.1:5070", "8001", "sip:8001@10.0.0.1:5070"),
        ("h323:10.0.0.1", "8001", "h323:8001@10.0.0.1"), ("sip:a@10.0.0.1", "8001", "sip:a@10.0.0.1"), ("", "8001", ""),
    ):  # fmt: skip
        network = Network(replace(inventory, rooms=(replace(room, address=address, alias=alias),)))
        assert plan.make(network, network.inventory.conferences[0]).seats[0].target == target
