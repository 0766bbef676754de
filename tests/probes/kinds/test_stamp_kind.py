"""`stamp` with real packets: the direction of losses made by nft, HMAC, both families, and what is no answer."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from nets import Pair, pair, sh
from netthread import awaited, serving, within

from probes.answer.stamp import reflector
from probes.base import Job, Measurement, Outcome, Target
from probes.errors import BadSettings
from probes.io.clock import our_clock
from probes.kinds.shared.key import key_of
from probes.kinds.stamp import STAMP, StampSettings, run, watch
from probes.wire.stamp import packet as stamp

pytestmark = pytest.mark.needs("netns", "nft")
loaded: list[tuple[Pair, str]] = []
KEY = "a key of sixteen"


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("key") / "stamp.key"
    path.write_text(KEY + "\n")
    return str(path)


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    with pair() as made, serving(made.right, lambda: reflector.serve("0.0.0.0", 862)), serving(made.right, lambda: reflector.serve("::", 862)), serving(made.right, lambda: reflector.serve("0.0.0.0", 8620, KEY.encode())):  # fmt: skip
        until = time.monotonic() + 10
        while measure(made, made.right_ip6, 1, timeout_s=0.1).outcome != Outcome.OK:
            assert time.monotonic() < until
        yield made


@pytest.fixture(autouse=True)
def no_rules() -> Iterator[None]:
    yield
    while loaded:
        made, side = loaded.pop()
        made.nft(side, "flush ruleset")


def load(made: Pair, side: str, rules: str) -> None:
    """nft rules until the test's end."""
    loaded.append((made, side))
    made.nft(side, rules)


def measure(made: Pair, target: str, count: int = 5, **more: object) -> Measurement:
    settings = StampSettings(**{"every_s": 0.01, "timeout_s": 0.3, **more})  # type: ignore[arg-type]
    return awaited(made.left, lambda: run(Target(target), settings, count))


def incoming(rule: str) -> str:
    return f"table inet t {{\n chain c {{\n type filter hook input priority 0;\n {rule}\n }}\n}}\n"


@pytest.mark.parametrize("ip", ["10.99.0.2", "fd99::2"])
def test_every_packet_is_answered_and_timed_without_the_reflectors_residence(link: Pair, ip: str) -> None:
    got = measure(link, ip, 50, every_s=0.004)
    values = got.values
    assert (got.outcome, values["sent"], values["rcvd"]) == (Outcome.OK, 50, 50)
    assert (values["lost_fwd"], values["lost_bwd"], values["lost_unknown"], values["unstamped"]) == (0, 0, 0, 0)
    assert 0 < values["rtt_min_ms"] <= values["rtt_p50_ms"] < 5 and values["residence_max_ms"] > 0
    assert values["pdv_fwd_ms"] >= 0 and values["ttl"] == 64


SIDES = {
    "there": ("right", "udp dport 862", "lost_fwd", "lost_bwd"),
    "back": ("left", "udp sport 862", "lost_bwd", "lost_fwd"),
}


@pytest.mark.parametrize("direction", SIDES)
@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [("numgen random mod 100 < 2", 0.008, 0.034), ("numgen inc mod 50 == 7", 0.02, 0.02)],
    ids=["random", "every-fiftieth"],
)
def test_two_percent_lost_one_way_are_told_of_that_way_and_none_of_the_other(
    link: Pair, direction: str, rule: str, least: float, most: float
) -> None:
    side, match, lossy, clean = SIDES[direction]
    load(link, side, incoming(f"{match} {rule} drop"))
    values = measure(link, link.right_ip, 2000, every_s=0.001).values
    assert values["sent"] == 2000 and values[clean] == 0
    assert least <= values[lossy] / 2000 <= most and values["lost_unknown"] <= 3
    assert values[lossy] + values["lost_unknown"] == 2000 - values["rcvd"]


def test_losses_of_both_ways_are_told_apart(link: Pair) -> None:
    load(link, "right", incoming("udp dport 862 numgen inc mod 20 == 7 drop"))
    load(link, "left", incoming("udp sport 862 numgen inc mod 50 == 7 drop"))
    values = measure(link, link.right_ip, 1000, every_s=0.001).values
    assert (values["lost_fwd"], values["lost_bwd"], values["lost_unknown"]) == (50, 19, 0)


