"""`CityStore`: the fake and the real one behave alike."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.cities import public_city
from chalicelib.domain.events import EventStatus
from chalicelib.errors import Changed, InUse, SlugTaken, SlugUnknown
from chalicelib.services.port_types import CityEntry
from tests.support.builders import NOW, a_city, an_event
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


def change(world: World, city_slug: str, **changes: Any) -> CityEntry:
    """Change a city as the editor does; returns it as it is stored then."""
    before = found(world, city_slug)
    city = before.described()
    later = city.updated_at + timedelta(seconds=1)
    after = replace(city, **{"updated_at": later, **changes})
    world.cities.replace(before, after)
    return found(world, after.slug)


def found(world: World, slug: str) -> CityEntry:
    entry = world.cities.get(slug, consistent=True)
    assert entry is not None
    return entry


@pytest.fixture
def london(world: World) -> World:
    world.cities.create(a_city())
    return world


def test_a_city_is_described_anew(london: World) -> None:
    changed = change(
        london, "london", name="Londinium", country=None, image_url="https://x.y/l.png"
    )

    assert found(london, "london") == changed
    assert changed.described() == a_city(
        name="Londinium",
        country=None,
        image_url="https://x.y/l.png",
        updated_at=NOW + timedelta(seconds=1),
    )
    assert listed(london) == ["Londinium"]
    assert london.cities.count() == 1


def test_the_list_is_in_the_order_of_the_new_name(world: World) -> None:
    add(world, "A", "B")
    change(world, "city-1x", name="C")

    assert listed(world) == ["B", "C"]


def test_a_change_keeps_the_events(london: World) -> None:
    london.events.create(an_event())

    assert change(london, "london", country="England").published_events == 1


def test_a_city_that_was_changed_meanwhile_is_not_changed(london: World) -> None:
    before = found(london, "london")
    change(london, "london", country="England")

    for after in (a_city(name="Londinium"), a_city(slug="londinium")):
        with pytest.raises(Changed):
            london.cities.replace(before, after)

    assert found(london, "london").fields()["country"] == "England"
    assert london.cities.get("londinium") is None
    assert london.renames.pending() == []


def test_a_city_that_is_gone_is_neither_changed_nor_deleted(london: World) -> None:
    before = found(london, "london")
    london.cities.delete(before)

    with pytest.raises(Changed):
        london.cities.replace(before, a_city(name="Londinium"))
    with pytest.raises(Changed):
        london.cities.delete(before)

    assert london.cities.count() == 0


def test_a_former_slug_leads_to_the_city(london: World) -> None:
    change(london, "london", slug="londinium")
    last = change(london, "londinium", slug="lundenwic")

    assert last.former_slugs == ("londinium", "london")
    for slug in ("london", "londinium", "lundenwic"):
        assert found(london, slug) == last
    assert london.cities.list_by_name(descending=False, stop_after=None) == [
        last._replace(former_slugs=())
    ]
    assert london.cities.count() == 1


def test_a_city_may_take_its_former_slug_back(london: World) -> None:
    change(london, "london", slug="londinium")
    back = change(london, "londinium", slug="london")

    assert back.former_slugs == ("londinium",)
    assert found(london, "londinium") == back
    assert back.fields()["slug"] == "london"


@pytest.mark.parametrize("taken", ["porto", "oporto"])
def test_a_slug_that_another_city_has_or_had_is_taken(london: World, taken: str) -> None:
    london.cities.create(a_city(id=2, slug="oporto", name="Porto"))
    change(london, "oporto", slug="porto")

    with pytest.raises(SlugTaken) as caught:
        change(london, "london", slug=taken)
    with pytest.raises(SlugTaken):
        london.cities.create(a_city(id=3, slug=taken))

    assert str(caught.value) == f"a city with the slug {taken} exists already"
    assert found(london, "london").former_slugs == ()
    assert found(london, taken).fields()["id"] == 2


def test_the_oldest_of_many_former_slugs_is_given_up(london: World) -> None:
    for number in range(11):
        change(london, f"london-{number - 1}" if number else "london", slug=f"london-{number}")

    assert london.cities.get("london") is None
    assert found(london, "london-0").former_slugs == tuple(
        f"london-{number}" for number in range(9, -1, -1)
    )
    london.cities.create(a_city(id=2))


def test_a_former_slug_that_events_still_have_is_not_given_up(london: World) -> None:
    london.events.create(an_event(status=EventStatus.DRAFT))
    for number in range(10):
        change(london, f"london-{number - 1}" if number else "london", slug=f"london-{number}")

    with pytest.raises(InUse):
        change(london, "london-9", slug="london-10")

    assert found(london, "london").fields()["slug"] == "london-9"


@pytest.mark.parametrize("changes", [{"name": "Londinium"}, {"slug": "londinium"}])
def test_a_new_name_or_slug_is_kept_for_the_events_to_follow(
    london: World, changes: dict[str, str]
) -> None:
    changed = change(london, "london", **changes).described()

    (rename,) = london.renames.pending()
    assert (rename.city_id, rename.slug) == (1, changed.slug)
    assert rename.since == changed.updated_at


@pytest.mark.parametrize("changes", [{"country": "England"}, {"alt": "A bridge"}])
def test_what_no_event_shows_leaves_nothing_to_follow(
    london: World, changes: dict[str, str]
) -> None:
    change(london, "london", **changes)

    assert london.renames.pending() == []


def test_a_city_without_events_is_deleted_with_all_its_slugs(london: World) -> None:
    change(london, "london", slug="londinium", name="Londinium")

    london.cities.delete(found(london, "london"))

    for slug in ("london", "londinium"):
        assert london.cities.get(slug) is None
        london.cities.create(a_city(id=len(slug), slug=slug))
    assert london.renames.pending() == []
    assert london.cities.count() == 2


@pytest.mark.parametrize("status", EventStatus)
def test_a_city_with_an_event_of_any_status_is_not_deleted(
    london: World, status: EventStatus
) -> None:
    london.events.create(an_event(status=status))

    with pytest.raises(InUse) as caught:
        london.cities.delete(found(london, "london"))

    assert str(caught.value) == "events take place in this city; move or delete them first"
    assert london.cities.count() == 1


def test_an_event_that_has_yet_to_follow_keeps_its_city(london: World) -> None:
    london.events.create(an_event())
    change(london, "london", slug="londinium")

    with pytest.raises(InUse):
        london.cities.delete(found(london, "londinium"))

    event = london.events.get("tech-conference")
    assert event is not None
    london.events.delete(event)
    london.cities.delete(found(london, "londinium"))


def test_a_city_that_was_changed_meanwhile_is_not_deleted(london: World) -> None:
    before = found(london, "london")
    change(london, "london", country="England")

    with pytest.raises(Changed):
        london.cities.delete(before)

    assert london.cities.count() == 1


def test_an_event_comes_only_to_what_the_city_is_called_now(london: World) -> None:
    change(london, "london", slug="londinium", name="Londinium")

    for late in (
        an_event(),
        an_event(city_slug="londinium", city="London"),
        an_event(city_slug="london", city="Londinium"),
    ):
        with pytest.raises(SlugUnknown):
            london.events.create(late)

    london.events.create(an_event(city_slug="londinium"))
    assert found(london, "london").published_events == 1


def test_an_event_takes_its_number_along_to_its_citys_new_slug(london: World) -> None:
    london.events.create(an_event())
    assert change(london, "london", slug="londinium").published_events == 0
    record = london.events.get("tech-conference")
    assert record is not None
    later = NOW + timedelta(seconds=1)

    london.events.replace(record, an_event(city_slug="londinium", city="London", updated_at=later))

    assert found(london, "london").published_events == 1
    london.cities.create(a_city(id=2, slug="elsewhere"))
    with pytest.raises(InUse):
        london.cities.delete(found(london, "londinium"))


def test_a_city_that_takes_its_slug_back_finds_the_events_that_never_left(london: World) -> None:
    london.events.create(an_event())
    change(london, "london", slug="londinium")

    assert change(london, "londinium", slug="london").published_events == 1


def test_an_event_changes_its_status_only_with_what_its_city_is_called_now(london: World) -> None:
    london.events.create(an_event(status=EventStatus.DRAFT))
    change(london, "london", name="Londinium")
    record = london.events.get("tech-conference")
    assert record is not None
    later = NOW + timedelta(seconds=1)

    with pytest.raises(SlugUnknown):
        london.events.replace(record, an_event(updated_at=later))

    # Whatever else is changed of it, it stays where it is looked for.
    london.events.replace(record, an_event(status=EventStatus.DRAFT, price=1, updated_at=later))


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
