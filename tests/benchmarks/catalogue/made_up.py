"""The made-up catalogue: its cities, and the event of each number.

The catalogue of 10,000 events begins with that of 1,000. What searches and pages must find as often
in each of them is planted among the first events.
"""

import random
from datetime import UTC, datetime, timedelta

from chalicelib.domain.cities import City
from chalicelib.domain.events import Event, EventStatus
from tests.benchmarks.catalogue.vocabulary import sentence, words_of

# The city whose events do not grow in number, and one whose events do.
QUIET_CITY, BUSY_CITY = "porto", "london"
QUIET_EVENTS = 60
# Ten events of the busy city have a rare word, one that begins a rare prefix, and a frequent word.
RARE_WORD, RARE_PREFIX, FREQUENT_WORD = "axolotl", "quetz", "music"
RARE_EVENTS = range(100, 110)
_PLANTED = f"{RARE_WORD} {FREQUENT_WORD} quetzalcoatl"

_NAMES = words_of(
    "London Porto Amsterdam Athens Barcelona Berlin Bordeaux Brussels Bucharest Budapest Cologne "
    "Copenhagen Dublin Edinburgh Florence Geneva Ghent Hamburg Helsinki Istanbul Kraków Lisbon "
    "Ljubljana Lyon Madrid Málaga Marseille Milan Munich Naples Oslo Paris Prague Reykjavík Rome "
    "Rotterdam Seville Stockholm Vienna Zürich"
)
_SLUGS = tuple(name.lower().translate(str.maketrans("óáíü", "oaiu", "")) for name in _NAMES)
_STYLES = words_of(
    "Midnight Golden Electric Urban Northern Southern Hidden Annual Grand Little Wild Quiet Royal "
    "Modern Velvet Open Silver Secret Winter Summer"
)
_THEMES = words_of(
    "Jazz Tech Wine Poetry Film Design Chess Robotics Yoga Opera Street Climate Photo Comedy Book "
    "Coffee Startup Ceramics Choir Cycling"
)
_KINDS = words_of("Festival Conference Night Workshop Fair Meetup Gala Tour Sessions Marathon")
_PLACES = words_of("Hall Gardens Theatre Arena Library Docks Gallery Club Park Museum")
_HOSTS = words_of("Collective Events Society Guild Productions Friends Studio Foundation")
_PRICES = (0, 500, 1000, 1250, 1500, 2000, 2500, 3500, 4999, 7500, 9900, 14999, 29900)
_STATUSES = (EventStatus.PUBLISHED, EventStatus.DRAFT, EventStatus.CANCELLED)
_DAYS = 365
_CITIES_SINCE = timedelta(days=1000)


def start_of_day(moment: datetime) -> datetime:
    """Return when the day of a moment begins, in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def made_up_cities(today: datetime) -> list[City]:
    """Return the forty cities."""
    since = today - _CITIES_SINCE
    return [
        City(
            id=number,
            name=name,
            slug=slug,
            country="Europe",
            image_url=f"https://images.example/cities/{slug}.jpg",
            alt=name,
            created_at=since,
            updated_at=since,
        )
        for number, (name, slug) in enumerate(zip(_NAMES, _SLUGS, strict=True), start=1)
    ]


def made_up_event(number: int, today: datetime) -> Event:
    """Return the event of a number, from 0 on; its date lies within a year of `today`."""
    chance = random.Random(f"event {number}")
    name = " ".join(chance.choice(words) for words in (_STYLES, _THEMES, _KINDS))
    city = _city_of(number, chance)
    created = today - timedelta(seconds=chance.randrange(400 * 86_400))
    return Event(
        id=number + 1,
        name=name,
        slug=f"{name.lower().replace(' ', '-')}-{number + 1}",
        city=_NAMES[city],
        city_slug=_SLUGS[city],
        location=f"{chance.choice(_STYLES)} {chance.choice(_PLACES)}, {_NAMES[city]}",
        date=_date_of(number, chance, today),
        organizer_name=f"{chance.choice(_THEMES)} {chance.choice(_HOSTS)}",
        image_url=f"https://images.example/events/{number + 1}.jpg",
        alt=name,
        description=_description_of(number, chance),
        price=chance.choice(_PRICES),
        currency="usd",
        status=_status_of(number, chance),
        capacity=chance.choice((None, 20, 80, 300, 1500)),
        created_at=created,
        updated_at=created + timedelta(seconds=chance.randrange(86_400)),
    )


def _is_planted(number: int) -> bool:
    return number < QUIET_EVENTS or number in RARE_EVENTS


def _city_of(number: int, chance: random.Random) -> int:
    """Return the place of the city: the busy one has a tenth of the events, the others share."""
    if number < QUIET_EVENTS:
        return _SLUGS.index(QUIET_CITY)
    if number in RARE_EVENTS or chance.random() < 1 / 10:
        return _SLUGS.index(BUSY_CITY)
    return chance.randrange(2, len(_SLUGS))


def _date_of(number: int, chance: random.Random, today: datetime) -> datetime:
    """Return a time of a day. The planted events are spread over the evenings to come, from that
    of today on.
    """
    if _is_planted(number):
        return today + timedelta(days=number * 2, hours=18)
    return today + timedelta(days=chance.randint(-_DAYS, _DAYS), minutes=15 * chance.randrange(96))


def _status_of(number: int, chance: random.Random) -> EventStatus:
    if _is_planted(number):
        return EventStatus.PUBLISHED
    return chance.choices(_STATUSES, weights=(96, 2, 2))[0]


def _description_of(number: int, chance: random.Random) -> str:
    words = sentence(chance, chance.randint(15, 40))
    if number in RARE_EVENTS:
        words += words_of(_PLANTED)
    return f"<p>{' '.join(words).capitalize()}.</p>"
