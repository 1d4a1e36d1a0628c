"""Our signature checks against the vendors' own packages, on generated requests.

On every request both say the same, except for the deviations in the table below. Each has its
reason there, and in `TWILIO` or `ELEVENLABS` what tells such requests, an example, and what the
package says of the example: accepted, refused, or an error's name. We say the opposite.
"""

import hashlib
import hmac
import importlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st
from starlette.datastructures import ImmutableMultiDict

from callboard.vendors.elevenlabs import signature as elevenlabs
from callboard.vendors.twilio import signature as twilio

# Not `import`: mypy would read the whole of both packages, which are not ours to check.
TWILIO_SDK: Any = importlib.import_module("twilio.request_validator")
ELEVENLABS_SDK: Any = importlib.import_module("elevenlabs.webhooks_custom")

DEVIATIONS = """
user info: Twilio leaves it out before it signs; its package leaves it in
fragment: tells Twilio how to connect (#rc=5), neither sent nor signed; the package keeps it
signed with a bare ?: no ASGI server shows us such a ?, so we try both; the package only without
path that ends with a bare ;: `urlparse` loses it; we take the path as it was sent
IPv6 address with a port: the package cuts at the first colon, https://[/a
port that is empty or zero: the package keeps it and adds another, https://h.example::443/a
address that cannot be read: whatever a request says, it gets an answer
text that is no UTF-8: the same; no form that we read holds any
tab, line end, or blank before the URL: `urlparse` drops them; no request line can hold any
no scheme or no host: nothing that Twilio could have called
empty token: anybody could sign with it
body that the URL does not name: nothing ties it to the signature; the package raises, or takes ""
body that the URL names twice: Twilio names it once; the package takes the first that is not empty
settings that are not name=value: we do not guess how it was signed; the package takes HMAC_SHA1
time far in the future: the window has two sides, or one signature would serve for years
less than a millisecond too old: the package cuts its clock to milliseconds
time that is not 1 to 12 plain digits: `int()` reads more than unix seconds, and raises on the rest
several times: ElevenLabs sends one; the package takes the last
blanks around a part: a proxy may write them, and they mean nothing
several v0: any may match, for a change of secrets; the package takes the last
several secrets: the same; the package takes one
bytes for a body: we check what came; the package wants text, and signs b'...' otherwise
"""

TOKEN = "0123456789abcdef0123456789abcdef"
BODY = '{"specversion":"1.0"}'
NOW = 1_760_454_300
A = "https://h/a"
HASH = f"bodySHA256={hashlib.sha256(BODY.encode()).hexdigest()}"


@dataclass(frozen=True)
class Callback:
    """A request of Twilio's: a form, or a JSON body where `params` is None."""

    url: str
    signed_as: str
    signature: str = ""
    params: tuple[tuple[str, str], ...] | None = ()
    body: str = ""
    token: str = TOKEN
    settings: str | None = None

    def ours(self) -> bool:
        """Say what callboard says."""
        with_ = (self.token, self.signature, twilio.signature_settings(self.settings).algorithm)
        if self.params is None:
            return twilio.verify_body(self.url, self.body.encode(), *with_)
        return twilio.verify(self.url, self.params, *with_)

    def theirs(self) -> bool | str:
        """Say what the `twilio` package says, or what it raises."""
        algorithm = TWILIO_SDK.get_signature_algorithm(self.settings)
        form = self.body if self.params is None else ImmutableMultiDict(list(self.params))
        validator = TWILIO_SDK.RequestValidator(self.token)
        try:
            return bool(validator.validate(self.url, form, self.signature, algorithm))
        except (TypeError, ValueError) as error:
            return type(error).__name__

    @property
    def authority(self) -> str:
        """What stands between `://` and the path."""
        return re.split(r"[/?#]", self.url.partition("://")[2], maxsplit=1)[0]

    @property
    def names_of_body(self) -> list[str]:
        """Every `bodySHA256` of the query."""
        query = parse_qs(self.url.partition("#")[0].partition("?")[2], keep_blank_values=True)
        return query.get("bodySHA256", [])


