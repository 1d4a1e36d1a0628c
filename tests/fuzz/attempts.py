"""Contents made requests: signed or not, framed well or badly, under odd names and methods."""

import random
from dataclasses import dataclass
from urllib.parse import quote

from fuzz.contents import Content, Contents, Vendor, body_hash
from fuzz.shapes import Shapes

from callboard.clock import SystemClock
from callboard.domain.webhooks import CALL_STATUS, INITIATION, TWILIO_EVENTS
from callboard.errors import MalformedPayload
from callboard.ingest.understand import read_form
from callboard.vendors.elevenlabs import signature as elevenlabs
from callboard.vendors.twilio import signature as twilio

__all__ = ["Attempt", "Attempts"]

Headers = list[tuple[str, bytes]]

_CHUNKED = b"Transfer-Encoding: chunked"
_METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "SEARCH")
_ODD_HEADERS: tuple[tuple[str, bytes], ...] = (
    ("X-Odd", "é☎".encode()),
    ("X-Odd", b"\xff\xfe"),
    ("X-Long", b"x" * 30_000),
    ("Cookie", b"callboard=" + b"z" * 3_000),
    ("Content-Type", b"multipart/form-data; boundary=\xe9"),
    ("Content-Type", b""),
    ("Content-Encoding", b"gzip"),
    ("Accept", b"*/*;q=\xff"),
    ("Accept-Encoding", b"br, \x80"),
    ("Host", b"evil.example:99999"),
    ("Authorization", b"Bearer \xff"),
    ("Authorization", b"Basic"),
    ("Origin", b"null"),
    ("X-Forwarded-For", b"::1, \xc3"),
    ("X-Forwarded-Proto", b"gopher"),
    ("Range", b"bytes=5-1"),
    ("If-None-Match", b'"'),
    ("Expect", b"100-continue"),
    ("Connection", b"close"),
    ("X-Twilio-Signature", b""),
    ("X-Twilio-Signature", b"\xff\xfe\x80"),
    ("X-Twilio-Webhooks-Signature-Settings", b"key=\xff,algorithm"),
    ("X-Twilio-Webhooks-Signature-Settings", b"key=nobody,algorithm=HMAC_SHA256"),
    ("ElevenLabs-Signature", b"t=99999999999999999999999,v0=\xe9"),
    ("ElevenLabs-Signature", b"t=1,v0=" + b"0" * 9_000),
    ("X-Callboard-Secret", b"\xff\x80"),
)


@dataclass(frozen=True)
class Attempt:
    """One request, and what may become of it."""

    kind: str
    method: str
    target: str
    headers: Headers
    raw: bytes
    """Every byte of it as it goes over the wire."""
    body: bytes
    good: bool = False
    """It has to be answered by 200."""
    due: bool = True
    """An answer has to come."""
    plain: bool = True
    """A client library can send it too."""
    pipes: bool = True
    """Others may follow before its answer."""


