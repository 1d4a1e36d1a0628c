"""The webhook routes: what stands in front of the web framework, request by request."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from support.builders import a_form, an_event, settle, sid, until
from support.desk import Desk

from callboard.delivery.problems import refusal
from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, INITIATION, TWILIO_EVENTS
from callboard.errors import StoreUnavailable
from callboard.ingest.routes import BodyLimits, WebhookRoutes

ROUTES = [CALL_STATUS, TWILIO_EVENTS, ELEVENLABS, INITIATION]
BODY = urlencode(a_form()).encode()


class Client:
    """Sends requests to the routes, chunk by chunk, and reads the answers."""

    def __init__(self, desk: Desk | None = None, limits: BodyLimits | None = None) -> None:
        self.desk = desk or Desk(check_signatures=False)
        self.passed_on: list[Scope] = []
        self.routes = WebhookRoutes(
            self.desk.twilio,
            self.desk.elevenlabs,
            limits or BodyLimits(2_000, 4_000, 10_000),
            refuse=refusal,
            otherwise=self._otherwise,
        )

    async def _otherwise(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send  # never answered here
        self.passed_on.append(scope)

    async def request(self, path: str, *chunks: bytes | None, **scope: Any) -> "Answer":
        """Send a request; None hangs up."""
        last = len(chunks) - 1
        messages = [
            {"type": "http.request", "body": chunk, "more_body": index < last}
            if chunk is not None
            else {"type": "http.disconnect"}
            for index, chunk in enumerate(chunks)
        ]
        queue: asyncio.Queue[Message] = asyncio.Queue()
        for message in messages:
            queue.put_nowait(message)
        return await self.serve(path, queue, **scope)

    async def serve(self, path: str, queue: "asyncio.Queue[Message]", **scope: Any) -> "Answer":
        """Send a request whose chunks are still to come."""
        answer = Answer()
        given = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
            "server": ("127.0.0.1", 8700),
            "scheme": "http",
            "root_path": "",
        }
        await self.routes({**given, **scope}, queue.get, answer.send)
        return answer


class Answer:
    """What was sent back."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False

    async def send(self, message: Message) -> None:
        """Take a message of the answer."""
        if message["type"] == "http.response.start":
            assert not self.status
            self.status = message["status"]
            self.headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
        else:
            assert self.status
            assert not self.ended
            self.body += message.get("body", b"")
            self.ended = not message.get("more_body", False)


def a_queue(*chunks: bytes) -> "asyncio.Queue[Message]":
    """Return chunks of a body that is not at its end."""
    queue: asyncio.Queue[Message] = asyncio.Queue()
    for chunk in chunks:
        queue.put_nowait({"type": "http.request", "body": chunk, "more_body": True})
    return queue


async def test_a_webhook_is_acknowledged_with_an_empty_200() -> None:
    client = Client()
    for path, body in ((CALL_STATUS, BODY), (ELEVENLABS, an_event())):
        answer = await client.request(path, body)
        assert (answer.status, answer.body, answer.ended) == (200, b"", True)
        assert answer.headers == {"content-length": "0"}
    assert len(client.desk.kept) == 2
    assert client.passed_on == []


async def test_a_body_in_pieces_is_one_body() -> None:
    client = Client()
    answer = await client.request(CALL_STATUS, b"", BODY[:9], b"", BODY[9:], b"")
    assert answer.status == 200
    assert client.desk.kept[0].kept.body == BODY


async def test_a_message_without_a_body_is_an_empty_one() -> None:
    queue: asyncio.Queue[Message] = asyncio.Queue()
    queue.put_nowait({"type": "http.request"})
    client = Client()
    answer = await client.serve(CALL_STATUS, queue)
    assert (answer.status, client.desk.kept[0].kept.body) == (400, b"")


async def test_the_query_and_the_path_arrive_as_they_were_sent() -> None:
    client = Client()
    await client.request(
        CALL_STATUS, BODY, query_string=b"campaignId=%73pring", raw_path=b"/webhook/%63all-status"
    )
    assert client.desk.kept[0].kept.query == "campaignId=%73pring"
    assert client.desk.kept[0].fact is not None
    assert client.desk.kept[0].fact.most["campaignId"] == "spring"


@pytest.mark.parametrize(
    "path", ["/", "/webhook", "/webhook/call-status/", "/api/calls", "/WEBHOOK"]
)
async def test_every_other_path_is_passed_on(path: str) -> None:
    client = Client()
    await client.request(path, b"", method="GET")
    assert [scope["path"] for scope in client.passed_on] == [path]


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_what_is_no_request_is_passed_on(kind: str) -> None:
    client = Client()
    await client.request(CALL_STATUS, b"", type=kind)
    assert len(client.passed_on) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
