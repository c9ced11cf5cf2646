"""The items of the three tables, as PynamoDB models. `infra/resources.json` declares the tables;
a test holds these models against it. Shapes here are the store's own: the domain's are in
`domain`, and the clients' are in each item's `public` text.
"""

from typing import Any

from pynamodb.attributes import (
    ListAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model


class ByDate(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their date."""

    class Meta:
        """Declares the index."""

        index_name = "by_date"
        projection = IncludeProjection(["public"])

    status = UnicodeAttribute(hash_key=True)
    date_key = UnicodeAttribute(range_key=True, attr_name="dateKey")


class ByName(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their folded name."""

    class Meta:
        """Declares the index."""

        index_name = "by_name"
        projection = IncludeProjection(["public"])

    status = UnicodeAttribute(hash_key=True)
    name_key = UnicodeAttribute(range_key=True, attr_name="nameKey")


class ByPrice(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their price."""

    class Meta:
        """Declares the index."""

        index_name = "by_price"
        projection = IncludeProjection(["public"])

    status = UnicodeAttribute(hash_key=True)
    price_key = UnicodeAttribute(range_key=True, attr_name="priceKey")


class ByCreated(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their creation."""

    class Meta:
        """Declares the index."""

        index_name = "by_created"
        projection = IncludeProjection(["public"])

    status = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True, attr_name="createdKey")


class ByUpdated(GlobalSecondaryIndex["EventModel"]):
    """Events of one status in order of their last change."""

    class Meta:
        """Declares the index."""

        index_name = "by_updated"
        projection = IncludeProjection(["public"])

    status = UnicodeAttribute(hash_key=True)
    updated_key = UnicodeAttribute(range_key=True, attr_name="updatedKey")


class ByCity(GlobalSecondaryIndex["EventModel"]):
    """Events of one status and city in order of their date."""

    class Meta:
        """Declares the index."""

        index_name = "by_city"
        projection = IncludeProjection(["public"])

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
    """An event with its stock, or (under a key that is no slug) the events' totals.

    `public` is the JSON that clients get; beside it stands only what conditions and indexes need.
    `free + held + sold` is the event's stock. Sort keys end in the id, so that no two are equal.
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
    created_key = UnicodeAttribute(attr_name="createdKey")
    updated_key = UnicodeAttribute(attr_name="updatedKey")
    public = UnicodeAttribute()
    date = UnicodeAttribute()
    price = NumberAttribute()
    currency = UnicodeAttribute()
    capacity = NumberAttribute(null=True)
    free = NumberAttribute()
    held = NumberAttribute()
    sold = NumberAttribute()

    by_date = ByDate()
    by_name = ByName()
    by_price = ByPrice()
    by_created = ByCreated()
    by_updated = ByUpdated()
    by_city = ByCity()
    by_id = ById()


class CitiesByName(GlobalSecondaryIndex["CityModel"]):
    """Cities in order of their folded name."""

    class Meta:
        """Declares the index."""

        index_name = "by_name"
        projection = IncludeProjection(["public", "publishedEvents"])

    kind = UnicodeAttribute(hash_key=True)
    name_key = UnicodeAttribute(range_key=True, attr_name="nameKey")


class CityModel(Model):
    """A city, how many events refer to it and how many of those are published; or the totals."""

    class Meta:
        """Named when `connection.connect` runs."""

        table_name = ""

    slug = UnicodeAttribute(hash_key=True)
    id = NumberAttribute()
    kind = UnicodeAttribute()
    name_key = UnicodeAttribute(attr_name="nameKey")
    public = UnicodeAttribute()
    events = NumberAttribute()
    published_events = NumberAttribute(attr_name="publishedEvents")

    by_name = CitiesByName()


class OrdersByEvent(GlobalSecondaryIndex["OrderModel"]):
    """Orders of an event in order of their creation."""

    class Meta:
        """Declares the index."""

        index_name = "by_event"
        projection = KeysOnlyProjection()

    event_slug = UnicodeAttribute(hash_key=True, attr_name="eventSlug")
    created_key = UnicodeAttribute(range_key=True, attr_name="createdKey")


class OrdersByUser(GlobalSecondaryIndex["OrderModel"]):
    """Orders of a signed-in buyer in order of their creation; guests' orders are not in it."""

    class Meta:
        """Declares the index."""

        index_name = "by_user"
        projection = KeysOnlyProjection()

    user_id = UnicodeAttribute(hash_key=True, attr_name="userId")
    created_key = UnicodeAttribute(range_key=True, attr_name="createdKey")


class PendingOrders(GlobalSecondaryIndex["OrderModel"]):
    """Pending orders by when their hold should be looked at; others are not in it."""

    class Meta:
        """Declares the index."""

        index_name = "pending"
        projection = KeysOnlyProjection()

    pending_shard = UnicodeAttribute(hash_key=True, attr_name="pendingShard")
    hold_expires_at = UnicodeAttribute(range_key=True, attr_name="holdExpiresAt")


class OrderModel(Model):
    """An order. `history` is a list of `[time, status, cause]`."""

    class Meta:
        """Named when `connection.connect` runs."""

        table_name = ""

    id = UnicodeAttribute(hash_key=True)
    event_id = NumberAttribute(attr_name="eventId")
    event_slug = UnicodeAttribute(attr_name="eventSlug")
    event_name = UnicodeAttribute(attr_name="eventName")
    quantity = NumberAttribute()
    unit_price = NumberAttribute(attr_name="unitPrice")
    amount_total = NumberAttribute(attr_name="amountTotal")
    currency = UnicodeAttribute()
    status = UnicodeAttribute()
    created_at = UnicodeAttribute(attr_name="createdAt")
    created_key = UnicodeAttribute(attr_name="createdKey")
    updated_at = UnicodeAttribute(attr_name="updatedAt")
    hold_expires_at = UnicodeAttribute(attr_name="holdExpiresAt")
    pending_shard = UnicodeAttribute(attr_name="pendingShard", null=True)
    session_id = UnicodeAttribute(attr_name="sessionId", null=True)
    payment_intent_id = UnicodeAttribute(attr_name="paymentIntentId", null=True)
    customer_email = UnicodeAttribute(attr_name="customerEmail", null=True)
    user_id = UnicodeAttribute(attr_name="userId", null=True)
    awaiting_since = UnicodeAttribute(attr_name="awaitingSince", null=True)
    paid_late_at = UnicodeAttribute(attr_name="paidLateAt", null=True)
    history: ListAttribute[Any] = ListAttribute()

    by_event = OrdersByEvent()
    by_user = OrdersByUser()
    pending = PendingOrders()


class SeenEventModel(Model):
    """A Stripe event that was handled; DynamoDB removes it a month after (`expiresAt`)."""

    class Meta:
        """Named when `connection.connect` runs; shares the orders' table."""

        table_name = ""

    id = UnicodeAttribute(hash_key=True)
    order_id = UnicodeAttribute(attr_name="orderId")
    expires_at = TTLAttribute(attr_name="expiresAt")
