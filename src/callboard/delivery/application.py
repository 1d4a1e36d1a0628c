"""The web application: API, page and sockets on one port. Webhooks stand in front of it."""

from collections.abc import Sequence
from typing import Any

import socketio
from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from callboard import __version__
from callboard.delivery.api import (
    admin,
    alerts,
    analytics,
    calls,
    campaigns,
    contacts,
    dashboard,
    docs,
    forecast,
    health,
    session,
    system,
)
from callboard.delivery.api.context import Context, no_unknown_parameters
from callboard.delivery.fast import FastReads, Told
from callboard.delivery.guard import Guard, Limits
from callboard.delivery.headers import SecurityHeaders
from callboard.delivery.methods import Methods
from callboard.delivery.page import page_routes
from callboard.delivery.problems import EXCEPTION_HANDLERS

__all__ = ["api_of", "application"]


def api_of(context: Context) -> ASGIApp:
    """Return the routes of the API and the page, before which nobody stands yet."""
    api = FastAPI(
        title="callboard",
        version=__version__,
        openapi_url=None,  # FastAPI's does not know what we answer; `api.docs` does
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        exception_handlers=EXCEPTION_HANDLERS,
        dependencies=[Depends(no_unknown_parameters)],
    )
    api.state.context = context
    for module in (
        calls,
        campaigns,
        forecast,
        contacts,
        dashboard,
        analytics,
        alerts,
        session,
        system,
        admin,
        health,
        docs,
    ):
        api.include_router(module.router)
    api.router.routes.append(Route(docs.STYLE_PATH, docs.style, methods=["GET"]))
    api.router.routes.extend(page_routes())
    return Methods(api)


def application(
    api: ASGIApp,
    context: Context,
    sockets: socketio.AsyncServer,
    origins: Sequence[str],
    limits: Limits,
    told: Told | None = None,
) -> ASGIApp:
    """Return the ASGI application; `origins` are those of other sites that may read us.

    `told` takes in who has read what.
    """
    reads: Any = FastReads(api, context.reads, context.known, context.clock, told)
    wrapped: Any = Guard(reads, context.gate, limits, origins)
    if origins:
        wrapped = CORSMiddleware(
            wrapped,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Cache-Control", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", "X-Cache", "Retry-After"],
            allow_credentials=True,
        )
    # Outermost: also preflights, refusals and polling answers have them.
    return SecurityHeaders(socketio.ASGIApp(sockets, wrapped))
