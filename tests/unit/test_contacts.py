"""Rows of contacts: what is taken, what is refused and by which field; tables as people export."""

import io
from contextlib import suppress
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from callboard.cli.main import root
from callboard.delivery import importing
from callboard.delivery.importing import Import, table_rows
from callboard.domain.contacts import Contact, RowError, contact_of, shown_contact
from callboard.errors import MalformedPayload, StoreUnavailable


@pytest.mark.parametrize(
    "text",
    ["+34600000001", " +34 600 000 001 ", "+34-600-000-001", "0034600000001", "+34(600)000.001"],
)
def test_a_number_is_read_as_people_write_it(text: str) -> None:
    assert contact_of("spring", {"number": text}).number == "+34600000001"


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        ({}, "number", "is missing"),
        ({"number": "  "}, "number", "is missing"),
        ({"number": "600000001"}, "number", "must be a phone number with its country"),
        ({"number": "+0600000001"}, "number", "must be a phone number"),
        ({"number": "+34600000001 ext 5"}, "number", "must be a phone number"),
        ({"number": "+34600000001", "phone": "+34600000002"}, "number", "is given twice"),
        ({"number": "+34600000001", "contactId": "a b"}, "contactId", "no spaces"),
        ({"number": "+34600000001", "name": "x" * 201}, "name", "longer than 200"),
        ({"number": "+34600000001", "$where": "x"}, "$where", "is no name of a column"),
        ({"number": "+34600000001", "plan": "x" * 501}, "plan", "longer than 500"),
        ({"number": "+34600000001", "plan": [1]}, "plan", "must be a text or a number"),
        ({"number": True}, "number", "must be a text or a number"),
        (
            {"number": "+34600000001", **{f"v{n}": "x" for n in range(31)}},
            "v30",
            "30 further columns are kept",
        ),
    ],
)
def test_what_is_wrong_is_said_by_the_field(row: Any, field: str, message: str) -> None:
    with pytest.raises(RowError, match=message) as caught:
        contact_of("spring", row)
    assert caught.value.field == field


def test_a_number_is_one_contact_of_a_campaign_and_another_of_the_next() -> None:
    one = contact_of("spring", {"number": "+34600000001", "name": "Ada"})
    same = contact_of("spring", {"number": "0034 600000001", "name": "Grace"})
    assert one.key == same.key
    assert one.key != contact_of("autumn", {"number": "+34600000001"}).key


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.text(), st.integers())))
def test_whatever_comes_is_a_contact_or_a_named_error(row: dict[str, Any]) -> None:
    found = None
    with suppress(RowError):
        found = contact_of("spring", row)
    if found is None:
        return
    assert found.number.startswith("+")
    assert not any("." in name or name.startswith("$") for name in found.variables)


def test_what_other_programs_stored_is_shown_too() -> None:
    shown = shown_contact({"_id": 7, "number": 34600, "variables": {"a": 1}})
    assert shown["contactId"] == "7"
    assert (shown["number"], shown["variables"]) == (None, {"a": "1"})
    assert shown_contact({"_id": "x", "variables": [1]})["variables"] == {}


ROWS = [{"number": "+34600000001", "name": "Ada, of\nLondon"}, {"number": "+34600000002"}]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_as_programs_export_it(mark: bytes, end: str, delimiter: str) -> None:
    lines = ["Number|NAME|", '+34600000001|"Ada, of\nLondon"|', "", "+34600000002||", ""]
    text = end.join(lines).replace("|", delimiter).replace(f"{delimiter}{end}", end)
    found = list(table_rows(io.BytesIO(mark + text.encode())))
    assert [line for line, _ in found] == [2, 5]
    for (_, row), wanted in zip(found, ROWS, strict=True):
        assert isinstance(row, dict)
        assert row["Number"] == wanted["number"]
        assert row.get("NAME", "") == wanted.get("name", "")


def test_a_row_that_does_not_fit_its_header_is_said_and_the_next_is_read() -> None:
    found = list(table_rows(io.BytesIO(b"number\n1,2\n" + b"x" * 10_001 + b"\n3\n")))
    assert found == [
        (2, "has 2 cells, and the first line 1"),
        (3, "has a cell of more than 10000 characters"),
        (4, {"number": "3"}),
    ]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_named_error(body: bytes) -> None:
    with suppress(MalformedPayload):
        list(table_rows(io.BytesIO(b"number,name\n" + body)))


class Store:
    """Contacts in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Contact] = {}
        self.told: list[int] = []
        self.fails = False

    async def write(self, contacts: Any) -> tuple[int, int]:
        """Add or change."""
        if self.fails:
            message = "down"
            raise StoreUnavailable(message)
        added = sum(contact.key not in self.kept for contact in contacts)
        changed = sum(self.kept.get(c.key, c) != c for c in contacts)
        self.kept |= {contact.key: contact for contact in contacts}
        return added, changed

    async def tell(self) -> int:
        """Count."""
        self.told.append(len(self.kept))
        return len(self.kept)


numbers = st.lists(st.integers(0, 40), max_size=120)


@given(numbers, st.integers(1, 7))
async def test_an_import_counts_each_row_once_and_twice_changes_nothing(
    drawn: list[int], group: int
) -> None:
    store, before = Store(), importing._GROUP
    importing._GROUP = group
    try:
        rows: Any = [(n, {"number": f"+3460000{of:04d}"}) for n, of in enumerate(drawn)]
        rows += [(999, {"number": "?"}), (1_000, "has too many cells")]
        for time in range(2):
            one = Import("spring", store.write, store.tell)
            async for tally in one.run(rows):
                told = tally.added + tally.changed + tally.unchanged + tally.refused
                assert told <= tally.rows
            tally = one.tally
            assert tally.rows == len(rows)
            assert tally.added == (len(set(drawn)) if time == 0 else 0)
            assert tally.added + tally.changed + tally.unchanged + tally.refused == len(rows)
            assert (tally.refused, tally.total) == (2, len(set(drawn)))
            assert store.told[-1] == len(store.kept)
    finally:
        importing._GROUP = before


async def test_a_store_that_fails_stops_it_and_what_was_written_is_told() -> None:
    store = Store()
    one = Import("spring", store.write, store.tell)
    rows: Any = [(n, {"number": f"+346{n:08d}"}) for n in range(1_200)]

    async def until_it_fails() -> None:
        async for _ in one.run(rows):
            store.fails = True

    with pytest.raises(StoreUnavailable):
        await until_it_fails()
    assert one.tally.added == importing._GROUP
    while importing._ENDING:
        await next(iter(importing._ENDING))
    assert store.told == [importing._GROUP]


def test_the_command_checks_a_file_without_a_server(tmp_path: Any) -> None:
    file = tmp_path / "people.csv"
    file.write_text("number,name\n+34600000001,Ada\n12,Bad\n")
    command = ["contacts", "import", str(file), "--campaign", "spring"]
    checked = CliRunner().invoke(root, [*command, "--dry-run"])
    assert checked.exit_code == 1
    assert "line 3  number must be a phone number" in checked.output
    assert "2 rows, 1 of them wrong; nothing was written" in checked.output
    assert "--key" in CliRunner(env={"CALLBOARD_API_KEY": ""}).invoke(root, command).output
    away = [*command, "--url", "http://127.0.0.1:9", "--key", "x"]
    assert "http://127.0.0.1:9 does not answer" in CliRunner().invoke(root, away).output
    file.write_text("name\nAda\n")
    refused = CliRunner().invoke(root, [*command, "--dry-run"]).output
    assert "people.csv: the first line must name the columns" in refused
