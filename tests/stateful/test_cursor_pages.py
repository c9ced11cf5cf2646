"""Pages by cursor, read while others add, change and delete events: whoever was there throughout is
seen once, in every order and with every filter.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import app
from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.events import Event
from chalicelib.store import Stores
from tests.support.builders import a_city, an_event
from tests.support.lambda_api import LambdaApi
from tests.support.seeding import FAR_AHEAD
from tests.support.tables import MotoTables, moto_tables

# Few values, so that events tie in every order.
described = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Jazz", "jazz", "Opera", "Été jazz"]),
        "day": st.integers(min_value=0, max_value=2),
        "price": st.sampled_from([0, 1000, 2000]),
        "city": st.sampled_from(["london", "porto"]),
    }
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "search": st.sampled_from(["jazz", "j", "conference jazz"]),
        "city": st.just("london"),
        "from": st.just((FAR_AHEAD + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")),
        "minPrice": st.just("10"),
    },
)
# Between two pages: events that are added, and places of events that are deleted or edited.
meanwhile = st.lists(
    st.one_of(
        st.tuples(st.just("add"), described),
        st.tuples(st.just("delete"), st.integers(min_value=0, max_value=20)),
        st.tuples(st.just("rename"), st.integers(min_value=0, max_value=20)),
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def tables() -> Iterator[MotoTables]:
    with moto_tables() as made:
        yield made


class Catalogue:
    """Events that are added and deleted; who was there all the time is remembered."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._next = 1
        self.untouched: set[int] = set()
        self._slugs: dict[int, str] = {}
        for slug in ("london", "porto"):
            number = len(slug)
            stores.cities.create(a_city(id=number, slug=slug, name=slug.title()))

    def add(self, values: dict[str, Any]) -> int:
        event = an_event(
            id=self._next,
            slug=f"event-{self._next}x",
            name=values["name"],
            date=FAR_AHEAD + timedelta(days=values["day"]),
            price=values["price"],
            city_slug=values["city"],
        )
        self._stores.events.create(event)
        self._slugs[event.id] = event.slug
        self._next += 1
        return event.id

    def _any(self, place: int) -> int | None:
        return sorted(self._slugs)[place % len(self._slugs)] if self._slugs else None

    def delete(self, place: int) -> None:
        number = self._any(place)
        if number is not None:
            record = self._stores.events.get(self._slugs.pop(number), consistent=True)
            assert record is not None
            self._stores.events.delete(record)
            self.untouched.discard(number)

    def rename(self, place: int) -> None:
        number = self._any(place)
        if number is not None:
            record = self._stores.events.get(self._slugs[number], consistent=True)
            assert record is not None
            before: Event = record.described()
            slug = f"moved-{number}x" if before.slug.startswith("event") else f"event-{number}x"
            self._slugs[number] = slug
            moved = {name: getattr(before, name) for name in Event.__slots__}
            moment = before.updated_at + timedelta(seconds=1)
            after = Event(**{**moved, "slug": slug, "updated_at": moment})
            self._stores.events.replace(record, after)
            self.untouched.discard(number)


def ids_of_all(api: LambdaApi, query: dict[str, str]) -> list[int]:
    answer = api.get(f"/api/events?{urlencode({**query, 'limit': '100'})}")
    assert answer.status == 200, answer.text
    return [event["id"] for event in answer.json["events"]]


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    there=st.lists(described, max_size=10),
    order=st.sampled_from(EventOrder),
    direction=st.sampled_from(["asc", "desc"]),
    wanted=filters,
    limit=st.integers(min_value=1, max_value=4),
    changes=st.lists(meanwhile, max_size=6),
)
def test_who_stays_is_seen_once_and_in_order(  # noqa: PLR0913, PLR0917 - a list has its parts
    tables: MotoTables,
    there: list[dict[str, Any]],
    order: EventOrder,
    direction: str,
    wanted: dict[str, str],
    limit: int,
    changes: list[list[tuple[str, Any]]],
) -> None:
    tables.empty()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("EVENTS", "CITIES", "INDEX", "ORDERS"):
            patch.setenv(f"{name}_TABLE", name.lower())
        api, catalogue = LambdaApi(app), Catalogue(tables.stores)
        catalogue.untouched = {catalogue.add(values) for values in there}
        query = {"orderBy": order.value, "sortOrder": direction, **wanted}
        before = ids_of_all(api, query)

        seen = list(pages(api, {**query, "limit": str(limit)}, catalogue, changes))

        after = ids_of_all(api, query)
    stayed = [number for number in before if number in catalogue.untouched]
    assert [number for number in seen if number in catalogue.untouched] == stayed
    assert [number for number in after if number in catalogue.untouched] == stayed


def pages(
    api: LambdaApi,
    query: dict[str, str],
    catalogue: Catalogue,
    changes: list[list[tuple[str, Any]]],
) -> Iterator[int]:
    """Yield the ids of page after page; in between, the next of the changes are made."""
    cursor: dict[str, str] = {}
    for number in range(100):
        answer = api.get(f"/api/events?{urlencode({**query, **cursor})}")
        assert answer.status == 200, answer.text
        page = json.loads(answer.text)
        yield from (event["id"] for event in page["events"])
        following = page["pagination"]["nextCursor"]
        assert (following is not None) is page["pagination"]["hasMore"]
        if following is None:
            return
        cursor = {"cursor": following}
        for name, value in changes[number] if number < len(changes) else ():
            getattr(catalogue, name)(value)
    raise AssertionError("the pages never end")
