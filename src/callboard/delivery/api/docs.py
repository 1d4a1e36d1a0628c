"""`/openapi.json`, and `/docs`: the same for people, made here without anybody else's scripts."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response

from callboard.delivery.api.context import context_of
from callboard.delivery.api.openapi import document
from callboard.delivery.conditional import Answer, content_tag, respond

__all__ = ["STYLE_PATH", "router", "style"]

STYLE_PATH = "/docs.css"

_MAX_AGE_S = 300
_STYLE = b"""\
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
article { border-top: 1px solid #8886; padding: 0.5rem 0 1rem; }
h2 { font-size: 1.05rem; margin: 0.5rem 0; }
h2 code { font-weight: 600; }
.method { display: inline-block; min-width: 4rem; text-transform: uppercase; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.15rem 0.75rem 0.15rem 0; }
th { font-weight: 500; white-space: nowrap; }
pre { overflow-x: auto; padding: 0.5rem 0.75rem; background: #8882; border-radius: 4px; }
"""

router = APIRouter(tags=["about"])


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """Return this document."""
    clock = context_of(request).clock
    return respond(request, _made(request.app), clock, max_age_s=_MAX_AGE_S)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Return a page that says the same to people."""
    page = _page(orjson.loads(_made(request.app).body))
    headers = {"Cache-Control": f"private, max-age={_MAX_AGE_S}"}
    return Response(page, 200, headers, "text/html")


async def style(request: Request) -> Response:
    """Return how that page looks; no inline styles, which the security headers forbid."""
    del request
    headers = {"Cache-Control": f"max-age={_MAX_AGE_S}"}
    return Response(_STYLE, 200, headers, "text/css")


def _made(api: FastAPI) -> Answer:
    """Return the document, made once for an application."""
    made: Answer | None = getattr(api.state, "openapi", None)
    if made is None:
        body = orjson.dumps(document(api))
        made = api.state.openapi = Answer(body, content_tag(body), "HIT")
    return made


def _page(said: Mapping[str, Any]) -> str:
    title = escape(f"{said['info']['title']} {said['info']['version']}")
    about = "".join(f"<p>{_text(part)}</p>" for part in said["info"]["description"].split("\n\n"))
    articles = "\n".join(
        _article(method, path, operation, said)
        for path, operations in said["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="stylesheet" '
        f'href="{STYLE_PATH}"></head>\n<body><h1>{title}</h1>{about}'
        f'<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>\n{articles}\n'
        "</body></html>\n"
    )


def _article(method: str, path: str, operation: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    parameters = [
        (f"{one['name']} <small>{escape(one['in'])}</small>", _parameter(one))
        for one in operation.get("parameters", ())
    ]
    answers = [
        (escape(status), _answer(_resolved(answer, said)))
        for status, answer in operation["responses"].items()
    ]
    return (
        f'<article><h2><span class="method">{escape(method)}</span> <code>{escape(path)}</code>'
        f"</h2><p>{_text(operation.get('description', ''))}</p>"
        f"{_table('Parameters', parameters)}{_table('Answers', answers)}"
        f"<pre><code>{escape(_curl(method, path, operation))}</code></pre></article>"
    )


def _parameter(one: Mapping[str, Any]) -> str:
    """Return what a parameter may be, in a few words."""
    schema = one.get("schema", {})
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    words = [one.get("description", "")]
    words += [
        "One of " + ", ".join(f"`{value}`" for value in kind["enum"]) + "."
        for kind in kinds
        if "enum" in kind
    ]
    words += ["Required."] if one.get("required") and one["in"] != "path" else []
    if schema.get("default") is not None:
        words.append(f"Default `{schema['default']}`.")
    return _text(" ".join(word for word in words if word))


def _answer(answer: Mapping[str, Any]) -> str:
    media = ", ".join(escape(name) for name in answer.get("content", ()))
    return f"{_text(answer['description'])}{f' <small>{media}</small>' if media else ''}"


def _resolved(answer: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = answer
    if "$ref" in answer:
        found = said["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return found


def _table(heading: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows)
    return f"<table><caption hidden>{heading}</caption>{lines}</table>" if lines else ""


def _curl(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Return a command that asks for it."""
    words = ["curl"]
    if method != "get":
        words.append(f"-X {method.upper()}")
    if "security" in operation:
        words.append('-H "Authorization: Bearer $KEY"')
    if "requestBody" in operation:
        words += ["-H 'Content-Type: application/json'", f"-d '{json.dumps({'name': 'Spring'})}'"]
    needed = [one for one in operation.get("parameters", ()) if one.get("required")]
    query = "&".join(f"{one['name']}=…" for one in needed if one["in"] == "query")
    address = f'"$URL{path}{f"?{query}" if query else ""}"'
    return " ".join([*words, address])


def _text(markdown: str) -> str:
    """Return a sentence as HTML; what stands between backquotes is code."""
    parts = escape(markdown).split("`")
    return "".join(
        f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts)
    )
