"""Opens a conversation over SNMP: gufo-snmp where it is installed, pysnmp otherwise; imported with the first question, never before."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from probes.errors import ProbeError
from probes.io.snmp.device import Device, SnmpAccess


async def open_device(family: int, sockaddr: tuple[Any, ...], access: SnmpAccess, timeout_s: float) -> Device:
    """A conversation with the device; `timeout_s` for one question, its one repeat included.

    Raises `NoAnswer`, and `ProbeError` when no library is there.
    """
    if find_spec("gufo") is not None:
        from probes.io.snmp import gufo

        return await gufo.open_device(family, sockaddr, access, timeout_s)
    if find_spec("pysnmp") is not None:
        from probes.io.snmp import pysnmp

        return await pysnmp.open_device(family, sockaddr, access, timeout_s)
    raise ProbeError("snmp needs a library that is not installed (pip install 'cpnet-netmon[snmp]')")