# --- authenticated mode ---


@pytest.mark.parametrize("size", [44, 112, 1000])
def test_with_the_right_key_every_packet_is_answered(link: Pair, key_file: str, size: int) -> None:
    got = measure(link, "10.99.0.2:8620", key_file=key_file, size=size)
    assert (got.outcome, got.values["rcvd"], got.values["lost_unknown"]) == (Outcome.OK, 5, 0)


def test_without_the_key_or_with_another_nothing_comes_back(link: Pair, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("another key at all")
    for more in ({}, {"key_file": str(other)}):
        got = measure(link, "10.99.0.2:8620", **more)
        assert (got.outcome, got.values["rcvd"]) == (Outcome.LOST, 0)
        assert not any(name.startswith(("rtt", "pdv", "residence", "ttl")) for name in got.values)


@pytest.mark.parametrize(("text", "fault"), [(None, "No such file"), ("", "is no key"), ("short", "is no key")])
def test_a_key_file_that_is_none_is_said(tmp_path: Path, text: str | None, fault: str) -> None:
    path = tmp_path / "key"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadSettings, match=fault):
        key_of(str(path))
    assert key_of("") == b""


# --- what is no answer ---


@pytest.mark.parametrize("ip", ["10.99.0.2", "[fd99::2]"])
def test_a_closed_port_is_refused(link: Pair, ip: str) -> None:
    sh(f"ip netns exec {link.right} sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")
    got = measure(link, f"{ip}:8699")
    assert got.outcome == Outcome.REFUSED and "the host is there and nobody listens" in got.why
    assert (got.values["sent"], got.values["rcvd"], got.values["local_drop"]) == (5, 0, 0)


def test_a_black_hole_is_lost(link: Pair) -> None:
    load(link, "right", incoming("udp dport 862 drop"))
    got = measure(link, "10.99.0.2")
    assert (got.outcome, got.values["lost_unknown"], got.values["lost_fwd"]) == (Outcome.LOST, 5, 0)


def test_no_route_is_our_own_fault(link: Pair) -> None:
    assert measure(link, "203.0.113.1").outcome == Outcome.LOCAL
    assert measure(link, "no-such-name.invalid").outcome == Outcome.UNRESOLVED


# --- the reflector as others meet it ---


def test_a_twamp_light_test_of_41_bytes_is_answered_in_41_and_shorter_ones_are_not(link: Pair) -> None:
    def ask() -> list[int]:
        lengths = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            for length in (40, 41, 44, 600):
                sock.sendto(
                    stamp.encode_test(stamp.Test(1, time.time_ns(), 0x1601, 0), size=length)[:length],
                    ("10.99.0.2", 862),
                )
                with suppress(TimeoutError):
                    lengths.append(len(sock.recv(2000)))
        return lengths

    assert within(link.left, ask) == [41, 44, 600]


def test_a_reflector_answers_from_the_address_it_was_asked_at(link: Pair) -> None:
    sh(
        f"ip -n {link.right} address replace 10.99.0.3/24 dev v0; ip -n {link.right} address replace fd99::3/64 dev v0 nodad"
    )
    for ip in ("10.99.0.3", "fd99::3"):
        assert measure(link, ip).values["rcvd"] == 5


def test_the_dscp_goes_there_and_comes_back(link: Pair) -> None:
    load(link, "right", incoming("udp dport 862 ip dscp ef counter\n udp dport 862 ip6 dscp ef counter"))
    for ip in ("10.99.0.2", "fd99::2"):
        assert measure(link, ip, dscp=46).values["dscp_seen_bwd"] == 46
    assert sh(f"ip netns exec {link.right} nft list ruleset").count("packets 5 ") == 2


def test_watched_reflectors_get_their_points_through_late_and_second_answers(link: Pair) -> None:
    told: list[Measurement] = []
    job = Job("a", Target("10.99.0.2"), StampSettings(every_s=0.1, timeout_s=0.2), 0.1, 1.0)

    async def some() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(watch([job], lambda id, got: told.append(got)), 2.6)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    awaited(link.left, some)
    assert len(told) >= 2 and {(one.values["sent"], one.values["rcvd"]) for one in told} == {(10, 10)}


