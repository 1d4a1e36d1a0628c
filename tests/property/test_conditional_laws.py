"""Law of conditional requests: 304 if and only if the client holds the tag.

Compared weakly, anywhere in a list, and `*` holds anything; junk holds nothing. A body goes with
every 200 and never with a 304, and both carry the same validators.
"""

from datetime import timedelta
from email.utils import parsedate_to_datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from support.builders import START

from callboard.clock import FixedClock
from callboard.delivery.conditional import Answer, content_tag, position_tag, respond
from callboard.domain.stream import Position

BODY = b'{"a":1}'

positions = st.builds(Position, st.integers(0, 9), st.integers(0, 9))
tags = positions.map(position_tag) | st.binary(max_size=3).map(content_tag)
spelled = st.tuples(st.sampled_from(["", "W/"]), tags).map("".join)
junk = st.text('abcW/"-*0123 \t', max_size=12).filter(lambda text: text.strip() != "*")


def asked(if_none_match: str | None) -> Request:
    """Return a request with this `If-None-Match`."""
    headers = []
    if if_none_match is not None:
        headers.append((b"if-none-match", if_none_match.encode("latin-1")))
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


def status(if_none_match: str | None, tag: str) -> int:
    """Return the status of the answer."""
    kept = Answer(BODY, tag, "HIT")
    found = respond(asked(if_none_match), kept, FixedClock(START), max_age_s=15)
    assert bytes(found.body) == (b"" if found.status_code == 304 else BODY)
    assert found.headers["etag"] == tag
    return found.status_code


@settings(max_examples=40, deadline=None)
@given(st.lists(spelled, max_size=4), tags, st.sampled_from([",", ", ", " ,  ", ",\t"]))
def test_not_modified_means_the_tag_is_among_those_held(
    held: list[str], tag: str, separator: str
) -> None:
    holds = tag in {one.removeprefix("W/") for one in held}
    assert status(separator.join(held), tag) == (304 if holds else 200)


@settings(max_examples=24, deadline=None)
@given(junk, tags)
def test_junk_holds_nothing(held: str, tag: str) -> None:
    if tag not in held:
        assert status(held, tag) == 200


@settings(max_examples=20, deadline=None)
@given(tags)
def test_a_star_holds_anything_and_nothing_sent_holds_nothing(tag: str) -> None:
    assert [status(held, tag) for held in ("*", " * ", None, "")] == [304, 304, 200, 200]


@settings(max_examples=24, deadline=None)
@given(positions, positions)
def test_a_tag_changes_exactly_with_the_position(first: Position, second: Position) -> None:
    assert (position_tag(first) == position_tag(second)) == (first == second)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000), tags, st.booleans())
def test_the_headers_agree_with_each_other(max_age_s: int, tag: str, held: bool) -> None:
    clock = FixedClock(START)
    request = asked(tag if held else None)
    found = respond(request, Answer(BODY, tag, "MISS"), clock, max_age_s=max_age_s)
    assert found.headers["cache-control"] == f"private, max-age={max_age_s}"
    expires = parsedate_to_datetime(found.headers["expires"])
    assert expires == clock.now() + timedelta(seconds=max_age_s)
    assert found.headers["vary"] == "Authorization, Cookie"
    assert found.headers["x-cache"] == "MISS"
    assert found.headers["etag"][0] == found.headers["etag"][-1] == '"'
