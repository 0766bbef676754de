"""The door of our iperf3 server, from its files: users as iperf3 writes them, and the private key logins are under."""

from __future__ import annotations

from pathlib import Path

from probes.clean import clean
from probes.errors import BadSettings
from probes.wire.iperf3 import login as iperf3_login
from probes.wire.iperf3.login import Login

_MAX_BYTES = 2 * 1024 * 1024
PADDINGS = {"both": iperf3_login.PADDINGS, **{name: (name,) for name in iperf3_login.PADDINGS}}


def door_of(users_file: str, key_file: str, skew_s: float = iperf3_login.SKEW_S, padding: str = "both") -> Login | None:
    """Who may start tests, None without files: anybody; raises `BadSettings`."""
    if not (users_file or key_file):
        return None
    if not (users_file and key_file):
        raise BadSettings("logins need the list of users and the private key (give both)")
    try:
        key = iperf3_login.private_key(_read(key_file))
    except BadSettings as fault:
        raise BadSettings(f"{clean(key_file)}: {fault}") from None
    try:
        users = iperf3_login.users(_read(users_file).decode("utf-8-sig", "replace"))
    except BadSettings as fault:
        raise BadSettings(f"{clean(users_file)}: {fault}") from None
    return Login(key, users, skew_s, PADDINGS[padding])


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as fault:
        raise BadSettings(fault.strerror or "cannot be read") from None
