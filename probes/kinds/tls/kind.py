"""TLS: does a service shake hands, how fast, whom does its certificate stand for, and for how long still."""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from probes.base import Field, Kind, Measurement, Outcome, Target
from probes.clean import clean
from probes.errors import BadSettings, BadTarget
from probes.io.stream.tls import SHOWS_ALL, Shaken, looking, trust
from probes.kinds.shared import certificate
from probes.kinds.shared.attempts import SocketAddress
from probes.kinds.shared.service import Reached, Try, reach, several
from probes.kinds.tls import stapling as tlsstaple
from probes.settings import setting
from probes.target import certificate_name, parse

PORT, _TLS13 = 443, 13
_OBJECTION_S = 0.05  # beyond two round trips: what a server may take to think of it
_NAME = re.compile(r"[A-Za-z0-9_.:*-]{1,253}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Settings of `tls`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=0.1, high=86400, default=60.0)
    timeout_s: float = setting(
        "give up on one connect and handshake after", unit="s", key="timeout", low=0.1, high=60, default=5.0
    )
    server_name: str = setting("name to ask for (SNI) and to find in the certificate; the target's", default="")
    ca_file: str = setting("certificates (PEM) to trust instead of the system's: a private authority", default="")
    verify: bool = setting("a certificate that is not trusted is a problem; false only looks at it", default=True)
    chain: bool = setting(
        "look at the authorities' certificates too; Python before 3.13 may need one more connection for it",
        default=True,
    )
    days: float = setting(
        "a certificate that ends in fewer days is a problem; 0: none that is trusted is", low=0, high=3650, default=0.0
    )
    ocsp: bool = setting(
        "ask for the stapled OCSP answer, with one more handshake in a child process (needs pyOpenSSL)", default=False
    )
    require_staple: bool = setting("with ocsp: a server that staples no answer is a problem", default=False)

    def __post_init__(self) -> None:
        """Raises `BadSettings` for a name that can be none, and for what contradicts itself."""
        if self.server_name and not _NAME.match(self.server_name):
            raise BadSettings("server_name is not understood (write a name or an address)")
        if self.ca_file and not self.verify:
            raise BadSettings("ca_file says whom to trust and verify=false trusts anybody (keep one of them)")
        if self.require_staple and not self.ocsp:
            raise BadSettings("require_staple needs ocsp (write ocsp: true)")


FIELDS = (
    Field("sent", "handshakes", "handshakes tried", "int"),
    Field("rcvd", "handshakes", "handshakes that were answered by TLS, trusted or not", "int"),
    Field("connect_ms", "ms", "TCP connect, median"),
    Field("tls_ms", "ms", "TLS handshake, median"),
    Field("cert_days", "days", "until the first certificate shown ends; below 0 when it has"),
    Field("verify_code", "", "0: trusted; else OpenSSL's number: 10 ended, 9 not yet, 62 and 64 another name, 18 to 21 unknown authority", "int"),
    Field("tls_version", "", "10 for TLS 1.0 to 13 for TLS 1.3", "int"),
    Field("cipher", "", "the cipher suite's IANA number", "int"),
    Field("leaf_days", "days", "until the server's own certificate ends", default=False),
    Field("chain_certs", "certificates", "certificates seen", "int", default=False),
    Field("ocsp_status", "", "of the stapled OCSP answer: 0 good, 1 revoked, 2 unknown to its authority", "int", False),
    Field("ocsp_age_s", "s", "since the stapled OCSP answer was made", "int", False),
    Field("ocsp_left_s", "s", "until the stapled OCSP answer ends; below 0 when it has", "int", False),
    Field("resolve_ms", "ms", "time to look the name up; absent for an address", default=False),
)  # fmt: skip


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` handshakes, one after the other, each on its own connection."""
    endpoint = parse(target.text, PORT)
    name = certificate_name(settings.server_name or endpoint.host)
    if not _NAME.match(name):
        raise BadTarget(f"target {name!r} is no name for a certificate (write server_name)")
    strict = trust(name, settings.ca_file, settings.verify)

    async def once(family: int, sockaddr: SocketAddress, deadline: float) -> Try:
        reached = await reach(family, sockaddr, strict, deadline)
        if reached.line is not None:
            reached = await _unobjected(reached)
        where = _Where(family, sockaddr, name, deadline)
        attempt = _told(reached, await _seen(reached, where, settings.chain), name, settings.days)
        if settings.ocsp and reached.outcome is Outcome.OK:
            return await _with_staple(attempt, where, settings)
        return attempt

    return await several("tls", target, endpoint, settings.timeout_s, count, once)


async def _unobjected(reached: Reached) -> Reached:
    """The same, closed; with TLS 1.3 a round trip later, for a server that wants a certificate of ours says it only then."""
    assert reached.line and reached.shaken
    try:
        if reached.shaken.version == _TLS13:
            wait_s = _OBJECTION_S + 2 * (reached.connect_ms or 0.0) / 1000
            fault = await reached.line.objection(wait_s)
            if fault is not None:
                return reached._replace(outcome=fault.outcome, why=clean(fault.why), line=None)
    finally:
        reached.line.close()
    return reached


class _Where(NamedTuple):
    family: int
    sockaddr: SocketAddress
    name: str
    deadline: float


async def _seen(reached: Reached, where: _Where, chain: bool) -> Shaken | None:
    """What was agreed and shown. A certificate that is not trusted is looked at without trusting it, and the
    authorities' certificates that TLS 1.3 hides from this Python by one more handshake with TLS 1.2."""
    shaken = reached.shaken
    if shaken is None or shaken.end not in ("open", "untrusted"):
        return shaken
    if shaken.end == "untrusted":
        again = await _look(where, trust(where.name, "", False)[0])
        shaken = again._replace(verify_code=shaken.verify_code) if again else shaken
    if chain and len(shaken.chain) < 2 and shaken.version == _TLS13 and not SHOWS_ALL:
        again = await _look(where, looking())
        shaken = shaken._replace(chain=again.chain) if again else shaken
    return shaken


async def _look(where: _Where, context: ssl.SSLContext) -> Shaken | None:
    """One handshake more; None when it does not succeed, which says nothing about the target."""
    again = await reach(where.family, where.sockaddr, (context, where.name), where.deadline)
    if again.line is not None:
        again.line.close()
    return again.shaken if again.line is not None else None


async def _with_staple(attempt: Try, where: _Where, settings: TlsSettings) -> Try:
    """What the stapled answer adds. A certificate that is taken back is graver than one that soon ends."""
    asked = await tlsstaple.staple(where.family, where.sockaddr, where.name, settings.ca_file, settings.timeout_s)
    stapled = tlsstaple.judge(asked, settings.require_staple)
    facts = {**attempt.facts, **stapled.values}
    if stapled.outcome is None:
        return replace(attempt, facts=facts, why=attempt.why or stapled.why)
    return replace(attempt, facts=facts, outcome=stapled.outcome, why=stapled.why)


def _told(reached: Reached, seen: Shaken | None, name: str, min_days: float) -> Try:
    outcome, why, now_s = reached.outcome, reached.why, time.time()
    if reached.shaken is None or seen is None or reached.shaken.end not in ("open", "untrusted"):
        return Try(outcome, why, reached.times)
    chain = certificate.read(seen.chain)
    facts = certificate.facts(seen, chain, now_s)
    if outcome is not Outcome.OK and reached.shaken.end == "untrusted":
        why = certificate.distrust(seen.verify_code or 0, chain, name, now_s, reached.shaken.message)
    elif outcome is Outcome.OK and min_days and facts.get("cert_days", min_days) < min_days:
        outcome, why = Outcome.PROTOCOL, f"a certificate ends in {facts['cert_days']} days, fewer than {min_days:g}"
    times = reached.times | ({} if seen.took_ms is None else {"tls_ms": seen.took_ms})
    return Try(outcome, why, times, facts, answered=True)


TLS = Kind("tls", TlsSettings, FIELDS, run, None, "TLS: handshake, whom the certificate stands for, and how long still")
