"""What a request to the state API carries, and how its faults are answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from netmon.hub import limits
from probes.clean import clean


@contextmanager
def known(what: str, id: str) -> Iterator[None]:
    """What is asked for in here may be unknown (`KeyError`): a 404."""
    try:
        yield
    except KeyError as fault:
        raise HTTPException(404, f"no {what} {clean(id, 64)}") from fault


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object a request carries; a 400 or 413 for anything else."""
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > limits.MAX_JSON_BYTES:
            raise HTTPException(413, f"more than {limits.MAX_JSON_BYTES} bytes", {"connection": "close"})
    try:
        value = json.loads(parts.decode())
    except (ValueError, RecursionError) as fault:
        raise HTTPException(400, "the body is not JSON") from fault
    if not isinstance(value, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return value


def text_of(body: dict[str, Any], key: str, *, needed: bool = False) -> str:
    """A text of the object, cleaned; "" where it is not there. A 400 for what is none."""
    value = body.get(key, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        raise HTTPException(400, f"{key} must be a text")
    return clean(value, 500)


def number_of(body: dict[str, Any], key: str, low: float, high: float) -> float | None:
    """A number of the object between two bounds; None where it is not there. A 400 for what is none."""
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise HTTPException(400, f"{key} must be a number from {low:.0f} to {high:.0f}")
    return value