def callback(signed_as: str, url: str | None = None, **fields: Any) -> Callback:
    """Return a request that was signed for one URL and is seen under another."""
    request = Callback(url or signed_as, signed_as, **fields)
    algorithm = TWILIO_SDK.get_signature_algorithm(request.settings).upper()
    signature = twilio.sign(signed_as, request.params or (), request.token, algorithm)
    return replace(request, signature=signature)


@dataclass(frozen=True)
class Event:
    """A request of ElevenLabs'."""

    header: str
    body: str | bytes = BODY
    secrets: tuple[str, ...] = (TOKEN,)
    now_s: float = NOW

    def ours(self) -> bool:
        """Say what callboard says."""
        body = self.body if isinstance(self.body, bytes) else self.body.encode()
        window = {"now_s": self.now_s, "tolerance_s": 1_800}
        return elevenlabs.check(self.header, body, self.secrets, **window) is None

    def theirs(self) -> bool | str:
        """Say what the `elevenlabs` package says, or what it raises; it knows one secret."""
        client = ELEVENLABS_SDK.WebhooksClient(client_wrapper=None)
        with mock.patch.object(ELEVENLABS_SDK, "time", SimpleNamespace(time=lambda: self.now_s)):
            try:
                client.construct_event(self.body, self.header, self.secrets[0])
            except ELEVENLABS_SDK.BadRequestError:
                return False
            except json.JSONDecodeError:
                return True  # the signature has been checked by then
            except ValueError as error:
                return type(error).__name__
        return True

    def parts(self, name: str) -> list[str]:
        """Return the header's parts of one name, blanks and all."""
        found = [part for part in self.header.split(",") if part.strip().startswith(name)]
        return [part.strip()[len(name) :] for part in found]


def event(timestamp: int | str = NOW, before: str = "", after: str = "", **fields: Any) -> Event:
    """Return a signed request, its time as given, with more parts in its header."""
    text = f"{timestamp}.{fields.get('body', BODY)}"
    signature = hmac.digest(TOKEN.encode(), text.encode(), "sha256").hex()
    return Event(f"t={timestamp},{before}v0={signature}{after}", **fields)


Sent = TypeVar("Sent", Callback, Event)


class Deviation(NamedTuple):
    """Which requests a line of the table is about, one of them, and their verdict on it."""

    applies: Callable[[Any], object]
    example: Callback | Event
    theirs: bool | str


def unreadable(request: Callback) -> bool:
    """Tell whether the standard library cannot read the address."""
    try:
        _ = urlsplit(request.url).port
    except ValueError:
        return True
    return False


