"""Test calls against real rooms: baresip, sipp and linphonec, over a veth between two namespaces."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from checkout import GOLDEN
from nets import Pair, pair
from netthread import awaited

from probes.base import Measurement, Outcome, Target
from probes.kinds.sip.call.kind import SipCallSettings, run
from probes.kinds.sip.kind import SipSettings
from probes.kinds.sip.kind import run as options

pytestmark = [pytest.mark.needs("netns"), pytest.mark.world]
SIP = GOLDEN / "sip"


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    with pair() as made:
        yield made


@contextmanager
def running(link: Pair, command: list[str], port: int, **kwargs: Any) -> Iterator[subprocess.Popen[str]]:
    """A peer in the right namespace, up when its OPTIONS is answered or its port is taken."""
    process = link.start("right", command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)
    try:
        for _ in range(100):
            if f":{port} " in link.run("right", ["ss", "-Hlnu"]).stdout:
                break
            assert process.poll() is None, f"{command[0]} ended at once"
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def call(link: Pair, target: str, **settings: Any) -> Measurement:
    chosen = SipCallSettings(**{"duration_s": 2.0, **settings})
    return awaited(link.left, lambda: run(Target(target), chosen, 1))


@pytest.fixture(scope="module")
def baresip(link: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("baresip")
    for name in ("config", "accounts"):
        shutil.copy(SIP / f"baresip.{name}", folder / name)
    with running(link, ["baresip", "-f", str(folder)], 5060, stdin=subprocess.DEVNULL):
        yield "sip:mcu@10.99.0.2"


@pytest.mark.needs("baresip")
def test_baresip_takes_the_call_with_sound_and_picture_both_ways(link: Pair, baresip: str) -> None:
    got = call(link, baresip)
    assert (got.outcome, got.why) == (Outcome.OK, "")
    values = got.values
    assert values["status"] == 200 and values["bye_status"] == 200 and values["sends"] == 1
    assert 240 <= values["audio_sent"] <= 345 and values["audio_rcvd"] >= 80 and values["audio_lost_bwd"] == 0
    assert values["audio_lost_fwd"] == 0  # it reports every 5 s, and the call waits for that
    assert values["video_rcvd"] > 20 and values["video_lost_bwd"] == 0
    assert values["srd_ms"] <= values["answer_ms"] < 1000 and values["audio_jitter_bwd_ms"] < 20


@pytest.mark.needs("baresip", "nft")
def test_sound_that_is_lost_on_its_way_back_is_counted_and_no_way_but_that(link: Pair, baresip: str) -> None:
    rules = "udp sport 16000-16100 numgen inc mod 10 == 0 drop"
    link.nft("left", f"table inet loss {{\n chain c {{\n type filter hook input priority 0;\n {rules}\n }}\n}}\n")
    try:
        values = call(link, baresip, video=False, duration_s=4.0, reports_s=0.0).values
    finally:
        link.run("left", ["nft", "delete", "table", "inet", "loss"])
    share = values["audio_lost_bwd"] / (values["audio_rcvd"] + values["audio_lost_bwd"])
    assert 0.05 < share < 0.15
    assert values.get("audio_lost_fwd", 0) == 0


@pytest.mark.needs("baresip", "nft")
def test_a_room_whose_sound_never_comes_back_is_up_and_dumb(link: Pair, baresip: str) -> None:
    rules = "udp sport 16000-16100 drop"
    link.nft("left", f"table inet dumb {{\n chain c {{\n type filter hook input priority 0;\n {rules}\n }}\n}}\n")
    try:
        got = call(link, baresip)
    finally:
        link.run("left", ["nft", "delete", "table", "inet", "dumb"])
    assert got.outcome == Outcome.LOST and "no sound and no picture came back" in got.why
    assert got.values["audio_rcvd"] == 0 and "audio_lost_bwd" not in got.values and got.values["bye_status"] == 200


@pytest.mark.long  # it reports every 5 s; rooms of one process say the same in test_sipcallboth.py
@pytest.mark.needs("baresip", "nft")
def test_a_room_our_sound_never_reaches_says_so_in_its_reports(link: Pair, baresip: str) -> None:
    rules = "udp dport 16000-16100 @th,16,16 & 1 == 0 drop"  # RTP's even ports: its reports still come and go
    link.nft("right", f"table inet deaf {{\n chain c {{\n type filter hook input priority 0;\n {rules}\n }}\n}}\n")
    try:
        got = call(link, baresip, video=False)
    finally:
        link.run("right", ["nft", "delete", "table", "inet", "deaf"])
    assert got.outcome == Outcome.LOST and "it hears no sound of ours" in got.why and got.values["audio_rcvd"] > 200


@pytest.mark.needs("baresip", "nft")
def test_a_rewritten_dscp_is_seen(link: Pair, baresip: str) -> None:
    rules = "udp sport 16000-16100 ip dscp set cs1"
    link.nft("right", f"table ip bleach {{\n chain c {{\n type route hook output priority 0;\n {rules}\n }}\n}}\n")
    try:
        values = call(link, baresip, video=False, reports_s=0.0).values
    finally:
        link.run("right", ["nft", "delete", "table", "ip", "bleach"])
    assert values["audio_dscp_seen_bwd"] == 8


@pytest.mark.needs("baresip", "tshark")
def test_a_call_that_is_cut_short_is_hung_up(link: Pair, baresip: str, tmp_path: Path) -> None:
    async def cut() -> None:
        task = asyncio.ensure_future(run(Target(baresip), SipCallSettings(duration_s=30.0), 1))
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    seen = tmp_path / "sip.txt"

    def shown(word: str, meanwhile: Callable[[], object] = list) -> list[str]:
        """Methods that went by once `word` has: tshark begins, and writes, when it gets to it."""
        for _ in range(100):
            if word in (methods := seen.read_text().split()):
                return methods
            meanwhile()
            time.sleep(0.1)
        raise AssertionError(f"tshark shows no {word}: {methods}")

    with seen.open("w") as out:
        command = ["tshark", "-lni", "v0", "-f", "udp port 5060", "-T", "fields", "-e", "sip.Method"]
        watch = link.start("right", command, stdout=out, stderr=subprocess.DEVNULL)
        try:
            asking = partial(options, Target(baresip), SipSettings(timeout_s=0.2), 1)
            shown("OPTIONS", lambda: awaited(link.left, asking))
            awaited(link.left, cut)
            methods = shown("BYE")
        finally:
            watch.send_signal(signal.SIGINT)
            watch.wait(5)
    assert [method for method in methods if method != "OPTIONS"] == ["INVITE", "ACK", "BYE"]


@pytest.mark.needs("sipp")
def test_sipp_takes_the_call_and_echoes_the_sound(link: Pair, tmp_path: Path) -> None:
    command = ["sipp", "-sn", "uas", "-i", "10.99.0.2", "-p", "5080", "-aa", "-rtp_echo", "-mi", "10.99.0.2",
               "-mp", "6000", "-nostdin"]  # fmt: skip
    with running(link, command, 5080, cwd=tmp_path):
        asked = awaited(link.left, lambda: options(Target("10.99.0.2:5080"), SipSettings(), 1))
        got = call(link, "sip:test@10.99.0.2:5080")
    assert asked.outcome == Outcome.OK
    assert got.outcome == Outcome.OK and got.values["status"] == 200 and got.values["bye_status"] == 200
    assert got.values["audio_rcvd"] >= got.values["audio_sent"] - 15 and got.values["audio_lost_bwd"] == 0


@pytest.mark.needs("linphonec")
def test_linphonec_takes_the_call(link: Pair, tmp_path: Path) -> None:
    for folder in (".local/share/linphone", ".config/linphone"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "rc").write_text("[sip]\nsip_port=5090\nsip_tcp_port=-1\nsip_tls_port=-1\n")
    read, write = os.pipe()
    try:
        with running(
            link, ["env", f"HOME={tmp_path}", "linphonec", "-c", str(tmp_path / "rc"), "-a"], 5090, stdin=read
        ):
            asked = awaited(link.left, lambda: options(Target("10.99.0.2:5090"), SipSettings(timeout_s=4), 1))
            got = call(link, "sip:test@10.99.0.2:5090", video=False)
    finally:
        for one in (read, write):
            os.close(one)
    assert asked.outcome == Outcome.OK
    assert got.values["status"] == 200 and got.values["bye_status"] == 200, got


def test_a_closed_port_and_a_silent_host_are_told_apart(link: Pair) -> None:
    refused = call(link, "sip:test@10.99.0.2:5999")
    assert refused.outcome == Outcome.REFUSED and "nobody listens" in refused.why
    reset = call(link, "sip:test@10.99.0.2:5999;transport=tcp")
    assert reset.outcome == Outcome.REFUSED
    link.nft(
        "right", "table inet deaf {\n chain c {\n type filter hook input priority 0;\n udp dport 5998 drop\n }\n}\n"
    )
    try:
        silent = call(link, "sip:test@10.99.0.2:5998", timeout_s=0.7)
    finally:
        link.run("right", ["nft", "delete", "table", "inet", "deaf"])
    assert silent.outcome == Outcome.LOST and silent.values == {}