class Attempts:
    """Makes one attempt after the other."""

    def __init__(self, vendor: Vendor, seed: str) -> None:
        self._chance = random.Random(seed)  # noqa: S311  (seeded: a failure can be played again)
        self._shapes = Shapes(self._chance)
        self._contents = Contents(self._chance)
        self._vendor = vendor
        self._host = vendor.url.partition("://")[2].encode()
        self._clock = SystemClock()

    def another(self) -> bool:
        """Tell whether one more request is to follow without waiting for an answer."""
        return self._shapes.often(0.05)

    def make(self) -> Attempt:
        """Return the next one."""
        content = self._contents.make()
        odd, target, method = [], content.path, "POST"
        query = content.query
        if self._shapes.often(0.03):
            query = self._odd_query(query)
            odd.append("query")
        if content.path == TWILIO_EVENTS:
            query = "&".join(part for part in (query, body_hash(content.body)) if part)
        if self._shapes.often(0.02):
            target = self._odd_path(content.path)
            odd.append("path")
        target += f"?{query}" if query else ""
        headers, signed = self._signed(content, target)
        if not signed:
            odd.append("unsigned")
        if self._shapes.often(0.03):
            method = self._shapes.pick(_METHODS)
            odd.append(method)
        if self._shapes.often(0.05):
            headers += self._chance.sample(_ODD_HEADERS, self._chance.randrange(1, 4))
            self._chance.shuffle(headers)
            odd.append("headers")
        return self._framed(content, method, target, headers, odd)

    def _odd_query(self, query: str) -> str:
        odd = quote(self._shapes.text(), safe="&=%+;/?:@$,", errors="surrogatepass")[:9_000]
        return self._shapes.pick(
            [odd, f"{query}&{odd}", f"&{query}", "=", "%", "a=%ff&b=%00", "?"]
        )

    def _odd_path(self, path: str) -> str:
        last = path.rpartition("/")[2]
        return self._shapes.pick(
            [
                path + "/",
                "/" + path,
                path.upper(),
                path.replace(last, f"%{ord(last[0]):02x}{last[1:]}"),
                path + "%00",
                path + ";a=b",
                path + "/..",
                path.replace("/", "/./", 1),
                path + "%ff",
                path.replace("/", "%2f"),
                self._vendor.url + path,
                "//other.example" + path,
                "/webhook/" + "x" * 20_000,
                "/webhook",
                "/",
            ]
        )

    def _signed(self, content: Content, target: str) -> tuple[Headers, bool]:
        """Return the headers of a vendor, and whether they hold."""
        act = self._chance.random()
        if act < 0.08:
            return [], False
        vendor, wrong = self._vendor, act < 0.14
        if content.path == INITIATION:
            secret = "wrong" if wrong else vendor.secret
            header = self._shapes.pick(["X-Callboard-Secret", "Authorization"])
            said = secret if header == "X-Callboard-Secret" else f"Bearer {secret}"
            return [(header, said.encode())], not wrong
        if content.path not in (CALL_STATUS, TWILIO_EVENTS):
            at = int(self._clock.now().timestamp()) - self._chance.randrange(1_000)
            secret = "wrong" if wrong else vendor.secret
            header = elevenlabs.sign(content.body, secret, at)
            return [("ElevenLabs-Signature", header.encode())], not wrong
        pairs: list[tuple[str, str]] = []
        if content.path == CALL_STATUS:
            try:
                pairs = read_form(content.body)
            except MalformedPayload:
                wrong = True
        url = target if "://" in target else vendor.url + target
        headers: Headers = []
        key, algorithm = vendor.token, "HMAC_SHA1"
        if self._shapes.often(0.2):
            key_id, key = vendor.shared
            algorithm = "HMAC_SHA256"
            settings = f"key={key_id},algorithm={algorithm}"
            headers.append(("X-Twilio-Webhooks-Signature-Settings", settings.encode()))
        made = twilio.sign(url, pairs, "wrong" if wrong else key, algorithm)
        return [*headers, ("X-Twilio-Signature", made.encode())], not wrong

    def _framed(
        self, content: Content, method: str, target: str, headers: Headers, odd: list[str]
    ) -> Attempt:
        """Return the request as bytes."""
        body, act = content.body, self._chance.random()
        kind = ", ".join([content.kind, *odd])
        if act < 0.03:
            raw, broken = self._chunked(body, self._head(method, target, headers, _CHUNKED))
            kind += ", broken chunks" if broken else ", chunks"
        else:
            length = b"Content-Length: %d" % len(body)
            head, broken = self._head(method, target, headers, length), act < 0.05
            raw = head + body
            if act < 0.04:
                kind += ", cut off"
                raw = head + body[: self._chance.randrange(len(body) + 1)]
            elif broken:
                kind += ", spoiled head"
                raw = self._shapes.spoiled(head) + body
        hangs_up = 0.05 <= act < 0.07
        if hangs_up:
            kind += ", hangs up"
        return Attempt(
            kind,
            method,
            target,
            headers,
            raw,
            body,
            good=content.good and not odd and not broken and not hangs_up,
            due=not broken and not hangs_up,
            plain=act >= 0.07,
            # What uvicorn cannot read it refuses at once, before it answers what came earlier.
            pipes=act >= 0.07 and {*odd} <= {"unsigned"} and len(raw) < 30_000,
        )

    def _chunked(self, body: bytes, head: bytes) -> tuple[bytes, bool]:
        """Return the request in chunks, and whether some of them are not what they say."""
        chunks, at = bytearray(), 0
        while at < len(body):
            size = max(self._chance.choice([1, 7, 4_096, 70_000, 1 << 20]), len(body) // 50)
            chunk = body[at : at + size]
            extension = self._shapes.pick([b"", b";ext=1"])
            chunks += b"%x" % len(chunk) + extension + b"\r\n" + chunk + b"\r\n"
            at += size
        chunks += b"0\r\n" + self._shapes.pick([b"", b"X-Trailer: 1\r\n"]) + b"\r\n"
        broken = self._shapes.often(0.3)
        return head + (self._shapes.spoiled(bytes(chunks)) if broken else chunks), broken

    def _head(self, method: str, target: str, headers: Headers, length: bytes) -> bytes:
        lines = [method.encode() + b" " + target.encode("ascii", "replace") + b" HTTP/1.1"]
        if not any(name == "Host" for name, _ in headers):
            lines.append(b"Host: " + self._host)
        lines += [name.encode() + b": " + value for name, value in headers]
        return b"\r\n".join([*lines, length, b"", b""])