SURROGATE = Callback(A, A, twilio.sign(A, (), TOKEN), params=(("a", "\ud800"),))
UNPAIRED = r"(^|,)\s*([^=,]+|=[^,]*|[^=,]+=\s*)(,|$)"
TWILIO = {
    "user info": Deviation(lambda r: "@" in r.authority, callback(A, "https://u:p@h/a"), False),
    "fragment": Deviation(lambda r: "#" in r.url, callback(A, f"{A}#rc=5"), False),
    "signed with a bare ?": Deviation(
        lambda r: re.fullmatch(r"[^?]*\?", r.signed_as), callback(f"{A}?", A), False
    ),
    "path that ends with a bare ;": Deviation(
        lambda r: re.match(r"[^?]*;(\?|$)", r.url), callback(f"{A};"), False
    ),
    "IPv6 address with a port": Deviation(
        lambda r: "]:" in r.authority, callback("https://[::1]/a", "https://[::1]:8443/a"), False
    ),
    "port that is empty or zero": Deviation(
        lambda r: re.search(r":0*$", r.authority), callback(A, "https://h:/a"), False
    ),
    "address that cannot be read": Deviation(unreadable, callback("https://h:x/a"), "ValueError"),
    "text that is no UTF-8": Deviation(
        lambda r: "\\ud" in ascii(r.url + str(r.params)), SURROGATE, "UnicodeEncodeError"
    ),
    "tab, line end, or blank before the URL": Deviation(
        lambda r: re.search(r"^[\0- ]|[\t\r\n]", r.url), callback(A, "https://h/\ta"), True
    ),
    "no scheme or no host": Deviation(
        lambda r: not re.match(r"[A-Za-z]+://[^:/?#]", r.url), callback("/a"), True
    ),
    "empty token": Deviation(lambda r: not r.token, callback(A, token=""), True),
    "body that the URL does not name": Deviation(
        lambda r: r.params is None and not any(r.names_of_body), callback(A, params=None), True
    ),
    "body that the URL names twice": Deviation(
        lambda r: r.params is None and len(r.names_of_body) > 1,
        callback(f"{A}?{HASH}&{HASH}", params=None, body=BODY),
        True,
    ),
    "settings that are not name=value": Deviation(
        lambda r: re.search(UNPAIRED, r.settings or ""), callback(A, settings="key=SK1,x"), True
    ),
}
ELEVENLABS = {
    "time far in the future": Deviation(
        lambda r: any(
            re.fullmatch("[0-9]+", t) and int(t) > r.now_s + 1_800 for t in r.parts("t=")
        ),
        event(NOW + 1_801),
        True,
    ),
    "less than a millisecond too old": Deviation(
        lambda r: r.now_s * 1_000 % 1, event(NOW - 1_800, now_s=NOW + 0.0004), True
    ),
    "time that is not 1 to 12 plain digits": Deviation(
        lambda r: not all(re.fullmatch("[0-9]{1,12}", t) for t in r.parts("t=")),
        event(f"+{NOW}"),
        True,
    ),
    "several times": Deviation(lambda r: len(r.parts("t=")) > 1, event(before=f"t={NOW},"), True),
    "blanks around a part": Deviation(
        lambda r: re.search(r"[ \t]", r.header), event(before=" "), False
    ),
    "several v0": Deviation(lambda r: len(r.parts("v0=")) > 1, event(after=",v0=0"), False),
    "several secrets": Deviation(
        lambda r: len(r.secrets) > 1, event(secrets=("wsec_new", TOKEN)), False
    ),
    "bytes for a body": Deviation(
        lambda r: isinstance(r.body, bytes), replace(event(), body=BODY.encode()), False
    ),
}


@pytest.mark.parametrize("name", [*TWILIO, *ELEVENLABS])
def test_a_deviation_is_as_the_table_says(name: str) -> None:
    deviation = {**TWILIO, **ELEVENLABS}[name]
    assert deviation.applies(deviation.example)
    assert deviation.example.theirs() == deviation.theirs
    assert deviation.example.ours() is (deviation.theirs is False)


def test_the_table_lists_these_deviations_and_no_other() -> None:
    assert re.findall("^(.+?): ", DEVIATIONS, re.MULTILINE) == [*TWILIO, *ELEVENLABS]


def excuses(request: Callback | Event) -> list[str]:
    """Return the deviations a request falls under."""
    table = TWILIO if isinstance(request, Callback) else ELEVENLABS
    return [name for name, deviation in table.items() if deviation.applies(request)]


PRINTABLE = "aZ09-._~%!$&'()*+,;=:@/? \x01é☃[]\\|^"
# No `?` at the start of a form's text: taken for the URL's end, it is a bare one (see the table).
words = st.text(st.characters(codec="utf-8", exclude_characters="?"), max_size=6) | st.just("1?2")
forms = st.lists(
    st.tuples(st.sampled_from(["To", "to", "ToCity", ""]) | words, st.just("") | words), max_size=5
).map(tuple)
bodies = st.sampled_from([BODY, BODY, "", "é"])
# What is usual, and what deviations are about. Mixed in, the latter meet each other too.
SCHEMES = (["https", "https", "http", "HTTPS", "wss"], ["", " https", "ht_tp"])
HOSTS = (
    ["h.example", "H.Example", "192.0.2.7", "bü.de", "[::1]"],
    ["", "u:p@h", "[h", "h\t", "℀"],
)
PORTS = (["", "", ":80", ":443", ":8443", ":65535", ":0443"], [":", ":0", ":abc", ":99999", ":٣"])
ENDS = ([""], ["#", "#rc=5", "?", ";", "\ud800"])
TWICE = "algorithm=HMAC_SHA256,algorithm=HMAC_SHA1"
HEADERS = ([None, "", "key=K", TWICE, "v=2, algorithm = hmac_sha256,"], ["x", "=", "algorithm="])
NAMES = (
    [HASH, HASH, HASH.upper(), f"bodySHA256=%{ord(HASH[11]):x}{HASH[12:]}"],
    ["", f"{HASH}&{HASH}"],
)
TOKENS = ([TOKEN, "é", "x" * 99], [""])
TIMES = ([NOW, NOW - 1_800, NOW - 1_801, NOW + 1_800, f"0{NOW}", 0], ["", "x", f"-{NOW}", 10**11])
BEFORE = (["", "v1=x,"], [" ", "t=5,", "v0=0,"])
AFTER = (["", ",", ",v1=x"], ["\t", ",t=5", ",v0=0", " ,v0=0"])
SECRETS = ([(TOKEN,), (TOKEN,), ("wsec_other",), ("",)], [("wsec_new", TOKEN), (TOKEN, "")])


