"""`CityStore`: the fake and the real one behave alike."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.cities import public_city
from chalicelib.errors import SlugTaken
from chalicelib.services.ports import CityEntry
from tests.support.builders import a_city, an_event
from tests.support.store_worlds import Both, World


def add(world: World, *names: str) -> None:
    for number, name in enumerate(names, start=1):
        world.cities.create(a_city(id=number, slug=f"city-{number}x", name=name))


def names(found: list[CityEntry]) -> list[str]:
    return [entry.fields()["name"] for entry in found]


def listed(world: World, *, descending: bool = False, stop_after: int | None = None) -> list[str]:
    return names(world.cities.list_by_name(descending=descending, stop_after=stop_after))


def test_ids_are_given_out_once_and_grow(world: World) -> None:
    ids = [world.cities.next_id() for _ in range(4)]

    assert ids == sorted(set(ids))
    assert ids[0] > 0


def test_a_city_that_was_stored_is_found_as_it_was_stored(world: World) -> None:
    city = a_city()
    world.cities.create(city)

    found = world.cities.get("london")
    assert found is not None
    assert found == CityEntry.of(public_city(city), 0)
    assert found.fields() == public_city(city)


def test_a_city_that_is_not_there_is_not_found(world: World) -> None:
    assert world.cities.get("nowhere") is None


def test_a_slug_is_of_one_city(world: World) -> None:
    world.cities.create(a_city())

    with pytest.raises(SlugTaken) as caught:
        world.cities.create(a_city(id=2, name="Another"))

    assert str(caught.value) == "a city with the slug london exists already"
    assert listed(world) == ["London"]
    assert world.cities.count() == 1


def test_a_refused_city_does_not_lose_the_events_of_the_first(world: World) -> None:
    world.cities.create(a_city())
    world.events.create(an_event())

    with pytest.raises(SlugTaken):
        world.cities.create(a_city(id=2))

    kept = world.cities.get("london")
    assert kept is not None
    assert kept.published_events == 1


def test_cities_are_counted(world: World) -> None:
    assert world.cities.count() == 0
    add(world, "A", "B", "C")
    assert world.cities.count() == 3


def test_no_cities_are_an_empty_list(world: World) -> None:
    assert listed(world) == []


@pytest.mark.parametrize("descending", [True, False])
def test_cities_come_in_order_of_their_folded_name(world: World, descending: bool) -> None:
    add(world, "Zürich", "york city", "Ålesund", "York", "Yorkshire", "Zug", "ÉVORA")

    ascending = ["Ålesund", "ÉVORA", "York", "york city", "Yorkshire", "Zug", "Zürich"]
    assert listed(world, descending=descending) == (ascending[::-1] if descending else ascending)


def test_cities_of_one_name_come_in_order_of_their_ids(world: World) -> None:
    for number in (10, 2, 100):
        world.cities.create(a_city(id=number, slug=f"city-{number}x"))

    found = world.cities.list_by_name(descending=False, stop_after=None)

    assert [entry.fields()["id"] for entry in found] == [2, 10, 100]


@pytest.mark.parametrize(
    ("stop_after", "descending", "expected"),
    [
        (1, False, ["A"]),
        (2, False, ["A", "B"]),
        (2, True, ["C", "B"]),
        (3, False, ["A", "B", "C"]),
        (9, False, ["A", "B", "C"]),
        (None, True, ["C", "B", "A"]),
    ],
)
def test_a_list_stops_where_it_was_told_to(
    world: World, stop_after: int | None, descending: bool, expected: list[str]
) -> None:
    add(world, "B", "C", "A")

    assert listed(world, descending=descending, stop_after=stop_after) == expected


def test_the_list_shows_how_many_published_events_a_city_has(world: World) -> None:
    world.cities.create(a_city())
    world.events.create(an_event())

    (entry,) = world.cities.list_by_name(descending=False, stop_after=None)

    assert entry.published_events == 1
    assert entry.public_with_count().endswith(',"eventCount":1}')


# Control characters do not occur in names that anybody reads.
name = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    named=st.lists(name | st.sampled_from(["York", "york", "York City", "Yôrk-"]), max_size=8),
    descending=st.booleans(),
    stop_after=st.none() | st.integers(min_value=1, max_value=9),
)
@example(named=["York City", "York", "York-Town", "York!"], descending=False, stop_after=None)
def test_the_two_give_the_same_list_of_any_names(
    both: Both, named: list[str], descending: bool, stop_after: int | None
) -> None:
    fake, real = both.anew()
    for world in (fake, real):
        add(world, *named)

    assert fake.cities.list_by_name(
        descending=descending, stop_after=stop_after
    ) == real.cities.list_by_name(descending=descending, stop_after=stop_after)
