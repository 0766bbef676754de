"""What the reflector writes into TLVs, and what a sender makes of it, in simulated time and over open and keyed packets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from virtualnet import EPOCH_NS, Line

from probes.answer.stamp.reflector import Reflector
from probes.kinds.stamp import RECIPE, types_of
from probes.wire.fleet.track import FleetWindow
from probes.wire.session import Arrival, Datagram
from probes.wire.stamp import packet as stamp
from probes.wire.stamp.sender import StampSender

FAR, NEAR, KEY = ("192.0.2.1", 862), ("192.0.2.9", 40000), b"a key of sixteen"
ALL = "cos timestamp direct followup"
WAITED_NS = 3_000_000  # between the reflector's own stamp and the moment its kernel really sends


class Path:
    """10 ms each way; `remark`: the DSCP each direction writes; `lost`: numbers lost there and back."""

    def __init__(
        self, key: bytes = b"", remark: tuple[int | None, int | None] = (None, None), lost: Any = ((), ())
    ) -> None:
        self.remark, self.lost, self.now = remark, lost, 0.0
        self.reflector = Reflector(
            stamp.ClockQuality(0.001, True), key, now_ns=lambda: EPOCH_NS + round(self.now * 1e9)
        )
        self.lengths: list[tuple[int, int]] = []

    def __call__(self, packet: Datagram, now: float) -> Iterable[tuple[float, Arrival]]:
        number = int.from_bytes(packet.data[:4], "big")
        if number in self.lost[0]:
            return
        self.now = now + 0.010
        tos = packet.tos if self.remark[0] is None else self.remark[0] << 2 | packet.tos & 3
        self.reflector.receive(Arrival(packet.data, NEAR, EPOCH_NS + round(self.now * 1e9), 61, tos), self.now)
        for answer in self.reflector.transmit(self.now, 0):
            self.lengths.append((len(packet.data), len(answer.data)))
            leaves = self.now + WAITED_NS / 1e9
            if answer.token is not None:
                self.reflector.sent(answer.token, EPOCH_NS + round(leaves * 1e9))
            if number in self.lost[1]:
                continue
            tos = answer.tos if self.remark[1] is None else self.remark[1] << 2
            when = leaves + 0.010
            yield when, Arrival(answer.data, FAR, EPOCH_NS + round(when * 1e9), 62, tos)


def window(
    path: Path, ask: str = ALL, key: bytes = b"", size: int = 44, dscp: int = 46, count: int = 20
) -> FleetWindow:
    session = StampSender(stamp.ClockQuality())
    track = session.add("a", FAR, every_s=0.05, interval_s=float("inf"), timeout_s=0.5, first_at=0.0, count=count, tos=dscp << 2 | 1)  # fmt: skip
    session.fit(track, key, size, True, types_of(ask))
    (found,) = Line(session, path).run(60).windows()
    assert all(there == back for there, back in path.lengths)
    return found


@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize("size", [44, 112, 300, 1400])
def test_everything_asked_is_answered_in_as_many_bytes_as_it_was_asked_with(key: bytes, size: int) -> None:
    path = Path(key)
    values = RECIPE.more(window(path, key=key, size=size))
    assert (values["dscp_sent"], values["dscp_seen_fwd"], values["dscp_seen_bwd"], values["ecn_seen_fwd"]) == (
        46,
        46,
        46,
        1,
    )
    assert (values["direct_lost_fwd"], values["direct_lost_bwd"], values["far_ts_src"]) == (0, 0, 2)
    assert path.lengths[0][0] == max(size, 44 + 8 + 8 + 16 + 20) or key or size == 112


def test_the_follow_up_takes_the_reflectors_own_delay_out_of_all_but_the_last_round_trip() -> None:
    found = window(Path())
    assert found.more["followed"] == 19
    assert sorted(found.rtts_ms) == pytest.approx([20.0] * 19 + [23.0], abs=1e-3)
    assert sorted(one[2] for one in found.more["split"]) == pytest.approx([10.0] * 19 + [13.0], abs=1e-3)
    assert window(Path(), ask="cos").rtts_ms == pytest.approx([23.0] * 20, abs=1e-3)


def test_a_follow_up_of_another_answer_or_an_impossible_moment_changes_nothing() -> None:
    for number, at_ns in ((5, EPOCH_NS), (None, EPOCH_NS - 10**12), (None, EPOCH_NS + 10**12)):
        path = Path()
        plain = path.reflector.sent
        path.reflector.sent = lambda token, at, number=number, at_ns=at_ns, plain=plain: plain((token[0], token[1] if number is None else 10**6), at_ns)  # type: ignore[method-assign,misc]  # fmt: skip
        found = window(path)
        assert "followed" not in found.more and found.rtts_ms == pytest.approx([23.0] * 20, abs=1e-3)


REMARKS = [
    ((None, None), "", 46, 46),
    ((0, None), "DSCP 46 was changed on the way there: 0 came", 0, 46),
    ((None, 10), "DSCP 46 was changed on the way back: 10 came", 46, 10),
    ((8, 0), "DSCP 46 was changed on the way there: 8 came; DSCP 46 was changed on the way back: 0 came", 8, 0),
]


@pytest.mark.parametrize(("remark", "told", "there", "back"), REMARKS)
def test_a_changed_dscp_is_told_with_its_direction(
    remark: tuple[int | None, int | None], told: str, there: int, back: int
) -> None:
    found = window(Path(remark=remark))
    assert RECIPE.note(found) == told
    assert (found.more["dscp_seen_fwd"], found.more["dscp_seen_bwd"]) == (there, back)


def test_without_the_tlv_a_changed_dscp_has_no_direction() -> None:
    assert RECIPE.note(window(Path(remark=(0, None)), ask="")) == "DSCP 46 was changed on the way there or back: 0 came"
    assert RECIPE.note(window(Path(), ask="")) == ""


def test_a_dscp_the_reflector_will_not_use_is_no_change_of_the_way() -> None:
    found = window(Path(), dscp=48)
    assert found.more["dscp_refused"] and RECIPE.note(found) == ""
    assert (found.more["dscp_seen_fwd"], found.more["dscp_seen_bwd"]) == (48, 0)


def test_the_reflectors_counts_tell_losses_of_both_ways() -> None:
    found = window(Path(lost=((3, 4, 9), (5, 11))))
    assert (found.more["direct_lost_fwd"], found.more["direct_lost_bwd"]) == (3, 2)


def test_a_reflector_that_knows_no_tlvs_leaves_those_values_absent() -> None:
    path = Path()
    plain = path.reflector.transmit

    def old(now: float, clock_ns: int) -> Iterable[Datagram]:
        for answer in plain(now, clock_ns):
            yield answer._replace(data=answer.data[:44] + bytes(len(answer.data) - 44))

    path.reflector.transmit = old  # type: ignore[method-assign]
    names = set(RECIPE.more(window(path)))
    assert (
        not names & {"dscp_seen_fwd", "ecn_seen_fwd", "direct_lost_fwd", "followed", "far_ts_src"}
        and "dscp_sent" in names
    )
