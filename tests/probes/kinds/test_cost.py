"""What heavy kinds say they cost at most is what they send at most."""

from __future__ import annotations

import pytest

from probes import catalog
from probes.base import Cost
from probes.errors import BadSettings
from probes.kinds.capacity import headroom
from probes.kinds.capacity import kind as capacity
from probes.kinds.capacity.headroom import HeadroomSettings
from probes.kinds.capacity.kind import CapacitySettings
from probes.kinds.room import kind as room
from probes.kinds.room.kind import RoomSettings
from probes.kinds.shared.test_stream import ETHERNET, IPV4
from probes.kinds.sip.call import kind as sipcall
from probes.kinds.sip.call.kind import SipCallSettings
from probes.kinds.throughput import kind as throughput
from probes.kinds.throughput.kind import ThroughputSettings

HEAVY = tuple(name for name in catalog.names() if catalog.load(name).cost)


def test_the_kinds_that_fill_links_have_a_cost_and_light_ones_have_none() -> None:
    assert {"capacity", "headroom", "throughput"} <= set(HEAVY)
    assert not {"ping", "stamp", "tcp", "sip", "dns", "snmp"} & set(HEAVY)


def test_capacity_costs_its_bytes_each_way_and_its_first_train_at_least() -> None:
    assert capacity.cost(CapacitySettings()).bytes == 2_000_000
    assert capacity.cost(CapacitySettings(direction="reverse")).bytes == 1_000_000
    assert capacity.cost(CapacitySettings(direction="forward", max_bytes=50_000, size=8972)).bytes == 32 * 9014


def test_headroom_costs_its_stream_with_headers() -> None:
    asked = HeadroomSettings(rooms=2, duration_s=1.0, max_bytes=4_000_000)
    got = headroom.cost(asked)
    packets = headroom.stream(asked).packets
    assert got.bytes == 2 * packets * (1200 + IPV4 + ETHERNET)
    assert 1.0 <= got.seconds < 20 and abs(packets * 1200 * 8 - 8_000_000) < 20_000
    with pytest.raises(BadSettings):
        headroom.cost(HeadroomSettings(rate_bps=1000.0))


def test_throughput_costs_its_rate_with_the_warm_up_and_its_wait_or_whatever_tcp_takes() -> None:
    assert throughput.cost(ThroughputSettings()) == Cost(None, 40.0)
    udp = throughput.cost(ThroughputSettings(protocol="udp", duration_s=8.0, omit_s=2.0))
    assert udp.bytes is not None and 1_250_000 < udp.bytes < 1_500_000 and udp.seconds == 40.0
    paced = throughput.cost(ThroughputSettings(rate_bps=8e6, parallel=4, duration_s=10.0))
    assert paced.bytes is not None and 10_000_000 < paced.bytes < 11_000_000


@pytest.mark.parametrize("name", HEAVY)
def test_by_default_a_run_fits_the_longest_a_hub_allows(name: str) -> None:
    kind = catalog.load(name)
    cost = kind.cost(kind.settings()) if kind.cost else None
    assert cost is None or cost.seconds <= 180


def test_a_rooms_ladder_is_heavy_only_with_a_call_or_a_stream() -> None:
    assert room.cost(RoomSettings()) is None
    called = room.cost(RoomSettings(call=True, call_s=10.0))
    both = room.cost(RoomSettings(call=True, call_s=10.0, responder="10.0.0.1:8622", media_s=5.0))
    assert called is not None and 300_000 < (called.bytes or 0) < 800_000
    assert (
        both is not None and (both.bytes or 0) > (called.bytes or 0) + 2_000_000 and both.seconds > called.seconds + 5
    )


def test_a_call_costs_its_media_both_ways() -> None:
    with_picture, without = (
        sipcall.cost(SipCallSettings(duration_s=8.0)),
        sipcall.cost(SipCallSettings(duration_s=8.0, video=False)),
    )
    assert (without.bytes, with_picture.bytes) == (160_000, 476_000)
