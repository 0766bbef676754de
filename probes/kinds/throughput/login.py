"""A throughput test's login from its settings: files are read and tried before anything is sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from probes.clean import clean
from probes.errors import BadSettings
from probes.wire.iperf3 import login as iperf3_login

_MAX_BYTES = 16_384


def login_of(settings: Any) -> Callable[[], str] | None:
    """What makes the token when the server asks for it, None without a user; raises `BadSettings`."""
    given = {name: getattr(settings, name) for name in ("user", "password_file", "public_key_file")}
    lacking = [name for name, value in given.items() if not value]
    if len(lacking) == len(given):
        return None
    if lacking:
        raise BadSettings(f"a login needs user, password_file and public_key_file (write {' and '.join(lacking)} too)")
    if "\n" in settings.user:
        raise BadSettings("user has more than one line")
    password = _read("password_file", settings.password_file).decode("utf-8-sig", "replace").strip("\r\n")
    if not password or "\n" in password:
        raise BadSettings(f"password_file {clean(settings.password_file)} does not hold one line")
    key = _key(settings.public_key_file)

    def token() -> str:
        return iperf3_login.token(key, settings.user, password, time.time(), settings.padding)

    token()  # too long a password is told now
    return token


def _key(path: str) -> Any:
    pem = _read("public_key_file", path)
    try:
        return iperf3_login.public_key(pem)
    except BadSettings as fault:
        raise BadSettings(f"public_key_file {clean(path)}: {fault}") from None


def _read(name: str, path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as fault:
        raise BadSettings(f"{name} {clean(path)}: {fault.strerror or 'cannot be read'}") from None
