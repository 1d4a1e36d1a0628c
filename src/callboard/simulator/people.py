"""Who takes part in a scenario: campaigns, their agents, and the contacts they call.

Everything is made up. Numbers come from the range North America reserves for fiction
(`+1 NPA 555-0100` to `555-0199`), so that no real phone can ever be meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

__all__ = ["Campaign", "Contact", "Place", "Profile", "make_campaigns", "make_contacts"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How calls of a campaign tend to go; the first six odds are relative weights."""

    human: float
    """A person answers and talks."""
    voicemail: float
    """A machine answers."""
    no_answer: float
    """It rings until Twilio gives up."""
    busy: float
    """The line is taken, or the call is pushed away."""
    failed: float
    """The number or the carrier cannot be reached."""
    canceled: float
    """We hang up while it rings."""
    talk_median_s: float
    """Median length of a conversation with a person, in seconds."""
    success: float
    """Share of conversations with a person, 0 to 0.9, that reach their goal."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One phone campaign and the agent that speaks for it."""

    id: str
    """What rides in the callback URL as `campaignId`."""
    name: str
    """What people call it."""
    agent_id: str
    """The voice agent's id."""
    agent_name: str
    """The voice agent's name, `agentName` in the callback URL."""
    from_number: str
    """Our number: caller of outbound calls, callee of inbound ones; E.164."""
    total_contacts: int
    """How many contacts are on its list."""
    profile: Profile
    """How its calls tend to go."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where Twilio believes a number to be; empty text where it does not know."""

    city: str
    state: str
    zip: str
    country: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A person on a campaign's list."""

    id: str
    """`contactId`; distinct over all campaigns."""
    name: str
    """Given and family name."""
    number: str
    """E.164, from the fiction range; lists longer than the range share numbers."""
    place: Place
    """The geography Twilio reports for the number."""


OUR_PLACE = Place("SAN FRANCISCO", "CA", "94105", "US")
"""The geography of every campaign's own number."""

_BALANCED = Profile(45, 25, 17, 7, 5, 1, talk_median_s=45, success=0.5)
_EXPECTED = Profile(60, 18, 12, 5, 4, 1, talk_median_s=55, success=0.7)
_COLD = Profile(32, 32, 21, 8, 6, 1, talk_median_s=35, success=0.25)

_CAMPAIGNS = (
    ("spring_renewal", "Spring renewal", _BALANCED),
    ("appointment_reminder", "Appointment reminders", _EXPECTED),
    ("new_offer", "New offer", _COLD),
    ("welcome_call", "Welcome calls", _EXPECTED),
    ("payment_reminder", "Payment reminders", _BALANCED),
    ("customer_survey", "Customer survey", _COLD),
)

_AGENTS = ("Nora", "Felix", "Amara", "Theo", "Ines")

_PLACES = {
    "206": Place("SEATTLE", "WA", "98101", "US"),
    "212": Place("NEW YORK", "NY", "10001", "US"),
    "303": Place("DENVER", "CO", "80202", "US"),
    "305": Place("MIAMI", "FL", "33128", "US"),
    "312": Place("CHICAGO", "IL", "60601", "US"),
    "360": Place("OLYMPIA", "WA", "98501", "US"),
    "404": Place("ATLANTA", "GA", "30303", "US"),
    "416": Place("TORONTO", "ON", "", "CA"),
    "503": Place("PORTLAND", "OR", "97204", "US"),
    "512": Place("AUSTIN", "TX", "78701", "US"),
    "602": Place("PHOENIX", "AZ", "85003", "US"),
    "604": Place("", "", "", "CA"),
    "612": Place("MINNEAPOLIS", "MN", "55401", "US"),
    "617": Place("BOSTON", "MA", "02108", "US"),
    "702": Place("LAS VEGAS", "NV", "89101", "US"),
    "737": Place("", "TX", "", "US"),
    "801": Place("SALT LAKE CITY", "UT", "84101", "US"),
    "919": Place("RALEIGH", "NC", "27601", "US"),
}

_GIVEN = """
Ada Akira Amina Beatriz Bilal Carmen Chiara Daniel Dmitri Elena Emeka Farah Grace Hana Hugo Imani
Iris Jamal Jonas Kenji Leila Liam Lucía Mara Mateo Mei Nadia Noah Olga Omar Paula Priya Quentin
Rafael Rosa Samuel Sofia Tariq Tessa Uma Victor Wanda Yara Zoe
"""
_FAMILY = """
Adeyemi Alvarez Bauer Bianchi Chen Clarke Costa Dubois Evans Fischer Garcia Haddad Hansen Ibrahim
Ivanova Jensen Kaur Kim Kowalski Larsen Lopez Marino Mbeki Moreau Müller Nakamura Nguyen O'Brien
Okafor Patel Petrov Quinn Reyes Rossi Sato Schmidt Silva Singh Tanaka Torres Usman Varga Walsh
Weber Yilmaz Zhang
"""
_GIVEN_NAMES = tuple(_GIVEN.split())
_FAMILY_NAMES = tuple(_FAMILY.split())

_FICTION_LINES = 100


def make_campaigns(count: int, ids: Sequence[str], total_contacts: int) -> tuple[Campaign, ...]:
    """Return `count` campaigns, always the same ones in the same order.

    `ids` replaces the made-up ids from the first on; names beyond the list get a number.
    """
    return tuple(_campaign(index, ids, total_contacts) for index in range(count))


def _campaign(index: int, ids: Sequence[str], total_contacts: int) -> Campaign:
    slug, name, profile = _CAMPAIGNS[index % len(_CAMPAIGNS)]
    round_ = index // len(_CAMPAIGNS)
    if round_:
        slug, name = f"{slug}_{round_ + 1}", f"{name} {round_ + 1}"
    agent = _AGENTS[index % len(_AGENTS)]
    return Campaign(
        id=ids[index] if index < len(ids) else f"camp_{slug}",
        name=name,
        agent_id=f"agent_{agent.lower()}",
        agent_name=agent,
        from_number=f"+1415555{100 + index % _FICTION_LINES:04d}",
        total_contacts=total_contacts,
        profile=profile,
    )


def make_contacts(campaigns: Sequence[Campaign], rng: Random) -> dict[str, tuple[Contact, ...]]:
    """Return the contacts of each campaign by its id, drawn from `rng`."""
    numbers = [
        (f"+1{area}555{100 + line:04d}", place)
        for area, place in _PLACES.items()
        for line in range(_FICTION_LINES)
    ]
    rng.shuffle(numbers)
    contacts: dict[str, tuple[Contact, ...]] = {}
    taken = 0
    for campaign in campaigns:
        drawn = []
        for position in range(campaign.total_contacts):
            number, place = numbers[taken % len(numbers)]
            taken += 1
            name = f"{rng.choice(_GIVEN_NAMES)} {rng.choice(_FAMILY_NAMES)}"
            drawn.append(Contact(f"{campaign.id}_c{position + 1:05d}", name, number, place))
        contacts[campaign.id] = tuple(drawn)
    return contacts
