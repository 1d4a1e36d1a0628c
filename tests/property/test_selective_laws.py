"""Law of selective invalidation: what can be seen to change is made old, and names decide alone.

Of every field that a stored call may have, and of any that another program adds: if people are
shown something else after it was changed, the table says that the call's rows are touched.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.builders import START, a_call

from callboard.app.caching import table
from callboard.domain.calls import CALL_FIELDS, shown_call, shows

ROWS = table({})
INNER = ["seen", "state", "answered", "status", "flagged", "closed", "conversation", "v", "x"]
TOPS = [*CALL_FIELDS, "orphan", "watch", "twilio", "elevenlabs", "context", "notes"]

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from(["ringing", "completed", "x", ""]),
    st.just(START),
    st.dictionaries(st.sampled_from(INNER), st.sampled_from([1, "y", START, None]), max_size=2),
)
paths = st.one_of(
    st.sampled_from(TOPS),
    st.tuples(
        st.sampled_from(["twilio", "elevenlabs", "watch", "notes"]), st.sampled_from(INNER)
    ).map(".".join),
    st.tuples(
        st.sampled_from(["twilio", "elevenlabs", "watch"]),
        st.sampled_from(INNER),
        st.sampled_from(INNER),
    ).map(".".join),
)
documents = st.dictionaries(st.sampled_from(TOPS), values, max_size=6).map(
    lambda fields: {**a_call(), **fields}
)


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a document with one path set, as MongoDB sets it."""
    top, _, inner = path.partition(".")
    if not inner:
        return {**document, top: value}
    section = document.get(top)
    return {**document, top: changed(section if isinstance(section, dict) else {}, inner, value)}


def told(document: dict[str, Any], path: str) -> str:
    """Return the path MongoDB tells of: of a section that was not there, the section."""
    top, _, inner = path.partition(".")
    section = document.get(top)
    if not inner:
        return path
    return f"{top}.{told(section, inner)}" if isinstance(section, dict) else top


@given(documents, paths, values)
def test_what_people_see_change_is_made_old(
    document: dict[str, Any], path: str, value: Any
) -> None:
    after = changed(document, path, value)
    path = told(document, path)
    if shown_call(after) != shown_call(document):
        assert shows(path)
        for row in ("call", "recent", "calls", "failures"):
            assert any(source.touched_by(path) for source in ROWS[row].sources)


@given(documents, paths, values)
def test_what_the_table_does_not_name_nobody_sees(
    document: dict[str, Any], path: str, value: Any
) -> None:
    if not shows(told(document, path)):
        assert shown_call(changed(document, path, value)) == shown_call(document)
