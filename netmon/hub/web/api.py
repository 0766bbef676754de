"""The JSON state API (see docs/hub.md): what is, what is broken, and what people do about it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from netmon.hub import limits
from netmon.hub.conference.rehearsals import Rehearsals
from netmon.hub.incidents.actions import Actions
from netmon.hub.state.view import HubView
from netmon.hub.web import incidents, silences
from netmon.hub.web.bodies import json_object, known, text_of
from netmon.hub.web.events import EventStream
from probes.clean import clean

_JSON = "application/json"


def make(
    state: HubView,
    feed: EventStream,
    actions: Actions,
    leases: Callable[[], dict[str, Any]] = dict,
    conferences: Rehearsals | None = None,
) -> Starlette:
    """The application behind the read token (or the owner's socket). `leases`: what is out and used, for people."""
    api = _Api(state, actions, leases)
    routes = [] if conferences is None else _of_conferences(_Conferences(state, conferences))
    return Starlette(
        routes=[
            Route("/api/v1/state", api.whole),
            Route("/api/v1/hub", api.hub),
            Route("/api/v1/events", feed),
            *incidents.routes(state, actions),
            Route("/api/v1/test-pages", api.test_pages, methods=["POST"]),
            Route("/api/v1/pages/{id}", api.page),
            Route("/api/v1/leases", api.leases),
            Route("/api/v1/silences", api.silences),
            Route("/api/v1/silences", api.silence, methods=["POST"]),
            Route("/api/v1/silences/{id}", api.unsilence, methods=["DELETE"]),
            *routes,
        ],
        exception_handlers={HTTPException: _problem, sqlite3.Error: _not_kept},
    )


class _Api:
    def __init__(self, state: HubView, actions: Actions, leases: Callable[[], dict[str, Any]]) -> None:
        self._state, self._actions, self._leases = state, actions, leases

    async def whole(self, request: Request) -> Response:
        state = self._state.whole()
        body = await asyncio.to_thread(json.dumps, state, ensure_ascii=False, separators=(",", ":"))
        return Response(body, media_type="application/json")

    async def hub(self, request: Request) -> Response:
        return JSONResponse(self._state.hub())

    async def leases(self, request: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(self._leases))

    async def silences(self, request: Request) -> Response:
        return JSONResponse({"silences": self._state.view()["silences"]})

    async def silence(self, request: Request) -> Response:
        body = await json_object(request)
        who = text_of(body, "who", needed=True)
        element = text_of(body, "element", needed=not silences.is_selective(body))
        note, now_s = text_of(body, "note"), time.time()
        when = silences.times_of(body, now_s)
        with known("element", element):
            id = await asyncio.to_thread(
                self._actions.silence, element, when.until_s, who, note, now_s, from_s=when.from_s, terms=when.terms
            )
        return JSONResponse({"id": id}, 201)

    async def test_pages(self, request: Request) -> Response:
        names = (await json_object(request)).get("receivers", [])
        if not isinstance(names, list) or len(names) > 1000 or not all(isinstance(name, str) for name in names):
            raise HTTPException(400, "receivers must be a list of names")
        with known("receiver", " ".join(names)):
            pages = await asyncio.to_thread(self._actions.test_pages, names, time.time())
        return JSONResponse({"pages": [{"receiver": page.receiver, "id": page.id} for page in pages]}, 201)

    async def page(self, request: Request) -> Response:
        id = request.path_params["id"]
        with known("page", id):
            state, trouble = await asyncio.to_thread(self._actions.page_state, id)
        return JSONResponse({"id": id, "state": state, "trouble": trouble})

    async def unsilence(self, request: Request) -> Response:
        id = request.path_params["id"]
        with known("silence", id):
            await asyncio.to_thread(self._actions.unsilence, id, time.time())
        return Response(status_code=204)


def _of_conferences(api: _Conferences) -> list[Route]:
    return [
        Route("/api/v1/conferences", api.rows),
        Route("/api/v1/conferences/{id}", api.last),
        Route("/api/v1/conferences/{id}/live", api.live),
        Route("/api/v1/conferences/{id}/stages", api.stages),
    ]


class _Conferences:
    def __init__(self, state: HubView, conferences: Rehearsals) -> None:
        self._state, self._conferences = state, conferences

    async def rows(self, request: Request) -> Response:
        return JSONResponse({"conferences": self._conferences.rows()})

    async def live(self, request: Request) -> Response:
        return JSONResponse(self._one(request))

    async def last(self, request: Request) -> Response:
        row = self._one(request)
        made = row["last"]["stage"] if row["last"] else ""
        raw = [text for stage, text in await self._results(request) if stage == made]
        head = json.dumps(row, ensure_ascii=False).encode()
        return Response(head[:-1] + b', "result": ' + (raw[-1] if raw else b"null") + b"}", media_type=_JSON)

    async def stages(self, request: Request) -> Response:
        return Response(
            b'{"stages": [' + b", ".join(raw for _, raw in await self._results(request)) + b"]}", media_type=_JSON
        )

    def _one(self, request: Request) -> dict[str, Any]:
        with known("conference", request.path_params["id"]):
            return self._conferences.live(request.path_params["id"], self._state.view()["incidents"])

    async def _results(self, request: Request) -> list[tuple[str, bytes]]:
        with known("conference", request.path_params["id"]):
            return await asyncio.to_thread(self._conferences.whole, request.path_params["id"])


async def _problem(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    code = "not found" if fault.status_code == 404 else "invalid"
    return JSONResponse({"code": code, "message": fault.detail}, fault.status_code, fault.headers)


async def _not_kept(request: Request, fault: Exception) -> Response:
    """What was asked for needs the disk, and the disk refuses."""
    message = f"not done, for the hub's disk refuses: {clean(str(fault), 200)} (try again once it has room)"
    return JSONResponse({"code": "unavailable", "message": message}, 503, {"retry-after": str(limits.RETRY_AFTER_S)})
