"""Contacts from a table: read twice from a spooled file, written in groups, told as it goes.

The first reading finds what is wrong with the file as a whole, before anything is written; the
second checks row by row and writes. Nothing is held in memory but the group under way.
"""

import asyncio
import csv
import io
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Sequence,
)
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple

from callboard.domain.contacts import Contact, RowError, contact_of, field_of
from callboard.errors import MalformedPayload, NotFound, PayloadTooLarge, Unavailable

__all__ = ["ROWS_MAX", "Import", "RowProblem", "Tally", "inspected", "refused_rows", "table_rows"]

ROWS_MAX = 100_000
_GROUP = 500
_TELL_EVERY = 20
"""After so many groups the campaign says how many contacts it has."""
_BREATHE_EVERY = 100
_PROBLEMS_MAX = 100
_DELIMITERS = ",;\t|"
_CELL_LENGTH_MAX = 10_000

Row = dict[str, Any] | str
"""A row by its columns, or what is wrong with it."""
_ENDING: set[asyncio.Task[None]] = set()
"""What is still to be told after who asked has gone; the loop itself keeps no reference."""

Write = Callable[[Sequence[Contact]], Coroutine[Any, Any, tuple[int, int]]]
Tell = Callable[[], Awaitable[int]]


class RowProblem(NamedTuple):
    """What is wrong with one row."""

    line: int
    """Of the file, the first is 1; of rows that came as JSON, which of them."""
    field: str
    message: str


def table_rows(file: IO[bytes]) -> Generator[tuple[int, Row], None, None]:
    """Yield the rows of a CSV file with the line each begins on, from the beginning.

    UTF-8, with or without byte order mark; commas, semicolons, tabs or bars.

    Raises:
        MalformedPayload: the file is not UTF-8, has no header, or breaks its own rules.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    line = 1
    try:
        first = text.readline()
        text.seek(0)
        delimiter = max(_DELIMITERS, key=first.count)
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(reader, [])]
        _check(header)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, _row(header, cells)
            line = reader.line_num + 1
    except UnicodeDecodeError as error:
        message = "the file is not UTF-8: export it as UTF-8"
        raise MalformedPayload(message, field="body") from error
    except csv.Error as error:
        message = f"the file is no CSV near line {line}: {error}"
        raise MalformedPayload(message, field="body") from error
    finally:
        text.detach()


def _check(header: Sequence[str]) -> None:
    if "number" not in map(field_of, header):
        found = ", ".join(repr(name[:40]) for name in header[:10]) or "none"
        message = f"the first line must name the columns, one of them 'number'; found {found}"
        raise MalformedPayload(message, field="body")
    if len(set(header)) < len(header):
        message = "the first line must name each column once"
        raise MalformedPayload(message, field="body")


def _row(header: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) > len(header):
        return f"has {len(cells)} cells, and the first line {len(header)}"
    if max(map(len, cells)) > _CELL_LENGTH_MAX:
        return f"has a cell of more than {_CELL_LENGTH_MAX} characters"
    return dict(zip(header, cells, strict=False))


@dataclass
class Tally:
    """How far an import is."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    """Rows that said what is stored already, or the same number once more."""
    refused: int = 0
    total: int = 0
    """How many contacts the campaign has now; known at the end."""
    problems: list[RowProblem] = field(default_factory=list)
    """The first so many; `refused` counts all."""

    def refuse(self, problem: RowProblem) -> None:
        """Note a row that was not taken."""
        self.refused += 1
        if len(self.problems) < _PROBLEMS_MAX:
            self.problems.append(problem)

    def counts(self) -> dict[str, int]:
        """Return the counts."""
        names = ("rows", "added", "changed", "unchanged", "refused")
        return {name: getattr(self, name) for name in names}


def _contact(campaign_id: str, line: int, row: Row) -> Contact | RowProblem:
    if isinstance(row, str):
        return RowProblem(line, "", row)
    try:
        return contact_of(campaign_id, row)
    except RowError as error:
        return RowProblem(line, error.field, str(error))


async def inspected(file: IO[bytes], campaign_id: str, *, strict: bool) -> Tally:
    """Read a file without writing; `strict` also checks every row.

    Raises:
        MalformedPayload: it cannot be read as a table.
        PayloadTooLarge: it has too many rows.
    """
    tally = Tally()
    with closing(table_rows(file)) as rows:
        for line, row in rows:
            tally.rows += 1
            if tally.rows > ROWS_MAX:
                message = f"a file may have {ROWS_MAX} rows: import it in parts"
                raise PayloadTooLarge(message)
            if strict and isinstance(found := _contact(campaign_id, line, row), RowProblem):
                tally.refuse(found)
            if tally.rows % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)
    return tally


def refused_rows(rows: Iterable[tuple[int, Row]], campaign_id: str) -> Tally:
    """Check every row and write none."""
    tally = Tally()
    for line, row in rows:
        tally.rows += 1
        if isinstance(found := _contact(campaign_id, line, row), RowProblem):
            tally.refuse(found)
    return tally


class Import:
    """Writes rows in groups.

    Args:
        write: adds contacts or changes them; returns how many of each, once they are durable.
        tell: writes down how many there are; called now and then, and at the end however it comes.
    """

    def __init__(self, campaign_id: str, write: Write, tell: Tell) -> None:
        self.tally = Tally()
        self._campaign_id = campaign_id
        self._write = write
        self._tell = tell
        self._writing: asyncio.Task[tuple[int, int]] | None = None

    async def run(self, rows: Iterable[tuple[int, Row]]) -> AsyncIterator[Tally]:
        """Write all rows; yield how far it is after each group, once that is durable.

        Raises:
            StoreUnavailable: MongoDB does not answer; the groups yielded so far are durable.
        """
        group: dict[str, Contact] = {}
        groups, untold = 0, False
        try:
            for line, row in rows:
                self._take(line, row, group)
                if self.tally.rows % _BREATHE_EVERY == 0:
                    await asyncio.sleep(0)
                if len(group) >= _GROUP:
                    untold = True
                    await self._flush(group)
                    groups += 1
                    if groups % _TELL_EVERY == 0:
                        await self._tell()
                        untold = False
                    yield self.tally
            untold = True
            await self._flush(group)
            self.tally.total = await self._tell()
            untold = False
        finally:
            if untold:  # who asked is gone, or MongoDB was for a moment
                ending = asyncio.get_running_loop().create_task(self._end())
                _ENDING.add(ending)
                ending.add_done_callback(_ENDING.discard)

    async def _end(self) -> None:
        """Let the group under way be written, then count: in this order, whoever was cancelled."""
        if self._writing is not None:
            await asyncio.wait((self._writing,))
        with suppress(Unavailable, NotFound):
            await self._tell()

    def _take(self, line: int, row: Row, group: dict[str, Contact]) -> None:
        self.tally.rows += 1
        found = _contact(self._campaign_id, line, row)
        if isinstance(found, RowProblem):
            self.tally.refuse(found)
        else:
            self.tally.unchanged += found.key in group
            group[found.key] = found  # of a number that comes twice the last row counts

    async def _flush(self, group: dict[str, Contact]) -> None:
        if group:
            loop = asyncio.get_running_loop()
            self._writing = loop.create_task(self._write(list(group.values())))
            added, changed = await asyncio.shield(self._writing)
            self.tally.added += added
            self.tally.changed += changed
            self.tally.unchanged += len(group) - added - changed
            group.clear()
