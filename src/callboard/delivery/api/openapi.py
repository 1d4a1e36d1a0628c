"""The OpenAPI document: what FastAPI knows of the routes, and what they answer.

FastAPI knows parameters and bodies. Answers are written here, one line a route; a route without a
line fails when the document is made. A test asks the running server everything it promises.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from callboard.delivery.api import contact_schemas
from callboard.delivery.api import schemas as shown
from callboard.delivery.api.admin_schemas import CacheStatistics, Invalidated, WarmedAnswer
from callboard.delivery.api.alert_schemas import AlertRules, Alerts
from callboard.delivery.api.figure_schemas import ConcurrencyCurve, FailureCauses
from callboard.delivery.api.forecast_schemas import Forecast
from callboard.delivery.api.system_schemas import MadeLink, System
from callboard.delivery.auth import COOKIE
from callboard.delivery.table import MEDIA_TYPE

__all__ = ["document"]

Document = dict[str, Any]

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_REF = "#/components/schemas/{model}"

_ABOUT = """\
What callboard shows on its board, for programs. Also as it happens, by Socket.IO.

Send a key as `Authorization: Bearer KEY`, or the cookie that the board has from `/api/session`.
Every route that answers GET answers HEAD; another method gets 405, and `Allow` names the right
ones. A parameter that is not known is refused with 400. Answers with an `ETag` can be asked for
again with `If-None-Match`, and with `Cache-Control: no-cache` by who must have the newest.
Bodies of 1 KB and more come as zstd or gzip to who accepts it. Instants are ISO-8601 UTC.
"""

_PROBLEMS = {
    400: "A parameter or the body is wrong; `errors` names every field.",
    401: "Nobody is signed in, and no key that is known was sent.",
    403: "The key may not do this.",
    404: "There is nothing by this name.",
    405: "The path does not take this method; `Allow` names those it takes.",
    409: "There is something by this name already.",
    413: "The body is longer than 64 KB, or a table than 32 MB or 100,000 rows.",
    415: "The body is not JSON, or for `.csv` no table.",
    429: "Too many requests, or wrong keys; `Retry-After` says how long to wait.",
    503: "A part of callboard does not answer; try again after `Retry-After`.",
}
_RETRY_AFTER = {"Retry-After": "Seconds."}
_PROBLEM_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "`Bearer`."},
    405: {"Allow": "The methods of the path."},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}

_KEPT_HEADERS = {
    "ETag": "Strong; changes exactly when the body does. Each content coding has its own.",
    "Cache-Control": "`private, max-age=…`.",
    "Expires": "The same for HTTP/1.0.",
    "Vary": "What else the answer depends on.",
    "X-Cache": "`HIT`: kept; `MISS`: read for this; `BYPASS`: nobody vouches for what is kept.",
    "Server-Timing": "`X-Cache` again, and how many milliseconds it took.",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a route answers when all is well, and what may be wrong."""

    model: type[BaseModel] | None = None
    """None: not JSON, or JSON of any shape."""
    media: str | None = _JSON
    status: int = 200
    scope: str | None = "read"
    """What the key must be good for; None: no key is needed."""
    kept: bool = False
    """Whether it has an ETag, so that it may be 304."""
    problems: frozenset[int] = frozenset({400, 429})
    headers: Mapping[str, str] | None = None


def _problems(*more: int, writes: bool = False) -> frozenset[int]:
    return frozenset({400, 401, 403, 429, *more, *((413, 415) if writes else ())})


_OPEN = frozenset({400})
_STORED, _FOUND = _problems(503), _problems(404, 503)
_SAVED = {"Content-Disposition": "A name for the file."}

