"""What an address of the web means for a secret that is sent to it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_clear_text(url: str) -> bool:
    """Does plain HTTP to this address leave the machine? Tokens and passwords do so over TLS only."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
