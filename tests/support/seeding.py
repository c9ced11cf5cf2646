"""Cities and events put straight into a store: also such as the API would refuse, like past ones.

Dates are far ahead, since the API under test reads the real clock.
"""

from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.cities import City
from chalicelib.domain.events import Event
from chalicelib.store import Stores
from tests.support.builders import a_city, an_event

FAR_AHEAD = datetime(2099, 6, 15, 9, 0, tzinfo=UTC)
LONG_AGO = datetime(2020, 6, 15, 9, 0, tzinfo=UTC)


def seed_city(stores: Stores, slug: str = "london", **changes: Any) -> City:
    """Store a city named after its slug."""
    named = {"name": slug.replace("-", " ").title(), **changes}
    city = a_city(id=stores.cities.next_id(), slug=slug, **named)
    stores.cities.create(city)
    return city


def seed_event(stores: Stores, slug: str = "tech-conference", **changes: Any) -> Event:
    """Store an event of London (which must exist), on sale: 100 seats at 149.99 usd."""
    described = {"date": FAR_AHEAD, **changes}
    event = an_event(id=stores.events.next_id(), slug=slug, **described)
    stores.events.create(event)
    return event
