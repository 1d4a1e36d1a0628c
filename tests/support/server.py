"""A whole callboard inside the test process, and the hands of both vendors."""

import hashlib
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr
from redis.asyncio import Redis
from support.engines import Engines
from support.waiting import eventually

from callboard.app.compose import Server
from callboard.clock import SystemClock
from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, INITIATION, TWILIO_EVENTS
from callboard.settings import Settings
from callboard.store.database import MongoDatabase, connect
from callboard.vendors.elevenlabs import signature as elevenlabs
from callboard.vendors.twilio.signature import sign

__all__ = ["ADMIN_KEY", "SECRET", "TOKEN", "LocalServer", "status_form"]

TOKEN = "twilio-auth-token-of-tests"
SECRET = "elevenlabs-secret-of-tests"
ADMIN_KEY = "admin-key-of-the-tests"
READ_KEY = "read-only-key-of-tests"


class LocalServer:
    """One server on a free loopback port; `client` speaks with the admin key."""

    def __init__(self, engines: Engines, **overrides: Any) -> None:
        self._engines = engines
        given: SecretStr | None = overrides.get("mongodb_url")
        self.mongo_url = given.get_secret_value() if given else engines.mongo_url()
        self._overrides = overrides
        self.server: Server | None = None
        self.client = httpx.AsyncClient()
        self.database: MongoDatabase = connect(self.mongo_url)
        self.redis = Redis.from_url(engines.valkey.url, password=engines.valkey.password)

    def settings(self) -> Settings:
        """Return settings that name every engine: nothing of the machine's environment."""
        settings = Settings(_env_file=None)
        values: dict[str, Any] = {
            "mongodb_url": SecretStr(self.mongo_url),
            "redis_url": SecretStr(self._engines.valkey.url),
            "redis_password": SecretStr(self._engines.valkey.password),
            "twilio_auth_token": SecretStr(TOKEN),
            "elevenlabs_webhook_secret": SecretStr(SECRET),
            "api_keys": SecretStr(f"tests:admin:{ADMIN_KEY},screen:read:{READ_KEY}"),
            # Who waits for something asks as often as the machine can.
            "requests_per_s": 0.0,
        }
        return settings.model_copy(update=values | self._overrides)

    async def start(self, port: int = 0) -> None:
        """Start, or start again on the same data."""
        await self.client.aclose()
        self.server = Server(self.settings(), SystemClock(), "127.0.0.1", port)
        await self.server.start()
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        self.client = httpx.AsyncClient(
            base_url=self.server.url, headers=headers, timeout=10, trust_env=False
        )

    async def ready(self) -> None:
        """Return when every view is vouched for."""

        async def look() -> int:
            return (await self.client.get("/readyz")).status_code

        await eventually(look, lambda status: status == 200)

    async def restart(self) -> None:
        """Stop in order and start again on the same data."""
        if self.server is not None:
            await self.server.stop()
        await self.start()
        await self.ready()

    async def stop(self) -> None:
        """Stop and drop the database."""
        await self.client.aclose()
        if self.server is not None:
            await self.server.stop()
        await self.database.client.drop_database(self.database.name)
        await self.database.client.close()
        await self.redis.aclose()

    @property
    def url(self) -> str:
        """Return the base URL."""
        assert self.server is not None
        return self.server.url

    async def webhook(
        self, form: dict[str, str], query: str = "", *, signature: str | None = "right"
    ) -> httpx.Response:
        """Post a Twilio callback, signed as Twilio signs unless told otherwise."""
        path = CALL_STATUS + (f"?{query}" if query else "")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if signature == "right":
            signature = sign(self.url + path, form.items(), TOKEN)
        if signature is not None:
            headers["X-Twilio-Signature"] = signature
        return await self.client.post(path, content=urlencode(form), headers=headers)

    async def events(self, body: bytes, *, signature: str | None = "right") -> httpx.Response:
        """Post a delivery of Event Streams; its signature covers the body by its hash."""
        path = f"{TWILIO_EVENTS}?bodySHA256={hashlib.sha256(body).hexdigest()}"
        headers = {"Content-Type": "application/json"}
        if signature == "right":
            signature = sign(self.url + path, [], TOKEN)
        if signature is not None:
            headers["X-Twilio-Signature"] = signature
        return await self.client.post(path, content=body, headers=headers)

    async def elevenlabs(
        self, body: bytes, *, age_s: int = 0, signature: str | None = "right"
    ) -> httpx.Response:
        """Post an event of ElevenLabs, signed so many seconds ago unless told otherwise."""
        headers = {"Content-Type": "application/json"}
        if signature == "right":
            signed_at = int(SystemClock().now().timestamp()) - age_s
            signature = elevenlabs.sign(body, SECRET, signed_at)
        if signature is not None:
            headers["ElevenLabs-Signature"] = signature
        return await self.client.post(ELEVENLABS, content=body, headers=headers)

    async def initiation(self, body: bytes, *, secret: str | None = SECRET) -> httpx.Response:
        """Post a personalization request; its secret is a header of the operator's making."""
        # The client's own bearer token is no webhook secret and must not count as one.
        headers = {"Content-Type": "application/json", "Authorization": ""}
        if secret is not None:
            headers["X-Callboard-Secret"] = secret
        return await self.client.post(INITIATION, content=body, headers=headers)

    async def read(self, path: str, **headers: str) -> Any:
        """Return the JSON of a fresh read."""
        answer = await self.client.get(path, headers={"Cache-Control": "no-cache", **headers})
        assert answer.status_code == 200, answer.text
        return answer.json()


_SEQUENCE = {"initiated": 0, "ringing": 1, "in-progress": 2}


def status_form(sid: str, status: str, second: int = 0, **more: str) -> dict[str, str]:
    """Return a Twilio status callback of a made-up outbound call today at 12:00:`second` UTC."""
    today = SystemClock().now().strftime("%a, %d %b %Y")
    form = {
        "CallSid": sid,
        "AccountSid": "AC" + "0" * 32,
        "ApiVersion": "2010-04-01",
        "Direction": "outbound-api",
        "From": "+14155550100",
        "To": "+13605550142",
        "ToCity": "",
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(_SEQUENCE.get(status, 3)),
        "Timestamp": f"{today} 12:00:{second:02d} +0000",
    }
    return form | more
