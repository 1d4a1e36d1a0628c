"""`/api/campaigns/{id}/contacts`: whom a campaign calls; read, written, imported from a table."""

from collections.abc import AsyncIterator
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr
from starlette.responses import StreamingResponse

from callboard.cache import Loaded
from callboard.delivery.api.context import Context, answered, context_of, reader, writer
from callboard.delivery.board import CAMPAIGN_ID_LENGTH_MAX
from callboard.delivery.cached import Wanted
from callboard.delivery.importing import Import, Tally, inspected, table_rows
from callboard.errors import CampaignNotFound, MalformedPayload, Unavailable
from callboard.keyspaces import scope_of, scoped

__all__ = ["router"]

router = APIRouter(prefix="/api/campaigns", tags=["contacts"])

_LIMIT_MAX = 500
_AT_ONCE_MAX = 1_000
_IN_MEMORY_BYTES = 1 << 20
_PROGRESS = "application/x-ndjson"

CampaignId = Annotated[str, Path(min_length=1, max_length=CAMPAIGN_ID_LENGTH_MAX)]
Cell = StrictStr | StrictInt | StrictFloat | None
"""A text or a number: `true` is neither."""


class ContactParameters(BaseModel):
    """Which contacts."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=_LIMIT_MAX, description="How many contacts at most.")
    before: str | None = Field(None, max_length=100, description="`next` of an earlier page.")


class NewContacts(BaseModel):
    """Contacts to be added, or changed where the campaign has the number already."""

    model_config = ConfigDict(extra="forbid")

    contacts: list[dict[str, Cell]] = Field(
        min_length=1,
        max_length=_AT_ONCE_MAX,
        description="Each with a `number`; `contactId`, `name`, `timezone`, `notes` if known; "
        "all else is kept as `variables`.",
    )


class ImportParameters(BaseModel):
    """How a table is imported."""

    model_config = ConfigDict(extra="forbid")

    strict: bool = Field(default=False, description="Write nothing if any row is wrong.")


@router.get("/{campaign_id}/contacts", dependencies=[Depends(reader)])
async def list_contacts(
    request: Request, campaign_id: CampaignId, parameters: Annotated[ContactParameters, Query()]
) -> Response:
    """Return a campaign's contacts, with a cursor to the next page."""
    records, limit, before = context_of(request).records, parameters.limit, parameters.before

    async def load(after: int) -> Loaded[bytes]:
        found, as_of = await records.contacts(campaign_id, limit, before, after)
        return Loaded(None if found is None else orjson.dumps(found), as_of)

    id_ = f"{scope_of(campaign_id)}|{limit}|{before or ''}"
    answer = await answered(request, Wanted("contacts", id_, load))
    if answer is None:
        raise _unknown(campaign_id)
    return answer


@router.post("/{campaign_id}/contacts", dependencies=[Depends(writer)])
async def write_contacts(
    request: Request, campaign_id: CampaignId, contacts: NewContacts
) -> Response:
    """Add contacts, or change those of the same number; a wrong one does not stop the others."""
    context = context_of(request)
    await _require_campaign(context, campaign_id)
    importing = _import(context, campaign_id)
    async for _ in importing.run(enumerate(contacts.contacts, 1)):
        """It is one group; nobody is told how far it is."""
    body = orjson.dumps(_told(importing.tally))
    return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")


@router.post(
    "/{campaign_id}/contacts.csv",
    dependencies=[Depends(writer)],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
async def import_contacts(
    request: Request, campaign_id: CampaignId, parameters: Annotated[ImportParameters, Query()]
) -> Response:
    """Import a table of up to 100,000 rows; answers a line of JSON for each thousand.

    The first line of the table names the columns; one is `number`. What is wrong with the file as
    a whole is told by the status, what is wrong with a row in the last line, by its line.
    """
    context = context_of(request)
    await _require_campaign(context, campaign_id)
    file = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115  (closed when all is read)
    try:
        async for piece in request.stream():
            file.write(piece)
        await _require_right(file, campaign_id, strict=parameters.strict)
    except BaseException:
        file.close()
        raise
    lines = _progress(context, campaign_id, file)
    return StreamingResponse(lines, 200, {"Cache-Control": "no-store"}, _PROGRESS)


async def _progress(context: Context, campaign_id: str, file: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield how far it is; the last line says that it is done, or what stopped it."""
    importing = _import(context, campaign_id)
    try:
        with closing(table_rows(file)) as rows:
            async for tally in importing.run(rows):
                yield orjson.dumps(tally.counts()) + b"\n"
        yield orjson.dumps({"done": True, **_told(importing.tally)}) + b"\n"
    except Unavailable as error:
        stopped = {"done": False, "error": str(error), **importing.tally.counts()}
        yield orjson.dumps(stopped) + b"\n"
    finally:
        file.close()


def _import(context: Context, campaign_id: str) -> Import:
    async def tell() -> int:
        campaign, committed = await context.records.tell_contacts(campaign_id)
        cached = context.reads.cached
        await cached.invalidate_tag(scoped("contacts", scope_of(campaign_id)), committed)
        await context.reads.wrote_campaign(campaign, committed)
        total: int = campaign["totalContacts"]
        return total

    return Import(campaign_id, context.records.write_contacts, tell)


async def _require_campaign(context: Context, campaign_id: str) -> None:
    found, _ = await context.records.campaign_document(campaign_id)
    if found is None:
        raise _unknown(campaign_id)


def _unknown(campaign_id: str) -> CampaignNotFound:
    return CampaignNotFound(f"no campaign '{campaign_id}'")


async def _require_right(file: IO[bytes], campaign_id: str, *, strict: bool) -> None:
    """Refuse a file that cannot be imported; with `strict`, one with any wrong row."""
    seen = await inspected(file, campaign_id, strict=strict)
    if not seen.problems:
        return
    first = seen.problems[0]
    message = (
        f"nothing was written: {seen.refused} of {seen.rows} rows are wrong, "
        f"the first on line {first.line}: {first.field} {first.message}"
    )
    raise MalformedPayload(message, field="body")


def _told(tally: Tally) -> dict[str, Any]:
    problems = [problem._asdict() for problem in tally.problems]
    return {**tally.counts(), "total": tally.total, "problems": problems}
