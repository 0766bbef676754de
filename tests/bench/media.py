"""The media probe on links that are known: what it finds, and what it costs. `tests/bench/media.py [PARTS [SECONDS]]`

Two namespaces, `netmon probe media` against `netmon reflector --media`. PARTS with commas (default all), each of SECONDS:
`shape` 1 Mbit/s behind tbf of 2 Mbit/s, burst 4 kB, limit 12 kB: smooth loses nothing, burst fails, paced passes, and the
queue is named; `loss` nft drops 0.5, 1, 2, 5 % there: the loss found lies within the 99 % interval of what that gives by
chance, back is clean, and the verdict follows; `mark` a DSCP changed on one way is named; `cost` CPU of both ends at
conf-720p, in % of a core, start and judging apart. Goals: all that, and at most 5 %. Needs root.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from mediafar import probe, reflector
from nets import Pair, pair, sh

SECONDS = 10.0
SHARES = (0.5, 1.0, 2.0, 5.0)
MOST_CPU = 5.0
_TIMES = os.sysconf("SC_CLK_TCK")


def _said(label: str, got: dict[str, Any], good: bool) -> bool:
    values = got["values"]
    lost = " ".join(f"{values.get(f'lost_{way}', '-')}/{values.get(f'sent_{way}', '-')}" for way in ("fwd", "bwd"))
    print(
        f"{'ok  ' if good else 'BAD '}{label:<22} lost/sent {lost:<20} verdict {values.get('verdict', '-')}  {got['why']}",
        flush=True,
    )
    return good


def shape(both: Pair, seconds: float) -> bool:
    """Smooth, then burst and paced, behind a queue that is too small."""
    for name in (both.left, both.right):
        sh(f"ip netns exec {name} tc qdisc replace dev v0 root tbf rate 2mbit burst 4k limit 12k")
    words = ("rate=1Mbit", f"duration={seconds:g}s")
    smooth = probe(both, *words, "variant=smooth")
    got = probe(both, *words, "variant=both")
    for name in (both.left, both.right):
        sh(f"ip netns exec {name} tc qdisc del dev v0 root")
    lost = [smooth["values"].get(f"lost_{way}") for way in ("fwd", "bwd")]
    good = _said("smooth 1 Mbit/s", smooth, smooth["values"].get("verdict") == 0 and lost == [0, 0])
    values = got["values"]
    named = "queue too small: average fits, I-frames do not" in got["why"]
    return _said("burst, then paced", got, named and values.get("verdict_paced") == 0) and good


def loss(both: Pair, seconds: float) -> bool:
    """Random losses of a known share on the way there."""
    good = True
    for share in SHARES:
        both.nft("right", _dropping(share))
        got = probe(both, f"duration={max(seconds, 9):g}s", "abort_loss_percent=50")
        sh(f"ip netns exec {both.right} nft delete table inet t")
        values = got["values"]
        sent, lost = values.get("sent_fwd", 0), values.get("lost_fwd", -1)
        low, high = interval(sent, share / 100)
        fits = sent >= 2000 and low <= lost <= high and values["lost_bwd"] == 0
        right = values.get("verdict") == _level(values.get("lost_fwd_percent", 0.0))
        good &= _said(f"{share} % ({low} to {high})", got, fits and right)
    return good


def _level(percent: float) -> int:
    """What conf-720p says of losses that are spread evenly."""
    return int(percent > 0.5) + int(percent > 1.0)


def _dropping(share: float) -> str:
    rule = f"udp dport 8622 udp length > 128 numgen random mod 1000 < {share * 10:.0f} drop"
    return f"table inet t {{\n chain c {{\n type filter hook input priority 0;\n {rule}\n }}\n}}\n"


def interval(sent: int, share: float) -> tuple[int, int]:
    """The middle 99 % of how many of `sent` are lost by chance."""
    chance, below, low, number = (1 - share) ** sent, 0.0, -1, 0
    while below + chance < 0.995 and number <= sent:
        below += chance
        low = number if low < 0 and below > 0.005 else low
        chance *= (sent - number) / (number + 1) * share / (1 - share)
        number += 1
    return max(low, 0), number


def mark(both: Pair, seconds: float) -> bool:
    """AF41 becomes CS0 on the way back."""
    rule = "udp sport 8622 ip dscp af41 ip dscp set cs0"
    both.nft("right", f"table inet t {{\n chain c {{\n type filter hook output priority -150;\n {rule}\n }}\n}}\n")
    got = probe(both, f"duration={min(seconds, 4):g}s")
    sh(f"ip netns exec {both.right} nft delete table inet t")
    named = "DSCP 34 of pictures arrives as 0 back" in got["why"]
    return _said("AF41 to CS0 back", got, named and got["values"].get("dscp_seen_fwd") == 34)


def cost(both: Pair, far: subprocess.Popen[str], seconds: float) -> bool:
    """CPU of a long test less that of a short one, over the time between."""
    good = True
    for variant in ("burst", "paced"):
        short, long = (_spent(both, far, f"duration={length:g}s", f"variant={variant}") for length in (1, 1 + seconds))
        agent, answers = ((more - less) / seconds * 100 for less, more in zip(short, long, strict=True))
        fits = agent <= MOST_CPU
        print(
            f"{'ok  ' if fits else 'BAD '}cost, {variant:<16} agent {agent:.1f} %, responder {answers:.1f} % of a core, starting {short[0]:.2f} s",
            flush=True,
        )
        good &= fits
    return good


def _spent(both: Pair, far: subprocess.Popen[str], *settings: str) -> tuple[float, float]:
    """CPU seconds of the agent (children of this process) and of the responder."""
    before, responder = resource.getrusage(resource.RUSAGE_CHILDREN), _cpu(far.pid)
    probe(both, *settings, "ours_percent=100")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, _cpu(far.pid) - responder


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TIMES


def main() -> None:
    """Run the parts; exit 1 when one is not as it should be."""
    parts = sys.argv[1].split(",") if len(sys.argv) > 1 and sys.argv[1] else ["shape", "loss", "mark", "cost"]
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with pair() as both, reflector(both) as far:
        works: dict[str, Callable[[], bool]] = {
            "shape": lambda: shape(both, seconds),
            "loss": lambda: loss(both, seconds),
            "mark": lambda: mark(both, seconds),
            "cost": lambda: cost(both, far, seconds),
        }
        good = [works[part]() for part in parts]
    print(f"{sum(good)} of {len(good)} parts as they should be; load {os.getloadavg()[0]:.1f}")
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
