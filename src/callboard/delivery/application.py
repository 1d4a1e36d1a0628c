"""The web application: API, page and sockets on one port. Webhooks stand in front of it."""

from collections.abc import Sequence
from typing import Any

import socketio
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from callboard import __version__
from callboard.delivery.api import calls, campaigns, dashboard, health, session
from callboard.delivery.api.context import Context
from callboard.delivery.headers import SecurityHeaders
from callboard.delivery.page import page_routes
from callboard.delivery.problems import EXCEPTION_HANDLERS

__all__ = ["application"]


def application(
    context: Context,
    sockets: socketio.AsyncServer,
    origins: Sequence[str],
) -> ASGIApp:
    """Return the ASGI application; `origins` are those of other sites that may read us."""
    api = FastAPI(
        title="callboard",
        version=__version__,
        docs_url=None,  # its page loads scripts from elsewhere; ours comes with the API issue
        redoc_url=None,
        exception_handlers=EXCEPTION_HANDLERS,
    )
    api.state.context = context
    for module in (calls, campaigns, dashboard, session, health):
        api.include_router(module.router)
    api.router.routes.extend(page_routes())
    wrapped: Any = SecurityHeaders(api)
    if origins:
        wrapped = CORSMiddleware(
            wrapped,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", "X-Cache"],
            allow_credentials=True,
        )
    outer: ASGIApp = socketio.ASGIApp(sockets, wrapped)
    return outer
