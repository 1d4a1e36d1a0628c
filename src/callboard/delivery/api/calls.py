"""`/api/calls`: lists, the live ones, one by its SID, and its timeline."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Literal
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from callboard.cache import Loaded
from callboard.delivery.api.context import (
    AnInstant,
    Records,
    answered,
    context_of,
    reader,
    refresh_if_asked,
)
from callboard.delivery.board import ACTIVE_MAX_AGE_S
from callboard.delivery.cached import Wanted
from callboard.delivery.conditional import read_through, respond
from callboard.delivery.methods import HEAD
from callboard.delivery.table import MEDIA_TYPE, attachment, rendered
from callboard.domain.calls import CALL_FIELDS, STATUS_RANK, shown_call
from callboard.domain.queries import CallPage, CallQuery
from callboard.errors import CallNotFound
from callboard.keyspaces import scope_of

__all__ = ["router"]

router = APIRouter(prefix="/api/calls", tags=["calls"], dependencies=[Depends(reader)])

_TIMELINE_MAX_AGE_S = 30
_LIMIT_MAX = 500
_ROWS_MAX = 100_000
_DURATION_MAX_S = 1_000_000


def _known(text: str) -> str:
    """Refuse statuses that there are not.

    Raises:
        ValueError: one is unknown; says which.
    """
    unknown = [word for word in text.split(",") if word not in STATUS_RANK]
    if unknown:
        message = f"there is no status '{unknown[0]}'; there are {', '.join(STATUS_RANK)}"
        raise ValueError(message)
    return text


_STATUS = f"({'|'.join(STATUS_RANK)})"
Statuses = Annotated[
    str,
    AfterValidator(_known),
    # Told, not checked: what is unknown is named.
    Field(max_length=200, json_schema_extra={"pattern": f"^{_STATUS}(,{_STATUS})*$"}),
]
Outcome = Literal[
    "human",
    "voicemail",
    "answered_unknown",
    "no_answer",
    "busy",
    "failed",
    "canceled",
    "unconfirmed",
]
Sid = Annotated[str, Path(min_length=1, max_length=200)]


class _Filters(BaseModel):
    """Which calls; an unknown parameter is refused rather than ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    before: str | None = Field(None, max_length=200, description="`next` of an earlier page.")
    status: Statuses | None = Field(None, description="Any of these, comma-separated.")
    campaign_id: str | None = Field(None, alias="campaignId", max_length=200)
    direction: Literal["inbound", "outbound"] | None = None
    from_: str | None = Field(None, alias="from", max_length=100)
    to: str | None = Field(None, max_length=100)
    number: str | None = Field(None, max_length=100, description="Either `from` or `to`.")
    conversation_id: str | None = Field(None, alias="conversationId", max_length=200)
    outcome: Outcome | None = Field(None, description="Of calls that are over.")
    sip_code: int | None = Field(
        None, alias="sipCode", ge=100, le=699, description="Twilio's `sipResponseCode`."
    )
    min_duration: int | None = Field(
        None, alias="minDuration", ge=0, le=_DURATION_MAX_S, description="Completed, at least (s)."
    )
    max_duration: int | None = Field(
        None, alias="maxDuration", ge=0, le=_DURATION_MAX_S, description="Completed, shorter (s)."
    )
    success: Literal["true", "false"] | None = Field(
        None, description="How ElevenLabs judged the conversation."
    )
    since: AnInstant | None = Field(None, description="Started at or after; ISO-8601.")
    until: AnInstant | None = Field(None, description="Started before; ISO-8601.")

    def as_query(self, limit: int) -> CallQuery:
        """Return what the store is asked for."""
        since: datetime | None = self.since
        until: datetime | None = self.until
        return CallQuery(
            limit=limit,
            before=self.before,
            statuses=tuple(sorted(set(self.status.split(",")))) if self.status else (),
            campaign_id=self.campaign_id,
            direction=self.direction,
            from_number=self.from_,
            to_number=self.to,
            number=self.number,
            conversation_id=self.conversation_id,
            outcome=self.outcome,
            sip_code=self.sip_code,
            min_duration_s=self.min_duration,
            max_duration_s=self.max_duration,
            success=self.success == "true" if self.success else None,
            since=since,
            until=until,
        )


class ListParameters(_Filters):
    """Which calls, and how many of them."""

    limit: int = Field(50, ge=1, le=_LIMIT_MAX, description="How many calls at most.")


