"""The board's page: built files from `web/`, hashed names kept for ever, the entry never."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

__all__ = ["DIST", "SCREENS", "page_routes"]

DIST = Path(__file__).parent / "web" / "dist"

SCREENS = (
    "/",
    "/live",
    "/campaigns",
    "/campaigns/{id}",
    "/analytics",
    "/calls",
    "/calls/{sid}",
    "/alerts",
    "/system",
    "/wall",
)
"""Addresses of the page, which finds out itself what to show (web/src/store/route.js).
Anything else is not found, so that a mistyped address of the API is not answered by a page."""

_ENTRY = "index.html"
_MISSING = (
    "The board's page is not built. In a checkout run `make setup` (needs Node.js 20); "
    "an installed wheel carries it.\n"
)


class _Immutable(StaticFiles):
    """Files whose name holds a hash of their content."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # passed on as given
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def page_routes(dist: Path = DIST) -> list[BaseRoute]:
    """Return the routes of the page; without a build, `/` says how to get one."""
    files = StaticFiles(directory=dist, check_dir=False)

    async def index(request: Request) -> Response:
        if not (dist / _ENTRY).exists():
            return Response(_MISSING, 503, media_type="text/plain")
        response = await files.get_response(_ENTRY, request.scope)  # 304 when it is there already
        response.headers["Cache-Control"] = "no-cache"
        return response

    routes: list[BaseRoute] = [Route(path, index, methods=["GET"]) for path in SCREENS]
    if (dist / "assets").is_dir():
        routes.append(Mount("/assets", _Immutable(directory=dist / "assets")))
    return routes
