"""A database with something to show on every screen: earlier days, a busy hour, a failing one."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from support.server import LocalServer, status_form
from support.waiting import eventually

from callboard.clock import SystemClock
from callboard.domain.webhooks import CALL_STATUS
from callboard.simulator.history import History, past_calls

__all__ = ["CAMPAIGN", "ENDED", "LIVE", "fill"]

CAMPAIGN = "camp_spring_renewal"
LIVE = ["CA" + f"{number:x}" * 32 for number in range(1, 5)]
ENDED = "CA" + "e" * 32
_QUERY = f"campaignId={CAMPAIGN}&contactName=Ada%20Lovelace&agentName=Nora&contactId=c1"


async def fill(server: LocalServer, days: int = 9) -> None:
    """Store earlier calls and campaigns; let Twilio tell of some that go on and one that ended."""
    history = History(seed=7, days=days, calls_a_day=60, campaigns=3, contacts_per_campaign=300)
    past = list(past_calls(history, SystemClock().now(), ZoneInfo("UTC")))
    await server.database.calls.insert_many(past)
    for campaign, name in (
        (CAMPAIGN, "Spring renewal"),
        ("camp_appointment_reminder", "Appointment reminders"),
        ("camp_new_offer", "New offer"),
    ):
        body = {"id": campaign, "name": name, "totalContacts": 900}
        answer = await server.client.post("/api/campaigns", json=body)
        assert answer.status_code == 201, answer.text
    for number, sid in enumerate(LIVE):
        await _told(server, sid, ("initiated", "ringing", "in-progress")[: 1 + number % 3])
    await _told(server, ENDED, ("initiated", "ringing", "in-progress", "completed"))
    total = len(past) + len(LIVE) + 1

    async def counted() -> int:
        campaigns = (await server.read("/api/campaigns"))["campaigns"]
        return sum(int(campaign["totalCalls"]) for campaign in campaigns)

    await eventually(counted, lambda found: found == total, within_s=30)


async def _told(server: LocalServer, sid: str, statuses: tuple[str, ...]) -> None:
    began = SystemClock().now() - timedelta(seconds=40)
    for number, status in enumerate(statuses):
        at = began + timedelta(seconds=6 * number)
        stamp = at.strftime("%a, %d %b %Y %H:%M:%S +0000")
        more = {"CallDuration": "12"} if status == "completed" else {}
        form = status_form(sid, status) | {"Timestamp": stamp} | more
        answer = await server.webhook(form, _QUERY)
        assert answer.status_code == 200, (CALL_STATUS, answer.text)
