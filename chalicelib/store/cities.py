"""Cities in DynamoDB, each with the number of its events of each status.

When a city's slug changes, its item moves, and the former slug's item stays: it leads to the new
one, and keeps the numbers of the events that still have the former slug. Each event takes its part
of the numbers along, in its own transaction, when it follows.
"""

from collections.abc import Mapping

from pynamodb.connection.base import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.cities import City, public_city
from chalicelib.domain.event_facts import NAME_END
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.text import fold_for_key
from chalicelib.errors import Changed, EventsApiError, InUse, SlugTaken
from chalicelib.services.port_types import CityEntry
from chalicelib.store.audit import audit_puts
from chalicelib.store.event_items import moved_to
from chalicelib.store.models import CityModel, MovedCityModel
from chalicelib.store.reading import RawItem, get_raw, number, query_raw, text
from chalicelib.store.renames import rename_delete, rename_put
from chalicelib.store.totals import TOTALS_KEY, count_up, next_id, read_totals
from chalicelib.store.transactions import ConditionFailed, Delete, Put, Transaction, Update

# The one partition of the index: cities are hundreds, not millions.
_KIND = "city"
TOTAL = "total"
# So many former slugs of a city are kept; the oldest one is given up for another.
_FORMER_SLUGS = 10
# A former slug leads straight to the city, unless the city moves between the two reads.
_HOPS = 3
# How many events of each status a city has, by the attribute's name.
EVENT_COUNTS: Mapping[EventStatus, str] = {
    EventStatus.PUBLISHED: "publishedEvents",
    EventStatus.DRAFT: "draftEvents",
    EventStatus.CANCELLED: "cancelledEvents",
}


class DynamoCityStore:
    """`services.ports.CityStore` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = CityModel.Meta.table_name

    def next_id(self) -> int:
        """Return an id that was never given out before."""
        return next_id(self._connection, self._table)

    def create(self, city: City, entry: AuditEntry | None = None) -> None:
        """Store a new city; raises `SlugTaken`."""
        transaction = Transaction(
            self._connection,
            puts=[
                Put("city", city_item(city), CityModel.slug.does_not_exist()),
                *audit_puts(entry),
            ],
            updates=[Update("totals", CityModel(TOTALS_KEY), [count_up(TOTAL)])],
        )
        try:
            transaction.commit()
        except ConditionFailed as failed:
            raise _slug_taken(city) from failed

    def get(self, slug: str, *, consistent: bool = False) -> CityEntry | None:
        """Return the city that has or had this slug; `consistent` sees every write that was
        acknowledged.
        """
        for _ in range(_HOPS):
            item = get_raw(self._connection, self._table, slug, consistent=consistent)
            if item is None or "public" in item:
                return None if item is None else _entry(item)
            slug = moved_to(item) or slug
        return None

    def replace(self, before: CityEntry, after: City, entry: AuditEntry | None = None) -> None:
        """Describe a city anew; its former slug keeps leading to it.

        Where its name or slug is another one then, that is kept as a `Rename` which its events
        have yet to follow. Raises `Changed` if the city is not as `before` says, `SlugTaken`, or
        `InUse` while events are still on their way from a slug that would be given up.
        """
        described = before.described()
        moves = described.slug != after.slug
        build = self._moved if moves else self._edited
        renamed = [rename_put(after)] if moves or described.name != after.name else []
        try:
            build(before, after, [*renamed, *audit_puts(entry)]).commit()
        except ConditionFailed as failed:
            raise _why_not_replaced(failed, after) from failed

    def _edited(self, before: CityEntry, after: City, notes: list[Put]) -> Transaction:
        """Change the item where it is, while events come and go."""
        return Transaction(
            self._connection,
            puts=notes,
            updates=[
                Update("city", CityModel(after.slug), _description(after), _unchanged(before))
            ],
        )

    def _moved(self, before: CityEntry, after: City, notes: list[Put]) -> Transaction:
        """Store the city under its new slug, and leave the way there under its former ones."""
        old_slug = before.described().slug
        former = [slug for slug in before.former_slugs if slug != after.slug]
        kept, given_up = [old_slug, *former][:_FORMER_SLUGS], former[_FORMER_SLUGS - 1 :]
        is_free = CityModel.slug.does_not_exist() | (MovedCityModel.city_id == after.id)
        leads_there = MovedCityModel.moved_to.set(after.slug)
        return Transaction(
            self._connection,
            deletes=[Delete("given up", CityModel(slug), _without_events()) for slug in given_up],
            puts=notes,
            updates=[
                Update("slug", CityModel(after.slug), _arrival(after, kept), is_free),
                Update(
                    "city",
                    CityModel(old_slug),
                    [leads_there, *_departure(after)],
                    _unchanged(before),
                ),
                *(
                    Update("former", CityModel(slug), [leads_there], CityModel.slug.exists())
                    for slug in kept[1:]
                ),
            ],
        )

    def delete(self, entry: CityEntry, audit: AuditEntry | None = None) -> None:
        """Delete a city; raises `Changed`, or `InUse` while events of any status refer to it.

        Events that have yet to follow a new slug refer to it too: their numbers are at a former
        one. Without any, there is nothing that could have to follow.
        """
        city = entry.described()
        transaction = Transaction(
            self._connection,
            deletes=[
                Delete("city", CityModel(city.slug), _unchanged(entry) & _without_events()),
                *(
                    Delete("city", CityModel(slug), _without_events())
                    for slug in entry.former_slugs
                ),
                rename_delete(city.id),
            ],
            puts=audit_puts(audit),
            updates=[Update("totals", CityModel(TOTALS_KEY), [count_up(TOTAL, -1)])],
        )
        try:
            transaction.commit()
        except ConditionFailed as failed:
            current = self.get(city.slug, consistent=True)
            if current is None or current.public != entry.public:
                raise _changed() from failed
            raise InUse("events take place in this city; move or delete them first") from failed

    def list_by_name(self, *, descending: bool, stop_after: int | None) -> list[CityEntry]:
        """Return the cities in order of their name: the first `stop_after`, or all."""
        items = query_raw(
            self._connection,
            self._table,
            "by_name",
            _KIND,
            keys=None,
            descending=descending,
            limit=stop_after,
            attributes=("public", "publishedEvents"),
        )
        return [_entry(item) for item in items]

    def count(self) -> int:
        """Return how many cities there are, without counting them."""
        return read_totals(self._connection, self._table, (TOTAL,))


def city_item(city: City) -> CityModel:
    """Return the item of a new city, without events."""
    return CityModel(
        city.slug,
        id=city.id,
        kind=_KIND,
        name_key=_name_key(city),
        public=_public(city),
        name=city.name,
        published_events=0,
        draft_events=0,
        cancelled_events=0,
    )


def _name_key(city: City) -> str:
    return f"{fold_for_key(city.name)}{NAME_END}{city.id:012d}"


def _public(city: City) -> str:
    return CityEntry.of(public_city(city), 0).public


def _description(city: City) -> list[Action]:
    """Return what makes an item describe the city."""
    return [
        CityModel.name_key.set(_name_key(city)),
        CityModel.public.set(_public(city)),
        CityModel.name.set(city.name),
    ]


def _arrival(city: City, former_slugs: list[str]) -> list[Action]:
    """Return what makes a free slug's item, or that of a former slug of the city, the city's.

    Numbers of events that are there already stay.
    """
    return [
        *_description(city),
        CityModel.id.set(city.id),
        CityModel.kind.set(_KIND),
        CityModel.former_slugs.set(" ".join(former_slugs)),
        MovedCityModel.moved_to.remove(),
        MovedCityModel.city_id.remove(),
        *(count_up(name, 0) for name in EVENT_COUNTS.values()),
    ]


def _departure(city: City) -> list[Action]:
    """Return what turns the city's item into that of a former slug, beside where it leads."""
    return [
        MovedCityModel.city_id.set(city.id),
        CityModel.name_key.remove(),
        CityModel.public.remove(),
        CityModel.name.remove(),
        CityModel.id.remove(),
        CityModel.kind.remove(),
        CityModel.former_slugs.remove(),
    ]


