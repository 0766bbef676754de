"""A mail server that keeps what it takes, for Debian's own Python with its aiosmtpd: `/usr/bin/python3 mailserver.py PORT FOLDER [PEM
[USER PASSWORD]]`. With a certificate it wants STARTTLS, with a user his login; mail to `nobody@` is refused, to `later@` put off."""

from __future__ import annotations

import ssl
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Keeper:
    """One file a mail."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._taken = folder, 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        if address.startswith("later@"):
            return "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self._taken += 1
        (self._folder / f"{self._taken:03}.part").write_bytes(envelope.content)
        (self._folder / f"{self._taken:03}.part").rename(self._folder / f"{self._taken:03}.eml")
        return "250 taken"


def main(port: int, folder: str, pem: str = "", user: str = "", password: str = "") -> None:
    """Serve until killed."""
    more: dict[str, Any] = {}
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        more |= {"tls_context": context, "require_starttls": True}

    def knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        is_good = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=is_good, handled=False)

    if user:
        more |= {"authenticator": knows, "auth_required": True}
    Controller(Keeper(Path(folder)), hostname="127.0.0.1", port=port, **more).start()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
