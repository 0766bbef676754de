"""How SIP checks say who they are and whom they trust: what their settings have in common."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

from probes.clean import clean
from probes.errors import BadSettings
from probes.io import sipsock
from probes.io.sipsock import Tls
from probes.kinds.sipaim import Aim
from probes.wire.sipdigest import Credentials
from probes.wire.sipoptions import Ask


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


def asker(toward: Aim, credentials: Credentials | None) -> Callable[[str], Ask]:
    """What asks as us, once our own `host:port` is known; all its tokens are new."""
    seed = secrets.token_hex(16)
    return lambda local: Ask(toward.uri, local, seed, toward.transport.upper(), credentials)


def tls(settings: Access, toward: Aim) -> Tls:
    """Whom to trust and what to call it; raises `BadSettings`."""
    if settings.ca_file and not settings.verify:
        raise BadSettings("ca_file says whom to trust and verify=false trusts anybody (keep one of them)")
    return sipsock.tls(toward.endpoint.host.partition("%")[0], settings.ca_file, settings.verify)


def credentials(settings: Access, toward: Aim) -> Credentials | None:
    """Who we are, None without a password; raises `BadSettings`."""
    if not settings.password_file:
        return None
    user = settings.user or toward.user
    if not user:
        raise BadSettings("password_file needs a user (write user, or sip:USER@host as the target)")
    try:
        with open(settings.password_file, encoding="utf-8") as file:
            password = file.read(4096).strip("\r\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise BadSettings(f"password_file {clean(settings.password_file)}: {_said(fault)}") from None
    if not password:
        raise BadSettings(f"password_file {clean(settings.password_file)} is empty")
    return Credentials(user, password)


def _said(fault: OSError | UnicodeDecodeError) -> str:
    return fault.strerror or "cannot be read" if isinstance(fault, OSError) else "not UTF-8 text"
