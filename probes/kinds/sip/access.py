"""How SIP checks say who they are and whom they trust, and how they get there: what they have in common."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Protocol

from probes.clean import clean
from probes.errors import BadSettings
from probes.io import conversation, faults
from probes.io.conversation import ConversationEnd, SocketAddress
from probes.io.exchange import Events
from probes.io.stream.tls import Trust, trust
from probes.kinds.shared import certificate
from probes.kinds.shared.service import Reached, reach
from probes.kinds.sip.target import SipTarget
from probes.wire.session import StreamSession
from probes.wire.sip.digest import Credentials
from probes.wire.sip.request import RequestPlan

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,253}\Z", re.ASCII)


class Access(Protocol):
    """The settings read here."""

    @property
    def user(self) -> str:
        """User of the digest."""

    @property
    def password_file(self) -> str:
        """File with its password."""

    @property
    def ca_file(self) -> str:
        """Certificates to trust."""

    @property
    def verify(self) -> bool:
        """Check the far end's certificate."""

    @property
    def server_name(self) -> str:
        """Name its certificate must be for, "" for the target's."""


def asker(toward: SipTarget, credentials: Credentials | None) -> Callable[[str], RequestPlan]:
    """What asks as us, once our own `host:port` is known; all its tokens are new."""
    seed = secrets.token_hex(16)
    return lambda local: RequestPlan(toward.uri, local, seed, toward.transport.upper(), credentials)


def tls(settings: Access, toward: SipTarget) -> Trust:
    """Whom to trust and what to call it; raises `BadSettings`."""
    if settings.ca_file and not settings.verify:
        raise BadSettings("ca_file says whom to trust and verify=false trusts anybody (keep one of them)")
    name = settings.server_name or toward.endpoint.host.partition("%")[0]
    if not _NAME.match(name):
        raise BadSettings("server_name is not understood (write a name or an address)")
    return trust(name, settings.ca_file, settings.verify)


async def over_stream(
    family: int,
    to: SocketAddress,
    make: Callable[[str], StreamSession],
    on_events: Events,
    deadline: float,
    secure: Trust | None = None,
    on_cancel: Callable[[], None] | None = None,
) -> ConversationEnd:
    """One conversation over TCP, or TLS when `secure` is given. `deadline` (monotonic s) is for connecting, the session has
    its own; `make` gets our own `host:port`. Never raises for the network.
    """
    reached = await reach(family, to, secure, deadline)
    times = reached.times
    got = ConversationEnd(
        reached.outcome, reached.why, times.get("connect_ms"), times.get("tls_ms"), _cert_days(reached)
    )
    if reached.line is None:
        return got
    try:
        session = make(reached.line.own_name())
        outcome, why = (await conversation.over_line(reached.line, session, on_events, on_cancel))[:2]
    except OSError as fault:
        outcome, why = faults.of_error(fault)
    finally:
        reached.line.close()
    return got._replace(outcome=outcome, why=why)


def _cert_days(reached: Reached) -> float | None:
    """Until the far end's certificate ends; None when it was not checked."""
    shaken = reached.shaken
    if shaken is None or shaken.verify_code != 0:
        return None
    chain = certificate.read(shaken.chain[:1])
    return (chain[0].not_after_s - time.time()) / 86400 if chain else None


def credentials(settings: Access, toward: SipTarget) -> Credentials | None:
    """Who we are, None without a password; raises `BadSettings`."""
    if not settings.password_file:
        return None
    user = settings.user or toward.user
    if not user:
        raise BadSettings("password_file needs a user (write user, or sip:USER@host as the target)")
    try:
        with open(settings.password_file, encoding="utf-8-sig") as file:
            password = file.read(4096).strip("\r\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise BadSettings(f"password_file {clean(settings.password_file)}: {_said(fault)}") from None
    if not password:
        raise BadSettings(f"password_file {clean(settings.password_file)} is empty")
    return Credentials(user, password)


def _said(fault: OSError | UnicodeDecodeError) -> str:
    return fault.strerror or "cannot be read" if isinstance(fault, OSError) else "not UTF-8 text"