def _unchanged(before: CityEntry) -> Condition:
    """Return what holds while nobody has described the city anew: `updatedAt` is in the text."""
    condition: Condition = CityModel.public == before.public
    return condition


def _without_events() -> Condition:
    """Return what holds where no event of any status has this slug of a city."""
    condition: Condition = (
        (CityModel.published_events == 0)
        & (CityModel.draft_events == 0)
        & (CityModel.cancelled_events == 0)
    )
    return condition


def _why_not_replaced(failed: ConditionFailed, after: City) -> EventsApiError:
    if "city" in failed.labels:
        return _changed()
    if "slug" in failed.labels:
        return _slug_taken(after)
    return InUse("events are still on their way from a former slug of this city; try again later")


def _slug_taken(city: City) -> SlugTaken:
    return SlugTaken(f"a city with the slug {city.slug} exists already")


def _changed() -> Changed:
    return Changed("this city was changed by somebody else at the same moment; try again")


def event_count_updates(before: Event | None, after: Event | None) -> list[Update]:
    """Return the changes of the cities' numbers of events that go with a change of an event.

    Where an event comes to a city, or changes its status in it, the city must exist and have the
    name that the event shows: an event that is behind a new name stays where it is looked for.
    """
    changes: dict[str, dict[EventStatus, int]] = {}
    if before is not None:
        changes[before.city_slug] = {before.status: -1}
    if after is not None:
        counts = changes.setdefault(after.city_slug, {})
        counts[after.status] = counts.get(after.status, 0) + 1
    updates = []
    for slug, counts in changes.items():
        actions = [
            Path(EVENT_COUNTS[status]).add({"N": str(by)}) for status, by in counts.items() if by
        ]
        if not actions:
            continue
        condition: Condition = CityModel.slug.exists()
        if after is not None and slug == after.city_slug:
            condition &= CityModel.name == after.city
        updates.append(Update("city", CityModel(slug), actions, condition))
    return updates


def _entry(item: RawItem) -> CityEntry:
    former = tuple(text(item, "formerSlugs").split()) if "formerSlugs" in item else ()
    return CityEntry(text(item, "public"), number(item, "publishedEvents"), former)