class ExportParameters(_Filters):
    """Which calls, and how many rows."""

    limit: int = Field(_ROWS_MAX, ge=1, le=_ROWS_MAX, description="How many rows at most.")


class ActiveParameters(BaseModel):
    """Which live calls."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    campaign_id: str | None = Field(None, alias="campaignId", max_length=200)


@router.get("")
async def list_calls(request: Request, parameters: Annotated[ListParameters, Query()]) -> Response:
    """Return calls, newest first, with a cursor to the next page."""
    records, query = context_of(request).records, parameters.as_query(parameters.limit)

    async def load(after: int) -> Loaded[bytes]:
        page = await records.page(query, after)
        shown = {"calls": [shown_call(call) for call in page.calls], "next": page.next}
        return Loaded(orjson.dumps(shown), page.as_of)

    row = "recent" if query == _RECENT else "calls"
    return _required(await answered(request, Wanted(row, _id_of(query), load)))


_RECENT = CallQuery(limit=50)
_ID_LENGTH_MAX = 300


def _id_of(query: CallQuery) -> str:
    """Return what a list is kept under: its campaign, then everything that is asked for."""
    told = ((name, getattr(query, name)) for name in CallQuery.__slots__)
    asked = orjson.dumps({name: value for name, value in told if value not in (None, ())})
    words = quote(asked, safe="{}:,")
    if len(words) > _ID_LENGTH_MAX:
        words = blake2b(asked, digest_size=16).hexdigest()
    return f"{scope_of(query.campaign_id)}|{words}"


def _required(answer: Response | None, sid: str = "") -> Response:
    """Return an answer.

    Raises:
        CallNotFound: there is none.
    """
    if answer is None:
        message = f"no call '{sid}'"
        raise CallNotFound(message)
    return answer


@router.get(".csv")
async def export_calls(
    request: Request, parameters: Annotated[ExportParameters, Query()]
) -> Response:
    """Return calls as CSV, newest first; for more than 100,000 ask by `since` and `until`."""
    context = context_of(request)
    query = parameters.as_query(min(parameters.limit, _LIMIT_MAX))
    # Read before anything is said: what fails here can still be told by its status.
    first = await context.records.page(query)
    # Nobody sees the rows of a HEAD.
    wanted = 0 if request.scope.get(HEAD) else parameters.limit
    rows = _pages(context.records, query, first, wanted)
    headers = attachment(f"calls-{context.reads.today()}")
    return StreamingResponse(rows, 200, headers, MEDIA_TYPE)


async def _pages(
    records: Records, query: CallQuery, page: CallPage, wanted: int
) -> AsyncIterator[bytes]:
    """Yield the table page by page. A read that fails breaks the transfer off, visibly."""
    yield rendered([CALL_FIELDS])
    while True:
        found, following, _ = page
        shown = [shown_call(call) for call in found]
        yield rendered([call[name] for name in CALL_FIELDS] for call in shown)
        wanted -= len(found)
        if following is None or wanted <= 0:
            return
        query = replace(query, before=following, limit=min(wanted, _LIMIT_MAX))
        page = await records.page(query)


@router.get("/active")
async def active_calls(
    request: Request, parameters: Annotated[ActiveParameters, Query()]
) -> Response:
    """Return the calls that occupy a line now, newest first."""
    context = context_of(request)
    await refresh_if_asked(request, context.reads.live)
    found = await context.reads.active(parameters.campaign_id)
    return respond(request, found, context.clock, max_age_s=ACTIVE_MAX_AGE_S)


@router.get("/{sid}")
async def one_call(request: Request, sid: Sid) -> Response:
    """Return one call by its call SID, both vendors joined."""
    reads, records = context_of(request).reads, context_of(request).records

    async def load(after: int) -> Loaded[bytes]:
        found, as_of = await records.call(sid, after)
        return Loaded(None if found is None else orjson.dumps(shown_call(found)), as_of)

    wanted = Wanted("call", sid, load)
    return _required(await answered(request, wanted, lambda: reads.kept_call(sid)), sid)


@router.get("/{sid}/timeline")
async def timeline(request: Request, sid: Sid) -> Response:
    """Return the webhooks about a call, oldest first, and what they said."""
    context = context_of(request)
    found = read_through(await context.records.timeline(sid))
    return respond(request, found, context.clock, max_age_s=_TIMELINE_MAX_AGE_S)
