"""Which checks run at once because another has just begun to fail: the path shows where it breaks while it breaks. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netmon.config.agent import CheckConfig
from probes.base import Outcome
from probes.errors import BadTarget
from probes.target import parse

MIN_GAP_S = 60.0  # between two hurried runs of one check
LOOKS = ("path",)  # kinds that look where it breaks: without `run_when` they follow the checks of the same host
_SCHEME = re.compile(r"\A(?:[A-Za-z][A-Za-z0-9+.-]*://|sips?:)")


class Triggers:
    """Remembers which checks were good, and whom their first failure hurries."""

    def __init__(self, checks: Sequence[CheckConfig]) -> None:
        self._follows: dict[str, list[str]] = {}  # check → those that run when it begins to fail
        hosts = {check.check: host_of(check.target) for check in checks}
        for check in checks:
            host = hosts[check.check] if check.kind in LOOKS else ""
            same = [other.check for other in checks if host and hosts[other.check] == host]
            for name in check.run_when or same:
                if name != check.check:
                    self._follows.setdefault(name, []).append(check.check)
        self._good: dict[str, bool] = {}
        self._last_s: dict[str, float] = {}

    def note(self, check: str, outcome: Outcome, now_s: float) -> list[str]:
        """A measurement of a check came (`now_s` monotonic): the checks to run at once. Our own faults change nothing."""
        if check not in self._follows or outcome is Outcome.LOCAL:
            return []
        was_good, self._good[check] = self._good.get(check, False), outcome is Outcome.OK
        if not was_good or outcome is Outcome.OK:
            return []
        ready = [name for name in self._follows[check] if now_s - self._last_s.get(name, -MIN_GAP_S) >= MIN_GAP_S]
        self._last_s.update(dict.fromkeys(ready, now_s))
        return ready


def host_of(target: str) -> str:
    """The host any kind's target names (`host`, `host:port`, a URL, a SIP address), in small letters; "" for none."""
    place = re.split(r"[/;?#]", _SCHEME.sub("", target), maxsplit=1)[0].rpartition("@")[2]
    try:
        return parse(place).host.lower()
    except BadTarget:
        return ""
