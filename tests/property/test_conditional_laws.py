"""Laws of conditional requests.

304 if and only if the client holds the tag, compared weakly, anywhere in a list; `*` holds
anything, junk nothing. A body goes with every 200 and never with a 304, and both carry the same
validators. Through the whole application: 304 if and only if the body that the client has is,
byte for byte, the one it would be sent; a tag never stands for two bodies, nor a body for two.
"""

import gzip
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from support.builders import START, a_call
from support.reads_desk import READ_KEY, ReadsDesk, ask, board

from callboard.clock import FixedClock
from callboard.delivery.conditional import Answer, content_tag, position_tag, respond
from callboard.delivery.encoding import CODINGS, COMPRESSED_FROM, encoded, negotiated
from callboard.delivery.guard import Limits
from callboard.domain.metrics import campaign_status, summary, total_of
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
    assert "age" not in found.headers
    assert found.headers["server-timing"] == "cache;desc=MISS, app;dur=0.00"
    assert found.headers["etag"][0] == found.headers["etag"][-1] == '"'


REFUSALS = [";q=0", ";q=0.0", "; q=0", ";q=2", ";q=x"]
weights = st.sampled_from(["", ";q=0.3", ";q=0.7", "; q=1", *REFUSALS])
wishes = st.dictionaries(st.sampled_from(["gzip", "zstd", "identity", "*", "br"]), weights)


@settings(max_examples=60, deadline=None)
@given(wishes)
def test_a_coding_is_chosen_only_if_the_client_takes_it(said: dict[str, str]) -> None:
    chosen = negotiated(", ".join(f"{name}{weight}" for name, weight in said.items()))
    taken = {name for name in CODINGS if said.get(name, said.get("*", ";q=0")) not in REFUSALS}
    if taken and "identity" not in said:
        assert chosen in taken
    assert chosen in {"", *taken}


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=3_000))
def test_every_coding_gives_the_body_back(body: bytes) -> None:
    assert gzip.decompress(encoded(body, "gzip")) == body
    assert zstandard.decompress(encoded(body, "zstd")) == body
    assert encoded(body, "gzip") == encoded(body, "gzip")


@settings(max_examples=20, deadline=None)
@given(st.integers(COMPRESSED_FROM - 2, COMPRESSED_FROM + 2), st.sampled_from(["", *CODINGS]))
def test_each_representation_has_its_own_tag_and_says_so(length: int, coding: str) -> None:
    kept = Answer(b"x" * length, '"t"', "HIT")
    request = asked(None)
    request.scope["headers"].append((b"accept-encoding", coding.encode()))
    found = respond(request, kept, FixedClock(START), max_age_s=15)
    large = length >= COMPRESSED_FROM
    assert ("Accept-Encoding" in found.headers["vary"]) == large
    assert found.headers.get("content-encoding", "") == (coding if large else "")
    assert found.headers["etag"] == (f'"t-{coding}"' if large and coding else '"t"')
    assert found.headers["content-length"] == str(len(found.body))
    assert respond(request, kept, FixedClock(START), max_age_s=15).body is found.body


PATHS = [
    "/api/calls/active",
    "/api/calls/active?campaignId=spring",
    "/api/campaigns",
    "/api/campaigns/camp_1",
    "/api/dashboard/summary",
]
moves = st.fixed_dictionaries(
    {
        "view": st.sampled_from(["live", "campaign", "summary", "nobody vouches", "time passes"]),
        "count": st.integers(0, 4),
    }
)
questions = st.tuples(
    st.sampled_from(PATHS), st.sampled_from(["", "gzip", "zstd"]), st.sampled_from(["", "HEAD"])
)


class Reader:
    """A client that keeps every body it was sent, by its tag."""

    def __init__(self) -> None:
        self.desk = ReadsDesk()
        self.app = board(self.desk, Limits(self.desk.clock))
        self.kept: dict[str, dict[str, bytes]] = {path: {} for path in PATHS}
        self.offset = 0

    def move(self, view: str, count: int) -> None:
        """Let something happen."""
        self.offset += 1
        if view == "live":
            calls = [a_call(number, contactName="Ada" * number) for number in range(count)]
            self.desk.live(*calls, offset=self.offset)
        elif view == "campaign":
            names = [f"camp_{number}" for number in range(count)]
            rows = {name: campaign_status(name, None, {"name": name}) for name in names}
            self.desk.vouch("campaign", rows, self.offset)
        elif view == "summary":
            figures = {"day": "2026-03-26", "timezone": "UTC", **summary(total_of([]), count)}
            self.desk.vouch("summary", {"today": figures}, self.offset)
        elif view == "nobody vouches":
            for replica in self.desk.replicas.values():
                replica._vouched = False
        else:
            self.desk.clock.advance(timedelta(milliseconds=20 * count))

    async def read(self, path: str, accepted: str, method: str) -> None:
        """Ask with all tags of a path and with none at the same moment, and compare."""
        kept = self.kept[path]
        headers = {"authorization": f"Bearer {READ_KEY}", "accept-encoding": accepted}
        whole = await ask(self.app, "GET", path, headers)
        if whole.status == 404:
            return
        tag = whole.headers["etag"]
        has = [held for held, body in kept.items() if body == whole.body]
        again = await ask(
            self.app, method or "GET", path, headers | {"if-none-match": ", ".join(kept) or "x"}
        )
        assert again.status == (304 if has else 200)
        assert again.headers["etag"] == tag
        assert has in ([], [tag])
        assert kept.get(tag, whole.body) == whole.body
        assert again.body == (b"" if has or method == "HEAD" else whole.body)
        names = ["cache-control", "etag", "expires", "vary", "x-cache"]
        assert all(again.headers[name] == whole.headers[name] for name in names)
        assert ("content-length" in again.headers) == (not has)
        kept[tag] = whole.body


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(moves, st.lists(questions, max_size=4)), max_size=12))
async def test_304_means_that_the_body_is_the_one_it_would_be_sent(
    history: list[tuple[dict[str, Any], list[tuple[str, str, str]]]],
) -> None:
    reader = Reader()
    for moved, wanted in history:
        reader.move(**moved)
        for question in wanted:
            await reader.read(*question)
