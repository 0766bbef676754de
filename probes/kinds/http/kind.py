"""HTTP: does a web service answer, how fast in which phase, and is it the right page."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from probes import trace
from probes.base import Field, Kind, Measurement, Outcome, Target, Value
from probes.clean import clean
from probes.errors import BadSettings, BadTarget, WireError
from probes.io.stream.tls import TlsConnection, broken, trust
from probes.kinds.http import verdict
from probes.kinds.http.url import Url, aim, follow
from probes.kinds.shared import certificate
from probes.kinds.shared.attempts import SocketAddress
from probes.kinds.shared.service import Reached, Try, reach, several
from probes.settings import setting
from probes.target import Unresolved, certificate_name, parse, resolve
from probes.wire.http import Response, encode_request

_HEADERS = (("User-Agent", "netmon"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Settings of `http`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=0.1, high=86400, default=30.0)
    timeout_s: float = setting(
        "give up on one request after, redirects included", unit="s", key="timeout", low=0.1, high=120, default=5.0
    )
    method: str = setting("how to ask", choices=("GET", "HEAD"), default="GET")
    status: tuple[str, ...] = setting("statuses that are good, as 200 or 2xx", filled=True, default=("2xx",))
    contains: str = setting("text the answer must contain (UTF-8, as it stands; no pattern)", default="")
    most_bytes: int = setting(
        "most to read of an answer", unit="B", key="most", low=1024, high=16_777_216, default=262_144
    )
    redirects: int = setting("redirects to follow", low=0, high=10, default=5)
    host: str = setting("name to ask for (Host, SNI, certificate) when it is not the target's", default="")
    ca_file: str = setting("certificates (PEM) to trust instead of the system's", default="")
    verify: bool = setting("check the far end's certificate; false trusts whoever answers", default=True)

    def __post_init__(self) -> None:
        """Raises `BadSettings` for what cannot be, and for what contradicts itself."""
        bad = [code for code in self.status if not verdict.is_status(code)]
        if bad or not self.status:
            raise BadSettings(f"status {clean(','.join(bad), 40)!r} is not understood (write 200, or 2xx)")
        if self.contains and self.method == "HEAD":
            raise BadSettings("contains needs a body, and HEAD brings none (write method: GET)")
        if self.ca_file and not self.verify:
            raise BadSettings("ca_file says whom to trust and verify=false trusts anybody (keep one of them)")
        if self.host:
            _named(self.host)


FIELDS = (
    Field("sent", "requests", "requests tried; those a redirect leads to do not count", "int"),
    Field("rcvd", "answers", "answers whose status came, whatever it says", "int"),
    Field("status", "", "the last answer's status", "int"),
    Field("connect_ms", "ms", "TCP connect, median"),
    Field("tls_ms", "ms", "TLS handshake, median"),
    Field("processing_ms", "ms", "from the request to the answer's first byte, median"),
    Field("transfer_ms", "ms", "from the answer's first byte to its last, median; absent when it was not read whole"),
    Field("total_ms", "ms", "all of it, redirects included, median"),
    Field("body_bytes", "B", "bytes of the answer's body, as far as it was read", "int", default=False),
    Field("redirects", "redirects", "redirects followed", "int", default=False),
    Field("leaf_days", "days", "until the server's own certificate ends", default=False),
    Field("verify_code", "", "0: the certificate is trusted; else OpenSSL's number, see `tls`", "int", default=False),
    Field("tls_version", "", "12 for TLS 1.2, 13 for TLS 1.3", "int", default=False),
    Field("resolve_ms", "ms", "time to look the name up; absent for an address", default=False),
)


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` requests, one after the other, each on its own connection."""
    url = aim(target.text)
    if settings.host:
        url = url._replace(host=settings.host)
    if url.tls:
        trust("", settings.ca_file, settings.verify)  # a file that cannot be used is told before all else

    async def once(family: int, sockaddr: SocketAddress, deadline: float) -> Try:
        return await _journey(url, family, sockaddr, settings, deadline)

    return await several("http", target, url.endpoint, settings.timeout_s, count, once)


class _Visit(NamedTuple):
    """One request. `answer` is None when no status came; `whole`: it was read to its end, or as far as we want."""

    outcome: Outcome
    why: str
    times: dict[str, float]
    facts: dict[str, Value]
    answer: Response | None = None
    whole: bool = False


async def _journey(url: Url, family: int, sockaddr: SocketAddress, settings: HttpSettings, deadline: float) -> Try:
    """A request, and those its redirects lead to."""
    began, hops = time.monotonic(), 0
    while True:
        visit = await _visit(url, family, sockaddr, settings, deadline)
        answer, facts = visit.answer, {**visit.facts, **({"redirects": hops} if visit.answer else {})}
        try:
            onward = _onward(url, visit, settings, hops)
            if onward is None:
                break
            trace.note("redirected", f"to {onward}")
            family, sockaddr = await _address(url, onward, family, sockaddr)
        except _BadRedirect as fault:
            return Try(fault.outcome, clean(str(fault)), visit.times, facts, answered=True)
        except Unresolved as fault:
            return Try(Outcome.UNRESOLVED, f"it sends us on: {fault}", visit.times, facts, answered=True)
        url, hops = onward, hops + 1
    times = visit.times | ({"total_ms": (time.monotonic() - began) * 1000.0} if visit.whole else {})
    via = f" (sent on to {clean(str(url), 80)})" if hops and visit.why else ""
    return Try(
        visit.outcome, visit.why + via, times, facts, answered=hops > 0 or answer is not None
    )  # who sent us on did


