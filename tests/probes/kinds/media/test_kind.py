"""The `media` kind: what is told of what came, and real links of Linux that lose, shape and re-mark."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mediafar import probe, reflector
from mediatraces import INTRA, PLAN, VIDEO, of_frame, trace
from nets import Pair, pair, sh

from probes.base import Outcome
from probes.kinds.media.kind import FIELDS, PROFILES_BPS, MediaSettings, cost
from probes.kinds.media.result import VariantResult, limits_of, tell
from probes.kinds.media.verdict import PROFILES, Limit
from probes.wire.media import packet as media
from probes.wire.media.flow import MediaTrace, PlanReceiver
from probes.wire.media.sender import MediaDone
from probes.wire.media.shape import MediaShape, Variant, plan
from probes.wire.session import Arrival

BURST, PACED = Variant.BURST, Variant.PACED
DECLARED = {one.name: one for one in FIELDS}


def seen(
    forward: MediaTrace | None, backward: MediaTrace | None, variant: Variant = BURST, *, drop: int = 0, **more: Any
) -> VariantResult:
    words: dict[str, Any] = {"aborted": "", "rtts_ms": (10.0, 11.0), "far_dropped": 0, "queue_full": 0} | more
    return VariantResult(variant, MediaDone(forward, backward, **words), drop)


def told(*them: VariantResult, **settings: Any) -> tuple[Outcome, str, dict[str, Any]]:
    outcome, why, values, detail = tell(list(them), MediaSettings(**settings))
    assert {name.rstrip("0123456789") if "_b" in name[-4:] else name for name in values} <= set(DECLARED)
    assert all(
        isinstance(value, int) for name, value in values.items() if DECLARED.get(name) and DECLARED[name].type == "int"
    )
    assert all(isinstance(cell, int | float | str) for row in detail for cell in row.values())
    return outcome, why, values


def test_a_clean_conference_passes_without_words() -> None:
    outcome, why, values = told(seen(trace(), trace()), audio_dscp=34)
    assert (outcome, why, values["verdict"], values["limit"]) == (Outcome.OK, "", 0, 0)
    assert values["lost_fwd_percent"] == 0.0 and values["mos_bwd"] == pytest.approx(4.4094, abs=1e-3)
    assert values["sent_fwd"] == len(PLAN) and values["rtt_min_ms"] == 10.0 and values["verdict_burst"] == 0
    assert values["bytes_used"] == 2 * sum(one.size for one in PLAN)


def test_all_default_values_are_there_and_no_more_than_eight() -> None:
    default = {one.name for one in FIELDS if one.default}
    assert len(default) == 8 and default <= set(told(seen(trace(), trace()))[2])


def test_a_direction_that_was_not_asked_for_is_absent() -> None:
    _, _, values = told(seen(trace(), None))
    assert not any("bwd" in name for name in values) and values["verdict"] == 0


def test_a_bad_verdict_is_an_answer_and_names_direction_and_limit() -> None:
    outcome, why, values = told(seen(trace(), trace(set(range(0, len(PLAN), 40)))), audio_dscp=34)
    assert (outcome, values["verdict"], values["limit"]) == (Outcome.OK, 2, Limit.LOSS)
    assert why.startswith("not good enough for conf-720p: 2.5") and why.endswith("% lost back")


def test_a_queue_that_is_too_small_is_named_from_both_variants() -> None:
    cut = trace({number for frame in INTRA for number in of_frame(frame)[-3:]})
    outcome, why, values = told(seen(cut, trace()), seen(trace(), trace(), PACED), variant="both", audio_dscp=34)
    assert (outcome, values["verdict"], values["limit"]) == (Outcome.OK, 2, Limit.QUEUE)
    assert "queue too small: average fits, I-frames do not" in why
    assert (values["verdict_burst"], values["verdict_paced"], values["lost_paced_fwd_percent"]) == (2, 0, 0.0)
    _, why, _ = told(seen(cut, trace()), audio_dscp=34)
    assert why.endswith("variant=both tells whether pacing helps")


def test_a_second_variant_that_broke_does_not_spoil_the_first() -> None:
    outcome, why, values = told(
        seen(trace(), trace()), VariantResult(PACED, None, 0, "busy"), variant="both", audio_dscp=34
    )
    assert (outcome, why, values["verdict"]) == (Outcome.OK, "paced could not be sent: busy", 0)
    assert "verdict_paced" not in values


def test_our_own_lateness_and_drops_say_nothing_about_the_network() -> None:
    late = trace(set(VIDEO[:200]), late=dict.fromkeys(range(0, len(PLAN), 20), 9000))
    for one in (
        seen(late, trace()),
        seen(trace(), late),
        seen(trace(), trace(), drop=3),
        seen(trace(), trace(), far_dropped=3),
        seen(trace(), trace(), clock_set="this machine's"),
    ):
        outcome, why, values = told(one)
        assert outcome is Outcome.LOCAL and ("too busy" in why or why == "this machine's clock was set meanwhile")
        assert set(values) <= {"ours_fwd", "ours_bwd", "local_drop"}


def test_a_little_lateness_is_left_out_and_the_rest_judged() -> None:
    lost = set(of_frame(100))
    outcome, _, values = told(seen(trace(lost, late={of_frame(100)[0]: 9000}), trace()))
    assert outcome is Outcome.OK and values["lost_fwd"] == 0 and values["ours_fwd"] > 20


def test_losses_in_a_row_are_counted_by_their_length() -> None:
    lost = {*VIDEO[100:104], *VIDEO[300:305], VIDEO[600]}
    _, _, values = told(seen(trace(lost), trace()))
    runs = {name: value for name, value in values.items() if name.startswith("loss_run_fwd_b")}
    assert runs == {"loss_run_fwd_b3": 2, "loss_run_fwd_b1": 1} and values["loss_run_max_fwd"] == 5


def test_that_no_intra_frame_was_tested_is_said() -> None:
    late = {of_frame(frame)[0]: 9000 for frame in INTRA}
    outcome, why, values = told(seen(trace(late=late), trace()), audio_dscp=34)
    assert (outcome, values["verdict"], values["intra_fwd"]) == (Outcome.OK, 0, 0)
    assert why == "no I-frame left in time there, so none was tested"


def test_nothing_arrives() -> None:
    gone = trace(range(len(PLAN)))
    assert told(seen(gone, gone))[0] is Outcome.LOST
    outcome, why, values = told(seen(gone, trace()), audio_dscp=34)
    assert (outcome, values["limit"], values["lost_fwd_percent"]) == (Outcome.OK, Limit.DEAD, 100.0)
    assert why.endswith("nothing of the stream arrives there") and "freeze_fwd_s" in values


def test_a_test_that_was_cut_short_fails() -> None:
    outcome, why, values = told(seen(trace(), trace(), aborted="7.1 % lost there in the first 2 s"))
    assert (outcome, values["verdict"], values["limit"], values["aborted"]) == (Outcome.OK, 2, Limit.ABORTED, 1)
    assert "cut short: 7.1 % lost there in the first 2 s" in why


def test_a_changed_mark_is_named_with_direction_sent_and_seen() -> None:
    outcome, why, values = told(seen(trace(), trace(tos=0)), audio_dscp=34)
    assert (outcome, values["verdict"]) == (Outcome.OK, 0)
    assert why == "DSCP 34 of pictures arrives as 0 back; DSCP 34 of sound arrives as 0 back"
    assert (values["dscp_sent"], values["dscp_seen_fwd"], values["dscp_seen_bwd"]) == (34, 34, 0)


def test_limits_are_the_profiles_or_what_is_set() -> None:
    assert limits_of(MediaSettings()) == PROFILES["conf-720p"]
    found = limits_of(MediaSettings(profile="conf-1080p", loss_pass_percent=3.0, mos_pass=3.0))
    assert found.loss_percent == (3.0, 3.0) and found.audio_mos == (3.0, 3.0)
    assert found.jitter_ms == PROFILES["conf-1080p"].jitter_ms
    bad = seen(trace(), trace(set(range(0, len(PLAN), 40))))
    assert told(bad, loss_pass_percent=4.0, freeze_pass_percent=90.0, audio_dscp=34)[2]["verdict"] == 0


def test_the_cost_is_what_a_run_sends_at_most() -> None:
    for chosen in ({}, {"variant": "both"}, {"direction": "forward", "profile": "conf-1080p"}, {"duration_s": 20.0}):
        wanted = MediaSettings(**chosen)
        found = cost(wanted)
        directions, many = 1 + (wanted.direction == "both"), 1 + (wanted.variant == "both")
        packets = plan(MediaShape(int(PROFILES_BPS[wanted.profile]), int(wanted.duration_s * 1000), BURST, 3))
        sent = directions * many * sum(one.size + 42 for one in packets)
        assert found.bytes is not None and sent < found.bytes < 1.06 * sent
        assert found.seconds == many * (wanted.duration_s + 0.5 + 3 * wanted.timeout_s)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 600), st.integers(0, 2**64 - 1), st.integers(0, 65_535), st.integers(0, 2**62)),
        max_size=40,
    )
)
def test_whatever_a_responder_says_of_its_packets_the_values_are_numbers(said: list[tuple[int, int, int, int]]) -> None:
    shape = MediaShape(2_000_000, 2000, BURST, 3)
    into = PlanReceiver(plan(shape))
    for number, sent_ns, late_us, at_ns in said:
        data = media.data_packets(7)(media.Data(1, 34, late_us, number, 0, 0, 1, sent_ns), 64)
        into.take(Arrival(data, ("192.0.2.2", 8622), at_ns), 1.0)
    _, why, values = told(seen(None, into.trace(500)))
    assert all(math.isfinite(value) for value in values.values()) and why.isprintable()


# --- real links ---


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    with pair() as made, reflector(made):
        yield made


def measured(link: Pair, *settings: str, least: str) -> dict[str, Any]:
    """PacketType is said once this machine had time enough for its packets to leave in time, the first I-frame above all."""
    for _ in range(4):
        got = probe(link, *settings)
        if got["values"].get(least, 0) >= 1:
            break
    return got


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns", "tc")
def test_smooth_fits_where_bursts_do_not_and_pacing_helps(link: Pair) -> None:
    for name in (link.left, link.right):
        sh(f"ip netns exec {name} tc qdisc replace dev v0 root tbf rate 2mbit burst 4k limit 12k")
    try:
        rate = "rate=1150kbit"
        smooth = measured(link, rate, "variant=smooth", "duration=1s", "direction=forward", least="sent_fwd")
        assert (smooth["values"]["verdict"], smooth["values"]["lost_fwd"]) == (0, 0)
        both = ("variant=both", "duration=2.5s", "direction=forward", "seed=5")
        got = measured(link, rate, *both, least="intra_fwd")
    finally:
        for name in (link.left, link.right):
            sh(f"ip netns exec {name} tc qdisc del dev v0 root")
    assert "queue too small: average fits, I-frames do not" in got["why"], got["why"]
    values = got["values"]
    assert values["verdict_burst"] == 2 and values["verdict_paced"] < 2 and values["lost_paced_fwd_percent"] == 0
    assert values["intra_damaged_fwd"] >= 1


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns", "nft")
def test_loss_and_a_changed_mark_are_told_of_their_own_direction(link: Pair) -> None:
    link.nft(
        "right",
        "table inet t {\n chain c {\n type filter hook input priority 0;\n udp dport 8622 udp length > 128"
        " numgen inc mod 50 == 0 drop\n }\n chain m {\n type filter hook output priority -150;\n udp sport 8622 ip dscp af41"
        " ip dscp set cs0\n }\n}\n",
    )
    try:
        got = probe(link, "duration=2s", "ours_percent=90")
    finally:
        sh(f"ip netns exec {link.right} nft delete table inet t")
    values = got["values"]
    assert values["lost_fwd_percent"] == pytest.approx(2.0, abs=0.5) and values["lost_bwd"] == 0
    assert (values["verdict"], values["dscp_seen_fwd"], values["dscp_seen_bwd"]) == (2, 34, 0)
    assert "% lost there" in got["why"] and "DSCP 34 of pictures arrives as 0 back" in got["why"]


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("netns")
def test_keys_and_ipv6(link: Pair, tmp_path: Path) -> None:
    key, other = tmp_path / "key", tmp_path / "other"
    key.write_text("a key of sixteen")
    other.write_text("another key of more")
    words = ["--key-file", str(key)]
    with reflector(link, *words, media="[::]:8623"):
        short = ["duration=0.5s", "ours_percent=100", "timeout=400ms"]
        target = f"[{link.right_ip6}]:8623"
        assert probe(link, *short, f"key_file={key}", target=target)["outcome"] == "OK"
        for more in ([], [f"key_file={other}"]):
            assert probe(link, *short, *more, target=target)["outcome"] == "LOST"


@pytest.mark.needs("netns")
def test_a_responder_that_dies_in_the_middle_is_told_in_time(link: Pair) -> None:
    with reflector(link, media="0.0.0.0:8624") as far:
        began = time.monotonic()
        threading.Timer(2.0, far.kill).start()
        got = probe(link, "duration=20s", "timeout=500ms", target=f"{link.right_ip}:8624")
    assert got["outcome"] in ("LOST", "REFUSED") and time.monotonic() - began < 6