@pytest.mark.parametrize("path", ROUTES)
async def test_only_post_is_taken(path: str, method: str) -> None:
    client = Client()
    answer = await client.request(path, method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert client.desk.kept == []


@pytest.mark.parametrize(
    ("path", "size"), [(CALL_STATUS, 2_000), (INITIATION, 2_000), (ELEVENLABS, 4_000)]
)
async def test_a_body_beyond_its_limit_is_given_up_at_once(path: str, size: int) -> None:
    client = Client()
    answer = await client.serve(path, a_queue(b"x" * size, b"x"))
    assert answer.status == 413
    assert orjson.loads(answer.body)["status"] == 413
    assert (await client.request(path, b"x" * size)).status == 400
    assert client.routes._held == 0


async def test_event_streams_may_be_larger_than_a_callback() -> None:
    limits = BodyLimits(2_000, 4_000, 10_000)
    assert limits.by_path[TWILIO_EVENTS] > 1_000_000
    assert BodyLimits(9_000_000, 1, 1).by_path[TWILIO_EVENTS] == 9_000_000


async def test_too_much_in_memory_is_told_to_come_again() -> None:
    client = Client(limits=BodyLimits(2_000, 4_000, 4_900))
    waiting = [a_queue(b"x" * 2_400), a_queue(b"x" * 2_400)]
    async with asyncio.TaskGroup() as tasks:
        sent = [tasks.create_task(client.serve(ELEVENLABS, queue)) for queue in waiting]
        await until(lambda: client.routes._held == 4_800)
        refused = await client.request(CALL_STATUS, BODY)
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert client.routes._held == 4_800
        for queue in waiting:
            queue.put_nowait({"type": "http.disconnect"})
    assert [task.result().status for task in sent] == [400, 400]
    assert client.routes._held == 0
    assert (await client.request(CALL_STATUS, BODY)).status == 200


async def test_a_body_is_in_memory_until_it_is_stored() -> None:
    desk = Desk(check_signatures=False)
    desk.hangs = True
    client = Client(desk)
    task = asyncio.ensure_future(client.request(CALL_STATUS, BODY))
    await until(lambda: desk.kept)
    assert client.routes._held == len(BODY)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert client.routes._held == 0


@pytest.mark.parametrize("chunks", [(None,), (b"CallSid=", None)])
async def test_who_hangs_up_half_way_leaves_nothing(chunks: tuple[bytes | None, ...]) -> None:
    client = Client()
    answer = await client.request(CALL_STATUS, *chunks)
    assert answer.status == 400
    assert (client.desk.kept, client.routes._held) == ([], 0)


@pytest.mark.parametrize(
    ("desk", "status"),
    [
        (Desk(), 403),
        (Desk(check_signatures=False, failure=StoreUnavailable("no primary")), 503),
        (Desk(check_signatures=False, failure=RuntimeError("a bug")), 500),
    ],
)
async def test_what_cannot_be_taken_is_answered_as_a_problem(desk: Desk, status: int) -> None:
    client = Client(desk)
    answer = await client.request(CALL_STATUS, BODY)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in answer.headers) == (status == 503)
    assert b"a bug" not in answer.body.replace(b"a bug of its own", b"")
    assert client.routes._held == 0


async def test_a_malformed_webhook_is_answered_with_its_field() -> None:
    answer = await Client().request(CALL_STATUS, b"CallSid=x")
    assert answer.status == 400
    assert orjson.loads(answer.body)["field"] == "CallSid"


async def test_a_personalization_request_gets_its_json() -> None:
    answer = await Client().request(INITIATION, b'{"call_sid": "%s"}' % sid().encode())
    assert answer.status == 200
    assert orjson.loads(answer.body)["type"] == "conversation_initiation_client_data"
    assert answer.headers == {
        "content-length": str(len(answer.body)),
        "content-type": "application/json",
        "cache-control": "no-store",
    }


async def test_bytes_that_are_no_ascii_in_the_url_are_no_bug() -> None:
    client = Client()
    answer = await client.request(
        CALL_STATUS, BODY, query_string=b"contactName=\xc3\x89\xff", raw_path=b"/webhook/\xff?x"
    )
    assert answer.status == 200
    assert client.desk.kept[0].event_key


async def test_a_body_that_never_ends_is_given_up_when_the_server_stops() -> None:
    client = Client()
    task = asyncio.ensure_future(client.serve(ELEVENLABS, a_queue(b"x")))
    await settle()
    assert client.routes._held == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.routes._held == 0


def test_the_routes_are_an_application() -> None:
    application: ASGIApp = Client().routes
    assert callable(application)