async def _address(url: Url, onward: Url, family: int, sockaddr: SocketAddress) -> tuple[int, SocketAddress]:
    """Another port or path of the same name stays at the address that is measured; raises `Unresolved`."""
    if certificate_name(_named(onward.host)).lower() == certificate_name(_named(url.host)).lower():
        return family, (sockaddr[0], onward.endpoint.port, *sockaddr[2:])
    return (await resolve(onward.endpoint))[0]


class _BadRedirect(Exception):
    """A redirect that is not followed."""

    outcome = Outcome.PROTOCOL


def _onward(url: Url, visit: _Visit, settings: HttpSettings, hops: int) -> Url | None:
    """Where a redirect leads; None when there is none, or its status is good as it is. Raises `_BadRedirect`."""
    answer = visit.answer
    if not visit.whole or answer is None or answer.status not in verdict.REDIRECTS or not settings.redirects:
        return None
    if not answer.first("location") or verdict.expected(answer.status, settings.status):
        return None
    if hops >= settings.redirects:
        raise _BadRedirect(f"more than {settings.redirects} redirects, the last to {answer.first('location')[:80]}")
    try:
        onward = follow(url, answer.first("location"))
    except BadTarget as fault:
        raise _BadRedirect(f"it sends us on: {fault}") from None
    if url.tls and not onward.tls:
        raise _BadRedirect(f"it sends us on without TLS, to {onward}")
    return onward


async def _visit(url: Url, family: int, sockaddr: SocketAddress, settings: HttpSettings, deadline: float) -> _Visit:
    name = certificate_name(_named(url.host))
    tls = trust(name, settings.ca_file, settings.verify) if url.tls else None
    reached = await reach(family, sockaddr, tls, deadline)
    facts = _shaken(reached)
    if reached.line is None:
        return _Visit(reached.outcome, _why(reached, name), reached.times, facts)
    answer, times = Response(settings.method, settings.most_bytes), reached.times
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            await _talk(reached.line, encode_request(settings.method, url.path, url.host, _HEADERS), answer, times)
    except TimeoutError:
        why = "an answer began and did not end in time" if answer.begun else "nothing came back in time"
        return _Visit(Outcome.LOST, why, times, facts | _answered(answer), answer if answer.headed else None)
    except WireError as fault:
        why = f"what answers is no HTTP: {clean(fault.reason)}" if not answer.headed else clean(fault.reason)
        return _Visit(Outcome.PROTOCOL, why, times, facts | _answered(answer), answer if answer.headed else None)
    except OSError as fault:
        begun = answer if answer.headed else None
        outcome, why = broken(fault)
        return _Visit(outcome, clean(why), times, facts | _answered(answer), begun)
    finally:
        reached.line.close()
    outcome, why = verdict.judge(answer, settings.status, settings.contains)
    return _Visit(outcome, why, times, facts | _answered(answer), answer, whole=True)


async def _talk(line: TlsConnection, request: bytes, answer: Response, times: dict[str, float]) -> None:
    """Until the answer is whole, or we have read enough of it; fills in `times`."""
    asked = time.monotonic()
    await line.write(request)
    first = 0.0
    while not answer.done and not answer.capped:
        data = await line.read()
        if data and not first:
            first = time.monotonic()
            times["processing_ms"] = (first - asked) * 1000.0
            trace.note("first byte", f"{times['processing_ms']:.3f} ms after the request")
        if data:
            answer.feed(data)
        elif not answer.begun:
            raise ConnectionError
        else:
            answer.close()
    if answer.done:
        times["transfer_ms"] = (time.monotonic() - first) * 1000.0
        trace.note("answer whole", f"status {answer.status}, {answer.body_bytes} bytes of body")


def _named(host: str) -> str:
    """A Host header's name without its port; raises `BadSettings`."""
    try:
        return parse(host).host
    except BadTarget:
        raise BadSettings(f"host {clean(host, 60)!r} is not understood (write a name, or name:port)") from None


def _shaken(reached: Reached) -> dict[str, Value]:
    """What of the handshake is told here; the kind `tls` tells all."""
    if reached.shaken is None:
        return {}
    facts = certificate.facts(reached.shaken, certificate.read(reached.shaken.chain[:1]), time.time())
    return {name: facts[name] for name in ("leaf_days", "verify_code", "tls_version") if name in facts}


def _why(reached: Reached, name: str) -> str:
    shaken = reached.shaken
    if shaken is None or shaken.end != "untrusted":
        return reached.why
    chain = certificate.read(shaken.chain)
    return certificate.distrust(shaken.verify_code or 0, chain, name, time.time(), shaken.message)


def _answered(answer: Response) -> dict[str, Value]:
    return {"status": answer.status, "body_bytes": answer.body_bytes} if answer.headed else {}


HTTP = Kind(
    "http", HttpSettings, FIELDS, run, None, "HTTP: does a web service answer, how fast, and is it the right page"
)
