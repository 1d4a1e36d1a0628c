"""Our errors as problem documents: the right status, the reason, the field, never the inside."""

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callboard import errors
from callboard.delivery.problems import EXCEPTION_HANDLERS, problem

STATUSES: dict[type[errors.CallboardError], int] = {
    errors.BadSignature: 403,
    errors.MalformedPayload: 400,
    errors.PayloadTooLarge: 413,
    errors.Unauthorized: 401,
    errors.CallNotFound: 404,
    errors.CampaignNotFound: 404,
    errors.StoreUnavailable: 503,
    errors.ViewsUnavailable: 503,
    errors.InvariantViolated: 500,
    errors.LeaseLost: 500,
    errors.ConfigurationError: 500,
}


async def get(app: Starlette, path: str) -> httpx.Response:
    """Return what an application answers."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://board") as client:
        return await client.get(path)


async def answered(error: Exception) -> httpx.Response:
    """Return what a client gets when a route raises."""

    async def route(_: Request) -> Response:
        raise error

    return await get(
        Starlette(routes=[Route("/a", route)], exception_handlers=EXCEPTION_HANDLERS), "/a"
    )


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
async def test_every_error_has_its_status(kind: type[errors.CallboardError], status: int) -> None:
    answer = await answered(kind("the reason"))
    body = answer.json()
    assert (answer.status_code, body["status"], body["detail"]) == (status, status, "the reason")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert body["type"] == "about:blank"
    assert ("retry-after" in answer.headers) == (status == 503)
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_every_leaf_of_the_error_tree_has_a_title() -> None:
    for name in errors.__all__:
        assert (await answered(getattr(errors, name)("x"))).json()["title"] != "Error"


async def test_a_known_key_without_the_scope_is_forbidden_rather_than_unknown() -> None:
    answer = await answered(errors.Unauthorized("no scope", known=True))
    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers


async def test_a_malformed_payload_names_its_field() -> None:
    assert (await answered(errors.MalformedPayload("bad", field="CallSid"))).json()[
        "field"
    ] == "CallSid"
    assert "field" not in (await answered(errors.MalformedPayload("bad"))).json()


async def test_a_bug_tells_the_client_nothing_of_the_inside() -> None:
    answer = await answered(RuntimeError("password=hunter2"))
    assert answer.status_code == 500
    assert "hunter2" not in answer.text


async def test_unknown_paths_and_methods_are_problems_too() -> None:
    app = Starlette(routes=[], exception_handlers=EXCEPTION_HANDLERS)
    answer = await get(app, "/nowhere")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert "/nowhere" in answer.json()["detail"]


def test_only_what_may_help_is_retryable() -> None:
    retryable = {name for name in errors.__all__ if getattr(errors, name).retryable}
    assert retryable == {"Unavailable", "StoreUnavailable", "ViewsUnavailable"}


def test_empty_extension_members_are_left_out() -> None:
    body = orjson.loads(bytes(problem(400, "why", field=None, errors=[]).body))
    assert set(body) == {"type", "title", "status", "detail"}
