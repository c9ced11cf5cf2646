"""The items of the five tables, as PynamoDB models. `infra/resources.json` declares the tables;
a test holds these models against it. Shapes here are the store's own: the domain's are in
`domain`, and the clients' are in each item's `public` text.
"""

from pynamodb.attributes import (
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model


class _ShowsPublic:
    """What an index holds for a page: the JSON as it is sent."""

    projection = IncludeProjection(["public"])


class _ShowsFacts:
    """What an index holds for filtering: the facts, many times smaller than the JSON."""

    projection = IncludeProjection(["facts"])


class ByDate(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their date."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "by_date"

    status = UnicodeAttribute(hash_key=True)
    date_key = UnicodeAttribute(range_key=True, attr_name="dateKey")


class ByName(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their folded name."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "by_name"

    status = UnicodeAttribute(hash_key=True)
    name_key = UnicodeAttribute(range_key=True, attr_name="nameKey")


class ByPrice(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their price."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "by_price"

    status = UnicodeAttribute(hash_key=True)
    price_key = UnicodeAttribute(range_key=True, attr_name="priceKey")


class ByCity(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their city's name, then of their date."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "by_city"

    status = UnicodeAttribute(hash_key=True)
    city_key = UnicodeAttribute(range_key=True, attr_name="cityKey")


class ByCreated(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their creation."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "by_created"

    status = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True, attr_name="createdKey")


class ByUpdated(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their last change."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "by_updated"

    status = UnicodeAttribute(hash_key=True)
    updated_key = UnicodeAttribute(range_key=True, attr_name="updatedKey")


class InCityByDate(GlobalSecondaryIndex["EventModel"]):
    """Events of one status and city in order of their date."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "in_city_by_date"

    status_city = UnicodeAttribute(hash_key=True, attr_name="statusCity")
    date_key = UnicodeAttribute(range_key=True, attr_name="dateKey")


class InCityByName(GlobalSecondaryIndex["EventModel"]):
    """Events of one status and city in order of their folded name."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "in_city_by_name"

    status_city = UnicodeAttribute(hash_key=True, attr_name="statusCity")
    name_key = UnicodeAttribute(range_key=True, attr_name="nameKey")


class InCityByPrice(GlobalSecondaryIndex["EventModel"]):
    """Events of one status and city in order of their price."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "in_city_by_price"

    status_city = UnicodeAttribute(hash_key=True, attr_name="statusCity")
    price_key = UnicodeAttribute(range_key=True, attr_name="priceKey")


class InCityByCreated(GlobalSecondaryIndex["EventModel"]):
    """Events of one status and city in order of their creation."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "in_city_by_created"

    status_city = UnicodeAttribute(hash_key=True, attr_name="statusCity")
    created_key = UnicodeAttribute(range_key=True, attr_name="createdKey")


class InCityByUpdated(GlobalSecondaryIndex["EventModel"]):
    """Events of one status and city in order of their last change."""

    class Meta(_ShowsPublic):
        """Declares the index."""

        index_name = "in_city_by_updated"

    status_city = UnicodeAttribute(hash_key=True, attr_name="statusCity")
    updated_key = UnicodeAttribute(range_key=True, attr_name="updatedKey")


class FactsByDate(GlobalSecondaryIndex["EventModel"]):
    """Facts of the events of one status in order of their date."""

    class Meta(_ShowsFacts):
        """Declares the index."""

        index_name = "facts_by_date"

    status = UnicodeAttribute(hash_key=True)
    date_key = UnicodeAttribute(range_key=True, attr_name="dateKey")


class FactsByPrice(GlobalSecondaryIndex["EventModel"]):
    """Facts of the events of one status in order of their price."""

    class Meta(_ShowsFacts):
        """Declares the index."""

        index_name = "facts_by_price"

    status = UnicodeAttribute(hash_key=True)
    price_key = UnicodeAttribute(range_key=True, attr_name="priceKey")


class FactsInCity(GlobalSecondaryIndex["EventModel"]):
    """Facts of the events of one status and city in order of their date."""

    class Meta(_ShowsFacts):
        """Declares the index."""

        index_name = "facts_in_city"

    status_city = UnicodeAttribute(hash_key=True, attr_name="statusCity")
    date_key = UnicodeAttribute(range_key=True, attr_name="dateKey")


class ById(GlobalSecondaryIndex["EventModel"]):
    """From an event's id to its slug."""

    class Meta:
        """Declares the index."""

        index_name = "by_id"
        projection = KeysOnlyProjection()

    id = NumberAttribute(hash_key=True)


class EventModel(Model):
    """An event with its stock; or, under a former slug of one, where it is now; or, under a key
    that is no slug, a part of an event's stock, or the events' totals.

    `public` is the JSON that clients get, `facts` what lists filter and sort by; beside them stands
    only what conditions and indexes need. `free + held + sold` is the event's stock. Sort keys end
    in the id, so that no two are equal.
    """

    class Meta:
        """Named when `connection.connect` runs."""

        table_name = ""

    slug = UnicodeAttribute(hash_key=True)
    id = NumberAttribute()
    status = UnicodeAttribute()
    status_city = UnicodeAttribute(attr_name="statusCity")
    date_key = UnicodeAttribute(attr_name="dateKey")
    name_key = UnicodeAttribute(attr_name="nameKey")
    price_key = UnicodeAttribute(attr_name="priceKey")
    city_key = UnicodeAttribute(attr_name="cityKey")
    created_key = UnicodeAttribute(attr_name="createdKey")
    updated_key = UnicodeAttribute(attr_name="updatedKey")
    public = UnicodeAttribute()
    facts = UnicodeAttribute()
    date = UnicodeAttribute()
    price = NumberAttribute()
    currency = UnicodeAttribute()
    capacity = NumberAttribute(null=True)
    free = NumberAttribute()
    held = NumberAttribute()
    sold = NumberAttribute()
    # The event's former slugs, latest first, with a space between.
    former_slugs = UnicodeAttribute(attr_name="formerSlugs", null=True)
    # How many places beside this item its stock is spread over.
    places = NumberAttribute(null=True)

    by_date = ByDate()
    by_name = ByName()
    by_price = ByPrice()
    by_city = ByCity()
    by_created = ByCreated()
    by_updated = ByUpdated()
    in_city_by_date = InCityByDate()
    in_city_by_name = InCityByName()
    in_city_by_price = InCityByPrice()
    in_city_by_created = InCityByCreated()
    in_city_by_updated = InCityByUpdated()
    facts_by_date = FactsByDate()
    facts_by_price = FactsByPrice()
    facts_in_city = FactsInCity()
    by_id = ById()


class StockPlaceModel(Model):
    """A part of a spread event's stock, with the terms of its sale, under a key that is no slug.

    It has no index's keys: neither an `id` nor a sort key.
    """

    class Meta:
        """Named when `connection.connect` runs; shares the events' table."""

        table_name = ""

    slug = UnicodeAttribute(hash_key=True)
    event_id = NumberAttribute(attr_name="eventId")
    status = UnicodeAttribute()
    date = UnicodeAttribute()
    price = NumberAttribute()
    currency = UnicodeAttribute()
    free = NumberAttribute()
    held = NumberAttribute()
    sold = NumberAttribute()


class MovedEventModel(Model):
    """A former slug of an event, kept so that old links and open orders find it."""

    class Meta:
        """Named when `connection.connect` runs; shares the events' table."""

        table_name = ""

    slug = UnicodeAttribute(hash_key=True)
    moved_to = UnicodeAttribute(attr_name="movedTo")
    event_id = NumberAttribute(attr_name="eventId")


class IndexEntryModel(Model):
    """What is derived of events, under terms: words, days, and marks of what is left to do.

    Each kind of term uses the attributes that its module in `store` says.
    """

    class Meta:
        """Named when `connection.connect` runs."""

        table_name = ""

    term = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    facts = UnicodeAttribute(null=True)
    events = NumberAttribute(null=True)
    slug = UnicodeAttribute(null=True)
    words = UnicodeAttribute(null=True)
    token = UnicodeAttribute(null=True)
    since = UnicodeAttribute(null=True)


class CitiesByName(GlobalSecondaryIndex["CityModel"]):
    """Cities in order of their folded name."""

    class Meta:
        """Declares the index."""

        index_name = "by_name"
        projection = IncludeProjection(["public", "publishedEvents"])

    kind = UnicodeAttribute(hash_key=True)
    name_key = UnicodeAttribute(range_key=True, attr_name="nameKey")


class CityModel(Model):
    """A city and how many events of each status it has; or, under a former slug of one, where it is
    now, and how many events still have that slug; or the totals.
    """

    class Meta:
        """Named when `connection.connect` runs."""

        table_name = ""

    slug = UnicodeAttribute(hash_key=True)
    id = NumberAttribute()
    kind = UnicodeAttribute()
    name_key = UnicodeAttribute(attr_name="nameKey")
    public = UnicodeAttribute()
    # As events show it. Who writes it into an event makes sure that it still is the city's.
    name = UnicodeAttribute()
    published_events = NumberAttribute(attr_name="publishedEvents")
    draft_events = NumberAttribute(attr_name="draftEvents")
    cancelled_events = NumberAttribute(attr_name="cancelledEvents")
    # The city's former slugs, latest first, with a space between.
    former_slugs = UnicodeAttribute(attr_name="formerSlugs", null=True)

    by_name = CitiesByName()


class MovedCityModel(Model):
    """A former slug of a city, kept so that old links and events on their way find it."""

    class Meta:
        """Named when `connection.connect` runs; shares the cities' table."""

        table_name = ""

    slug = UnicodeAttribute(hash_key=True)
    moved_to = UnicodeAttribute(attr_name="movedTo")
    city_id = NumberAttribute(attr_name="cityId")


class OrdersByEvent(GlobalSecondaryIndex["OrderModel"]):
    """Orders of an event in order of their creation."""

    class Meta:
        """Declares the index."""

        index_name = "by_event"
        projection = KeysOnlyProjection()

    event_id = NumberAttribute(hash_key=True, attr_name="eventId")
    created_key = UnicodeAttribute(range_key=True, attr_name="createdKey")


class OrdersByUser(GlobalSecondaryIndex["OrderModel"]):
    """Orders of a signed-in buyer in order of their creation; guests' orders are not in it."""

    class Meta:
        """Declares the index."""

        index_name = "by_user"
        projection = KeysOnlyProjection()

    user_id = UnicodeAttribute(hash_key=True, attr_name="userId")
    created_key = UnicodeAttribute(range_key=True, attr_name="createdKey")


class OrdersByCreated(GlobalSecondaryIndex["OrderModel"]):
    """All orders in order of their creation, in several partitions."""

    class Meta:
        """Declares the index."""

        index_name = "by_created"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True, attr_name="createdKey")


class OrdersBySession(GlobalSecondaryIndex["OrderModel"]):
    """From a checkout session to its order."""

    class Meta:
        """Declares the index."""

        index_name = "by_session"
        projection = KeysOnlyProjection()

    session_id = UnicodeAttribute(hash_key=True, attr_name="sessionId")


class DueOrders(GlobalSecondaryIndex["OrderModel"]):
    """Orders by when the timer should look at them; those with nothing left to do are not in it."""

    class Meta:
        """Declares the index."""

        index_name = "due"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True, attr_name="dueAt")


class OrderModel(Model):
    """An order. What conditions and indexes do not need is JSON text: lists of what happened.

    `tickets` are the tickets' secrets with a space between, `voided` numbers of tickets likewise;
    `places` are numbers of seats by the places of the event's stock, where it is spread.
    """

    class Meta:
        """Named when `connection.connect` runs."""

        table_name = ""

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    event_id = NumberAttribute(attr_name="eventId")
    event_slug = UnicodeAttribute(attr_name="eventSlug")
    event_name = UnicodeAttribute(attr_name="eventName")
    quantity = NumberAttribute()
    unit_price = NumberAttribute(attr_name="unitPrice")
    amount_total = NumberAttribute(attr_name="amountTotal")
    currency = UnicodeAttribute()
    status = UnicodeAttribute()
    created_at = UnicodeAttribute(attr_name="createdAt")
    # An order's id is a ULID: it sorts by its time, and unlike a time it is unique.
    created_key = UnicodeAttribute(attr_name="createdKey")
    shard = UnicodeAttribute()
    updated_at = UnicodeAttribute(attr_name="updatedAt")
    hold_expires_at = UnicodeAttribute(attr_name="holdExpiresAt")
    due_at = UnicodeAttribute(attr_name="dueAt", null=True)
    session_id = UnicodeAttribute(attr_name="sessionId", null=True)
    customer_email = UnicodeAttribute(attr_name="customerEmail", null=True)
    user_id = UnicodeAttribute(attr_name="userId", null=True)
    awaiting_since = UnicodeAttribute(attr_name="awaitingSince", null=True)
    paid_at = UnicodeAttribute(attr_name="paidAt", null=True)
    amount_paid = NumberAttribute(attr_name="amountPaid", null=True)
    payment_intent_id = UnicodeAttribute(attr_name="paymentIntentId", null=True)
    tickets = UnicodeAttribute(null=True)
    voided = UnicodeAttribute(null=True)
    seats_returned = NumberAttribute(attr_name="seatsReturned", null=True)
    places = UnicodeAttribute(null=True)
    check_ins = UnicodeAttribute(attr_name="checkIns", null=True)
    refunds = UnicodeAttribute(null=True)
    disputes = UnicodeAttribute(null=True)
    mail = UnicodeAttribute(null=True)
    mail_claimed_until = UnicodeAttribute(attr_name="mailClaimedUntil", null=True)
    history = UnicodeAttribute()
    # By which a writer whose answer got lost knows its write.
    write_id = UnicodeAttribute(attr_name="writeId", null=True)

    by_event = OrdersByEvent()
    by_user = OrdersByUser()
    by_created = OrdersByCreated()
    by_session = OrdersBySession()
    due = DueOrders()


class KeyedRequestModel(Model):
    """A checkout under an idempotency key; DynamoDB removes it a day after (`expiresAt`)."""

    class Meta:
        """Named when `connection.connect` runs; shares the orders' table."""

        table_name = ""

    id = UnicodeAttribute(hash_key=True)
    fingerprint = UnicodeAttribute()
    order_id = UnicodeAttribute(attr_name="orderId")
    leased_until = UnicodeAttribute(attr_name="leasedUntil")
    answer = UnicodeAttribute(null=True)
    expires_at = TTLAttribute(attr_name="expiresAt")


class NewsMarkerModel(Model):
    """How far Stripe's undelivered events have been handled; `troubled` is JSON."""

    class Meta:
        """Named when `connection.connect` runs; shares the orders' table."""

        table_name = ""

    id = UnicodeAttribute(hash_key=True)
    until = UnicodeAttribute(null=True)
    troubled = UnicodeAttribute(null=True)


class AuditByTime(GlobalSecondaryIndex["AuditModel"]):
    """All entries in order of their time, in several partitions."""

    class Meta:
        """Declares the index."""

        index_name = "by_time"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class AuditByActor(GlobalSecondaryIndex["AuditModel"]):
    """Entries of an actor in order of their time."""

    class Meta:
        """Declares the index."""

        index_name = "by_actor"
        projection = KeysOnlyProjection()

    actor = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class AuditBySlug(GlobalSecondaryIndex["AuditModel"]):
    """From a slug to the entries of what had it; what has no slug is not in it."""

    class Meta:
        """Declares the index."""

        index_name = "by_slug"
        projection = KeysOnlyProjection()

    named = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class AuditModel(Model):
    """An entry of the audit trail; `public` is the JSON that admins get."""

    class Meta:
        """Named when `connection.connect` runs."""

        table_name = ""

    subject = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    shard = UnicodeAttribute()
    actor = UnicodeAttribute()
    named = UnicodeAttribute(null=True)
    public = UnicodeAttribute()

    by_time = AuditByTime()
    by_actor = AuditByActor()
    by_slug = AuditBySlug()