def test_the_reflector_verb_answers_until_it_is_told_to_stop(link: Pair) -> None:
    words = [sys.executable, "-m", "netmon", "reflector", "--listen", "10.99.0.2:8630"]
    with link.start("right", words, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 10
        while measure(link, "10.99.0.2:8630", 2).outcome != Outcome.OK:
            assert time.monotonic() < until and process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 0 and "reflector answered" in said


def test_the_command_tells_one_measurement_as_json(link: Pair) -> None:
    words = [
        sys.executable,
        "-m",
        "netmon",
        "probe",
        "stamp",
        "10.99.0.2",
        "-n",
        "5",
        "--set",
        "every=10ms",
        "-o",
        "json",
    ]
    done = link.run("left", words)
    said = json.loads(done.stdout)
    assert (done.returncode, list(said)) == (0, ["kind", "target", "outcome", "at", "took_ms", "values", "why"])
    assert {said["values"][name] for name in ("sent", "rcvd")} == {5} and said["outcome"] == "OK"


def test_every_value_is_declared(link: Pair) -> None:
    names = {one.name for one in STAMP.fields}
    assert {name if name in names else name.rstrip("0123456789") for name in measure(link, "10.99.0.2").values} <= names
    assert sum(one.default and not one.repeated for one in STAMP.fields) <= 8


def test_what_the_kernel_says_of_the_clock_is_told_by_both_ends(link: Pair) -> None:
    values, ours = measure(link, "10.99.0.2").values, our_clock()
    assert ours is not None  # both ends stand on this machine's clock
    for name in ("clock_synced", "far_clock_synced"):
        assert values[name] == ours.synced
    for name in ("clock_err_ms", "far_clock_err_ms"):
        assert values[name] == pytest.approx(ours.error_s * 1e3, rel=0.05, abs=5.0)


# --- TLVs ---

CHANGED = {
    "there": ("left", "udp dport 862 ip dscp set cs1", "DSCP 46 was changed on the way there: 8 came", (8, 46)),
    "back": ("right", "udp sport 862 ip dscp set af11", "DSCP 46 was changed on the way back: 10 came", (46, 10)),
}


@pytest.mark.parametrize("way", CHANGED)
def test_a_dscp_that_a_firewall_rewrites_one_way_is_named_with_its_way(link: Pair, way: str) -> None:
    side, rule, told, seen = CHANGED[way]
    load(link, side, f"table inet t {{\n chain c {{\n type filter hook output priority mangle;\n {rule}\n }}\n}}\n")
    got = measure(link, "10.99.0.2", dscp=46, ask="cos")
    assert (got.outcome, got.why) == (Outcome.OK, told)
    assert (got.values["dscp_sent"], got.values["dscp_seen_fwd"], got.values["dscp_seen_bwd"]) == (46, *seen)


@pytest.mark.parametrize("ip", ["10.99.0.2", "fd99::2", "10.99.0.2:8620"])
def test_the_real_reflector_answers_every_tlv_in_both_families_and_with_a_key(
    link: Pair, ip: str, key_file: str
) -> None:
    more = {"key_file": key_file} if ip.endswith("8620") else {}
    got = measure(link, ip, 20, dscp=34, ecn=1, ask="cos timestamp direct followup", size=300, **more)
    values = got.values
    assert (got.outcome, got.why, values["rcvd"]) == (Outcome.OK, "", 20)
    assert (values["dscp_seen_fwd"], values["dscp_seen_bwd"], values["ecn_seen_fwd"], values["far_ts_src"]) == (
        34,
        34,
        1,
        2,
    )
    assert (values["direct_lost_fwd"], values["direct_lost_bwd"]) == (0, 0)
    assert values["followed"] >= 10 and values["rtt_min_ms"] > 0


def test_what_cannot_be_asked_is_said() -> None:
    with pytest.raises(BadSettings, match="'speed' is none of cos timestamp direct followup"):
        StampSettings(ask="cos speed")
