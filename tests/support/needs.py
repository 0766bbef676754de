"""Does this machine have what a test needs? A reason when it does not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.util import find_spec

import emulator

PROGRAMS = {
    "fping": "fping",
    "iperf3": "iperf3",
    "influxd": "influxd",
    "victoria-metrics": "victoria-metrics",
    "kamailio": "kamailio",
    "sipp": "sipp",
    "baresip": "baresip",
    "linphonec": "linphonec",
    "snmpd": "snmpd",
    "snmpbulkwalk": "snmpbulkwalk",
    "snmptrap": "snmptrap",
    "tshark": "tshark",
    "nft": "nft",
    "ip": "ip",
    "tc": "tc",
    "openssl": "openssl",
    "iconv": "iconv",
    "setpriv": "setpriv",
    "unbound": "unbound",
    "chronyd": "chronyd",
    "systemd-analyze": "systemd-analyze",
    "rsyslogd": "rsyslogd",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"


@cache
def missing(part: str) -> str:
    """Why `part` is not there, "" when it is. Parts: programs above and abilities below."""
    if part in PROGRAMS:
        return "" if shutil.which(PROGRAMS[part], path=_PATH) else f"{PROGRAMS[part]} is not installed"
    return _ABILITIES[part]()


def _root() -> str:
    return "" if os.geteuid() == 0 else "this test needs root"


def _netns() -> str:
    return _root() or missing("ip") or _try(["unshare", "--net", "true"], "network namespaces are not to be had")


def _userns() -> str:
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "true"]
    return _try(command, "unprivileged user namespaces are not to be had")


def _ping() -> str:
    """The kernel lets this user ping: an ICMP socket by `net.ipv4.ping_group_range`, or a raw one."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        with suppress(OSError):
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
            return ""
    return "this user may not ping (net.ipv4.ping_group_range)"


def _linux() -> str:
    return "" if sys.platform == "linux" else "this test needs Linux"


def _tmpfs() -> str:
    return _root() or _try(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], "mounting a small tmpfs is not allowed"
    )


def _emulator() -> str:
    return missing("netns") or emulator.missing()


def _pyopenssl() -> str:
    return "" if find_spec("OpenSSL") else "pyOpenSSL is not installed"


def _aiosmtpd() -> str:
    return _try(["/usr/bin/python3", "-c", "import aiosmtpd"], "Debian's python3-aiosmtpd is not installed")


_ABILITIES = {
    "aiosmtpd": _aiosmtpd,
    "root": _root,
    "netns": _netns,
    "userns": _userns,
    "linux": _linux,
    "ping": _ping,
    "tmpfs": _tmpfs,
    "emulator": _emulator,
    "pyopenssl": _pyopenssl,
}


def _try(command: list[str], reason: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return reason
    return "" if done.returncode == 0 else reason
