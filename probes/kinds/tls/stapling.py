"""The OCSP answer a server staples: asked for in a child process that exits, and what of it is whose trouble."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from probes.base import Outcome, Value
from probes.clean import clean
from probes.kinds.shared.attempts import SocketAddress

STATUS_GOOD, STATUS_REVOKED, STATUS_UNKNOWN = range(3)
_AT_ONCE = asyncio.Semaphore(2)  # children at a time: each takes some 40 MB
_START_S = 10.0  # to start a Python, on a slow machine


class Stapled(NamedTuple):
    """`outcome`: None when it speaks against nobody; `values` by field name."""

    outcome: Outcome | None
    why: str = ""
    values: Mapping[str, Value] = {}  # never changed


async def staple(family: int, sockaddr: SocketAddress, name: str, ca_file: str, timeout_s: float) -> dict[str, Any]:
    """What `probes.io.ocsp` tells of one more handshake."""
    asked = {"family": family, "sockaddr": sockaddr, "name": name, "ca_file": ca_file, "timeout_s": timeout_s}
    async with _AT_ONCE:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", "probes.io.ocsp",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout_s + _START_S):
                output, _ = await child.communicate(json.dumps(asked).encode())
            answer = json.loads(output)
        except TimeoutError:
            return {"end": "unreached", "why": "it took too long"}
        except ValueError:
            return {"end": "unreached", "why": "the handshake took too long, or the child process failed"}
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
    return answer if isinstance(answer, dict) else {"end": "unreached", "why": ""}


def judge(answer: dict[str, Any], needed: bool) -> Stapled:
    """Outcome, words and values; `needed`: a server that staples nothing is a problem."""
    end = answer.get("end")
    if end == "stapled":
        return _said(answer)
    if end == "none":
        return Stapled(Outcome.PROTOCOL, "it staples no OCSP answer") if needed else Stapled(None)
    why = clean(str(answer.get("why", "")), 120)
    if end == "bad":
        return Stapled(Outcome.PROTOCOL, f"its stapled OCSP answer is not to be trusted: {why}")
    if end == "missing":
        return Stapled(Outcome.LOCAL, f"ocsp needs {why}, which is not installed here (install cpnet-netmon[tls])")
    unchecked = "its stapled OCSP answer cannot be checked" if end == "unchecked" else "it could not be asked for OCSP"
    return Stapled(None, f"{unchecked}: {why}")


def _said(answer: dict[str, Any]) -> Stapled:
    values: dict[str, Value] = {f"ocsp_{key}": answer[key] for key in ("status", "age_s", "left_s") if key in answer}
    if answer["status"] == STATUS_REVOKED:
        at = f" on {time.strftime('%Y-%m-%d', time.gmtime(answer['revoked_s']))}" if "revoked_s" in answer else ""
        reason = f" ({clean(str(answer['reason']), 40)})" if "reason" in answer else ""
        return Stapled(Outcome.PROTOCOL, f"its certificate was revoked{at}{reason}", values)
    if answer["status"] == STATUS_UNKNOWN:
        return Stapled(Outcome.PROTOCOL, "its authority does not know this certificate (OCSP: unknown)", values)
    left_s = answer.get("left_s", 0)
    if left_s < 0:
        hours = -left_s / 3600
        return Stapled(Outcome.PROTOCOL, f"its stapled OCSP answer ended {hours:.1f} hours ago", values)
    return Stapled(None, "", values)