_ANSWERS: Mapping[tuple[str, str], _Answer] = {
    ("get", "/api/calls"): _Answer(shown.CallPage, kept=True, problems=_STORED),
    ("get", "/api/calls.csv"): _Answer(media=MEDIA_TYPE, problems=_STORED, headers=_SAVED),
    ("get", "/api/calls/active"): _Answer(shown.Active, kept=True, problems=_STORED),
    ("get", "/api/calls/{sid}"): _Answer(shown.Call, kept=True, problems=_FOUND),
    ("get", "/api/calls/{sid}/timeline"): _Answer(shown.Timeline, kept=True, problems=_FOUND),
    ("get", "/api/dashboard/summary"): _Answer(shown.Summary, kept=True, problems=_STORED),
    ("get", "/api/analytics/daily"): _Answer(shown.Days, kept=True, problems=_STORED),
    ("get", "/api/analytics/durations"): _Answer(
        shown.DurationSpread, kept=True, problems=_STORED
    ),
    ("get", "/api/analytics/concurrency"): _Answer(ConcurrencyCurve, kept=True, problems=_STORED),
    ("get", "/api/analytics/failures"): _Answer(FailureCauses, kept=True, problems=_STORED),
    ("get", "/api/analytics/daily.csv"): _Answer(
        media=MEDIA_TYPE, problems=_STORED, headers=_SAVED
    ),
    ("get", "/api/campaigns"): _Answer(shown.CampaignList, kept=True, problems=_STORED),
    ("get", "/api/campaigns/{campaign_id}"): _Answer(
        shown.CampaignDetails, kept=True, problems=_FOUND
    ),
    ("get", "/api/campaigns/{campaign_id}/status"): _Answer(
        shown.CampaignAt, kept=True, problems=_FOUND
    ),
    ("get", "/api/campaigns/{campaign_id}/forecast"): _Answer(
        Forecast, kept=True, problems=_FOUND
    ),
    ("post", "/api/campaigns"): _Answer(
        shown.CampaignWritten,
        status=201,
        scope="write",
        problems=_problems(409, 503, writes=True),
        headers={"Location": "Where the campaign is."},
    ),
    ("patch", "/api/campaigns/{campaign_id}"): _Answer(
        shown.CampaignWritten, scope="write", problems=_problems(404, 503, writes=True)
    ),
    ("get", "/api/alerts"): _Answer(Alerts, kept=True, problems=_STORED),
    ("get", "/api/alerts/rules"): _Answer(AlertRules, kept=True),
    ("get", "/api/system"): _Answer(System, kept=True),
    ("post", "/api/session/links"): _Answer(
        MadeLink, status=201, scope="admin", problems=_problems(503, writes=True)
    ),
    ("get", "/api/campaigns/{campaign_id}/contacts"): _Answer(
        contact_schemas.ContactPage, kept=True, problems=_FOUND
    ),
    ("post", "/api/campaigns/{campaign_id}/contacts"): _Answer(
        contact_schemas.ContactsWritten, scope="write", problems=_problems(404, 503, writes=True)
    ),
    ("post", "/api/campaigns/{campaign_id}/contacts.csv"): _Answer(
        media="application/x-ndjson", scope="write", problems=_problems(404, 503, writes=True)
    ),
    ("get", "/api/session"): _Answer(shown.Session, problems=frozenset({400, 401, 429})),
    ("post", "/api/session"): _Answer(
        shown.Session,
        scope=None,
        problems=_problems(503, writes=True),
        headers={"Set-Cookie": "The session; HttpOnly."},
    ),
    ("delete", "/api/session"): _Answer(
        media=None, status=204, scope=None, problems=_problems(writes=True) - {401}
    ),
    ("get", "/api/admin/cache-stats"): _Answer(
        CacheStatistics, scope="admin", problems=_problems(503)
    ),
    ("post", "/api/admin/cache/invalidate"): _Answer(
        Invalidated, scope="admin", problems=_problems(503, writes=True)
    ),
    ("post", "/api/admin/cache/warm"): _Answer(
        WarmedAnswer, scope="admin", problems=_problems(503, writes=True)
    ),
    ("get", "/healthz"): _Answer(shown.Liveness, scope=None, problems=_OPEN),
    ("get", "/readyz"): _Answer(shown.Readiness, scope=None, problems=_OPEN),
    ("get", "/metrics"): _Answer(media=_PROMETHEUS, problems=_problems()),
    ("get", "/openapi.json"): _Answer(scope=None, kept=True),
    ("get", "/docs"): _Answer(media=_HTML, scope=None),
}


def document(api: FastAPI) -> Document:
    """Return the OpenAPI document of an application."""
    made: Document = get_openapi(
        title=api.title, version=api.version, description=_ABOUT, routes=api.routes
    )
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            answer = _ANSWERS[method, path]
            operation["responses"] = dict(_responses(answer))
            if path == "/readyz":
                waiting = _response("What is not ready, and why.", _content(answer), {})
                operation["responses"]["503"] = waiting
            if answer.scope is not None:
                operation["security"] = [{"key": []}, {"session": []}]
                operation["description"] += f" Needs the scope `{answer.scope}`."
    schemas = {
        name: schema
        for name, schema in made.get("components", {}).get("schemas", {}).items()
        if name not in ("HTTPValidationError", "ValidationError")  # FastAPI's own 422
    }
    made["components"] = {
        "schemas": {**schemas, **_schemas()},
        "responses": {_name(status): _problem(status) for status in _PROBLEMS},
        "securitySchemes": {
            "key": {"type": "http", "scheme": "bearer", "description": "An API key."},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        },
    }
    return made


def _schemas() -> Document:
    """Return the schemas of everything that is answered."""
    models: set[type[BaseModel]] = {shown.Problem}
    models |= {answer.model for answer in _ANSWERS.values() if answer.model is not None}
    wanted = sorted(models, key=lambda model: model.__name__)
    _, defined = models_json_schema(
        [(model, "serialization") for model in wanted], ref_template=_REF
    )
    found: Document = defined["$defs"]
    return found


def _responses(answer: _Answer) -> Iterable[tuple[str, Document]]:
    headers = {**(_KEPT_HEADERS if answer.kept else {}), **(answer.headers or {})}
    described = _described(answer.model) if answer.model is not None else "It worked."
    yield str(answer.status), _response(described, _content(answer), headers)
    if answer.kept:
        yield "304", _response("The client has it already.", {}, _KEPT_HEADERS)
    for status in sorted(answer.problems):
        yield str(status), {"$ref": f"#/components/responses/{_name(status)}"}


def _described(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").partition("\n")[0]


def _content(answer: _Answer) -> Document:
    if answer.media is None:
        return {}
    schema: Document = {"type": "string"}
    if answer.model is not None:
        schema = {"$ref": _REF.format(model=answer.model.__name__)}
    elif answer.media == _JSON:
        schema = {"type": "object"}
    return {answer.media: {"schema": schema}}


def _response(description: str, content: Document, headers: Mapping[str, str]) -> Document:
    response: Document = {"description": description}
    if content:
        response["content"] = content
    if headers:
        response["headers"] = {
            name: {"description": said, "schema": {"type": "string"}}
            for name, said in headers.items()
        }
    return response


def _problem(status: int) -> Document:
    content = {_PROBLEM: {"schema": {"$ref": _REF.format(model="Problem")}}}
    return _response(_PROBLEMS[status], content, _PROBLEM_HEADERS.get(status, {}))


def _name(status: int) -> str:
    return f"Problem{status}"