def altered(draw: st.DrawFn, request: Sent, field: str) -> Sent:
    """Return a request with one character of a field replaced, left out or doubled."""
    if not field:
        return request
    text = getattr(request, field)
    at = draw(st.integers(0, max(0, len(text) - 1)))
    other = draw(st.sampled_from(["", "x", text[at : at + 1] * 2]))
    changes: dict[str, Any] = {field: text[:at] + other + text[at + 1 :]}
    return replace(request, **changes)


@st.composite
def requests(draw: st.DrawFn, kind: type, *, odd: bool) -> Callback | Event:
    """Draw a request, truly signed or with one thing altered afterwards."""

    def one(values: tuple[Sequence[Any], Sequence[Any]]) -> Any:
        return draw(st.sampled_from([*values[0], *values[0], *values[1]] if odd else values[0]))

    what = draw(st.sampled_from(["", "", "body", "signature", "url", "params"]))
    if kind is Event:
        now_s = NOW + draw(st.sampled_from([0, 0.25, 1 / 1_024 if odd else 0.5]))
        sent = event(one(TIMES), one(BEFORE), one(AFTER), body=draw(bodies), now_s=now_s)
        what = {"params": "body", "signature": "header"}.get(what, "")
        return altered(draw, replace(sent, secrets=one(SECRETS)), what)
    query = draw(st.just("") | st.text(PRINTABLE, min_size=2, max_size=8))
    fields: dict[str, Any] = {"token": one(TOKENS), "settings": one(HEADERS)}
    if draw(st.booleans()):
        fields["params"] = draw(forms)
    else:
        fields |= {"params": None, "body": draw(bodies)}
        query += "&" + one(NAMES)
    path = draw(st.just("") | st.text(PRINTABLE, max_size=8).map("/".__add__)).replace("?", "")
    scheme, host, port, end = one(SCHEMES), one(HOSTS), one(PORTS), one(ENDS)
    tail = path + (query and f"?{query}")
    signed_as = f"{scheme.lower()}://{host}{draw(st.sampled_from([port, *PORTS[0]]))}{tail}"
    posted = callback(signed_as, f"{scheme}://{host}{port}{tail}{end}", **fields)
    if what == "params" and posted.params is not None:
        return replace(posted, params=draw(forms))
    return altered(draw, posted, what.replace("params", "token"))


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("kind", [Callback, Event])
@settings(max_examples=120, deadline=None)
@given(st.data())
def test_both_say_the_same_or_the_table_says_why(
    kind: type, odd: bool, data: st.DataObject
) -> None:
    request = data.draw(requests(kind, odd=odd))
    assume(odd or not excuses(request))
    assert request.ours() is request.theirs() or excuses(request)


@pytest.mark.parametrize("verdict", [True, False])
@pytest.mark.parametrize("kind", [Callback, Event])
def test_both_verdicts_are_generated(kind: type, verdict: bool) -> None:
    alike = requests(kind, odd=False).filter(lambda request: not excuses(request))
    once = settings(max_examples=1_000, phases=[Phase.generate])
    assert find(alike, lambda request: request.theirs() is verdict, settings=once)
