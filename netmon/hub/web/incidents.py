"""Incidents in the state API (see docs/hub.md): what is broken, what happened to it, and in whose hands it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from netmon.hub.incidents.actions import Actions, IncidentChanged
from netmon.hub.incidents.timeline import Assignment, TimelineEntry
from netmon.hub.state.view import HubView
from netmon.hub.web.bodies import json_object, known, number_of, text_of

MAX_ACK_S = 30 * 86400
MAX_TASK_S = 366 * 86400
_PLACE = "/api/v1/incidents"


def routes(state: HubView, actions: Actions) -> list[Route]:
    """Those of incidents."""
    api = _Incidents(state, actions)
    return [
        Route(_PLACE, api.rows),
        Route(f"{_PLACE}/{{id}}", api.whole),
        Route(f"{_PLACE}/{{id}}/evidence", api.evidence),
        Route(f"{_PLACE}/{{id}}/ack", api.ack, methods=["POST"]),
        Route(f"{_PLACE}/{{id}}/unack", api.unack, methods=["POST"]),
        Route(f"{_PLACE}/{{id}}/assign", api.assign, methods=["POST"]),
    ]


class _Incidents:
    def __init__(self, state: HubView, actions: Actions) -> None:
        self._state, self._actions = state, actions

    async def rows(self, request: Request) -> Response:
        return JSONResponse({"incidents": self._state.view()["incidents"]})

    async def whole(self, request: Request) -> Response:
        id = request.path_params["id"]
        with known("incident", id):
            return JSONResponse(await asyncio.to_thread(self._actions.whole, id))

    async def evidence(self, request: Request) -> Response:
        id = request.path_params["id"]
        with known("incident", id):
            return JSONResponse(await asyncio.to_thread(self._actions.evidence, id, time.time()))

    async def ack(self, request: Request) -> Response:
        body, id = await json_object(request), request.path_params["id"]
        who, note = text_of(body, "who", needed=True), text_of(body, "note")
        for_s, version = number_of(body, "for_s", 0, MAX_ACK_S), _version(body)
        done = asyncio.to_thread(self._actions.ack, id, who, note, time.time(), for_s=for_s, version=version)
        return await _done(id, done)

    async def unack(self, request: Request) -> Response:
        body, id = await json_object(request), request.path_params["id"]
        who, note = text_of(body, "who", needed=True), text_of(body, "note")
        return await _done(id, asyncio.to_thread(self._actions.unack, id, who, note, time.time()))

    async def assign(self, request: Request) -> Response:
        body, id, now_s = await json_object(request), request.path_params["id"], time.time()
        who, task = text_of(body, "who", needed=True), _assignment(body, now_s)
        done = asyncio.to_thread(self._actions.assign, id, task, who, now_s, version=_version(body))
        return await _done(id, done)


async def _done(id: str, done: Awaitable[None]) -> Response:
    try:
        with known("incident", id):
            await done
    except IncidentChanged as changed:
        entries = [asdict(entry) for entry in changed.entries]
        said = "; ".join(_happened(entry) for entry in changed.entries[-3:])
        message = f"not done, for the incident is not any more what you saw: {said}"
        return JSONResponse({"code": "conflict", "message": message, "changed": entries}, 409)
    return JSONResponse({"id": id})


def _happened(entry: TimelineEntry) -> str:
    """One entry in English, as answers are."""
    facts = entry.facts
    if entry.what == "changed":
        return f"it was {facts['was']}, and is {facts['kind']} ({facts['severity']})"
    if entry.what == "reopened":
        return f"it was over, and began again as {facts['kind']}"
    if entry.what == "superseded":
        return f"it became part of {facts['by']}"
    return f"it {'is over' if entry.what == 'resolved' else entry.what}"


def _version(body: dict[str, Any]) -> int | None:
    version = number_of(body, "version", 0, 1 << 53)
    return None if version is None else int(version)


def _assignment(body: dict[str, Any], now_s: float) -> Assignment:
    """All six must be said; who answers for it is who does it, unless somebody else is named."""
    to, task, result, authority = (text_of(body, key, needed=True) for key in ("to", "task", "result", "authority"))
    by_s = number_of(body, "by_s", now_s, now_s + MAX_TASK_S)
    if by_s is None:
        raise HTTPException(400, "by_s must be a time to come, in Unix seconds")
    return Assignment(to, task, int(by_s * 1000), text_of(body, "responsible") or to, result, authority)
